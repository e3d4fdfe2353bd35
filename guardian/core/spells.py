"""How long errors that come together go on coming, told from the past.

One query that hangs fails all that wait for it: at once, or one after the other, as their patience ends. Who looks more often than
that takes one accident for several looks that agree. How much an error says about those around it is seen from the index of
dispersion for counts (Cox and Lewis 1966): the variance of how many come in a window, in units of their mean. It is 1 for errors
that have nothing to do with each other, whatever the window, and the size of a clump where that lies within it. So it grows with
the window until that is as long as clumps last.
"""

from collections.abc import Sequence
from math import floor, sqrt

WINDOWS = (0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds. What goes on for longer than the last is an incident, which a judge should find."""
ALIKE = 0.75
"""A window that holds so much of what the best one does is long enough; of clumps as long as itself, it holds hardly any whole."""
TWICE = 2.0
"""So much more must a window hold than a look does."""
SURE = 5.0
"""Standard deviations by which the index must be above 1: an error seldom comes alone by chance, either."""


class Windows:
    """The windows of one total that are open, and how much has come in each so far."""

    def __init__(self) -> None:
        self._open = [(0, 0)] * len(WINDOWS)

    def add(self, at: float, count: int) -> list[int]:
        """By how much ``count`` more, ``at`` some second, raise the sums of squares: that of looks, then that of each window."""
        grown = [count * count]
        for number, seconds in enumerate(WINDOWS):
            window = floor(at / seconds)
            begun, known = self._open[number]
            known = known if begun == window else 0
            grown.append(count * (2 * known + count))
            self._open[number] = window, known + count
        return grown


def spell(events: int, looks: int, seconds: float, squares: Sequence[int]) -> float:
    """How long clumps of errors last, in seconds, as one of :data:`WINDOWS`; 0 where, as far as is known, no longer than a look.

    ``events`` came in ``looks`` looks of ``seconds`` altogether; ``squares`` are the sums of squares as of :meth:`Windows.add`.
    """
    numbers = (looks, *(seconds / window for window in WINDOWS))
    if not events or min(numbers) < 1.0:
        return 0.0
    indices = [square / events - events / number for square, number in zip(squares, numbers, strict=True)]
    best = max(indices)
    chance = 1.0 + SURE * sqrt(2.0 / numbers[indices.index(best)])
    if best < max(chance, TWICE * indices[0]):
        return 0.0
    return next(window for window, index in zip((0.0, *WINDOWS), indices, strict=True) if index >= ALIKE * best)
