"""``guardian rules test``: made-up readings in, the verdicts and messages of live guardian out."""

import asyncio
import json
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from guardian.cli.main import cli
from guardian.config.faults import ConfigFaults
from guardian.core.judges import judge_for
from guardian.core.judges.trial import Trial
from guardian.core.model import Environment
from guardian.core.readings import Counters, History, Look, between
from guardian.core.rules import RuleSet
from guardian.rehearsal import runner
from guardian.rehearsal.performance import Performance
from guardian.rehearsal.script import Script, read_script
from tests.doubles.rulefiles import SERVER_ERRORS

ROOT = Path(__file__).parents[2]
RULES, BAD = ROOT / "rules", Path(__file__).parent / "bad" / "tests"
RULE_FILE = """
service: web
rules:
  - name: errors
    summary: Too many errors
    source: prometheus
    query: sum_over_time(errors{env="$candidate"}[7d])
    above: 5
    every: 15s
    window: 15s
    on_no_data: hold
  - name: fails
    summary: Too many 5xx
    source: haproxy
    ratio: responses_5xx / responses
    test: sequential
    limit: 1%
    on_no_data: hold
"""
CASE = "  - {name: %s, watch: 1m, input_series: [{series: 'errors{env=\"green\"}', values: '%s'}], expect: [%s]}\n"


