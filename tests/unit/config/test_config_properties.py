"""Whatever stands in a file: it is either read, or refused in printable lines, and nothing else happens."""

import string
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guardian.config import kinds
from guardian.config.faults import ConfigFaults, Findings
from guardian.config.fields import Kind, Misfit
from guardian.config.lint import Known, lint
from guardian.config.rulefiles import Shelf, load_rules
from guardian.config.settings import load_settings
from guardian.core.judges import judge_for
from guardian.core.judges.trial import Trial
from guardian.core.model import Environment, Service
from guardian.core.readings import History
from guardian.core.rules import Against, Sequential, Source, Threshold

WEB = {"web": Service("web", "web_blue", "web_green")}
WATCH = WEB["web"].watch_seconds

bounded = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

BITS = (
    "service: web\nrules:\n", "  - ", "- ", "name: ", "a", "\n", "    ", ": ", "[", "]", "{", "}", ",", "&a ", "*a", "!t ", "|\n",
    "'", '"', "\\", "#", "%", "---\n", "?", "<<", "1%", "300ms", "~", "é", "\t", "\r", "\0", "\u202e", "limit: ",
    "test: sequential\n",
)  # fmt: skip
yaml_like = st.lists(st.sampled_from(BITS), max_size=40).map("".join)
anything = st.one_of(
    st.binary(max_size=400), st.text(max_size=400).map(lambda text: text.encode(errors="surrogatepass")), yaml_like.map(str.encode)
)

words = st.sampled_from(
    ["hold", "pass", "no", "1%", "0.3%", "5 %", "0.5", "2x", "0.001", "1e-6", "300ms", "1s", "10s", "5m", "3 of 5", "3", "0",
     "sequential", "baseline", "limit", "rollback", "notify", "haproxy", "latency", "queued",
     "responses_5xx / responses", "retries / requests",
     "web", "", "prometheus", "alerts", "command", "sum(rate(a[$window]))", 'a{env="$candidate"} / b', "$nothing",
     "/usr/bin/true", "severity=page", "true"]
)  # fmt: skip
values = st.one_of(words, st.text(max_size=8), st.lists(words, max_size=2), st.none(), st.booleans(), st.integers(), st.floats())
rule_keys = st.sampled_from(
    ["name", "summary", "source", "ratio", "value", "test", "limit", "against", "tolerance", "floor", "false_alarm", "min_requests",
     "on_no_data", "on_source_error", "action", "above", "below", "every", "window", "for", "warm_up", "colour",
     "query", "match", "from", "command", "at_fault", "timeout", "environment", "severity", "shadow", "links"]
)  # fmt: skip
SOUND = {"name": "a", "summary": "A rule", "source": "haproxy", "on_no_data": "hold"}
SEQUENTIAL = {**SOUND, "ratio": "responses_5xx / responses", "test": "sequential", "limit": "1%", "against": "baseline"}
THRESHOLD = {**SOUND, "value": "latency", "above": "1s", "every": "1s", "window": "5s", "for": "3 of 5"}
ASKING = {**SOUND, "source": "prometheus", "query": 'sum(rate(a{env="$candidate"}[$window]))', "above": "1", "window": "1m"}
ALERTED = {**SOUND, "source": "alerts", "match": ["severity=page"], "window": "1m"}
RUNNING = {**SOUND, "source": "command", "command": ["/usr/bin/true", "$candidate"], "above": "1", "every": "15s"}
near_rules = st.builds(
    lambda base, changes, lost: {key: value for key, value in {**base, **changes}.items() if key not in lost},
    st.sampled_from([SOUND, SEQUENTIAL, THRESHOLD, ASKING, ALERTED, RUNNING]),
    st.dictionaries(rule_keys, values, max_size=3),
    st.sets(rule_keys, max_size=2),
)

setting_trees = st.recursive(
    values,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                ["state_dir", "rules", "haproxy", "api", "log", "services", "socket", "map", "mode", "web", "blue", "green"]
            ),
            inner,
            max_size=6,
        ),
    ),
    max_leaves=20,
)


def assert_lines(refusal: ConfigFaults) -> None:
    """Each fault is one line that a terminal shows as it is, and names the file and a line of it."""
    assert refusal.faults
    for fault in refusal.faults:
        assert str(fault).isprintable()
        assert fault.line >= 1
    assert list(refusal.faults) == sorted(refusal.faults)


