"""Readings kept as evidence, in as little memory as numbers take: a thousand watches keep millions of them."""

from array import array
from collections.abc import Iterator

Row = tuple[float, float, tuple[float, ...]]
"""When a look ended, the seconds that it covers, and the numbers that were read."""


class Rows:
    """Looks in the order in which they came."""

    def __init__(self) -> None:
        self._numbers = array("d")
        self._lengths = array("B")

    def add(self, at: float, seconds: float, numbers: tuple[float, ...]) -> None:
        """One more look. Counts stay exact: a float holds every whole number up to 2 ** 53."""
        self._numbers.extend((at, seconds, *numbers))
        self._lengths.append(len(numbers))

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[Row]:
        """Every look, whole numbers as such."""
        start = 0
        for length in self._lengths:
            at, seconds, *numbers = self._numbers[start : start + 2 + length]
            yield at, seconds, tuple([int(number) if number.is_integer() else number for number in numbers])
            start += 2 + length

    def drop(self, looks: int) -> None:
        """Forget the oldest ``looks``."""
        del self._numbers[: 2 * looks + sum(self._lengths[:looks])]
        del self._lengths[:looks]
