"""The records of a race, and what is read from them."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bench.race.results import Record, Run, Session, Simulated, Soak, append, read
from tests.bench.race.standings import Standings, limit_seconds, most_events

RUN = Run("a", 200.0, "5", "web0", 1, 0.5, given=4, bad=3, failures=1, answers=100, patience=10.0)
SESSION = Session("a", "A, map", 0.05, 200.0, 4, "a machine", "a 1.0", "abc", "race --runs 1", "2026-01-01T00:00:00Z")


def played(entrant: str, false: int, errors: float = 0.001) -> Simulated:
    """Ten hours of ``entrant``."""
    return Simulated(entrant, 200.0, errors, 1, 10.0, false)


def test_records_come_back_as_they_were_written(tmp_path: Path) -> None:
    """Whatever kind they are, also in two goes."""
    path = tmp_path / "race.jsonl"
    records: list[Record] = [SESSION, RUN, replace(RUN, seconds=None), Soak("a", 200.0, 0.001, 0.1, 0), played("a", 1)]
    append(path, records[:2])
    append(path, records[2:])
    assert list(read(path)) == records


def test_a_line_that_a_crash_cut_off_is_passed_over(tmp_path: Path) -> None:
    """The others stay."""
    path = tmp_path / "race.jsonl"
    append(path, [SESSION, RUN])
    path.write_text(path.read_text()[:-20])
    assert list(read(path)) == [SESSION]
    assert list(read(tmp_path / "none.jsonl")) == []


def test_a_line_that_is_no_record_is_named(tmp_path: Path) -> None:
    """With its number."""
    path = tmp_path / "race.jsonl"
    path.write_text('{"kind": "Horse"}\n')
    with pytest.raises(ValueError, match=r"race\.jsonl:1"):
        list(read(path))


def test_a_release_that_stays_is_slower_than_all_others() -> None:
    """Its time has no end, and is counted."""
    standing = Standings([SESSION, RUN, replace(RUN, seconds=None), replace(RUN, seconds=None)]).standing("a", 200.0, "5")
    assert standing.median == math.inf
    assert standing.missed == 2
    assert standing.bad == 4


def test_a_false_rollback_has_no_time() -> None:
    """A release that was gone before it failed is no quick rollback."""
    standing = Standings([SESSION, RUN, replace(RUN, seconds=0.0, early=True)]).standing("a", 200.0, "5")
    assert standing.times == [0.5]


def test_only_those_are_ahead_who_are_quicker_without_more_false_alarms() -> None:
    """The quick one that cries wolf is not; one as quiet is; one that was not raced is not."""
    runs = [RUN, replace(RUN, entrant="wolf", seconds=0.1), replace(RUN, entrant="quiet", seconds=0.2)]
    sessions = [replace(SESSION, entrant=name) for name in ("a", "wolf", "quiet", "absent")]
    standings = Standings([*sessions, *runs, played("a", 0), played("wolf", 7), played("quiet", 0), played("quiet", 0, 0.005)])
    assert standings.false_alarms("wolf", 200.0) == 7.0
    assert standings.ahead("a", 200.0, "5") == ["quiet"]


def test_alarms_that_were_not_seen_are_bounded_by_the_hours() -> None:
    """The rule of three, and the exact limits of a Poisson mean."""
    assert most_events(0) == pytest.approx(-math.log(0.05), abs=1e-5)
    assert most_events(3) == pytest.approx(7.7537, abs=1e-3)
    soaked = Standings([Soak("a", 200.0, 0.001, 1.5, 0)]).soaked("a", 0.001)
    assert soaked is not None
    assert soaked.at_most == pytest.approx(19.97, abs=0.01)


def test_the_limit_is_that_of_information() -> None:
    """Three failures of three are enough to be sure of an outage; nothing is known of faults that are no share of errors."""
    assert limit_seconds("100", 1000.0) == pytest.approx(math.log(1000) / math.log(500) / 1000 + 0.05)
    bits = 0.05 * math.log(0.05 / 0.002) + 0.95 * math.log(0.95 / 0.998)
    assert limit_seconds("5", 200.0) == pytest.approx(0.05 + math.log(1000) / bits / 200)
    assert limit_seconds("down", 200.0) is None
