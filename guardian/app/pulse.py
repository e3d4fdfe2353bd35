"""Guardian's signs of life, for whoever listens from outside: sent after completed evaluations, and not by a timer alone."""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from guardian.core.deployment import ServiceState
from guardian.core.words.story import split_of

PULSE_SECONDS = 60.0
"""Between two signs of life: the least that Sentry's monitors know."""


class Listener(Protocol):
    """Who hears them."""

    def check_in(self, *, well: bool) -> None:
        """A sign of life; it must not block. ``well``: since the last one, something was looked at and judged to the end."""


class Pulse:
    """Tells a listener once a minute whether the watch does its work."""

    def __init__(self, listener: Listener, evaluations: Callable[[], int]) -> None:
        self._listener, self._evaluations = listener, evaluations
        self._seen = self._turns = 0

    async def turn(self) -> None:
        """One sign of life; the first turn comes with the start, where nothing can have been evaluated yet."""
        seen, self._seen, self._turns = self._seen, self._evaluations(), self._turns + 1
        if self._seen or self._turns > 1:
            self._listener.check_in(well=self._seen > seen)


def goes_on(states: Iterable[ServiceState]) -> Mapping[str, Mapping[str, str]]:
    """What an error of guardian's should be read beside, by service."""
    return {state.service: {"split": split_of(state.live), **_deployment(state)} for state in states}


def _deployment(state: ServiceState) -> dict[str, str]:
    current = state.deployment
    return {"deployment": current.id, "phase": str(current.phase)} if current else {}
