"""Reading rule files when nothing is wrong with them."""

import hashlib
from pathlib import Path

import pytest

from guardian.config.faults import ConfigFaults
from guardian.config.rulefiles import load_rules
from guardian.core.model import Service
from guardian.core.rules import (
    Action,
    Against,
    Direction,
    Gauge,
    Lack,
    Ratio,
    Rule,
    RuleSet,
    Sequential,
    Severity,
    Source,
    Threshold,
)

ROOT = Path(__file__).parents[3]
GOOD = Path(__file__).parent / "good" / "rules"
WEB = {"web": Service("web", "web_blue", "web_green")}
ERRORS = Ratio(("responses_5xx",), ("responses",))


def rule(name: str) -> Rule:
    """One rule of the good rule file."""
    return next(rule for rule in load_rules(GOOD, WEB)["web"].rules if rule.name == name)


def test_a_sequential_rule_needs_little() -> None:
    """A sequential rule with only what must be there has the documented defaults."""
    assert rule("shortest-sequential") == Rule(
        name="shortest-sequential",
        summary="Only what must be there",
        source=Source.HAPROXY,
        measure=ERRORS,
        test=Sequential(limit=0.001, against=Against.LIMIT, false_alarm=0.001, floor=0.001),
        on_no_data=Lack.HOLD,
        on_source_error=Lack.HOLD,
        action=Action.ROLLBACK,
        min_requests=0,
    )


def test_a_sequential_rule_says_everything_it_can() -> None:
    """All keys of a sequential rule arrive as written, shares and multiples exactly."""
    assert rule("longest-sequential") == Rule(
        name="longest-sequential",
        summary="A folded sentence ends up on one line",
        source=Source.HAPROXY,
        measure=Ratio(("connection_errors", "response_errors"), ("requests", "retries")),
        test=Sequential(limit=0.007, against=Against.BASELINE, false_alarm=1e-6, tolerance=1.5, floor=0.007),
        on_no_data=Lack.FAIL,
        on_source_error=Lack.PASS,
        action=Action.NOTIFY,
        severity=Severity.WARNING,
        min_requests=300,
    )


def test_the_floor_stays_below_a_low_limit() -> None:
    """Where no floor is written, it is 0.3 % or the limit, whichever is lower."""
    assert rule("low-limit").test == Sequential(limit=0.001, against=Against.BASELINE, floor=0.001)


def test_a_threshold_rule_needs_little() -> None:
    """A threshold rule with only what must be there is read once a second over ten seconds, and one bad check is a breach."""
    slow = rule("shortest-threshold")
    assert slow.measure is Gauge.LATENCY
    assert slow.test == Threshold(Direction.ABOVE, limit=0.3, needed=1, of=1, every=1.0, window=10.0, warm_up=0.0)


def test_a_threshold_rule_says_everything_it_can() -> None:
    """All keys of a threshold rule arrive as written, times in seconds."""
    assert rule("longest-threshold") == Rule(
        name="longest-threshold",
        summary="All that may be there",
        source=Source.HAPROXY,
        measure=Gauge.SERVERS_UP,
        test=Threshold(Direction.BELOW, limit=2.0, needed=3, of=5, every=0.25, window=1.0, warm_up=2.0),
        on_no_data=Lack.HOLD,
        on_source_error=Lack.FAIL,
        action=Action.ROLLBACK,
        min_requests=20,
    )


def test_a_window_is_never_shorter_than_its_interval() -> None:
    """Where no window is written, it reaches back to the check before; a bare `for: 3` means three in a row."""
    assert rule("rare-threshold").test == Threshold(Direction.ABOVE, limit=0.05, needed=3, of=3, every=60.0, window=60.0)


def test_a_rule_may_stand_on_one_line() -> None:
    """Flow style and scientific numbers are as good as any other."""
    assert rule("flow").summary == "On one line: queued"
    assert rule("flow").test == Threshold(Direction.ABOVE, limit=100.0)


def test_the_fingerprint_is_that_of_the_bytes() -> None:
    """The digest of a set of rules is the SHA-256 of its file."""
    assert load_rules(GOOD, WEB)["web"].digest == hashlib.sha256((GOOD / "web.yaml").read_bytes()).hexdigest()


def test_a_service_without_a_file_has_no_rules() -> None:
    """Every service is in the answer, with an empty set where no file speaks of it."""
    shop = Service("shop", "shop_blue", "shop_green")
    assert load_rules(GOOD, {**WEB, "shop": shop})["shop"] == RuleSet("shop")


def test_a_directory_holds_more_than_rule_files(tmp_path: Path) -> None:
    """Hidden files, directories and files of other kinds beside the rule files are left alone."""
    (tmp_path / "web.yaml").write_bytes((GOOD / "web.yaml").read_bytes())
    (tmp_path / ".draft.yaml").write_text("- nonsense")
    (tmp_path / ".ci.yml").write_text("- nonsense")
    (tmp_path / "README.md").write_text("# Rules")
    (tmp_path / "drafts").mkdir()
    assert load_rules(tmp_path, WEB) == load_rules(GOOD, WEB)


def test_links_within_the_directory_are_followed(tmp_path: Path) -> None:
    """A configuration manager may place versions beside each other and link to the current one."""
    (tmp_path / "v2").mkdir()
    (tmp_path / "v2" / "web.yaml").write_bytes((GOOD / "web.yaml").read_bytes())
    (tmp_path / "web.yaml").symlink_to("v2/web.yaml")
    assert load_rules(tmp_path, WEB) == load_rules(GOOD, WEB)


def test_the_directory_itself_may_be_a_link(tmp_path: Path) -> None:
    """/etc/guardian/rules may lead to a checkout elsewhere."""
    (tmp_path / "rules").symlink_to(GOOD)
    assert load_rules(tmp_path / "rules", WEB) == load_rules(GOOD, WEB)


def test_the_rules_to_start_with_are_read_without_a_fault() -> None:
    """rules/web.yaml judges server errors against the baseline, unreachable servers, and latency, and tells of retries."""
    services = {
        path.stem: Service(path.stem, f"{path.stem}_blue", f"{path.stem}_green") for path in (ROOT / "rules").glob("*.yaml")
    }
    rules = {rule.name: rule for rule in load_rules(ROOT / "rules", services)["web"].rules}
    assert rules["server-errors"].test == Sequential(limit=0.01, against=Against.BASELINE, tolerance=2.0, floor=0.003)
    assert rules["unreachable"].test == Sequential(limit=0.01, against=Against.BASELINE, tolerance=2.0, floor=0.01)
    assert rules["slow"].measure is Gauge.LATENCY
    assert [name for name, rule in rules.items() if rule.action is Action.NOTIFY] == ["retries"]


@pytest.mark.parametrize(("watch", "fits"), [(10.0, False), (10.001, True)])
def test_a_rule_must_have_a_word_within_the_watch(tmp_path: Path, watch: float, *, fits: bool) -> None:
    """Warm-up, window and all checks of a rule must end before the watch does."""
    (tmp_path / "web.yaml").write_text(
        "service: web\nrules: [{name: slow, summary: Slow, source: haproxy, value: latency, above: 1s, on_no_data: hold, "
        "every: 1s, window: 5s, for: 3 of 4, warm_up: 2s}]\n"
    )
    services = {"web": Service("web", "web_blue", "web_green", watch)}
    if fits:
        assert len(load_rules(tmp_path, services)["web"].rules) == 1
    else:
        with pytest.raises(ConfigFaults, match="take 10 s, the service is watched for 10 s"):
            load_rules(tmp_path, services)
