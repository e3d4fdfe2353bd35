"""What is probably not meant in a rule: each check finds its case, and nothing in what is well."""

from pathlib import Path

import pytest

from guardian.config.faults import Findings
from guardian.config.lint import CHECKS, ERRORS, Known, lint
from guardian.config.rulefiles import Shelf
from guardian.core.words.lint import TITLES

ROOT = Path(__file__).parents[3]
ASKS = "source: prometheus, on_no_data: hold"
READS = "source: haproxy, on_no_data: hold"
SHARE = 'sum(rate(a_total{code=~"5..",env="$candidate"}[$window])) / sum(rate(a_total{env="$candidate"}[$window]))'
BAD = {
    "a rate over one sample": (
        f"{ASKS}, query: 'sum(rate(a_total{{env=\"$candidate\"}}[$window]))', above: 5, window: 15s",
        (
            "3: rules[0].window: 15 s hold fewer than two samples, if it is scraped every 15 s: there will often be nothing "
            "to judge; "
            "make it at least 30 s"
        ),
        "short-window",
    ),
    "a written range over one sample": (
        f"{ASKS}, query: 'sum(increase(a_total{{env=\"$candidate\"}}[20s]))', above: 5, window: 1m",
        (
            "3: rules[0].query: 20 s hold fewer than two samples, if it is scraped every 15 s: there will often be nothing to "
            "judge; "
            "make it at least 30 s"
        ),
        "short-window",
    ),
    "a range behind the cutover": (
        f"{ASKS}, query: 'sum(rate(a_total{{env=\"$candidate\"}}[5m]))', above: 5, window: 1m, warm_up: 1m",
        (
            "3: rules[0].query: looks back 5 min, and is first asked 2 min after the cutover: until then it judges the "
            "release before; "
            "write `[$window]`, or lengthen `window`"
        ),
        "reaches-back",
    ),
    "an offset behind the cutover": (
        f"{ASKS}, query: 'sum(a{{env=\"$candidate\"}} offset 1d)', above: 5",
        (
            "3: rules[0].query: looks back 1 d, and is first asked 15 s after the cutover: until then it judges the release "
            "before; "
            "write `[$window]`, or lengthen `window`"
        ),
        "reaches-back",
    ),
    "a window that only delays": (
        f"{ASKS}, query: 'max(a{{env=\"$candidate\"}})', above: 5, window: 1m",
        (
            "3: rules[0].window: is not used by the query, and only delays the first check; write `[$window]` in the query, "
            "or remove this"
        ),
        "unused-window",
    ),
    "an environment of its own": (
        f"{ASKS}, query: 'max(a{{env=\"green\"}})', above: 5",
        (
            "3: rules[0].query: names `green` itself, so it judges the wrong environment whenever blue is the candidate; write "
            "`$candidate`, or `$baseline` for the other one"
        ),
        "one-sided",
    ),
    "several series": (
        f"{ASKS}, query: 'a{{env=\"$candidate\"}}', above: 5",
        (
            "3: rules[0].query: may give a series for each server, and guardian judges only a single number; add them up, as in "
            "`sum(…)` or `max(…)`"
        ),
        "many-series",
    ),
    "a share against a bare number": (
        f"{ASKS}, query: '{SHARE}', above: 5, window: 1m",
        "3: rules[0].above: is never exceeded: the query gives a share, which is at most 1; write `5%` if that is what `5` means",
        "never-fires",
    ),
    "a share below a bare number": (
        f"{ASKS}, query: '{SHARE}', below: 95, window: 1m",
        "3: rules[0].below: is never reached, for a share is at most 1, so every release is at fault; write `95%`",
        "always-fires",
    ),
    "absent above 1": (
        f"{ASKS}, query: 'absent(up{{env=\"$candidate\"}})', above: 1",
        "3: rules[0].above: is never exceeded: `absent` gives 1 or nothing at all; write `above: 0`, and `on_no_data: pass`",
        "never-fires",
    ),
    "all of all": (
        f"{READS}, ratio: responses / responses_2xx + responses_5xx, test: sequential, limit: 1%",
        "3: rules[0].ratio: is always 100 %, for both sides of the `/` count the same; write what is bad on the left",
        "always-fires",
    ),
    "upside down": (
        f"{READS}, ratio: responses_2xx + responses_3xx / responses, test: sequential, limit: 1%",
        (
            "3: rules[0].ratio: counts `responses_2xx` and `responses_3xx` as bad, and a good release has nothing else; write "
            "what is "
            "bad, such as `responses_5xx`"
        ),
        "good-as-bad",
    ),
    "one request": (
        f"{READS}, value: latency, above: 1s",
        "3: rules[0].above: can be a breach after a single request; write `min_requests`, or more than one check in `for`",
        "no-minimum",
    ),
    "longer than a watch": (
        f"{READS}, value: queued, above: 5, every: 1m, window: 1m, for: 10",
        "3: rules[0].for: takes 10 min, and a watch lasts 10 min unless the service says otherwise: it would prove nothing",
        "outlasts-watch",
    ),
    "nothing that acts": (
        f"{READS}, ratio: responses_5xx / responses, test: sequential, limit: 1%, action: notify",
        "3: rules[0]: no rule of `web` takes traffic back or pauses: all of them only tell",
        "nobody-acts",
    ),
}
GOOD = (
    f"{READS}, ratio: responses_5xx / responses, test: sequential, limit: 1%",
    f"{READS}, ratio: responses_2xx / responses, below: 90%, for: 3",
    f"{READS}, value: servers_up, below: 1",
    f"{READS}, value: queued, above: 0",
    f"{ASKS}, query: '{SHARE}', above: 5%, window: 1m",
    f"{ASKS}, query: '{SHARE}', below: 95%, window: 1m",
    f"{ASKS}, query: 'sum(rate(x_sum{{env=\"$candidate\"}}[1m])) / sum(rate(x_count[1m]))', above: 5, window: 1m",
    f"{ASKS}, query: 'sum(rate(orders_total[$window])) * 60', below: 5, window: 1m",
    f"{ASKS}, query: 'max(a{{env=\"$candidate\"}})', above: 5",
    f"{ASKS}, query: 'absent(up{{env=\"$candidate\"}})', above: 0",
    f"{ASKS}, query: 'max(max_over_time(a{{env=\"$candidate\"}}[15s]))', above: 5",
)


