"""The cells of a race: what many runs come to, beside the limit and beside the false alarms. Pure."""

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from guardian.demo.report import percentile
from tests.bench.race.figures import CASES, TOLERATED, Cost, Record, Run, Soak, limit_seconds

Key = tuple[str, str, float, str]
"""Entrant, case, requests a second, kind."""
Alarms = Mapping[tuple[str, float, str], float]
"""False rollbacks in ten healthy hours, simulated: by entrant, requests a second and the name of the health."""


@dataclass(frozen=True, slots=True)
class Cell:
    """All runs of one kind."""

    key: Key
    runs: int
    """That count: lanes which were taken back before their fault say nothing of the time."""
    never: int
    early: int
    times: tuple[float, ...]
    """Ascending, of those that went back."""
    bad: float
    """Bad answers that users got, median."""
    most_bad: int
    failed: int
    timeouts: int
    limit: float | None

    @property
    def median(self) -> float | None:
        """``None`` where most were never taken back: the runs that were not count as longer than all others."""
        return percentile([*self.times, *[float("inf")] * self.never], 0.5) if self.times and len(self.times) > self.never else None

    @property
    def ratio(self) -> float | None:
        """The median in units of the limit."""
        return self.median / self.limit if self.median is not None and self.limit else None


def cells(records: Sequence[Record]) -> dict[Key, Cell]:
    """Every cell, in the order in which they were first raced."""
    groups: dict[Key, list[Run]] = defaultdict(list)
    for record in records:
        if isinstance(record, Run):
            groups[record.entrant, record.case, record.rate, record.kind].append(record)
    return {key: _cell(key, runs) for key, runs in groups.items()}


def _cell(key: Key, runs: Sequence[Run]) -> Cell:
    valid = [run for run in runs if not run.early]
    times = tuple(sorted(run.seconds for run in valid if run.seconds is not None))
    return Cell(
        key=key,
        runs=len(valid),
        never=len(valid) - len(times),
        early=len(runs) - len(valid),
        times=times,
        bad=statistics.median(run.bad for run in valid) if valid else 0.0,
        most_bad=max((run.bad for run in valid), default=0),
        failed=sum(run.failed for run in valid),
        timeouts=sum(run.timeouts for run in valid),
        limit=limit_seconds(CASES[key[1]], key[2], TOLERATED),
    )


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether guardian is ahead in one case and load of all who are as seldom wrong."""

    case: str
    rate: float
    ours: float | None
    ahead: tuple[str, ...]
    """Entrants that are faster with as few false alarms."""
    behind: tuple[str, ...]
    """Entrants that are as seldom wrong, and slower, or never there."""
    reckless: tuple[str, ...]
    """Entrants that are faster, and wrong more often."""
    unknown: tuple[str, ...]
    """Entrants that are faster, where theirs or guardian's false alarms are not known of every health."""


def verdicts(found: Mapping[Key, Cell], alarms: Alarms, healths: Sequence[str], ours: str = "guardian") -> list[Verdict]:
    """One for each case and load that guardian was raced in; wrong is who is wrong in any of ``healths``."""
    said = []
    for (entrant, case, rate, kind), cell in found.items():
        if entrant != ours or kind != "first":
            continue
        budget = _alarms(alarms, ours, rate, healths)
        groups: dict[str, list[str]] = {"ahead": [], "behind": [], "reckless": [], "unknown": []}
        for (other, same, load, sort), theirs in found.items():
            if (same, load, sort) != (case, rate, kind) or other.startswith(ours) or not theirs.runs:
                continue
            faster = theirs.median is not None and (cell.median is None or theirs.median < cell.median)
            fair = _fair(_alarms(alarms, other, rate, healths), budget)
            if faster:
                groups["unknown" if fair is None else "ahead" if fair else "reckless"].append(other)
            elif fair:
                groups["behind"].append(other)
        said.append(Verdict(case, rate, cell.median, *map(tuple, groups.values())))
    return said


def _alarms(alarms: Alarms, entrant: str, rate: float, healths: Sequence[str]) -> float | None:
    """Of all ``healths`` together; ``None`` where one of them is not known: what was not played is no proof of being right."""
    told = [alarms.get((entrant, rate, health)) for health in healths]
    known = [each for each in told if each is not None]
    return sum(known) if len(known) == len(told) else None


def _fair(theirs: float | None, ours: float | None) -> bool | None:
    """Whether they are wrong as seldom as we are; ``None``: not known."""
    return None if theirs is None or ours is None else theirs <= ours


def costs(records: Sequence[Record], entrant: str) -> Cost | None:
    """The dearest cell of ``entrant``."""
    own = [record for record in records if isinstance(record, Cost) and record.entrant == entrant]
    return max(own, key=lambda cost: cost.cpu, default=None)


def soaked(records: Sequence[Record]) -> dict[tuple[str, float, str], tuple[float, int]]:
    """Seconds and false rollbacks of each entrant, load and health in real time."""
    totals: dict[tuple[str, float, str], tuple[float, int]] = {}
    for record in records:
        if isinstance(record, Soak):
            key = record.entrant, record.rate, record.health
            seconds, false = totals.get(key, (0.0, 0))
            totals[key] = seconds + record.seconds, false + record.false
    return totals
