"""The two ways in which a split reaches HAProxy, with the same calls: through the map, or by rewriting and reloading."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from guardian.balancers.haproxy import trial
from guardian.balancers.haproxy.gate import Gate
from guardian.balancers.haproxy.mapfile import PATIENCE, MapFile
from guardian.balancers.haproxy.rewriting import Changer, Rewriter
from guardian.balancers.haproxy.routing import MapMemory, Router
from guardian.core.model import Service, Split
from guardian.core.ports import BalancerError, Routed, WorkerSplit
from guardian.core.words import balancer as words
from guardian.core.words import reload

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


async def on_disk(work: Callable[Arguments, Result], *arguments: Arguments.args, **named: Arguments.kwargs) -> Result:
    """Do ``work`` in a thread: even a rename may stall while the disk is busy, and nothing else may wait for it."""
    async with in_time():
        return await asyncio.to_thread(work, *arguments, **named)


@asynccontextmanager
async def in_time() -> AsyncIterator[None]:
    """A deadline for what is done on the disk: :class:`BalancerError` tells of one that is missed."""
    try:
        async with asyncio.timeout(PATIENCE):
            yield
    except TimeoutError as error:
        raise BalancerError(words.disk_silent(PATIENCE)) from error


class ByMap:
    """Through the map: a change takes a millisecond, and nothing is reloaded."""

    def __init__(self, path: Path, router: Router, memory: MapMemory) -> None:
        """``memory`` is that of ``router``."""
        self._router, self._memory, self._file = router, memory, MapFile(path)

    async def read(self, service: Service) -> tuple[WorkerSplit, ...]:
        """The split in every worker that answers, the current one first."""
        return await self._router.read(service)

    async def route(self, service: Service, split: Split) -> Routed:
        """See :meth:`Router.route`."""
        return await self._router.route(service, split)

    async def stored(self, service: Service) -> Split | None:
        """The split in the map file; ``None`` without a file, or without a line for ``service``."""
        return await on_disk(self._file.read, service.name)

    async def store(self, service: Service, split: Split) -> None:
        """Write ``split`` into the map file, creating it if need be; the other side is on trial as soon as it has traffic.

        Where a worker cannot be told of that now, it is when it is next asked for its split.
        """
        number = trial.code(split.main.other if service.shield else None)
        self._memory.mark(service, number)
        await on_disk(self._file.write, service.name, split, number)
        with suppress(BalancerError):
            await self._router.read(service)

    async def storable(self, service: Service) -> None:
        """Whether the map file could be written now."""
        del service  # all of them stand in one file
        await on_disk(self._file.check)


class ByReload:
    """By rewriting HAProxy's configuration: by guardian itself, or through the gate where it may not write there.

    What has begun comes to its end, also when whoever ordered it is cancelled.
    """

    def __init__(self, router: Router, rewriter: Rewriter, gate: Gate | None) -> None:
        self._router, self.rewriter, self._gate = router, rewriter, gate
        self._working: set[asyncio.Task[Any]] = set()
        self._safe: dict[str, Split] = {}
        """What each service was to have written down, whether or not that could be done."""

    async def read(self, service: Service) -> tuple[WorkerSplit, ...]:
        """The split in every worker that answers, the current one first, as each has it from its configuration or was told."""
        return await self._router.read(service)

    async def route(self, service: Service, split: Split) -> Routed:
        """See :meth:`Rewriter.route`."""
        return await self._to_its_end(self._route(service, split, safe=self._safe.get(service.name) == split))

    async def _route(self, service: Service, split: Split, *, safe: bool) -> Routed:
        """The way back must be open whatever is wrong with the gate, a full disk among it: then every worker is told from here.

        So they are, too, while a change for somebody else is under way, which may take a minute; but that may still bring a worker
        with the other split, so nothing is proved before the turn has come.
        """
        changer = self._changer
        if safe and (self.rewriter.busy or (self._gate and self._gate.busy)):
            with suppress(BalancerError):
                await self._router.route(service, split)
        try:
            return await changer.route(service, split, safe=safe)
        except BalancerError as error:
            if changer is self.rewriter or not (safe or await self._stands(service, split)):
                raise
            try:
                return await self._router.route(service, split)
            except BalancerError as trouble:
                raise type(trouble)(reload.told_without_reload(service.name, split, f"{error}; {trouble}")) from error

    async def stored(self, service: Service) -> Split | None:
        """See :meth:`Rewriter.stored`."""
        async with in_time():
            return await self.rewriter.stored(service)

    async def _stands(self, service: Service, split: Split) -> bool:
        """Whether the files are known to have ``split``."""
        with suppress(BalancerError):
            return await self.stored(service) == split
        return False

    async def store(self, service: Service, split: Split) -> None:
        """See :meth:`Rewriter.store`. Where the files say so already, root's program is not started to find that out."""
        self._safe[service.name] = split
        with suppress(BalancerError):  # what cannot be read may still be written, or whoever writes says why not
            if await self.stored(service) == split:
                return
        await self._to_its_end(self._changer.store(service, split))

    async def storable(self, service: Service) -> None:
        """See :meth:`Rewriter.storable`."""
        await self._changer.storable(service)

    async def observe(self, service: Service) -> list[str]:
        """See :meth:`Rewriter.observe`."""
        return await self._changer.observe(service)

    async def aclose(self) -> None:
        """Wait for what has begun."""
        if self._working:
            await asyncio.wait(self._working)

    @property
    def _changer(self) -> Changer:
        return self.rewriter if self._gate is None or self.rewriter.may_write else self._gate

    async def _to_its_end(self, work: Coroutine[Any, Any, Result]) -> Result:
        task = asyncio.create_task(work)
        self._working.add(task)
        task.add_done_callback(self._working.discard)
        return await asyncio.shield(task)
