"""``guardian rules check --online``: what a real Prometheus says of rules."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from guardian.cli.main import cli
from tests.metrics.servers import RealPrometheus

SERIES = {
    'a_total{env="green",code="200"}': lambda step: 100.0 * step,
    'a_total{env="green",code="500"}': lambda step: 10.0 * step,
    'seconds_bucket{env="green",le="0.5"}': lambda step: 100.0 * step,
    'seconds_bucket{env="green",le="+Inf"}': lambda step: 100.0 * step,
    'memory{env="green",instance="1"}': lambda step: 5.0 + 0 * step,
    'memory{env="green",instance="2"}': lambda step: 6.0 + 0 * step,
}
ERRORS = 'sum(rate(a_total{code="500",env="$candidate"}[$window])) / sum(rate(a_total{env="$candidate"}[$window]))'
QUANTILE = 'histogram_quantile(0.9, sum by (le) (rate(seconds_bucket{env="$candidate"}[$window])))'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus that has a sample of each series every 30 s, from 20 minutes ago to 20 minutes ahead: tests may be slow."""
    real = RealPrometheus(tmp_path_factory.mktemp("prometheus"))
    now = time.time() // 30 * 30
    rows = {series: [(now - 1200 + 30 * step, value(step)) for step in range(81)] for series, value in SERIES.items()}
    families: dict[str, list[str]] = {}
    for series, samples in rows.items():
        name = series.split("{")[0]
        families.setdefault(name, []).extend(f"{series} {value} {at:.0f}" for at, value in samples)
    text = "".join(f"# TYPE {name} unknown\n" + "\n".join(lines) + "\n" for name, lines in families.items())
    real.backfill(text + "# EOF\n")
    with real:
        yield real.url


def check(directory: Path, url: str, *rules: str) -> Result:
    """Check ``rules`` of Prometheus against what the server at ``url`` knows."""
    rows = [
        f"  - {{name: rule-{number}, summary: A, source: prometheus, on_no_data: hold, {rule}}}"
        for number, rule in enumerate(rules)
    ]
    (directory / "web.yaml").write_text("\n".join(("service: web", "rules:", *rows, "")))
    return CliRunner().invoke(cli, ["rules", "check", str(directory / "web.yaml"), "--online", "--prometheus", url])


def test_rules_that_prometheus_can_answer_pass(tmp_path: Path, server: str) -> None:
    """0, and nothing to say; a side that is idle is none of the rule's faults."""
    rules = (f"query: '{ERRORS}', above: 20%, window: 2m", "query: 'max(memory{env=\"$candidate\"})', above: 10")
    done = check(tmp_path, server, *rules)
    assert (done.exit_code, done.output) == (0, "2 rules in 1 file: nothing to say against them\n")


@pytest.mark.parametrize(
    ("rule", "code", "sentence"),
    [
        (
            "query: 'sum(rate(b_total{env=\"$candidate\"}[$window]))', above: 5, window: 2m",
            1,
            "4: rules[1].query: Prometheus has had no series `b_total` for a day",
        ),
        (
            "query: 'max(memory{environment=\"$candidate\"})', above: 10",
            0,
            "4: rules[1].query: gives nothing now, whichever environment is the candidate: its series exist, but none",
        ),
        (
            "query: 'memory{env=\"$candidate\"} + 0', above: 10",
            1,
            "4: rules[1].query: gives 2 series now, and guardian judges only",
        ),
        ("query: 'sum(memory{env=\"$candidate\"}', above: 10", 1, "4: rules[1].query: Prometheus refuses it: "),
        (
            f"query: '{QUANTILE}', above: 800ms, window: 2m",
            1,
            (
                "4: rules[1].above: is never exceeded: the histogram's highest bucket ends at 0.50 s, and its quantiles are "
                "never more than "
                "that; lower 0.80 s, or give the histogram higher buckets"
            ),
        ),
        (
            f"query: '{ERRORS}', above: 5%, window: 2m",
            0,
            "4: rules[1].above: is exceeded now: with green as the candidate the query gives 9.1 %",
        ),
        (
            f"query: '{ERRORS}', above: 20%, window: 45s",
            0,
            "4: rules[1].window: 45 s hold fewer than two samples, for it is scraped every 30 s",
        ),
    ],
)
def test_what_cannot_be_answered_is_told_with_its_line(tmp_path: Path, server: str, rule: str, code: int, sentence: str) -> None:
    """A fault where the rule could never judge, a warning where it may be the moment."""
    done = check(tmp_path, server, f"query: '{ERRORS}', above: 20%, window: 2m", rule)
    assert sentence in done.output
    assert done.exit_code == code
    assert done.output.count("web.yaml:3:") == 0


def test_a_quantile_below_the_highest_bucket_can_fire(tmp_path: Path, server: str) -> None:
    """Nothing is said of a limit that some bucket exceeds."""
    assert "highest bucket" not in check(tmp_path, server, f"query: '{QUANTILE}', above: 400ms, window: 2m").output


def test_a_server_that_does_not_answer_is_told(tmp_path: Path) -> None:
    """1: nothing is known then, and that is no good news."""
    done = check(tmp_path, "http://127.0.0.1:1", f"query: '{ERRORS}', above: 20%, window: 2m")
    assert done.exit_code == 1
    assert "web.yaml:3: rules[0].query: nothing could be asked: " in done.output


def test_rules_of_other_sources_ask_nobody(tmp_path: Path) -> None:
    """Where no rule asks Prometheus, nobody needs one."""
    (tmp_path / "web.yaml").write_text(
        "service: web\nrules:\n  - {name: a, summary: A, source: haproxy, ratio: responses_5xx / responses, test: sequential, "
        "limit: 1%, on_no_data: hold}\n"
    )
    done = CliRunner().invoke(cli, ["rules", "check", str(tmp_path), "--online", "--prometheus", "http://127.0.0.1:1"])
    assert done.exit_code == 0
