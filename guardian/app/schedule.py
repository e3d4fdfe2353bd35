"""Everything that is not on the watch's beat, on APScheduler; and the guard against a clock that is set.

APScheduler reads the wall clock: set back by an hour, it would do nothing for an hour. The guard notices a step within a second
and has every job run at once.
"""

import asyncio
import datetime as dt
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from guardian.app.clock import SteadyClock
from guardian.core.words import upkeep
from guardian.core.words.figures import without_figures

logger = logging.getLogger(__name__)

STEP = 2.0
"""Seconds between wall and steady clock that count as a step; slewing by NTP stays far below."""
GUARD_EVERY = 1.0
AGAIN_SECONDS = 60.0
"""What goes wrong with a job at every turn is not told more often."""
GRACE = 10.0
"""Seconds past its deadline, or past its next turn, after which a job is stuck, on however busy a host."""

_TROUBLES = {
    EVENT_JOB_ERROR: "failed",
    EVENT_JOB_MISSED: "was missed",
    EVENT_JOB_MAX_INSTANCES: "is still running from its last turn; this turn is skipped",
}


@dataclass(slots=True)
class _Job:
    """What is known of a job's turns."""

    every: float
    deadline: float
    since: float
    """When its turn began, or the one before ended."""
    running: bool = False

    def stuck(self, now: float) -> bool:
        """Whether its deadline has not ended it, or its turn has not come."""
        return now - self.since > (self.deadline if self.running else self.every) + GRACE


class Schedule:
    """Named jobs at intervals. A job that hangs is cut off by its deadline, one that fails is told and runs again."""

    def __init__(self, clock: SteadyClock, turned: Callable[[str], None] = lambda _part: None) -> None:
        """``turned`` hears of every job whose turn has ended, well or not, and of the guard, which is called ``schedule``.

        The guard turns only while no job is stuck: one that its deadline does not end, or that is not begun any more.
        """
        self._clock, self._turned = clock, turned
        self._jobs: dict[str, _Job] = {}
        self._told: dict[str, float] = {}
        """When each trouble was told last, on the monotonic clock."""
        self._scheduler = AsyncIOScheduler(
            timezone=dt.UTC, job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        )
        self._scheduler.add_listener(lambda event: turned(event.job_id), EVENT_JOB_EXECUTED | EVENT_JOB_ERROR)
        self._scheduler.add_listener(self._trouble, EVENT_JOB_ERROR | EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES)

    def every(self, seconds: float, name: str, work: Callable[[], Awaitable[object]], *, deadline: float) -> None:
        """Do ``work`` every so many seconds, first at once; each turn ends after ``deadline`` seconds."""
        job = self._jobs[name] = _Job(seconds, deadline, self._clock.monotonic())

        async def turn() -> None:
            job.running, job.since = True, self._clock.monotonic()
            try:
                async with asyncio.timeout(deadline):
                    await work()
            finally:
                job.running, job.since = False, self._clock.monotonic()

        now = dt.datetime.now(dt.UTC)
        self._scheduler.add_job(turn, "interval", seconds=seconds, id=name, name=name, next_run_time=now)

    async def run(self) -> None:
        """Run the jobs until cancelled, and keep them running when the wall clock is set."""
        self._scheduler.start()
        known = self._clock.stepped()
        try:
            while True:
                await asyncio.sleep(GUARD_EVERY)
                if not self.stuck:
                    self._turned("schedule")
                step = self._clock.stepped()
                if abs(step - known) >= STEP:
                    logger.warning("%s", upkeep.clock_stepped(step - known))
                    self._rearm()
                    known = step
        finally:
            self._scheduler.shutdown(wait=False)

    @property
    def stuck(self) -> tuple[str, ...]:
        """The jobs that do not come to an end, or are not begun any more."""
        now = self._clock.monotonic()
        return tuple(sorted(name for name, job in self._jobs.items() if job.stuck(now)))

    def _rearm(self) -> None:
        now = dt.datetime.now(dt.UTC)
        for job in self._scheduler.get_jobs():
            job.modify(next_run_time=now)

    def _trouble(self, event: JobEvent) -> None:
        error = getattr(event, "exception", None)
        if isinstance(error, asyncio.CancelledError):
            return  # the program stops
        kind = _TROUBLES[event.code] + (f": {error or type(error).__name__}" if error is not None else "")
        said, now = upkeep.late_job(event.job_id, kind), self._clock.monotonic()
        self._told = {each: at for each, at in self._told.items() if now - at < AGAIN_SECONDS}
        if without_figures(said) not in self._told:
            self._told[without_figures(said)] = now
            logger.error("%s", said, extra={"job": event.job_id})
