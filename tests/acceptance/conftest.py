"""The real daemon beside a real HAProxy under real traffic; what happened is judged by the record of the load generator."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from guardian.balancers.haproxy.balancer import HAProxy
from guardian.core.model import Environment, Split
from guardian.demo.application import Fault
from guardian.demo.haproxy import debian_binary
from guardian.demo.play import RULES
from guardian.demo.report import Answer, stale
from guardian.demo.stage import SERVICE, RefusedError, Setting, Stage
from guardian.demo.traffic import Load, Traffic
from tests.binaries import BINARIES
from tests.doubles.recorder import Witnesses
from tests.waiting import eventually

BLUE, GREEN = Environment.BLUE, Environment.GREEN
PATIENT_RULES = RULES.replace("above: 100ms", "above: 300ms")
"""The demonstration's, with a latency that a busy host does not come to by itself."""
PATIENCE = 45.0
"""Seconds within which whatever a story waits for must have come."""


class Story:
    """A stage with its client, and what the stories ask of it."""

    def __init__(self, stage: Stage, client: httpx.AsyncClient, ends: AsyncExitStack) -> None:
        self.stage, self.client = stage, client
        self._ends = ends
        self.balancer = HAProxy(stage.haproxy.endpoints, [stage.service])
        ends.push_async_callback(self.balancer.aclose)

    async def traffic(self, rate: float = 150.0) -> Traffic:
        """Traffic until the end of the story."""
        return await self._ends.enter_async_context(Traffic(self.stage.haproxy.port, Load(rate)))

    async def witnesses(self) -> Witnesses:
        """Clients that judge from outside, until the end of the story."""
        return await self._ends.enter_async_context(Witnesses(self.stage.haproxy.port))

    async def switch(self, **given: Any) -> dict[str, Any]:
        """Order a switch as soon as HAProxy finds the other side healthy, and return once it is watched."""
        await self.allowed("switch", **given)
        return await self.until("watching", "verified", "unverified")

    async def allowed(self, order: str, **given: Any) -> dict[str, Any]:
        """The service after an order that is refused until HAProxy finds the other side healthy."""
        view: dict[str, Any] = {}

        async def taken() -> bool:
            try:
                view.update(await self.order(order, **given))
            except RefusedError as error:
                if "healthy server" not in str(error):
                    raise
            return bool(view)

        await eventually(taken, PATIENCE)
        return view

    async def order(self, order: str, **given: Any) -> dict[str, Any]:
        """The service after an order."""
        return await self.stage.guardian.order(self.client, order, given)

    async def until(self, *phases: str) -> dict[str, Any]:
        """The latest deployment once it is in one of ``phases``."""
        view = await self.stage.guardian.until(self.client, *phases, patience=PATIENCE)
        deployment: dict[str, Any] = view["deployment"]
        return deployment

    async def service(self) -> dict[str, Any]:
        """The service as guardian sees it."""
        return await self.stage.guardian.service(self.client)

    async def fail(self, environment: Environment, fault: Fault) -> None:
        """Let an environment fail from now on."""
        await self.stage.applications[environment].fail(fault)

    async def explanation(self, deployment: str) -> dict[str, Any]:
        """Why a deployment was rolled back, once its evidence is kept."""
        explained: dict[str, Any] = {}

        async def kept() -> bool:
            answer = await self.client.get(f"/v1/deployments/{deployment}/explanation")
            if answer.is_success:
                explained.update(answer.json())
            return answer.is_success

        await eventually(kept, PATIENCE)
        return explained

    async def live(self) -> set[Split]:
        """The split in every worker of HAProxy."""
        return {worker.split for worker in await self.balancer.read(SERVICE.name)}

    async def until_live(self, split: Split) -> None:
        """Wait until every worker has ``split``."""

        async def there() -> bool:
            return await self.live() == {split}

        await eventually(there, PATIENCE)

    @property
    def on_disk(self) -> str:
        """The map file."""
        return self.stage.haproxy.endpoints.map.read_text()

    async def until_on_disk(self, text: str) -> None:
        """Wait until the map file says ``text``."""

        async def there() -> bool:
            return self.on_disk == text

        await eventually(there, PATIENCE)

    async def until_stored(self, split: Split) -> None:
        """Wait until a HAProxy that starts would have ``split``, by whichever way the service is routed."""

        async def there() -> bool:
            return await self.balancer.stored(SERVICE.name) == split

        await eventually(there, PATIENCE)

    async def until_unable(self, backend: str) -> None:
        """Wait until HAProxy finds no healthy server in ``backend``."""

        async def unable() -> bool:
            return not (await self.balancer.health(backend)).able

        await eventually(unable, PATIENCE)

    async def until_said(self, words: str) -> None:
        """Wait until the daemon has said ``words``."""

        async def said() -> bool:
            return words in self.log

        await eventually(said, PATIENCE)

    async def until_latched(self, words: str) -> dict[str, Any]:
        """The service once it is held for a reason that has ``words``, by a guardian that may have begun anew meanwhile."""
        view: dict[str, Any] = {}

        async def latched() -> bool:
            with suppress(httpx.TransportError):
                view.update(await self.service())
            return words in (view.get("latched") or "")

        await eventually(latched, PATIENCE)
        return view

    @property
    def log(self) -> str:
        """What the daemon has said."""
        return self.stage.guardian.log.read_text()

    async def restart_guardian(self) -> None:
        """Start the daemon again, and talk to the new one."""
        await self.stage.guardian.start()

    async def seen(self, traffic: Traffic, number: int) -> None:
        """Wait until ``number`` more requests were answered."""
        target = len(traffic.answers) + number

        async def enough() -> bool:
            return len(traffic.answers) >= target

        await eventually(enough, PATIENCE)


