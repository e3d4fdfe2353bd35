"""How long errors that come together go on coming, told from the past.

One query that hangs fails all that wait for it: at once, or one after the other, as their patience ends. Who looks more often than
that takes one accident for several looks that agree. How much an error says about those around it is seen from the index of
dispersion for counts (Cox and Lewis 1966): the variance of how many come in a window, in units of their mean. It is 1 for errors
that have nothing to do with each other, whatever the window, and the size of a clump where that lies within it. So it grows with
the window until that is as long as clumps last.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, sqrt

WINDOWS = (0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds."""
ENDLESS = 1.75
"""So much more above 1 in the longest window than in the one before means that what was seen went on for longer than either: it was
an incident, and such a judge should find, or a rate that rose and fell. Of clumps as long as the longest window it is 1.6, of what
goes on for ever 2."""
ALIKE = 0.75
"""A window that holds so much of what the best one does is long enough; of clumps as long as itself, it holds hardly any whole."""
TWICE = 2.0
"""So much more must a window hold than a look does."""
SURE = 5.0
"""Standard deviations by which the index must be above 1: an error seldom comes alone by chance, either."""
COMPANY = 4.0
"""The index from which on errors come together for sure, however few looks there were."""


class Windows:
    """The windows of one total that are open, and how much has come in each so far."""

    def __init__(self) -> None:
        self._open = [(0, 0)] * len(WINDOWS)

    def add(self, at: float, count: int) -> list[int]:
        """By how much ``count`` more, ``at`` some second, raise the sums of squares of all windows."""
        grown = []
        for number, seconds in enumerate(WINDOWS):
            window = floor(at / seconds)
            begun, known = self._open[number]
            known = known if begun == window else 0
            grown.append(count * (2 * known + count))
            self._open[number] = window, known + count
        return grown


@dataclass(frozen=True, slots=True)
class Seen:
    """What looks of one kind saw of one trouble."""

    looks: float = 0.0
    """Where they were not equally long, how many that were would be as uneven: one that is longer holds more anyway."""
    seconds: float = 0.0
    """Between them, altogether."""
    events: int = 0
    squares: Sequence[int] = ()
    """The sums of squares of how much came in a look, and in each of :data:`WINDOWS`, where the looks are shorter than those."""

    @property
    def indices(self) -> list[float]:
        """The index of dispersion of looks and of windows."""
        if not self.events:
            return []
        numbers = (self.looks, *(self.seconds / window for window in WINDOWS))
        return [square / self.events - self.events / number for square, number in zip(self.squares, numbers, strict=False)]


def spell(close: Seen, far: Seen) -> float:
    """How long clumps of errors last, in seconds, as one of :data:`WINDOWS`; 0 where, as far as is known, no longer than a look.

    ``close`` is what looks saw that are shorter than any window. Clumps of a size that only looks ``far`` apart have seen may have
    lasted for as long as one of those.
    """
    size, indices = max(far.indices, default=0.0), close.indices
    if size >= COMPANY and max(indices, default=0.0) < size / 2:
        return max((window for window in WINDOWS if window * far.looks <= far.seconds), default=0.0)
    if not indices or close.seconds < WINDOWS[-1]:
        return 0.0
    best = max(indices)
    windows = close.looks if best == indices[0] else close.seconds / WINDOWS[indices.index(best) - 1]
    if best < max(1.0 + SURE * sqrt(2.0 / windows), TWICE * indices[0]) or indices[-1] - 1.0 > ENDLESS * (indices[-2] - 1.0):
        return 0.0
    return next(window for window, index in zip((0.0, *WINDOWS), indices, strict=True) if index >= ALIKE * best)
