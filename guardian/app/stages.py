"""Work around a switch, in the background: one stage of a service at a time, ended by its deadline, its lines told as they come."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from guardian.core.events import Event
from guardian.core.parity import Comparison
from guardian.core.ports import Clock, StageJob, StageResult, StageRunner
from guardian.core.release_events import StageEnded, StageProgressed
from guardian.core.strategy import StageKind
from guardian.core.words import work as words

logger = logging.getLogger(__name__)

MOST_LINES = 200
"""Lines of one stage that are recorded; a playbook that prints a gigabyte does not fill the journal."""
LONGEST_LINE = 300
LONGEST_SUMMARY = 1000

Report = Callable[[str, Event], Awaitable[object]]


class NoStages:
    """The :class:`StageRunner` of an installation that only moves traffic."""

    def offers(self, service: str) -> Mapping[StageKind, float]:
        """Nothing."""
        del service
        return {}

    async def run(self, job: StageJob, progress: Callable[[str], None]) -> StageResult:
        """What an earlier configuration asked for cannot be done any more."""
        del progress
        return StageResult(ok=False, summary=words.not_configured(job.service, job.kind))

    async def compare(self, service: str) -> Comparison | None:
        """Nothing says how."""
        del service
        return None


class Stages:
    """At most one job per service. What is cut short when guardian stops is given again at the next start."""

    def __init__(self, runner: StageRunner, clock: Clock, report: Report) -> None:
        self._runner, self._clock, self._report = runner, clock, report
        self._jobs: dict[str, StageJob] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def begin(self, job: StageJob) -> None:
        """Do ``job`` in the background, after what is still ending; where it is being done already, let it be."""
        before = self._tasks.get(job.service)
        if before and not before.done() and self._jobs.get(job.service) == job:
            return
        self.cancel(job.service)
        self._jobs[job.service] = job
        self._tasks[job.service] = asyncio.create_task(self._do(job, before), name=f"{job.kind} {job.deployment}")

    def cancel(self, service: str) -> None:
        """End the job of ``service``. Nobody waits for that: least of all a rollback."""
        self._jobs.pop(service, None)
        if task := self._tasks.get(service):
            task.cancel()

    async def aclose(self) -> None:
        """Cut short what is under way, and return when all that it started has ended."""
        for service in self._tasks:
            self.cancel(service)
        if tasks := tuple(self._tasks.values()):
            await asyncio.wait(tasks)

    async def _do(self, job: StageJob, before: "asyncio.Task[None] | None") -> None:
        lines: asyncio.Queue[str] = asyncio.Queue()
        telling = asyncio.create_task(self._tell(job, lines))
        try:
            result = await self._result(job, before, lines.put_nowait)
            await lines.join()
        finally:
            telling.cancel()
        now, summary = self._clock.now(), _line(result.summary, LONGEST_SUMMARY)
        ended = StageEnded(now, job.deployment, job.kind, job.number, result.ok, summary, result.details)
        await asyncio.shield(asyncio.ensure_future(self._report(job.service, ended)))

    async def _result(self, job: StageJob, before: "asyncio.Task[None] | None", progress: Callable[[str], None]) -> StageResult:
        left = job.deadline - self._clock.now()
        try:
            async with asyncio.timeout(max(0.0, left)):
                if before:
                    await asyncio.wait({before})
                return await self._runner.run(job, progress)
        except TimeoutError:
            return StageResult(ok=False, summary=words.took_too_long(job.kind))
        except Exception as error:  # the border to code of others (Ansible): a stage always has an end
            logger.exception("%s", words.broke(job.deployment, job.kind))
            return StageResult(ok=False, summary=words.broken(f"{type(error).__name__}: {error}"))

    async def _tell(self, job: StageJob, lines: "asyncio.Queue[str]") -> None:
        told = 0
        while True:
            line = _line(await lines.get(), LONGEST_LINE)
            told += 1
            if line and told <= MOST_LINES:
                line = words.no_more_lines(MOST_LINES) if told == MOST_LINES else line
                await self._report(job.service, StageProgressed(self._clock.now(), job.deployment, job.number, line))
            lines.task_done()


def _line(text: str, longest: int) -> str:
    """``text`` on one line, without what would deceive whoever reads it, and not too long."""
    plain = " ".join("".join(character if character.isprintable() else " " for character in text[: 4 * longest]).split())
    return plain if len(plain) <= longest else f"{plain[: longest - 1]}…"
