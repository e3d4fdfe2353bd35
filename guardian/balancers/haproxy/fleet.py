"""Several HAProxy instances on one host, as one balancer: each service is carried by one of them."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from functools import partial

from guardian.core.model import Environment, Service, Split
from guardian.core.ports import (
    About,
    Balancer,
    BalancerError,
    BalancerGone,
    BalancerUnfit,
    Health,
    Left,
    Routed,
    Server,
    WorkerSplit,
)
from guardian.core.readings import Snapshot
from guardian.core.shield import Savings
from guardian.core.words import balancer as words

STRAGGLERS = 0.2
"""Seconds that a look waits for other instances once one has answered: what is on trial there is not to go unseen."""


class Fleet:
    """``carriers`` by the name of the service. Backends have one name each on all instances: the configuration sees to that."""

    def __init__(self, services: Mapping[str, Service], carriers: Mapping[str, Balancer]) -> None:
        self._carriers = dict(carriers)
        self._late: dict[int, asyncio.Task[Snapshot]] = {}
        """Looks at instances that nobody waits for any more: until it has ended, there is no other one at the same."""
        self._troubles: dict[int, BalancerError] = {}
        """What each instance failed with at the last look that has ended; nothing of those that answered."""
        self._backends = {
            backend: carriers[name] for name, service in services.items() for backend in (service.blue, service.green)
        }

    async def snapshot(self, backends: Sequence[str]) -> Snapshot:
        """The counters of ``backends``. What an instance could not say is missing; that none could say anything is an error."""
        asked: dict[int, list[str]] = {}
        for backend in backends:
            asked.setdefault(id(self._holder(backend)), []).append(backend)
        looks = {each: self._look(theirs) for each, theirs in asked.items() if each not in self._late}
        try:
            await _most(looks.values())
        finally:
            self._leave({each: look for each, look in looks.items() if not look.done()})
        taken, missing = list[Snapshot](), dict[str, BalancerError]()
        for each, theirs in asked.items():
            if (look := looks.get(each)) and look.done() and not self._failed(each, look):
                taken.append(look.result())
            else:
                missing |= dict.fromkeys(theirs, self._troubles.get(each) or BalancerGone(words.still_asked()))
        if not taken:
            raise next(iter(missing.values()))
        counters = {backend: found for snapshot in taken for backend, found in snapshot.backends.items()}
        workers = {backend: snapshot.worker for snapshot in taken for backend in snapshot.backends}
        reasons = {backend: str(trouble) for backend, trouble in missing.items()}
        return Snapshot(max(each.taken for each in taken), " ".join(each.worker for each in taken), counters, workers, reasons)

    def _look(self, backends: Sequence[str]) -> "asyncio.Task[Snapshot]":
        """A look at the instance that holds all of ``backends``, which ends by its own deadline."""
        return asyncio.ensure_future(self._holder(backends[0]).snapshot(backends))

    def _leave(self, looks: "Mapping[int, asyncio.Task[Snapshot]]") -> None:
        for each, look in looks.items():
            self._late[each] = look
            look.add_done_callback(partial(self._ended, each))

    def _ended(self, each: int, look: "asyncio.Task[Snapshot]") -> None:
        del self._late[each]
        self._failed(each, look)

    def _failed(self, each: int, look: "asyncio.Task[Snapshot]") -> bool:
        """Whether a look has failed, and with what is remembered."""
        trouble = None if look.cancelled() else look.exception()
        self._troubles.pop(each, None)
        if isinstance(trouble, BalancerError):
            self._troubles[each] = trouble
        return isinstance(trouble, BalancerError)

    async def aclose(self) -> None:
        """End the looks that nobody waits for. The instances are others' to close."""
        late = tuple(self._late.values())
        for look in late:
            look.cancel()
        await asyncio.gather(*late, return_exceptions=True)

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

    def _carrier(self, service: str) -> Balancer:
        if service not in self._carriers:
            raise BalancerUnfit(words.unknown_service(service))
        return self._carriers[service]

    def _holder(self, backend: str) -> Balancer:
        if backend not in self._backends:
            raise BalancerUnfit(words.unknown_backend(backend))
        return self._backends[backend]


async def _most(looks: "Collection[asyncio.Task[Snapshot]]") -> None:
    """Wait until all have ended, or one has, and the others had a moment more."""
    if looks:
        _, late = await asyncio.wait(looks, return_when=asyncio.FIRST_COMPLETED)
        if late:
            await asyncio.wait(late, timeout=STRAGGLERS)
