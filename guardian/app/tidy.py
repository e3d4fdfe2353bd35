"""Keeping the records from growing for ever: part by part, at quiet moments, so that no release and no rollback waits for it."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from guardian.core.deployment import ServiceState
from guardian.core.ports import Clock

TIDY_SECONDS = 600.0
"""Between two turns."""
TURN_SECONDS = 60.0
"""How long a turn begins new parts; what is left then is done by the next."""
PATIENCE_SECONDS = 86_400.0
"""Where there is never a quiet moment, it is done all the same after this long."""
NEWEST = 50
"""Deployments of each service that are kept with their evidence, whatever their age."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """For how many seconds what is kept."""

    journal: float
    """Entries and deployments; older entries go into the archive."""
    evidence: float


class Housekeeper(Protocol):
    """What can be done: each call does a part, says how much, and raises :class:`~guardian.core.ports.StoreError`."""

    def prune(self, before: float, keep: int) -> int:
        """Forget evidence and cards of older deployments, but for the newest ``keep`` of each service."""

    def forget(self, before: float, keep: int) -> int:
        """Forget older deployments, but for the newest ``keep`` of each service."""

    def shrink(self) -> int:
        """Give room back to the disk."""

    def archive(self, before: float, at: float) -> int:
        """Move older entries of the journal into the archive; ``at`` is now."""


class Tidy:
    """Does the work of ``house`` while nothing is on trial in any of the ``states``."""

    def __init__(self, house: Housekeeper, states: Callable[[], Sequence[ServiceState]], clock: Clock, keeping: Keeping) -> None:
        self._house, self._states, self._clock, self._keeping = house, states, clock, keeping
        self._done_at = clock.now()

    async def turn(self) -> None:
        """Do what there is to do, for a while."""
        now = self._clock.now()
        evidence, journal = now - self._keeping.evidence, now - self._keeping.journal
        until = asyncio.get_running_loop().time() + TURN_SECONDS
        for part in (
            partial(self._house.prune, evidence, NEWEST),
            partial(self._house.forget, journal, NEWEST),
            self._house.shrink,
            partial(self._house.archive, journal, now),  # the last, since it may fail for a reason of its own
        ):
            while self._may() and asyncio.get_running_loop().time() < until:
                if not await asyncio.to_thread(part):
                    break
            else:
                return
        self._done_at = now

    def _may(self) -> bool:
        """Whether nothing goes on that could wait for the records, or that has been so for too long."""
        quiet = not any(state.deployment and state.deployment.phase.active for state in self._states())
        return quiet or self._clock.now() - self._done_at > PATIENCE_SECONDS
