"""Stages whose work a test does: each job waits until it is told how it ends."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from guardian.core.parity import Comparison
from guardian.core.ports import StageJob, StageResult
from guardian.core.strategy import StageKind

ALL = {StageKind.DEPLOY: 900.0, StageKind.PARITY: 60.0, StageKind.VERIFY: 120.0, StageKind.RETIRE: 300.0}


@dataclass
class FakeStages:
    """The ``StageRunner`` in memory."""

    offered: Mapping[StageKind, float] = field(default_factory=lambda: dict(ALL))
    jobs: list[StageJob] = field(default_factory=list)
    """Every job that was begun, in order."""
    ended: list[StageJob] = field(default_factory=list)
    """Every job that was cancelled, in order."""
    comparing: Callable[[str], Awaitable[Comparison | None]] | None = None
    """Who compares environments; without one nothing says how."""
    _running: list[tuple[StageJob, asyncio.Future[StageResult], Callable[[str], None]]] = field(default_factory=list)

    def offers(self, service: str) -> Mapping[StageKind, float]:
        """As the protocol says."""
        return self.offered

    async def run(self, job: StageJob, progress: Callable[[str], None]) -> StageResult:
        """As the protocol says."""
        self.jobs.append(job)
        future: asyncio.Future[StageResult] = asyncio.get_running_loop().create_future()
        self._running.append((job, future, progress))
        try:
            return await future
        except asyncio.CancelledError:
            self.ended.append(job)
            raise
        finally:
            self._running = [each for each in self._running if each[1] is not future]

    async def compare(self, service: str) -> Comparison | None:
        """As the protocol says."""
        return await self.comparing(service) if self.comparing else None

    @property
    def working(self) -> StageKind | None:
        """What is being done now."""
        return self._running[0][0].kind if self._running else None

    def say(self, *lines: str) -> None:
        """Let the job that is under way tell something."""
        for line in lines:
            self._running[0][2](line)

    def end(self, *, ok: bool = True, summary: str = "done") -> None:
        """End the job that is under way."""
        self._running[0][1].set_result(StageResult(ok, summary, {"hosts": ["green1"]}))

    def break_off(self, error: Exception) -> None:
        """Let the job that is under way die by a defect."""
        self._running[0][1].set_exception(error)
