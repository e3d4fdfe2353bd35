"""Telling: every announcement goes to the log, and to whoever follows the feed (the shell's ``--wait``, later the chat)."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from guardian.core.deployment import Phase, ServiceState
from guardian.core.rules import Severity
from guardian.core.words.story import Announcement

logger = logging.getLogger(__name__)

_LEVELS = {Severity.INFO: logging.INFO, Severity.WARNING: logging.WARNING, Severity.CRITICAL: logging.ERROR}
REMEMBERED = 500
"""Announcements that a late follower can still read."""


@dataclass(frozen=True, slots=True)
class Told:
    """One announcement as it was told."""

    number: int
    at: float
    service: str
    deployment: str | None
    phase: str | None
    announcement: Announcement
    rollback_seconds: float | None = None
    """For the end of a rollback: from its order to the last worker's confirmation."""


class Feed:
    """The announcements of this run of the program, in order, for any number of followers."""

    def __init__(self) -> None:
        self._told: deque[Told] = deque(maxlen=REMEMBERED)
        self._number = 0
        self._news = asyncio.Event()
        self._listener: Callable[[Told], None] = lambda _told: None

    def connect(self, listener: Callable[[Told], None]) -> None:
        """Call ``listener``, which must not block, with everything that is told."""
        self._listener = listener

    def tell(self, at: float, state: ServiceState, announcement: Announcement | None) -> None:
        """Tell ``announcement``, if there is one, to the log and to all followers."""
        if announcement is None:
            return
        self._number += 1
        deployment = state.deployment
        identifier, phase = (deployment.id, str(deployment.phase)) if deployment else (None, None)
        over = deployment is not None and deployment.phase is Phase.ROLLED_BACK and deployment.ended_at == at
        seconds = deployment.rollback.seconds if over and deployment and deployment.rollback else None
        told = Told(self._number, at, state.service, identifier, phase, announcement, seconds)
        self._told.append(told)
        verdict = deployment.rollback.verdict if deployment and deployment.rollback else None
        extra = {"service": state.service, "deployment": identifier, "phase": phase, "rule": verdict and verdict.rule}
        extra["verdict"] = verdict.finding.value if verdict else phase if phase in (Phase.VERIFIED, Phase.UNVERIFIED) else None
        logger.log(_LEVELS[announcement.severity], "%s", announcement.text, extra=extra)
        self._listener(told)
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def follow(self, after: int = 0) -> AsyncIterator[Told]:
        """Every announcement with a number above ``after``, as it comes, without end. The oldest may be forgotten."""
        while True:
            news = self._news
            for told in tuple(self._told):
                if told.number > after:
                    after = told.number
                    yield told
            await news.wait()
