"""HAProxy on this host, as the port :class:`guardian.core.ports.Balancer` describes it."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from guardian.balancers.haproxy import abilities, counters, servers, trial
from guardian.balancers.haproxy.alteration import Blocks
from guardian.balancers.haproxy.document import load
from guardian.balancers.haproxy.ending import Leaver
from guardian.balancers.haproxy.gate import Door, Gate
from guardian.balancers.haproxy.held import Held
from guardian.balancers.haproxy.likeness import likeness
from guardian.balancers.haproxy.master import Master
from guardian.balancers.haproxy.reload import Reloader
from guardian.balancers.haproxy.rewriting import Place, Rewriter
from guardian.balancers.haproxy.routing import MapMemory, Router, VariableMemory
from guardian.balancers.haproxy.runtime import Runtime, safe_name, safe_path
from guardian.balancers.haproxy.testers import Doors
from guardian.balancers.haproxy.ways import ByMap, ByReload, on_disk
from guardian.core.model import Environment, Service, Split, Way
from guardian.core.ports import About, BalancerError, BalancerUnfit, Health, Left, Routed, Server, WorkerSplit
from guardian.core.readings import Snapshot
from guardian.core.shield import Savings
from guardian.core.words import adoption as adoption_words
from guardian.core.words import balancer as words
from guardian.core.words import reload

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
    state: Path | None = None
    """A directory of guardian's own, for what is to be remembered of the configuration."""
    unit: str = ""
    """HAProxy's systemd unit, by which it is reloaded where there is no master socket."""
    gate: Door | None = None
    """The way to root's program, for where guardian may not write the files."""
    load_unloaded: bool = False
    """Whether edits of others that HAProxy has not loaded may be loaded along."""


