"""Whether a loop that waits for others goes round: whoever is within the deadline of its step does."""

import time
from collections.abc import Callable
from math import inf

GRACE = 10.0
"""Seconds past its deadline after which a step is stuck, on however busy a host."""


class Stride:
    """The steps of a loop, each of which says how long it may take."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic, self._until = monotonic, inf

    def step(self, seconds: float) -> None:
        """A step begins that ends within so many seconds."""
        self._until = self._monotonic() + seconds + GRACE

    @property
    def stuck(self) -> bool:
        """Whether the last step has outstayed its deadline."""
        return self._monotonic() > self._until
