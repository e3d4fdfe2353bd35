"""What people build from Prometheus takes a bad release back, by map and by reload: only whether, never how soon."""

import asyncio
import time
from collections.abc import AsyncIterator

import httpx
import pytest

from guardian.core.model import Environment
from guardian.demo.application import Fault
from guardian.demo.haproxy import debian_binary
from guardian.demo.ports import LOOPBACK
from guardian.demo.traffic import Load, Traffic
from tests.bench.race.crew import Trouble
from tests.bench.race.entrant import Lane
from tests.bench.race.ground import Field
from tests.bench.race.monitoring import EXTREME
from tests.bench.race.prometheus import Prometheus

PATIENCE = 45.0


class Race:
    """One entrant on its field, with steady traffic on every lane."""

    def __init__(self, entrant: Prometheus, field: Field) -> None:
        self.entrant, self.field = entrant, field

    @property
    def lane(self) -> Lane:
        """The first lane."""
        return self.field.ground.lanes[0]

    async def serves(self, environment: Environment) -> None:
        """Wait until it is ``environment`` that answers."""
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as client, asyncio.timeout(PATIENCE):
            while True:
                answer = await client.get(f"http://{LOOPBACK}:{self.lane.port}/")
                if answer.headers["X-Environment"] == environment:
                    return
                await asyncio.sleep(0.05)

    async def fail(self, share: float) -> None:
        """Let so many of green's answers be errors."""
        await self.field.crew.trouble([self.lane], Environment.GREEN, Trouble(Fault(errors=share)))


@pytest.fixture
def reloads() -> bool:
    """Whether traffic moves by a reload."""
    return False


@pytest.fixture
async def race(reloads: bool, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Race]:  # noqa: FBT001  pytest passes it by name
    """A race that has begun; no time is taken, so there is no need to warm up."""
    entrant = Prometheus(EXTREME, reloads=reloads, warm_up=0.0)
    async with Field(tmp_path_factory.mktemp("r"), debian_binary(), 1, entrant) as field:
        try:
            await entrant.start(field.ground)
            async with Traffic(field.ground.lanes[0].port, Load(50.0)):
                yield Race(entrant, field)
        finally:
            await entrant.stop()


async def taken_back(race: Race) -> None:
    """A release fails outright, and blue serves again."""
    await race.entrant.release([race.lane])
    await race.serves(Environment.GREEN)
    await race.fail(1.0)
    await race.serves(Environment.BLUE)
    await race.fail(0.0)
    await race.entrant.rearm([race.lane])


async def test_a_release_that_fails_outright_is_taken_back_twice(race: Race) -> None:
    """The second incident is told as the first was, once refreshed; then Prometheus dies, and nobody takes anything back."""
    entrant = race.entrant
    await taken_back(race)
    await entrant.refresh()
    assert len(entrant.pids()) == 3
    await taken_back(race)
    assert await entrant.lose_metrics()
    assert len(entrant.pids()) == 1
    await entrant.release([race.lane])
    await race.fail(1.0)
    until = time.monotonic() + 3.0
    while time.monotonic() < until:
        await race.serves(Environment.GREEN)
    await race.fail(0.0)
    await entrant.rearm([race.lane])
    await race.serves(Environment.BLUE)


@pytest.mark.parametrize("reloads", [True])
async def test_by_reload_it_is_taken_back_as_well(race: Race) -> None:
    """The script writes the backend into haproxy.cfg, and HAProxy reads it again."""
    await taken_back(race)
    assert f"default_backend {race.lane.blue}" in race.field.ground.config.read_text()