def run(*words: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(cli, ["rules", "test", *words], env={"COLUMNS": "80"})


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a file of tests beside rules."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "web.yaml").write_text(RULE_FILE)

    def write(tests: str) -> Path:
        (tmp_path / "tests" / "web.yaml").write_text(f"rule_file: ../web.yaml\ntests:\n{tests}")
        return tmp_path

    return write


def test_the_rules_to_start_with_do_what_their_tests_say() -> None:
    """Every test in ``rules/`` passes, and no rule there is without one that sees it fire."""
    done = run(str(RULES), "--json")
    found = json.loads(done.output)
    assert (done.exit_code, found["failed"], found["untested"]) == (0, 0, [])
    assert found["passed"] >= 18


def test_every_rule_in_the_directory_is_under_test() -> None:
    """Each rule file has tests, and each of its rules is seen healthy as well as breached, or quiet as well as speaking."""
    scripts = runner.read(runner.find([RULES]))
    assert {script.rules.service for script in scripts} == {path.stem for path in RULES.glob("*.yaml")}
    for script in scripts:
        expected = [each for case in script.cases for each in case.expectations]
        for rule in script.rules.rules:
            own = {each.breach for each in expected if each.rule == rule.name}
            assert own == {True, False}, f"{script.rules.service}/{rule.name}"


def test_what_differs_is_told_with_its_line_and_both_sides(write: Callable[[str], Path]) -> None:
    """1, and for each difference where it was written, what was expected, what came, and why."""
    directory = write(
        CASE
        % (
            "too hopeful",
            "9x4",
            "{at: 30s, rule: errors, verdict: healthy, action: none}, {at: 30s, rule: fails, verdict: healthy}",
        )
        + "  - name: another\n    watch: 1m\n    outcome: verified\n    message: it was verified\n"
    )
    done = run(str(directory))
    lines, file = [line.strip() for line in done.output.splitlines()], directory / "tests" / "web.yaml"
    assert done.exit_code == 1
    assert lines[:5] == [
        str(file),
        "FAILED  too hopeful",
        f"{file}:3: tests[0].expect[0].verdict: errors, 30 s after the cutover: another verdict than expected",
        "expected  healthy",
        "got       breached",
    ]
    assert lines[5].startswith("for       the query's result is 18 over 15 s; above 5 in 1 of the last 1 checks")
    assert f"{file}:6: tests[1].outcome: at the end: another outcome than expected" in lines
    assert "got       unverified" in lines
    assert f"{file}:7: tests[1].message: at the end: another message than expected" in lines
    assert lines[-1].startswith("2 of 2 tests in 1 file failed, in ")
    assert "no test expects a breach of `web/errors` and `web/fails`" in lines[-2]


def test_json_holds_all_of_it(write: Callable[[str], Path]) -> None:
    """For programs: each test with its place, and each difference with its own."""
    expected = "{at: 30s, rule: errors, verdict: breached}, {at: 30s, rule: errors, reason: because}"
    directory = write(CASE % ("a", "9x4", expected))
    done = run(str(directory), "--json")
    found = json.loads(done.output)
    assert (done.exit_code, found["passed"], found["failed"], found["untested"]) == (1, 0, 1, ["web/fails"])
    test = found["tests"][0]
    assert (test["name"], test["line"], test["passed"], test["checks"]) == ("a", 3, False, 2)
    failure = test["failures"][0]
    assert (failure["line"], failure["path"], failure["expected"]) == (3, "tests[0].expect[1].reason", "because")
    assert failure["got"].startswith("the query's result is 18 over 15 s")


def test_one_test_knows_nothing_of_another(write: Callable[[str], Path]) -> None:
    """Each has its own past: a query that looks back a week sees only what its own test wrote down."""
    expected = "{at: 30s, rule: errors, verdict: %s, reason: 'the query''s result is %s over 15 s; above 5 in %s'}"
    checks = "%d of the last 1 checks, 1 of 1 are a breach"
    tests = [
        CASE % ("one", "2x2", expected % ("breached", 6, checks % 1)),
        CASE % ("two", "1x2", expected % ("healthy", 3, checks % 0)),
        CASE % ("three", "_ 1 _", expected % ("healthy", 1, checks % 0)),
        CASE % ("four", "_", "{at: 30s, rule: errors, verdict: no data}"),
    ]
    done = run(str(write("".join(tests))))
    assert done.exit_code == 0, done.output


def test_alerts_of_a_prometheus_are_its_series(write: Callable[[str], Path]) -> None:
    """A rule that asks Prometheus for its alerts is answered by the engine; what fired at the cutover accuses nobody."""
    series = """\
      - {{series: 'ALERTS{{alertname="{0}",alertstate="firing",service="web"}}', values: '{1}'}}
"""
    case = """\
  - name: {0}
    watch: 1m
    input_series:
{1}    expect:
      - {{at: 30s, rule: alerts, {2}}}
"""
    directory = write(
        case.format("early", series.format("Old", "1x4"), "verdict: no data")
        + case.format("late", series.format("New", "_ 1x3"), "verdict: breached, reason: 'a matching alert is firing (New)'")
    )
    (directory / "web.yaml").write_text(
        "service: web\nrules:\n  - {name: alerts, summary: A, source: alerts, match: [service=web], from: [prometheus], "
        "every: 15s, on_no_data: hold}\n"
    )
    done = run(str(directory))
    assert (done.exit_code, "got       healthy" in done.output) == (1, True), done.output
    assert "1 of 2 tests in 1 file failed" in done.output


def test_colours_are_for_terminals(write: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Red and green where somebody looks, plain text in a pipe."""
    directory = write(CASE % ("a", "1", "{at: 30s, rule: errors, verdict: breached}"))
    assert "\x1b[" not in run(str(directory)).output
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[1;31mFAILED" in run(str(directory)).output


@pytest.mark.parametrize("name", sorted(path.stem for path in BAD.glob("*.yaml")))
def test_bad_files_are_told_in_the_sentences_beside_them(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """1, all faults at once, each with its line and what to write instead; nothing is run."""
    monkeypatch.chdir(BAD)
    done = run(f"{name}.yaml")
    assert (done.exit_code, done.output) == (1, (BAD / f"{name}.txt").read_text())


ROW = "      - {{series: 'a{}', values: '{}'}}\n"
HOSTILE = {
    "ten MiB": lambda: "a" * (10 << 20),
    "five hundred million values": lambda: "".join(ROW.format(number, "0x99998") for number in range(5000)),
    "a million words": lambda: ROW.format("", "1 " * 500_000),
    "a series of a megabyte": lambda: ROW.format('{b="' + "\\\\" * 200_000 + '"}', "1"),
    "a test of a year": lambda: "    cutover: 7d\n    watch: 7d\n    look_every: 10ms\n    outcome: verified\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_of_tests_is_refused_at_once(name: str, tmp_path: Path) -> None:
    """In a second of CPU, with at most a line for each of a thousand faults."""
    (tmp_path / "web.yaml").write_text(RULE_FILE)
    content = HOSTILE[name]()
    head = "rule_file: web.yaml\ntests:\n  - name: a\n" + ("    input_series:\n" if "series" in content else "")
    (tmp_path / "tests.yaml").write_text(head + content)
    began = time.process_time()
    with pytest.raises(ConfigFaults) as refused:
        read_script(tmp_path / "tests.yaml")
    assert time.process_time() - began < 1.5
    assert all(len(str(fault)) < 1000 for fault in refused.value.faults)


def test_nothing_to_run_is_no_success(tmp_path: Path) -> None:
    """1, and where tests belong."""
    done = run(str(tmp_path))
    assert done.exit_code == 1
    assert "no tests in" in done.output
    assert "in a directory `tests` beside the rules" in done.output


def test_without_prometheus_only_rules_that_need_none_are_tested(
    write: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of HAProxy's counters run anywhere; for the others it is said what to install."""
    directory = write(CASE % ("a", "1", "{at: 30s, rule: errors, verdict: healthy}"))
    monkeypatch.setenv("PATH", "/nowhere")
    assert "apt-get install --no-install-recommends prometheus" in run(str(directory)).output
    assert run(str(RULES / "tests" / "web.yaml")).exit_code == 0


def counters(rng: random.Random, seconds: int, rate: float) -> tuple[list[int], list[int]]:
    """Good and bad answers by the second, growing."""
    good, bad = [0], [0]
    for _ in range(seconds):
        failed = sum(rng.random() < rate for _ in range(rng.randrange(40)))
        good.append(good[-1] + rng.randrange(40))
        bad.append(bad[-1] + failed)
    return good, bad


def scripted(directory: Path, good: list[int], bad: list[int]) -> Script:
    """A script of one test with these counters, by the second, and two looks a second."""
    (directory / "web.yaml").write_text(RULE_FILE)
    rows = {"responses_2xx": good, "responses_5xx": bad}
    written = ", ".join(f"{name}: '{' '.join(map(str, values))}'" for name, values in rows.items())
    (directory / "tests.yaml").write_text(
        "rule_file: web.yaml\ninterval: 1s\ntests:\n"
        f"  - {{name: a, watch: 20s, look_every: 500ms, counters: {{green: {{{written}}}}}, outcome: verified, "
        "expect: [{at: 20s, rule: fails, reason: none}]}\n"
    )
    return replace(read_script(directory / "tests.yaml"), rules=RuleSet("web", (replace(SERVER_ERRORS, name="fails"),)))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([0.0, 0.01, 0.05, 0.5]))
def test_the_verdict_is_that_of_a_judge_who_saw_the_same_looks(seed: int, rate: float) -> None:
    """To the last digit: nothing between the file and the judge adds, drops or moves a request."""
    good, bad = counters(random.Random(seed), 20, rate)
    with tempfile.TemporaryDirectory() as directory:
        script = scripted(Path(directory), good, bad)
    start = 1_700_000_000.0
    failures = asyncio.run(Performance(script.cases[0], script.rules, None, start).play())
    got = next(failure.got for failure in failures if failure.path.endswith("expect[0].reason"))

    trial = Trial(Environment.GREEN, start, 20.0, 0.5, shared=False, history=History())
    judge = judge_for(script.rules.rules[0], trial)
    before = Counters(requests=good[0] + bad[0], responses_2xx=good[0], responses_5xx=bad[0], servers_up=1)
    for half in range(1, 41):
        index, odd = divmod(half, 2)
        values = [row[index] + (row[index + 1] - row[index]) // 2 if odd else row[index] for row in (good, bad)]
        after = Counters(requests=sum(values), responses_2xx=values[0], responses_5xx=values[1], servers_up=1)
        tally, idle = between(before, after, 0.5), between(Counters(), Counters(), 0.5)
        assert tally is not None
        assert idle is not None
        judge.look(Look(start + half * 0.5, 0.5, tally, idle))
        before = after
    assert got == judge.verdict().reason


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="abcrule_file:tests-{}[],'\n 0123456789x+_&*!%@`\"\t", max_size=300))
def test_no_text_does_worse_than_be_refused(text: str) -> None:
    """Whatever stands in a file, reading it ends in tests or in faults."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "tests.yaml"
        path.write_text(f"rule_file: web.yaml\n{text}")
        with pytest.raises(ConfigFaults):
            read_script(path)
