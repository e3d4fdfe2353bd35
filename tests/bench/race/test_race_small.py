"""The race in small: every answer is accounted for, who should roll back does, the report says what was raced. Never how fast."""

from pathlib import Path

import pytest

from guardian.core.model import Environment
from guardian.demo.application import Fault
from guardian.demo.haproxy import debian_binary
from guardian.demo.report import Answer
from tests.bench.race.crew import SLOW, Trouble, Witness
from tests.bench.race.figures import (
    CASES,
    HEALTHS,
    INDEPENDENT,
    Alarm,
    Cost,
    Run,
    Seen,
    Soak,
    append,
    gone,
    harm,
    judged,
    limit_seconds,
    load,
)
from tests.bench.race.heat import Heat, Pace, lanes_for
from tests.bench.race.natives import ENTRANTS
from tests.bench.race.report import Race, markdown, write
from tests.bench.race.summary import cells, verdicts

PACE = Pace(history=2.0, settle=0.5, patience=60.0)


def answer(done: float, *, green: bool = True, status: int = 200, took: float = 0.01) -> Answer:
    """One that a user got."""
    return Answer(
        done - took, done - took, done, Environment.GREEN if green else Environment.BLUE, status, None, fresh_connection=False
    )


def run(entrant: str, seconds: float | None, bad: int = 3, *, early: bool = False) -> Run:
    """One bad release."""
    return Run(entrant, "5%", 200.0, "first", seconds, 1.0, bad, 0, 0, 100, early=early)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", ["guardian", "fuse"])
async def test_an_entrant_takes_back_a_release_that_fails_outright(name: str, tmp_path: Path) -> None:
    """Both lanes end on blue after their own fault; users of the shielded one saw nothing of it; the report has the row."""
    async with Heat(ENTRANTS[name](), debian_binary(), 50.0, PACE, lanes=2) as heat:
        records = await heat.cell(CASES["100%"], 2, "first", lambda _done: None)
        soaked = await heat.soak(2.0)
    runs = [one for one in records if isinstance(one, Run)]
    assert [one.seconds is not None and not one.early for one in runs] == [True, True]
    assert all(one.requests > 0 and one.bad <= one.requests for one in runs)
    assert all(one.bad == 0 for one in runs) if name == "guardian" else all(one.bad > 0 for one in runs)
    (cost,) = (one for one in records if isinstance(one, Cost))
    assert (cost.memory > 20) is (name == "guardian")
    assert all(one.seconds > 0 for one in soaked if isinstance(one, Soak))
    append(tmp_path / "raw.jsonl", [*records, *soaked])
    race = Race("- Machine: this", load(tmp_path / "raw.jsonl"), {(name, 50.0, "0.1 %"): 0.25}, {name: ENTRANTS[name]().title})
    write(race, tmp_path / "RESULTS.md", tmp_path / "charts")
    text = (tmp_path / "RESULTS.md").read_text()
    assert f"| 50 | 100 % errors | {ENTRANTS[name]().title} |" in text
    assert "0.25 / ? / ? / ?" in text
    for chart in ("race-time.png", "race-harm.png"):
        assert (tmp_path / "charts" / chart).stat().st_size > 10_000


@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", ["observe", "fuse"])
async def test_lanes_whose_environment_went_down_are_up_and_released_before_the_next_fault(name: str) -> None:
    """Two waves, one after the other: no lane counts as taken back before its fault, and every request on green is accounted for.

    HAProxy answers requests to a dead server after a second, which is long after these two have taken back the lane.
    """
    async with Heat(ENTRANTS[name](), debian_binary(), 50.0, PACE, lanes=2) as heat:
        records = await heat.cell(CASES["down"], 4, "first", lambda _done: None)
    runs = [one for one in records if isinstance(one, Run)]
    assert [(one.early, one.seconds is not None) for one in runs] == [(False, True)] * 4
    assert all(0 < one.bad <= one.requests for one in runs)


