"""What a start that has much to do with its records says meanwhile, so that the service manager waits for it."""

import time
from collections.abc import Callable

EVERY_SECONDS = 1.0
"""Between two words; an hour of work is not a flood."""
PATIENCE_SECONDS = 60.0
"""How long the next word may take: the work's own parts are far shorter, and a disk that hangs is not waited for."""

Tell = Callable[[float, str], None]
"""Takes the seconds that the start goes on at the least, and a sentence."""


def silent(seconds: float, sentence: str) -> None:
    """Nobody waits."""
    del seconds, sentence


class Progress:
    """Passes on to ``tell`` that the work goes on, now and then."""

    def __init__(self, tell: Tell) -> None:
        self._tell, self._begun, self._told = tell, time.monotonic(), -EVERY_SECONDS

    def begin(self, sentence: str, seconds: float = PATIENCE_SECONDS) -> None:
        """A part begins; its first word may take so long."""
        self._begun = self._told = time.monotonic()
        self._tell(seconds, sentence)

    def goes_on(self, sentence: Callable[[float], str]) -> None:
        """Some of the part is done. ``sentence`` takes the seconds since its beginning."""
        now = time.monotonic()
        if now - self._told >= EVERY_SECONDS:
            self._told = now
            self._tell(PATIENCE_SECONDS, sentence(now - self._begun))
