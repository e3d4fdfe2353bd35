"""The schedule: jobs run at once and again, fail without harm, are cut off when they hang, and survive a clock that is set."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from apscheduler.events import EVENT_JOB_MAX_INSTANCES, JobEvent

from guardian.app import schedule as schedules
from guardian.app.clock import SteadyClock
from guardian.app.schedule import Schedule
from tests.waiting import eventually

Run = Callable[[Schedule], None]


class SettableClock(SteadyClock):
    """A steady clock beside a wall clock that a test sets."""

    wall = 0.0

    def stepped(self) -> float:
        """By how many seconds the wall clock was set."""
        return self.wall


class Job:
    """A job that counts its turns."""

    def __init__(self, work: Callable[[], Awaitable[None]] | None = None) -> None:
        self.turns = 0
        self._work = work

    async def __call__(self) -> None:
        """One turn."""
        self.turns += 1
        if self._work:
            await self._work()

    async def reaches(self, turns: int) -> None:
        """Wait for that many turns."""

        async def reached() -> bool:
            return self.turns >= turns

        await eventually(reached)


@pytest.fixture
async def run() -> AsyncIterator[Run]:
    """Run schedules until the end of the test."""
    tasks: list[asyncio.Task[None]] = []
    yield lambda schedule: tasks.append(asyncio.create_task(schedule.run()))
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


@pytest.mark.parametrize("step", [-3600.0, 3600.0])
async def test_a_clock_that_is_set_does_not_stop_the_jobs(
    run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, step: float
) -> None:
    """Set back an hour, APScheduler alone would be silent for one; the guard has every job run at once, and says so."""
    monkeypatch.setattr(schedules, "GUARD_EVERY", 0.01)
    clock, job = SettableClock(), Job()
    schedule = Schedule(clock)
    schedule.every(3600.0, "hourly", job, deadline=1.0)
    run(schedule)
    await job.reaches(1)
    with caplog.at_level(logging.WARNING):
        clock.wall = step
        await job.reaches(2)
    assert f"set {'back' if step < 0 else 'forward'} by 1 h" in caplog.text


async def test_slewing_is_no_step(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What NTP corrects a little at a time does not re-arm anything."""
    monkeypatch.setattr(schedules, "GUARD_EVERY", 0.005)
    clock, job, beat = SettableClock(), Job(), Job()
    schedule = Schedule(clock)
    schedule.every(3600.0, "hourly", job, deadline=1.0)
    schedule.every(0.02, "beat", beat, deadline=1.0)
    run(schedule)
    await job.reaches(1)
    clock.wall = 0.5
    await beat.reaches(5)
    assert job.turns == 1


async def test_a_job_that_fails_is_told_and_runs_again(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """With its name and why."""

    async def fail() -> None:
        raise ValueError("no such thing")

    job = Job(fail)
    schedule = Schedule(SteadyClock())
    schedule.every(0.02, "clumsy", job, deadline=1.0)
    run(schedule)
    await job.reaches(3)
    assert "job clumsy: failed: no such thing" in caplog.text


async def test_a_job_that_hangs_is_cut_off_and_runs_again(run: Run) -> None:
    """Its deadline ends it."""

    async def hang() -> None:
        await asyncio.Event().wait()

    job = Job(hang)
    schedule = Schedule(SteadyClock())
    schedule.every(0.02, "stuck", job, deadline=0.02)
    run(schedule)
    await job.reaches(3)


async def test_a_job_that_takes_longer_than_its_interval_does_not_fill_the_log(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """A balancer that hangs makes every turn long: that turns are skipped is told, and not at each of them."""
    skipped = 0

    async def long() -> None:
        nonlocal skipped
        before = skipped
        await eventually(lambda: _at_least(before + 2))

    async def _at_least(number: int) -> bool:
        return skipped >= number

    job, schedule = Job(long), Schedule(SteadyClock())
    schedule.every(0.02, "long", job, deadline=20.0)

    def count(event: JobEvent) -> None:
        nonlocal skipped
        skipped += event.code == EVENT_JOB_MAX_INSTANCES

    schedule._scheduler.add_listener(count)
    with caplog.at_level(logging.ERROR):
        run(schedule)
        await job.reaches(4)
    assert [record.getMessage() for record in caplog.records if "still running" in record.getMessage()] == [
        "job long: is still running from its last turn; this turn is skipped"
    ]
