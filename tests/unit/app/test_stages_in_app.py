"""Stages in the background: told, ended by their deadline, cut off without anybody waiting, and one at a time."""

from collections.abc import Callable

import pytest

from guardian.app.clock import SteadyClock
from guardian.app.stages import LONGEST_LINE, MOST_LINES, NoStages, Stages
from guardian.core.events import Event
from guardian.core.model import Environment
from guardian.core.ports import StageJob
from guardian.core.release_events import StageEnded, StageProgressed
from guardian.core.strategy import StageKind
from tests.doubles.stages import FakeStages
from tests.waiting import until

DEADLINE = 20.0


class Desk:
    """Stages over a fake runner, and what they report."""

    def __init__(self) -> None:
        self.clock, self.runner = SteadyClock(), FakeStages()
        self.reports: list[Event] = []
        self.stages = Stages(self.runner, self.clock, self._report)

    async def _report(self, service: str, event: Event) -> None:
        assert service == "web"
        self.reports.append(event)

    def job(self, number: int = 1, seconds: float = 60.0) -> StageJob:
        """A job that must be done in so many seconds."""
        deadline = self.clock.now() + seconds
        return StageJob(StageKind.DEPLOY, "web", Environment.GREEN, "4.2", "web-1", number, "anna", deadline)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until ``condition`` holds."""
        await until(condition, DEADLINE)

    @property
    def last(self) -> StageEnded | None:
        """How the last stage ended."""
        ends = [event for event in self.reports if isinstance(event, StageEnded)]
        return ends[-1] if ends else None


@pytest.fixture
async def desk() -> Desk:
    """A fresh desk."""
    return Desk()


async def test_a_job_is_done_and_told_line_by_line(desk: Desk) -> None:
    """The lines come before the end, plain and short."""
    desk.stages.begin(desk.job())
    await desk.until(lambda: desk.runner.working is not None)
    desk.runner.say("TASK [install]", "\x1b[31mred\u202e", "x" * 1_000, "")
    desk.runner.end(summary="4 tasks\non 2 hosts")
    await desk.until(lambda: desk.last is not None)
    lines = [event.line for event in desk.reports if isinstance(event, StageProgressed)]
    assert lines == ["TASK [install]", "[31mred", f"{'x' * (LONGEST_LINE - 1)}…"]
    assert desk.last
    assert (desk.last.ok, desk.last.summary, desk.last.details) == (True, "4 tasks on 2 hosts", {"hosts": ["green1"]})
    assert isinstance(desk.reports[-1], StageEnded)


async def test_a_flood_of_lines_is_not_recorded(desk: Desk) -> None:
    """The last line that is recorded says so."""
    desk.stages.begin(desk.job())
    await desk.until(lambda: desk.runner.working is not None)
    desk.runner.say(*(f"line {number}" for number in range(5_000)))
    desk.runner.end()
    await desk.until(lambda: desk.last is not None)
    lines = [event.line for event in desk.reports if isinstance(event, StageProgressed)]
    assert len(lines) == MOST_LINES
    assert lines[-1] == "(more than 200 lines; the rest is not recorded)"


async def test_a_job_that_hangs_is_ended_at_its_deadline(desk: Desk) -> None:
    """Which is an absolute time: after a restart there may be none left."""
    for seconds in (0.05, -5.0):
        desk.stages.begin(desk.job(seconds=seconds))
        await desk.until(lambda: desk.last is not None)
        assert desk.last
        assert (desk.last.ok, desk.last.summary) == (False, "it did not end in the time that deploy may take, and was stopped")
        desk.reports.clear()


async def test_a_job_that_breaks_ends_as_a_failure(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """A deployment never hangs on a defect of ours; the log has it."""
    desk.stages.begin(desk.job())
    await desk.until(lambda: desk.runner.working is not None)
    desk.runner.break_off(RuntimeError("boom"))
    await desk.until(lambda: desk.last is not None)
    assert desk.last
    assert (desk.last.ok, desk.last.summary) == (False, "a defect of guardian's: RuntimeError: boom")
    assert "web-1: deploy broke off" in caplog.text


async def test_the_same_job_given_again_goes_on(desk: Desk) -> None:
    """It is not begun a second time while it runs."""
    job = desk.job()
    desk.stages.begin(job)
    await desk.until(lambda: desk.runner.working is not None)
    desk.stages.begin(job)
    desk.runner.end()
    await desk.until(lambda: desk.last is not None)
    assert desk.runner.jobs == [job]


async def test_a_job_that_is_cancelled_reports_nothing(desk: Desk) -> None:
    """And the next one begins only when it has ended."""
    first, second = desk.job(1), desk.job(2)
    desk.stages.begin(first)
    await desk.until(lambda: desk.runner.working is not None)
    desk.stages.cancel("web")
    desk.stages.begin(second)
    await desk.until(lambda: desk.runner.jobs == [first, second])
    assert desk.runner.ended == [first]
    await desk.stages.aclose()
    assert desk.runner.ended == [first, second]
    assert desk.last is None


async def test_an_installation_without_stages_says_so() -> None:
    """A job that an earlier configuration asked for fails with a sentence."""
    job = Desk().job()
    result = await NoStages().run(job, lambda _line: None)
    assert (result.ok, result.summary) == (False, "guardian.yaml says nothing of how to deploy web any more")
    assert NoStages().offers("web") == {}