@bounded
@given(anything)
def test_any_bytes_are_a_rule_file_or_a_refusal(tmp_path: Path, content: bytes) -> None:
    """Bytes, text and bits of YAML never raise anything but ConfigFaults."""
    (tmp_path / "web.yaml").write_bytes(content)
    try:
        load_rules(tmp_path, WEB)
    except ConfigFaults as refusal:
        assert_lines(refusal)


@bounded
@given(anything)
def test_any_bytes_are_settings_or_a_refusal(tmp_path: Path, content: bytes) -> None:
    """The same holds for guardian.yaml."""
    path = tmp_path / "guardian.yaml"
    path.write_bytes(content)
    try:
        load_settings(path)
    except ConfigFaults as refusal:
        assert_lines(refusal)


@bounded
@given(st.lists(near_rules, max_size=3))
def test_rules_that_are_read_can_be_judged(tmp_path: Path, rules: list[dict[str, object]]) -> None:
    """A rule that is nearly right is refused, or is one whose limits and times make sense together."""
    path = tmp_path / "web.yaml"
    path.write_text(yaml.safe_dump({"service": "web", "rules": rules}))
    try:
        found = load_rules(tmp_path, WEB)["web"].rules
    except ConfigFaults as refusal:
        assert_lines(refusal)
        return
    shelf = Shelf(tmp_path, None, Findings())
    shelf.read(path)
    assert all(str(fault).isprintable() for fault in lint(shelf.written, Known()))
    assert len({rule.name for rule in found}) == len(found) == len(rules)
    for rule in found:
        judge_for(rule, Trial(Environment.GREEN, 1e9, WATCH, 0.05, shared=False, history=History()))
        match rule.test:
            case Sequential() as test:
                assert 0 < test.floor <= test.limit < 1 or test.against is Against.LIMIT
                assert 1e-9 <= test.false_alarm <= 0.1
                assert 1 <= test.tolerance <= 100
            case Threshold() as test:
                assert 1 <= test.needed <= test.of
                assert test.every > 0
                assert test.every <= test.window or rule.source in (Source.ALERTS, Source.COMMAND)
                assert test.warm_up + test.window + (test.of - 1) * test.every < WATCH


@bounded
@given(setting_trees)
def test_any_tree_is_settings_or_a_refusal(tmp_path: Path, tree: object) -> None:
    """Mappings and lists in places where nobody expects them are refused in sentences."""
    path = tmp_path / "guardian.yaml"
    path.write_text(yaml.safe_dump(tree, allow_unicode=True), errors="surrogatepass")
    try:
        load_settings(path)
    except ConfigFaults as refusal:
        assert_lines(refusal)


ALL_KINDS: Mapping[str, Kind[float] | Kind[int]] = {
    "duration": kinds.duration("1ms", "1h", "1s"),
    "share": kinds.share("1%"),
    "multiple": kinds.multiple("1x", "100x", "2x"),
    "number": kinds.number("0", "1e9", "1"),
    "whole": kinds.whole("0", "1000", "1"),
}
LIMITS = {"duration": (0.001, 3600), "share": (0, 1), "multiple": (1, 100), "number": (0, 1e9), "whole": (0, 1000)}
numeric = st.text(alphabet=string.digits + ".eE+-%xmsh ∞٣", max_size=12)


@pytest.mark.parametrize("name", ALL_KINDS)
@given(text=st.one_of(numeric, st.text(max_size=12)))
def test_a_value_is_within_its_range_or_a_misfit(name: str, text: str) -> None:
    """No text gives a value beyond the range of its kind, nor any error but a misfit."""
    least, most = LIMITS[name]
    with suppress(Misfit):
        assert least <= ALL_KINDS[name].read(text) <= most


@given(st.integers(1, 3_600_000))
def test_a_time_means_the_same_in_every_unit(milliseconds: int) -> None:
    """A number of milliseconds and the same time in seconds are the same float, so that comparisons are exact."""
    kind = kinds.duration("1ms", "1h", "1s")
    seconds, rest = divmod(milliseconds, 1000)
    assert kind.read(f"{milliseconds}ms") == kind.read(f"{seconds}.{rest:03d}s") == milliseconds / 1000
