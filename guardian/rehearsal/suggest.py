"""Which limit a rule should have, going by what it measured in good watches and in bad ones."""

from array import array
from dataclasses import dataclass, field
from math import ceil, floor, log10

from guardian.core.rules import Direction, Rule, Sequential
from guardian.core.words import backtest as words

ALLOWED = 1
"""False alarms over the whole range that a suggested limit may leave."""
FIGURES = 2
"""Significant figures of a suggested limit."""
LEAST = 10
"""Good watches without which there is no distribution to speak of."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A limit, and how it was come by."""

    limit: float
    false_alarms: int
    """Good watches of the range that it would have accused."""
    caught: int
    bad: int
    """Bad watches that were measured; ``caught`` of them would have been found."""
    arithmetic: str


@dataclass(slots=True)
class Criticals:
    """For each watch the tightest limit with which the rule would have been silent."""

    good: "array[float]" = field(default_factory=lambda: array("d"))
    bad: "array[float]" = field(default_factory=lambda: array("d"))

    def add(self, critical: float, *, bad: bool) -> None:
        """One more watch."""
        (self.bad if bad else self.good).append(critical)


def suggest(rule: Rule, criticals: Criticals, allowed: int = ALLOWED) -> Suggestion | None:
    """The tightest limit that would have accused at most ``allowed`` good watches; ``None`` where too few were measured.

    A watch is accused exactly where its critical value lies beyond the limit, so the limit is the critical value of rank
    ``allowed + 1``, rounded away from the good ones to :data:`FIGURES` figures.
    """
    if len(criticals.good) < LEAST:
        return None
    above = isinstance(rule.test, Sequential) or rule.test.direction is Direction.ABOVE
    ranked = sorted(criticals.good, reverse=above)
    limit = _rounded(ranked[allowed], up=above)
    accused = sum(value > limit if above else value < limit for value in ranked)
    caught = sum(value > limit if above else value < limit for value in criticals.bad)
    arithmetic = words.arithmetic(rule, ranked[: allowed + 1], limit, (len(ranked), accused), (len(criticals.bad), caught))
    return Suggestion(limit, accused, caught, len(criticals.bad), arithmetic)


def _rounded(value: float, *, up: bool) -> float:
    """``value`` with two figures, never tighter than it was."""
    if value == 0:
        return 0.0
    digits = FIGURES - 1 - floor(log10(abs(value)))
    scaled = round(value * 10.0**digits, 6)  # 0.07 * 100 is a little more than 7
    return round((ceil(scaled) if up else floor(scaled)) / 10.0**digits, max(digits, 0) + 6)
