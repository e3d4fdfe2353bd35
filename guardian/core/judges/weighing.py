"""The weighing of one tolerated rate: what the looks since the cutover say against it."""

from collections.abc import Mapping
from math import inf
from typing import Any

from guardian.core.clumps import HEALTHY
from guardian.core.judges.trial import Trial
from guardian.core.sequential import FIRES, LATE_FLOOR, Bar, Evidence, Gains, OneSided

REMEMBERED = 256
"""Looks whose gains a weighing remembers."""


class Weighing:
    """The two e-processes of one tolerated ``rate``, with a ``budget`` for false alarms."""

    def __init__(self, rate: float, budget: float, usual: float, trial: Trial) -> None:
        room = min(usual, HEALTHY * rate) if trial.clumps else 0.0
        self._early = OneSided(rate, room)
        self._late = OneSided(max(rate, LATE_FLOOR), room)
        self.bar = Bar.of(budget, trial.looks, trial.at_cutover, self._late.components if trial.clumps else 1)
        self._evidence = Evidence.none(self._early.components, self._late.components)
        self._gained: dict[tuple[int, int], tuple[Gains, Gains, float]] = {}
        self.reached = 0.0

    def take(self, trials: int, events: int) -> float:
        """Weigh one look with traffic; by how much it arouses suspicion of a regression that begins with it."""
        gains, late_gains, suspicion = self._gained.get((trials, events)) or self._gains(trials, events)
        self.bar.add(self._evidence, gains, late_gains)
        if not self.reached and self.bar.reachable(self._evidence) and (come := max(self.progress())) >= FIRES:
            self.reached = come
        return suspicion

    def _gains(self, trials: int, events: int) -> tuple[Gains, Gains, float]:
        """What a look brings, capped, and its suspicion. Most looks are like one that was seen before."""
        late_gains = self._late.gains(trials, events)
        gained = *self.bar.capped(self._early.gains(trials, events), late_gains), late_gains[len(late_gains) // 3]
        if len(self._gained) < REMEMBERED:
            self._gained[trials, events] = gained
        return gained

    def progress(self) -> tuple[float, float]:
        """How far the mixture and the late process have come; the rate is exceeded at 1."""
        return self.bar.progress(self._evidence)

    @property
    def come(self) -> float:
        """How far the evidence has come; what has once come to 1 stays there."""
        return self.reached or max(self.progress())

    def snapshot(self) -> dict[str, Any]:
        """All of it as plain JSON values."""
        return {**finite(self._evidence), "reached": self.reached}

    def resume(self, state: Mapping[str, Any]) -> None:
        """Take over what :meth:`snapshot` gave."""
        self._evidence, self.reached = infinite(state), state.get("reached", 0.0)


def finite(evidence: Evidence) -> dict[str, Any]:
    """JSON knows no infinity: the logarithm of no evidence is written as null."""
    mixture, late = ([None if value == -inf else value for value in values] for values in (evidence.mixture, evidence.late))
    return {"mixture": mixture, "late": late, "looks": evidence.looks}


def infinite(record: Mapping[str, Any]) -> Evidence:
    """What :func:`finite` wrote; before looks were counted, there had been at least one."""
    mixture, late = ([-inf if value is None else value for value in record[name]] for name in ("mixture", "late"))
    return Evidence(mixture, late, record.get("looks", 1))