async def test_the_fault_switch_does_what_it_says() -> None:
    """A leak grows from nothing to all of it, and clumps come together at the same rate."""
    leak = Trouble(Fault(errors=0.1, delay=0.08), over=30.0)
    assert [leak.at(age).errors for age in (0.0, 15.0, 30.0, 90.0)] == pytest.approx([0.0, 0.05, 0.1, 0.1])
    witness = Witness(Environment.GREEN, seed=1)
    witness.take(Trouble(Fault(errors=0.01), clump=10))
    failing = [witness._present(0.0).errors for _ in range(100_000)]
    assert 0.008 < sum(failing) / len(failing) < 0.012
    first = failing.index(1.0)
    assert failing[first : first + 10] == [1.0] * 10


def test_harm_counts_from_the_first_failure_of_the_release_to_its_last_answer() -> None:
    """What came before the fault, and what blue answers, is not the release's; the application sees what the shield hides."""
    answers = [answer(0.5, status=500), answer(1.2, status=500), answer(1.5), answer(1.4, green=False, status=500)]
    seen = Seen(1.0, answers, [(0.4, 0.5, True), (1.05, 1.1, True), (1.3, 1.35, False)])
    assert harm(CASES["5%"], seen) == (1.1, 1.5, 1)
    hidden = Seen(1.0, [answer(1.2), answer(1.6)], [(1.05, 1.1, True)])
    assert harm(CASES["5%"], hidden) == (1.1, 1.6, 0)
    assert harm(CASES["down"], Seen(1.0, [answer(1.2), answer(1.6)], [])) == (1.2, 1.6, 0)


def test_a_fault_met_a_lane_that_still_had_a_request_on_its_way_to_green() -> None:
    """Connections that are cut may take a lane back before the next request comes; a lane that left before had none there."""
    assert Seen(1.0, [answer(0.9), answer(1.01, status=502, took=0.05)], []).met
    assert not Seen(1.0, [answer(0.9), answer(1.2, green=False)], []).met


def test_slow_answers_are_bad_where_latency_is_the_fault() -> None:
    """Nowhere else."""
    seen = Seen(1.0, [answer(2.0, took=2 * SLOW), answer(2.5)], [])
    assert harm(CASES["latency"], seen) == (2.0, 2.5, 1)
    assert harm(CASES["5%"], seen)[2] == 0


def test_requests_without_an_answer_are_counted_apart() -> None:
    """Those that were given up, and those that were cut."""
    lost = [replace_error(answer(1.5), error) for error in ("timeout", "reset", "reset")]
    found = judged(("x", "5%", 200.0, "first"), CASES["5%"], Seen(1.0, lost, []), None, 31.0)
    assert (found.timeouts, found.failed, found.seconds, found.waited) == (1, 2, None, 30.0)


def replace_error(one: Answer, error: str) -> Answer:
    """The same request, without an answer."""
    return one._replace(environment=None, status=0, error=error)


def test_a_lane_has_left_green_once_blue_alone_answers_for_a_while() -> None:
    """One late answer of green is enough to wait on."""
    blue = [answer(1.0 + number / 10, green=False) for number in range(6)]
    assert gone([answer(0.9), *blue], 0.5, 2.0, 0.5)
    assert not gone([*blue, answer(1.9)], 0.5, 2.0, 0.5)
    assert not gone(blue[:2], 0.5, 2.0, 0.5)


def test_the_limit_is_that_of_wald_and_a_look() -> None:
    """46.7 requests from 0.1 % to 5 % at a false-alarm rate of 0.001, by the facts; none where the fault is no share of errors."""
    assert limit_seconds(CASES["5%"], 200.0, 0.01) == pytest.approx(0.84, abs=0.1)
    assert limit_seconds(CASES["100%"], 1000.0, 0.01) == pytest.approx(0.0515)
    assert limit_seconds(CASES["latency"], 200.0, 0.01) is None
    assert limit_seconds(CASES["1%"], 200.0, 0.01) is None


def test_records_survive_an_interruption(tmp_path: Path) -> None:
    """What was written is read again, and a line that was cut off is left out."""
    file = tmp_path / "raw.jsonl"
    records = [run("guardian", 0.5), Alarm("guardian", 200.0, "0.1 %", 10.0, 0.0)]
    append(file, records)
    with file.open("a") as lines:
        lines.write('{"record": "Ru')
    assert load(file) == records
    assert load(tmp_path / "none.jsonl") == []


