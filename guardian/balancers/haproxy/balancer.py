"""HAProxy on this host, as the port :class:`guardian.core.ports.Balancer` describes it."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

from guardian.balancers.haproxy import abilities, counters, servers
from guardian.balancers.haproxy.alteration import Blocks
from guardian.balancers.haproxy.document import load
from guardian.balancers.haproxy.ending import Leaver
from guardian.balancers.haproxy.held import Held
from guardian.balancers.haproxy.likeness import likeness
from guardian.balancers.haproxy.mapfile import PATIENCE, MapFile
from guardian.balancers.haproxy.master import Master
from guardian.balancers.haproxy.routing import Router
from guardian.balancers.haproxy.runtime import Runtime, safe_name, safe_path
from guardian.core.model import Environment, Service, Split
from guardian.core.ports import About, BalancerError, BalancerUnfit, Health, Left, Routed, Server, WorkerSplit
from guardian.core.readings import Snapshot
from guardian.core.words import adoption as adoption_words
from guardian.core.words import balancer as words

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

ROUTE_PATIENCE = 2.0
"""How many times the deadline of one call a change of routing may take with all its rounds."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where HAProxy is reached."""

    socket: Path
    """The stats socket, of any level: the file's mode decides who may command."""
    map: Path
    """The map file that guardian owns, by the path that stands in haproxy.cfg."""
    master_socket: Path | None = None
    """Without it, workers that linger after a reload are reached on connections that were open to them before."""
    timeout: float = 1.0
    """Seconds that one call may take, more than 0."""
    files: tuple[Path, ...] = ()
    """HAProxy's configuration as its ``-f`` names it, where guardian may read it: a changed block is noticed in it."""


class HAProxy:
    """One HAProxy and the services that it routes. Every method is safe to be called concurrently, and to be cancelled."""

    def __init__(self, endpoints: Endpoints, services: Iterable[Service]) -> None:
        """:class:`BalancerUnfit` for a path that cannot stand in a HAProxy command."""
        path = safe_path(endpoints.map)
        self._endpoints = endpoints
        self._services = {service.name: service for service in services}
        self._runtime = Runtime(endpoints.socket, endpoints.timeout)
        master = endpoints.master_socket
        self._others = Master(master, endpoints.timeout) if master else Held(self._runtime, endpoints.timeout)
        self._leaver = Leaver(self._runtime, self._others)
        self._router = Router(self._runtime, self._others, path, ROUTE_PATIENCE * endpoints.timeout)
        self._file = MapFile(path)
        self._blocks = Blocks(endpoints.files, path)
        self._table = counters.Table()

    async def snapshot(self, backends: Sequence[str]) -> Snapshot:
        """The counters of ``backends``, on a connection that is kept for the next call."""
        answers = await self._runtime.look(*counters.questions([safe_name(backend) for backend in backends]))
        taken = time.monotonic()
        return Snapshot(taken, answers.worker.name, self._table.counters(backends, answers.texts))

    async def health(self, backend: str) -> Health:
        """Whether ``backend`` can take traffic, and the state of its servers if not."""
        answers = await self._runtime.ask(f"show stat {safe_name(backend)} {counters.SERVERS_TOO} -1")
        return self._table.health(backend, answers.texts[0])

    async def read(self, service: str) -> tuple[WorkerSplit, ...]:
        """The split of ``service`` in every worker that answers, the current one first."""
        return await self._router.read(self._service(service))

    async def route(self, service: str, split: Split) -> Routed:
        """Give ``service`` this ``split`` in every worker; see :meth:`guardian.balancers.haproxy.routing.Router.route`."""
        return await self._router.route(self._service(service), split)

    async def stored(self, service: str) -> Split | None:
        """The split in the map file; ``None`` without a file, or without a line for ``service``."""
        return await self._on_disk(self._file.read, self._service(service).name)

    async def store(self, service: str, split: Split) -> None:
        """Write ``split`` into the map file, creating it if need be. When cancelled, the write still comes to its end."""
        await self._on_disk(self._file.write, self._service(service).name, split)

    async def storable(self, service: str) -> None:
        """Whether the map file could be written now; nothing is written."""
        self._service(service)
        await self._on_disk(self._file.check)

    async def leave(self, service: str, environment: Environment, *, cut: bool) -> Left:
        """Deal with what the abandoned ``environment`` still has; see :class:`guardian.balancers.haproxy.ending.Leaver`."""
        return await self._leaver.leave(self._service(service), environment, cut=cut)

    async def about(self, service: str) -> About:
        """HAProxy's version and what it is able to. :class:`BalancerUnfit` before 2.4."""
        self._service(service)
        answers = await self._runtime.ask("show info")
        return abilities.about(answers.texts[0], master=self._endpoints.master_socket is not None)

    async def servers(self, backend: str) -> tuple[Server, ...]:
        """The servers of ``backend``, their addresses and their states."""
        state, stat = (await self._runtime.ask(*servers.questions(safe_name(backend)))).texts
        return servers.servers(backend, state, stat)

    async def described(self, service: str) -> Mapping[Environment, tuple[str, ...]]:
        """What haproxy.cfg says of both backends; empty where no file is named."""
        if not self._endpoints.files:
            return {}
        return await self._on_disk(self._described, self._service(service))

    def _described(self, service: Service) -> Mapping[Environment, tuple[str, ...]]:
        try:
            return likeness(load(self._endpoints.files), service)
        except OSError as error:
            path = Path(error.filename or self._endpoints.files[0])
            raise BalancerError(adoption_words.unreadable(path, error.strerror or str(error))) from error

    async def altered(self, service: str) -> str:
        """What differs from the block that guardian wrote; empty where nothing does, or no file is named."""
        if not self._endpoints.files:
            return ""
        return await self._on_disk(self._blocks.altered, self._service(service))

    async def aclose(self) -> None:
        """Close all connections. The balancer goes on as it is."""
        self._runtime.close()
        await self._others.aclose()

    def _service(self, name: str) -> Service:
        if name not in self._services:
            raise BalancerUnfit(words.unknown_service(name))
        safe_name(name)
        return self._services[name]

    async def _on_disk(self, work: Callable[Arguments, Result], *arguments: Arguments.args, **named: Arguments.kwargs) -> Result:
        """Do ``work`` in a thread: even a rename may stall while the disk is busy, and nothing else may wait for it."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await asyncio.to_thread(work, *arguments, **named)
        except TimeoutError as error:
            raise BalancerError(words.disk_silent(self._endpoints.map, PATIENCE)) from error