def checked(directory: Path, *rules: str, known: Known | None = None) -> list[tuple[str, str]]:
    """What is found in ``rules``, without the file's name, and by which check."""
    rows = "\n".join(f"  - {{name: rule-{number}, summary: A, {rule}}}" for number, rule in enumerate(rules))
    (directory / "web.yaml").write_text(f"service: web\nrules:\n{rows}\n")
    findings = Findings()
    shelf = Shelf(directory, None, findings)
    shelf.read(directory / "web.yaml")
    assert not findings.faults
    return [(str(each).removeprefix(f"{directory}/web.yaml:"), each.check) for each in lint(shelf.written, known or Known())]


@pytest.mark.parametrize("name", BAD)
def test_each_check_finds_its_case_and_nothing_else_does(name: str, tmp_path: Path) -> None:
    """One sentence with its line, what is wrong and what to write, and the name of the check."""
    rule, sentence, check = BAD[name]
    assert checked(tmp_path, rule) == [(sentence, check)]


@pytest.mark.parametrize("rule", GOOD)
def test_what_is_well_is_left_alone(rule: str, tmp_path: Path) -> None:
    """Nobody reads a linter that cries wolf."""
    assert checked(tmp_path, rule) == []


def test_each_check_has_a_case_and_a_title() -> None:
    """None is untested, and each can be shown to people and named to programs."""
    assert len({check for _, _, check in BAD.values()}) >= len(CHECKS)
    assert ERRORS | {check for _, _, check in BAD.values()} <= TITLES.keys()


def test_defaults_of_the_file_are_no_window_of_the_rule(tmp_path: Path) -> None:
    """What stands there for all rules need not be of use to each."""
    (tmp_path / "web.yaml").write_text(
        "service: web\ndefaults: {window: 1m, on_no_data: hold}\nrules:\n"
        "  - {name: a, summary: A, source: prometheus, query: 'max(a{env=\"$candidate\"})', above: 5}\n"
    )
    shelf = Shelf(tmp_path, None, Findings())
    shelf.read(tmp_path / "web.yaml")
    assert lint(shelf.written, Known()) == []


def test_what_is_known_goes_before_what_is_guessed(tmp_path: Path) -> None:
    """A scrape interval that was told, or seen for this very series."""
    rule = f"{ASKS}, query: 'sum(rate(a_total{{env=\"$candidate\"}}[$window]))', above: 5, window: 1m"
    assert checked(tmp_path, rule, known=Known(30.0, guessed=False)) == []
    told = checked(tmp_path, rule, known=Known(60.0, guessed=False))
    seen = checked(tmp_path, rule, known=Known(scraped={"a_total": 60.0}))
    assert told == seen
    assert "1 min hold fewer than two samples, for it is scraped every 1 min" in told[0][0]


def test_a_watch_whose_length_is_known_is_no_guess(tmp_path: Path) -> None:
    """Where the service says how long it is watched, a rule that outlasts it is a fault, and told as one."""
    rule = f"{READS}, value: queued, above: 5, every: 1m, window: 1m, for: 10"
    assert checked(tmp_path, rule, known=Known(watch=601.0)) == []


def test_the_rules_to_start_with_are_beyond_reproach() -> None:
    """Nothing is to be said against what people copy."""
    findings = Findings()
    for file in sorted((ROOT / "rules").glob("*.yaml")):
        shelf = Shelf(file.parent, None, findings)
        shelf.read(file)
        assert lint(shelf.written, Known()) == []
    assert not findings.faults
