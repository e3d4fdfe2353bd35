"""A balancer in memory, whose health, counters, workers and failures a test sets; held to ``tests/contract/test_balancer.py``."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from guardian.core.model import Environment, Service, Split
from guardian.core.ports import About, BalancerError, BalancerUnfit, Health, Left, Routed, Server, WorkerSplit
from guardian.core.readings import Counters, Snapshot
from guardian.core.shield import Savings


@dataclass
class FakeWorker:
    """One worker: what it has in memory dies with it."""

    name: str
    splits: dict[str, Split]
    counters: dict[str, Counters]
    hears: bool = True
    """Whether it does what it is told; one that does not hangs."""


@dataclass
class FakeBalancer:
    """The ``Balancer`` in memory. ``workers[0]`` is the one in service, the others linger."""

    services: Sequence[Service]
    clock: Callable[[], float] = time.monotonic
    disk: dict[str, Split] = field(default_factory=dict)
    servers_up: dict[str, int] = field(default_factory=dict)
    """By backend; 1 for those that are not named."""
    failures: dict[str, BalancerError] = field(default_factory=dict)
    """What a call raises, by its name: ``snapshot``, ``health``, ``read``, ``route``, ``stored``, ``store``."""
    workers: list[FakeWorker] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)
    """Every change that was asked for, in order: ``("route", "web 10000")``, ``("store", "web 0")``."""
    left: dict[Environment, Left] = field(default_factory=dict)
    """What each environment still has when it is abandoned."""
    listed: dict[str, tuple[Server, ...]] = field(default_factory=dict)
    """The servers of a backend."""
    description: dict[Environment, tuple[str, ...]] = field(default_factory=dict)
    """What the configuration says of each environment."""
    saved: dict[Environment, Savings] = field(default_factory=dict)
    """What the shield of each candidate did."""
    alteration: str = ""
    """What was changed in the configuration."""
    births: int = 0

    def __post_init__(self) -> None:
        """Start with one worker."""
        self.reload()

    # What a test does to it.

    def reload(self, *, linger: bool = False) -> None:
        """A new worker takes over, with what is on disk and without a count; the old one lingers or is gone."""
        self.births += 1
        counters = {backend: Counters() for service in self.services for backend in (service.blue, service.green)}
        self.workers = [FakeWorker(f"worker-{self.births}", dict(self.disk), counters), *(self.workers if linger else ())]

    def count(self, backend: str, **more: int) -> None:
        """Add ``more`` to the counters of ``backend``; requests come when they are over, unless ``sessions`` says otherwise."""
        more.setdefault("sessions", more.get("requests", 0))
        counters = self.workers[0].counters
        counters[backend] = replace(counters[backend], **{name: getattr(counters[backend], name) + by for name, by in more.items()})

    def visit(self, service: Service, visits: int) -> dict[Environment, int]:
        """Good requests, divided as the split says, and counted."""
        green = visits * self.workers[0].splits.get(service.name, Split(0)).green // 10_000
        served = {Environment.BLUE: visits - green, Environment.GREEN: green}
        for environment, requests in served.items():
            self.count(service.backend(environment), requests=requests, responses_2xx=requests)
        return served

    # The protocol.

    async def snapshot(self, backends: Sequence[str]) -> Snapshot:
        """As the protocol says."""
        self._fail("snapshot")
        worker = self.workers[0]
        return Snapshot(
            self.clock(),
            worker.name,
            {backend: replace(worker.counters[self._known(backend)], servers_up=self._up(backend)) for backend in backends},
        )

    async def health(self, backend: str) -> Health:
        """As the protocol says."""
        self._fail("health")
        up = self._up(self._known(backend))
        return Health(up, "" if up else f"0 of 1 servers up: {backend}1 DOWN")

    async def read(self, service: str) -> tuple[WorkerSplit, ...]:
        """As the protocol says."""
        self._fail("read")
        self._served(service)
        return tuple(
            WorkerSplit(worker.name, worker.splits.get(service, Split(0)), current=worker is self.workers[0])
            for worker in self.workers
            if worker.hears
        )

    async def route(self, service: str, split: Split) -> Routed:
        """As the protocol says."""
        self._served(service)
        self.calls.append(("route", f"{service} {split.green}"))
        self._fail("route")
        for worker in self.workers:
            if worker.hears:
                worker.splits[service] = split
        if deaf := [worker.name for worker in self.workers if not worker.hears]:
            raise BalancerError(f"{deaf[0]} did not confirm")
        return Routed(split, tuple(worker.name for worker in self.workers), 0.0)

    async def stored(self, service: str) -> Split | None:
        """As the protocol says."""
        self._fail("stored")
        self._served(service)
        return self.disk.get(service)

    async def store(self, service: str, split: Split) -> None:
        """As the protocol says."""
        self._served(service)
        self.calls.append(("store", f"{service} {split.green}"))
        self._fail("store")
        self.disk[service] = split

    async def storable(self, service: str) -> None:
        """As the protocol says."""
        self._served(service)
        self._fail("storable")

    async def leave(self, service: str, environment: Environment, *, cut: bool) -> Left:
        """As the protocol says, with what a test has put into ``left``; a drain moves what waits, a cut closes what is open."""
        self._served(service)
        self._fail("leave")
        self.calls.append(("leave", f"{service} {environment}{' cut' if cut else ''}"))
        found = self.left.get(environment, Left())
        closed = found.open if cut else 0
        self.left[environment] = Left(open=found.open - closed)
        return Left(0, found.open - closed, found.queued, closed, found.trouble)

    async def about(self, service: str) -> About:
        """As the protocol says."""
        self._served(service)
        self._fail("about")
        return About("0.0", ("nothing that is not in memory",), ())

    async def servers(self, backend: str) -> tuple[Server, ...]:
        """As the protocol says: those of a test, or one a backend, up where ``servers_up`` says so."""
        self._fail("servers")
        up = self._up(self._known(backend)) > 0
        return self.listed.get(backend) or (Server(f"{backend}1", "127.0.0.1", 1, "UP" if up else "DOWN", up),)

    async def described(self, service: str) -> Mapping[Environment, tuple[str, ...]]:
        """As the protocol says, with what a test has put into ``description``."""
        self._served(service)
        self._fail("described")
        return self.description

    async def admit(self, service: str, environment: Environment) -> Mapping[str, str]:
        """As the protocol says; testers send a header."""
        self._served(service)
        self._fail("admit")
        self.calls.append(("admit", f"{service} {environment}"))
        return {"X-Guardian-Tester": "secret"}

    async def dismiss(self, service: str) -> None:
        """As the protocol says."""
        self._served(service)
        self._fail("dismiss")
        self.calls.append(("dismiss", service))

    async def savings(self, service: str, candidate: Environment) -> Savings | None:
        """As the protocol says, with what a test has put into ``saved``."""
        self._served(service)
        self._fail("savings")
        found = self.saved.get(candidate)
        return replace(found, worker=self.workers[0].name) if found else None

    async def altered(self, service: str) -> str:
        """As the protocol says, with what a test has put into ``alteration``."""
        self._served(service)
        return self.alteration

    def _fail(self, call: str) -> None:
        if call in self.failures:
            raise self.failures[call]

    def _up(self, backend: str) -> int:
        return self.servers_up.get(backend, 1)

    def _known(self, backend: str) -> str:
        if backend not in self.workers[0].counters:
            raise BalancerUnfit(f"no backend {backend}")
        return backend

    def _served(self, service: str) -> None:
        if service not in {known.name for known in self.services}:
            raise BalancerUnfit(f"no service {service}")