async def order_blindly(story: Story, order: str) -> None:
    """Give an order to a guardian that may end meanwhile, whatever comes of it."""
    with suppress(httpx.TransportError, RefusedError):
        async with story.stage.guardian.client() as client:
            await story.stage.guardian.order(client, order, {})


async def old_or_new(story: Story, clients: Witnesses) -> None:
    """A switch to green was cut short, and guardian started again: all is on one side, clients see that, and then blue has it."""
    deployment = (await story.service())["deployment"]
    if deployment and deployment["phase"] not in ("rolled back", "aborted"):
        await story.until("watching")
        await story.until_live(Split.all_on(GREEN))
        clients.abandoned(BLUE)
        assert story.on_disk == "web 0\n"
        await clients.seen(10, PATIENCE)
        clients.may_return()
        await story.order("rollback", reason="next turn")
        await story.until("rolled back")
    await story.until_live(Split.all_on(BLUE))
    clients.abandoned(GREEN)
    await clients.seen(10, PATIENCE)
    clients.may_return()


async def bad_release_taken_back(story: Story, clients: Witnesses) -> None:
    """Green fails: only it may fail anybody, and once all is on blue, nobody any more."""
    clients.may_return()
    clients.fails(GREEN)
    await story.fail(GREEN, Fault(errors=1.0))
    await story.until_live(Split.all_on(BLUE))
    await story.until("rolled back")
    clients.abandoned(GREEN)
    clients.mended()
    await clients.seen(100, PATIENCE)


def left_behind(traffic: Traffic, environment: Environment, acknowledged: float) -> list[Answer]:
    """Requests that reached the abandoned side though they were sent after the acknowledgement."""
    return stale(traffic.answers, environment, acknowledged)


Tell = Callable[..., Any]


@pytest.fixture(params=list(BINARIES))
def either_binary(request: pytest.FixtureRequest) -> Path:
    """Each HAProxy in turn."""
    return BINARIES[request.param]()


@pytest.fixture
async def tell(tmp_path: Path) -> AsyncIterator[Tell]:
    """Set a stage for a story; everything is taken down afterwards, and no story may have left a traceback in the log."""
    async with AsyncExitStack() as ends:
        stories: list[Story] = []

        async def begin(**changes: Any) -> Story:
            setting = replace(Setting(tmp_path, debian_binary(), PATIENT_RULES), **changes)
            stage = await ends.enter_async_context(Stage(setting))
            client = await ends.enter_async_context(stage.guardian.client())
            stories.append(Story(stage, client, ends))
            return stories[-1]

        yield begin
    for story in stories:
        assert "Traceback" not in story.log, story.log


def now() -> float:
    """The monotonic clock that the record of the traffic is kept on."""
    return time.monotonic()
