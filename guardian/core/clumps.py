"""How much one look may bring where errors come in clumps: one query that hangs fails all that wait for it, at once.

Errors that come in clumps are fewer accidents than they are errors. Each possible rate of a test has a most that the errors of one
look may bring in its favour, chosen so that clumps of *any* size have a mean factor of at most 1 in a release that is as healthy as
usual: the bounds of :mod:`guardian.core.sequential` then hold for clumps as they do for single errors, and nobody needs to know how
large they are. The smaller the rate in question, the lower its most; that of the rates of an outage is hardly ever reached.
A clump that lasts for several looks may bring as much at each of them.
"""

from dataclasses import dataclass
from math import exp, expm1, inf, log
from typing import Self

HEALTHY = 0.5
"""What is usual is at most this share of what is tolerated: clumps need room, and a release at the limit has none."""
ROUNDS = 16
"""Newton's method on a convex function, from the far side: it only ever comes closer, and is there to the last digits."""
LITTLE, LARGE = 1e-6, 30.0
"""Where ``(exp(due) - 1) / due`` is 1, and ``exp(due) / due``, as far as numbers can tell."""


@dataclass(frozen=True, slots=True)
class Most:
    """The most that the errors of one look may bring in favour of one possible rate, in nats."""

    slope: float
    """How much room there is, as a logarithm: how often the worst clumps may come."""
    clump: float
    """The most where no other request was answered in the look."""

    @classmethod
    def of(cls, multiple: float, share: float) -> Self:
        """For a rate of ``multiple`` times the tolerated one, where ``share`` of that one is usual.

        Clumps of ``c`` events come ``share / c`` times as often as tolerated events do. Each brings ``min(c log(multiple), x)``,
        and all that goes well takes back ``multiple - 1`` for each tolerated event. The worst size is ``x / log(multiple)``: this
        is the ``x`` for which ``share (exp(x) - 1) / x`` comes to ``(multiple - 1) / log(multiple)`` at it.
        """
        if share <= 0.0:
            return cls(inf, inf)
        slope = log((multiple - 1) / log(multiple) / share)
        return cls(slope, _worst(slope))

    def at(self, due: float) -> float:
        """The most where the requests that went well take back ``due``, at least 0: a part of what makes a clump rare.

        With one clump at the most, the mean factor of the errors is ``1 + due (exp(x) - 1) / (x exp(slope))``, and may come to
        ``exp(due)``; several smaller ones bring less.
        """
        if due < LITTLE:
            return self.clump
        return _worst(self.slope + (log(expm1(due) / due) if due < LARGE else due - log(due)))


def _worst(slope: float) -> float:
    """The ``x`` above 0 for which ``(exp(x) - 1) / x`` is ``exp(slope)``, for a ``slope`` above 0."""
    most, rest = slope + 2 * log(slope + 2), exp(-slope)
    for _ in range(ROUNDS):
        most -= (most - slope - log(most + rest)) / (1 - 1 / (most + rest))
    return most


def most_beside(portion: float, gain: float, loss: float) -> float:
    """The most in favour of a possible portion of all events, where an event is worth ``gain`` to one side, ``loss`` to the other.

    A clump is the candidate's with a probability of ``portion`` and brings ``min(c gain, x)``, or takes back ``c loss``. The worst
    size is ``x / gain``: this is the ``x`` above 0 for which the mean factor comes to 1 at it.
    """
    most, ratio = -log(portion), loss / gain
    for _ in range(ROUNDS):
        ours, theirs = portion * exp(most), (1 - portion) * exp(-most * ratio)
        most -= (ours + theirs - 1) / (ours - ratio * theirs)
    return most
