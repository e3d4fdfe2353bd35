"""The simulated false alarms are those of the real arithmetic: Prometheus' own ``rate``, HAProxy's fuses, guardian's judge."""

import re
import subprocess
from math import nan
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.bench.race.alarms import Fuse, Guardian, Health, Observe, Ratio, play, rates, starter_rule
from tests.metrics.servers import program

EXTREME, TUNED, COMMON = Ratio(0.1, 0.1, 1.0), Ratio(1.0, 1.0, 3.0), Ratio(15.0, 15.0, 60.0)
RELEASES = 200
COUNTER = [0, 0, 1, 1, 3, 8, 8, 8, 9, 40, 41, 41]
"""A sample each second."""
MOMENTS = [0.5, 1.0, 2.2, 4.3, 5.0, 5.9, 8.1, 9.999, 11.0, 12.5, 14.7, 15.5]
LIKELY = [
    (EXTREME, Health(1000, 0.001), 0.03),
    (EXTREME, Health(20, 0.001), 1.0),
    (TUNED, Health(200, 0.001), 0.21),
    (TUNED, Health(1000, 0.005), 0.75),
    (TUNED, Health(1000, 0.001), 0.0),
    (COMMON, Health(20, 0.005), 0.53),
    (COMMON, Health(200, 0.005), 0.003),
]
"""The chance of a false alarm in ten minutes that another simulation found: 400 runs of each, begun in mid-traffic."""


@pytest.mark.parametrize("before", [0, 5, 1_000_000])
def test_the_rate_is_that_of_prometheus(tmp_path: Path, before: int) -> None:
    """Whatever the phase between samples and evaluation, and wherever the counter stood, promtool comes to the same number."""
    values = [before + value for value in COUNTER]
    tests = [{"expr": "rate(errors[3s])", "eval_time": f"{round(1000 * at)}ms", "exp_samples": [{"value": -1}]} for at in MOMENTS]
    series = [{"series": "errors", "values": " ".join(map(str, values))}]
    case = {"interval": "1s", "input_series": series, "promql_expr_test": tests}
    file = tmp_path / "rate.yml"
    file.write_text(yaml.safe_dump({"evaluation_interval": "1s", "tests": [case]}))
    command = [program("promtool"), "test", "rules", file]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stderr
    theirs = [float(got) if got != "nil" else nan for got in re.findall(r"got: (?:\{\} )?(\S+)", said)]
    assert len(theirs) == len(MOMENTS), said
    at = np.arange(len(values), dtype=np.float64)
    ours = rates(at, np.array(values, dtype=np.float64), np.array(MOMENTS), 3.0)
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)


@pytest.mark.parametrize(("alert", "health", "likely"), LIKELY)
def test_alerts_are_false_as_often_as_others_found(alert: Ratio, health: Health, likely: float) -> None:
    """Of 200 healthy releases as many are taken back as their figure says, within four standard deviations of both samples."""
    rng, release = np.random.default_rng(1), alert.release(health)
    taken_back = sum(release(rng) is not None for _ in range(RELEASES)) / RELEASES
    deviation = (max(likely * (1 - likely), 0.003) * (1 / RELEASES + 1 / 400)) ** 0.5
    assert abs(taken_back - likely) <= 4 * deviation


def test_an_alert_that_must_last_is_false_less_often() -> None:
    """With ``for`` and ``group_wait`` only an excess that lasts is told; at a rate above the limit it lasts."""
    lasting = Ratio(15.0, 15.0, 60.0, hold=90.0)
    assert play(lasting.release(Health(20, 0.005)), hours=10).false < play(COMMON.release(Health(20, 0.005)), hours=10).false
    first = lasting.release(Health(200, 0.05))(np.random.default_rng(1))
    assert first is not None
    assert 75 <= first <= 135


def test_the_fuse_counts_whatever_the_traffic_is() -> None:
    """Six failures in ten seconds: never at one in fifty seconds, soon at five a second, at once where they are a clump."""
    assert play(Fuse().release(Health(20, 0.001)), hours=1).false == 0
    assert play(Fuse().release(Health(1000, 0.005)), hours=1).in_ten_hours == pytest.approx(36_000 / (6 / 5), rel=0.1)
    assert play(Fuse().release(Health(20, 0.001, clump=10)), hours=10).false > 0
    assert play(Fuse(count=10).release(Health(20, 0.001, clump=10)), hours=1).false == 0


def test_failures_one_after_the_other_are_rare_but_in_clumps() -> None:
    """Ten independent ones in a row happen in no ten hours; a clump of ten is such a row."""
    assert play(Observe().release(Health(1000, 0.005))).false == 0
    clumps = play(Observe().release(Health(200, 0.001, clump=10)))
    assert clumps.in_ten_hours == pytest.approx(0.02 * 36_000, rel=0.2)


def test_guardian_keeps_healthy_releases_and_finds_bad_ones() -> None:
    """Its own judge, at the starter's settings: nothing in half an hour of errors, clumped or not, and 5 % within seconds."""
    guardian = Guardian(starter_rule())
    for rate, errors, clump in ((200, 0.001, 1), (200, 0.001, 10), (1000, 0.005, 10)):
        kept = play(guardian.release(Health(rate, errors, clump)), hours=0.5)
        assert (kept.false, kept.releases) == (0, 3)
    found = Guardian(starter_rule(), past=Health(200, 0.001)).release(Health(200, 0.05))(np.random.default_rng(1))
    assert found is not None
    assert found < 10