def test_runs_that_never_end_count_as_the_longest() -> None:
    """A median needs most of them to end; lanes that left before their fault say nothing."""
    found = cells([run("a", 1.0), run("a", 2.0), run("a", None), run("a", None, early=True)])
    (cell,) = found.values()
    assert (cell.runs, cell.never, cell.early, cell.median) == (3, 1, 1, 2.0)
    (cell,) = cells([run("a", 1.0), run("a", None), run("a", None)]).values()
    assert cell.median is None


def played(*rates: tuple[str, float], health: str = "0.1 %") -> dict[tuple[str, float, str], float]:
    """False rollbacks by entrant, of releases with ``health``; of all others none."""
    return {(name, 200.0, each): rate if each == health else 0.0 for name, rate in rates for each in HEALTHS}


def test_only_those_who_are_as_seldom_wrong_are_raced_against() -> None:
    """The faster but reckless are named, and so is who is really ahead."""
    found = cells([run("guardian", 1.0), run("reckless", 0.1), run("ahead", 0.5), run("slow", 9.0), run("never", None)])
    alarms = played(("guardian", 0.01), ("reckless", 100.0), ("ahead", 0.0), ("slow", 0.0), ("never", 0.0))
    (verdict,) = verdicts(found, alarms, ("0.1 %",))
    assert (verdict.ahead, verdict.behind, verdict.reckless) == (("ahead",), ("slow", "never"), ("reckless",))
    assert (verdict.ours, verdict.unknown) == (1.0, ())


def test_who_was_not_played_is_not_known_to_be_as_seldom_wrong() -> None:
    """Neither ahead nor behind; where guardian's own false alarms are not known, that is so of all who are faster."""
    found = cells([run("guardian", 1.0), run("quick", 0.1), run("slow", 9.0)])
    (verdict,) = verdicts(found, played(("guardian", 0.0)), tuple(HEALTHS))
    assert (verdict.ahead, verdict.behind, verdict.reckless, verdict.unknown) == ((), (), (), ("quick",))
    (verdict,) = verdicts(found, played(("quick", 0.0), ("slow", 0.0)), tuple(HEALTHS))
    assert (verdict.ahead, verdict.behind, verdict.reckless, verdict.unknown) == ((), (), (), ("quick",))


def test_the_report_says_of_whom_it_is_not_known() -> None:
    """Played with independent errors only: ahead there, unknown where all count."""
    found = cells([run("guardian", 1.0), run("quick", 0.1)])
    alarms = played(("guardian", 0.0)) | {("quick", 200.0, health): 0.0 for health in INDEPENDENT}
    text = markdown(Race("", [], alarms, {"guardian": "guardian", "quick": "Quick"}), found, Path("charts"))
    assert "| 200 | 5 % errors | 1.00 s | unknown: quick | quick | nobody |" in text


def test_lanes_are_as_many_as_there_is_traffic_for() -> None:
    """A thousand requests a second in all; who reloads for each has one service."""
    guardian, reloading = ENTRANTS["guardian"](), ENTRANTS["guardian-reload"]()
    assert [lanes_for(rate, guardian) for rate in (20.0, 200.0, 1000.0)] == [20, 5, 1]
    assert lanes_for(20.0, reloading) == 1


def test_who_is_wrong_with_clumped_errors_is_not_ahead() -> None:
    """The first column counts every healthy release that was played, the second only independent errors; the lead says so."""
    found = cells([run("guardian", 1.0), run("clumsy", 0.1)])
    alarms = played(("guardian", 0.0)) | played(("clumsy", 5.0), health="0.5 %, ten at a time")
    text = markdown(Race("", [], alarms, {"guardian": "guardian", "clumsy": "Clumsy"}), found, Path("charts"))
    assert "| 200 | 5 % errors | 1.00 s | nobody | clumsy | clumsy |" in text
    assert "errors of 0.1 %; 0.5 %; 0.1 %, ten at a time; 0.5 %, ten at a time" in text
