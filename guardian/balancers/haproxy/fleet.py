"""Several HAProxy instances on one host, as one balancer: each service is carried by one of them."""

import asyncio
from collections.abc import Mapping, Sequence

from guardian.balancers.haproxy.balancer import HAProxy
from guardian.core.model import Environment, Service, Split
from guardian.core.ports import About, BalancerUnfit, Health, Left, Routed, Server, WorkerSplit
from guardian.core.readings import Snapshot
from guardian.core.shield import Savings
from guardian.core.words import balancer as words


class Fleet:
    """``carriers`` by the name of the service. Backends have one name each on all instances: the configuration sees to that."""

    def __init__(self, services: Mapping[str, Service], carriers: Mapping[str, HAProxy]) -> None:
        self._carriers = dict(carriers)
        self._backends = {
            backend: carriers[name] for name, service in services.items() for backend in (service.blue, service.green)
        }

    async def snapshot(self, backends: Sequence[str]) -> Snapshot:
        """The counters of ``backends``. Its worker is the worker of every instance that was asked: a reload of one is one of it."""
        asked: dict[HAProxy, list[str]] = {}
        for backend in backends:
            asked.setdefault(self._holder(backend), []).append(backend)
        taken = await asyncio.gather(*(carrier.snapshot(theirs) for carrier, theirs in asked.items()))
        counters = {backend: found for snapshot in taken for backend, found in snapshot.backends.items()}
        return Snapshot(max(each.taken for each in taken), " ".join(each.worker for each in taken), counters)

    async def health(self, backend: str) -> Health:
        """Whether ``backend`` can take traffic."""
        return await self._holder(backend).health(backend)

    async def read(self, service: str) -> tuple[WorkerSplit, ...]:
        """The split in every worker of the service's instance."""
        return await self._carrier(service).read(service)

    async def route(self, service: str, split: Split) -> Routed:
        """Give ``service`` this ``split`` in every worker of its instance."""
        return await self._carrier(service).route(service, split)

    async def stored(self, service: str) -> Split | None:
        """The split in the map file of the service's instance."""
        return await self._carrier(service).stored(service)

    async def store(self, service: str, split: Split) -> None:
        """Write ``split`` into the map file of the service's instance."""
        await self._carrier(service).store(service, split)

    async def storable(self, service: str) -> None:
        """Whether that file could be written now."""
        await self._carrier(service).storable(service)

    async def leave(self, service: str, environment: Environment, *, cut: bool) -> Left:
        """Deal with what the abandoned ``environment`` still has on the service's instance."""
        return await self._carrier(service).leave(service, environment, cut=cut)

    async def about(self, service: str) -> About:
        """Which HAProxy carries ``service``."""
        return await self._carrier(service).about(service)

    async def servers(self, backend: str) -> tuple[Server, ...]:
        """The servers of ``backend``."""
        return await self._holder(backend).servers(backend)

    async def described(self, service: str) -> Mapping[Environment, tuple[str, ...]]:
        """What the configuration of the service's instance says of both backends."""
        return await self._carrier(service).described(service)

    async def admit(self, service: str, environment: Environment) -> Mapping[str, str]:
        """Open the testers' way on the service's instance."""
        return await self._carrier(service).admit(service, environment)

    async def dismiss(self, service: str) -> None:
        """Close the testers' way on the service's instance."""
        await self._carrier(service).dismiss(service)

    async def savings(self, service: str, candidate: Environment) -> Savings | None:
        """What the shield of ``service`` did on its instance."""
        return await self._carrier(service).savings(service, candidate)

    async def altered(self, service: str) -> str:
        """What differs from the block that guardian wrote for ``service``."""
        return await self._carrier(service).altered(service)

    def _carrier(self, service: str) -> HAProxy:
        if service not in self._carriers:
            raise BalancerUnfit(words.unknown_service(service))
        return self._carriers[service]

    def _holder(self, backend: str) -> HAProxy:
        if backend not in self._backends:
            raise BalancerUnfit(words.unknown_backend(backend))
        return self._backends[backend]
