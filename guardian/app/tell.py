"""Telling: every announcement goes to the log, and to whoever follows the feed (the shell's ``--wait``, later the chat)."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass

from guardian.core.words.story import Announcement, Severity

logger = logging.getLogger(__name__)

_LEVELS = {Severity.INFO: logging.INFO, Severity.WARNING: logging.WARNING, Severity.ALARM: logging.ERROR}
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


class Feed:
    """The announcements of this run of the program, in order, for any number of followers."""

    def __init__(self) -> None:
        self._told: deque[Told] = deque(maxlen=REMEMBERED)
        self._number = 0
        self._news = asyncio.Event()

    def tell(self, at: float, service: str, deployment: str | None, phase: str | None, announcement: Announcement) -> None:
        """Tell one announcement to the log and to all followers."""
        self._number += 1
        told = Told(self._number, at, service, deployment, phase, announcement)
        self._told.append(told)
        extra = {"service": service, "deployment": deployment, "phase": phase}
        logger.log(_LEVELS[announcement.severity], "%s", announcement.sentence, extra=extra)
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
