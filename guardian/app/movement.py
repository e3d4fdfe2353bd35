"""Whether the traffic went where every worker says that it goes: seen in the counters, not believed."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from guardian.core.model import Environment
from guardian.core.readings import Tally
from guardian.core.words import upkeep

logger = logging.getLogger(__name__)

GRACE = 0.2
"""Seconds after the flip in which requests that were under way may still be counted on the abandoned side."""
PATIENCE = 3.0
"""Seconds after which a flip without the expected traffic is told."""


@dataclass(slots=True)
class Movement:
    """One flip of all traffic, held against the counters of the seconds after it."""

    to: Environment
    since: float
    """The confirmation by every worker, in monotonic seconds."""
    seen: int = 0
    stray: int = 0

    def look(self, start: float, requests: int, stray: int) -> None:
        """Count a look that began at ``start``: requests on the side that was chosen, and on the one that was left."""
        self.seen += requests
        if start - self.since >= GRACE:
            self.stray += stray

    def outcome(self, now: float) -> bool | None:
        """True: the traffic moved. False: it did not. ``None``: too early to say, or there is none."""
        waited = now - self.since
        if self.stray and waited >= PATIENCE:
            return False
        return True if self.seen and not self.stray and waited >= GRACE * 2 else None

    def over(self, now: float) -> bool:
        """Whether there is no more to be learnt."""
        return now - self.since >= PATIENCE or self.outcome(now) is not None


class Movements:
    """The latest flip of every service, until it is seen, or told, what came of it."""

    def __init__(self) -> None:
        self._of: dict[str, Movement] = {}

    def begin(self, service: str, movement: Movement) -> None:
        """Follow ``movement`` of ``service``, and none before it."""
        self._of[service] = movement

    @property
    def services(self) -> frozenset[str]:
        """Those that are followed."""
        return frozenset(self._of)

    def follow(self, service: str, start: float, now: float, tallies: Mapping[Environment, Tally]) -> None:
        """A look at ``service`` that began at ``start``, in monotonic seconds, brought these."""
        movement = self._of.get(service)
        if movement is None:
            return
        movement.look(start, tallies[movement.to].requests, tallies[movement.to.other].requests)
        if not movement.over(now):
            return
        del self._of[service]
        outcome, waited = movement.outcome(now), now - movement.since
        if outcome:
            logger.info("%s", upkeep.traffic_confirmed(service, movement.to, movement.seen, waited), extra={"service": service})
        elif outcome is False:
            logger.error("%s", upkeep.traffic_unmoved(service, movement.to, movement.stray, waited), extra={"service": service})