class _Way(Protocol):
    """How the split of a service reaches HAProxy, with the calls and errors of :class:`guardian.core.ports.Balancer`."""

    async def read(self, service: Service) -> tuple[WorkerSplit, ...]: ...

    async def route(self, service: Service, split: Split) -> Routed: ...

    async def stored(self, service: Service) -> Split | None: ...

    async def store(self, service: Service, split: Split) -> None: ...

    async def storable(self, service: Service) -> None: ...


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
        self._doors = Doors(path, self._runtime, self._services.values())
        memory = MapMemory(path, self._doors.closing)
        self._by_map = ByMap(path, Router(self._runtime, self._others, memory, ROUTE_PATIENCE * endpoints.timeout), memory)
        self._by_reload = self._reloading(path) if endpoints.files else None
        self._blocks = Blocks(endpoints.files, path)
        self._table = counters.Table()

    async def snapshot(self, backends: Sequence[str]) -> Snapshot:
        """The counters of ``backends``, on a connection that is kept for the next call."""
        answers = await self._runtime.look(*counters.questions([safe_name(backend) for backend in backends]))
        taken = time.monotonic()
        return Snapshot(taken, answers.worker.name, self._table.looked(backends, answers.texts, taken))

    async def health(self, backend: str) -> Health:
        """Whether ``backend`` can take traffic, and the state of its servers if not."""
        answers = await self._runtime.ask(f"show stat {safe_name(backend)} {counters.SERVERS_TOO} -1")
        return self._table.health(backend, answers.texts[0])

    async def read(self, service: str) -> tuple[WorkerSplit, ...]:
        """The split of ``service`` in every worker that answers, the current one first."""
        return await self._way(service).read(self._service(service))

    async def route(self, service: str, split: Split) -> Routed:
        """Give ``service`` this ``split`` in every worker, by its way: through the map, or by a reload."""
        return await self._way(service).route(self._service(service), split)

    async def stored(self, service: str) -> Split | None:
        """The split in the map file, or in the configuration; ``None`` where neither says anything of ``service``."""
        return await self._way(service).stored(self._service(service))

    async def store(self, service: str, split: Split) -> None:
        """Write ``split`` where a starting HAProxy reads it. When cancelled, the write still comes to its end."""
        await self._way(service).store(self._service(service), split)

    async def storable(self, service: str) -> None:
        """Whether that could be written now; nothing is written."""
        await self._way(service).storable(self._service(service))

    async def leave(self, service: str, environment: Environment, *, cut: bool) -> Left:
        """Deal with what the abandoned ``environment`` still has; see :class:`guardian.balancers.haproxy.ending.Leaver`."""
        return await self._leaver.leave(self._service(service), environment, cut=cut)

    async def about(self, service: str) -> About:
        """HAProxy's version and what it is able to. :class:`BalancerUnfit` where it is too old for this service."""
        by_reload = self._service(service).routing.way is Way.RELOAD
        answers = await self._runtime.ask("show info")
        found = abilities.about(answers.texts[0], master=self._endpoints.master_socket is not None, by_reload=by_reload)
        if self._service(service).shield:
            able = await self.savings(service, Environment.GREEN) is not None
            found = abilities.with_shield(found, service, able=able)
        return await self._reloads(self._service(service), found) if by_reload else found

    async def servers(self, backend: str) -> tuple[Server, ...]:
        """The servers of ``backend``, their addresses and their states."""
        state, stat = (await self._runtime.ask(*servers.questions(safe_name(backend)))).texts
        return servers.servers(backend, state, stat)

    async def described(self, service: str) -> Mapping[Environment, tuple[str, ...]]:
        """What haproxy.cfg says of both backends; empty where no file is named."""
        if not self._endpoints.files:
            return {}
        return await on_disk(self._described, self._service(service))

    def _described(self, service: Service) -> Mapping[Environment, tuple[str, ...]]:
        try:
            return likeness(load(self._endpoints.files), service)
        except OSError as error:
            path = Path(error.filename or self._endpoints.files[0])
            raise BalancerError(adoption_words.unreadable(path, error.strerror or str(error))) from error

    async def admit(self, service: str, environment: Environment) -> Mapping[str, str]:
        """Open the testers' way; see :class:`guardian.balancers.haproxy.testers.Doors`."""
        return await self._doors.admit(self._service(service), environment)

    async def dismiss(self, service: str) -> None:
        """Close the testers' way."""
        await self._doors.dismiss(self._service(service))

    async def savings(self, service: str, candidate: Environment) -> Savings | None:
        """What the worker in service has counted in front of ``candidate``, and behind."""
        known = self._service(service)
        answers = await self._runtime.ask(
            f"show stat {trial.backend(known, candidate)} {counters.SERVERS_TOO} -1",
            f"show stat {trial.entrance(known, candidate)} {counters.FRONTENDS_ONLY} -1",
            f"show stat {safe_name(known.backend(candidate))} {counters.BACKENDS_ONLY} -1",
        )
        return self._table.savings(answers.worker.name, known.backend(candidate.other), answers.texts)

    async def altered(self, service: str) -> str:
        """What differs from the block that guardian wrote; empty where nothing does, or no file is named."""
        if not self._endpoints.files:
            return ""
        return await on_disk(self._blocks.altered, self._service(service))

    async def aclose(self) -> None:
        """Close all connections. The balancer goes on as it is."""
        if self._by_reload:
            await self._by_reload.aclose()
        await self._runtime.aclose()
        await self._others.aclose()

    @property
    def rewriter(self) -> Rewriter:
        """Who changes the configuration, without the gate. :class:`BalancerUnfit` where it is not named."""
        if self._by_reload is None:
            raise BalancerUnfit(reload.no_files(", ".join(self._services)))
        return self._by_reload.rewriter

    def _service(self, name: str) -> Service:
        if name not in self._services:
            raise BalancerUnfit(words.unknown_service(name))
        safe_name(name)
        return self._services[name]

    async def _reloads(self, service: Service, found: About) -> About:
        """With what is told of a service that is routed by reload; looked at so often that what HAProxy has loaded is known."""
        edited = await self._by_reload.observe(service) if self._by_reload else []
        lacks = (*found.lacks, *((reload.waits_for_edits(edited),) if edited else ()))
        return replace(found, abilities=(*found.abilities, reload.moves_by_reload()), lacks=lacks)

    def _way(self, name: str) -> _Way:
        service = self._service(name)
        if service.routing.way is Way.RUNTIME:
            return self._by_map
        if self._by_reload is None:
            raise BalancerUnfit(reload.no_files(name))
        return self._by_reload

    def _reloading(self, path: Path) -> ByReload:
        given = self._endpoints
        router = Router(self._runtime, self._others, VariableMemory(), ROUTE_PATIENCE * given.timeout)
        services = tuple(service for service in self._services.values() if service.routing.way is Way.RELOAD)
        place = Place(given.files, path, given.state, given.load_unloaded, services)
        rewriter = Rewriter(place, Reloader(self._runtime, self._others, given.unit), router)
        return ByReload(router, rewriter, Gate(given.gate) if given.gate else None)
