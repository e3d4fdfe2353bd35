"""Two services in one configuration, both routed by reload: the reload of one leaves the other where it is, on trial or not."""

import asyncio
import contextlib
import errno
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from guardian.balancers.haproxy import atomic, turn
from guardian.balancers.haproxy.adoption import adopt
from guardian.balancers.haproxy.balancer import HAProxy
from guardian.balancers.haproxy.document import load
from guardian.balancers.haproxy.routes import Unfit
from guardian.core.model import Environment, Routing, Service, Split, Way
from guardian.demo.haproxy import HAProxyProcess
from guardian.demo.ports import free_port
from tests.doubles.visitor import visit
from tests.haproxy.reload.conftest import Gatehouse

BLUE, GREEN = Environment.BLUE, Environment.GREEN
SHOP = Service("shop", blue="shop_blue", green="shop_green", routing=Routing(Way.RELOAD))
FRONTEND = """
frontend shop
    bind 127.0.0.1:{port}
    default_backend shop_blue

{backends}"""


@dataclass(frozen=True)
class Street:
    """A HAProxy with both services, and the port of the second."""

    haproxy: HAProxyProcess
    balancer: HAProxy
    shop_port: int

    @property
    def text(self) -> str:
        """What stands in the file."""
        return self.haproxy.configuration.read_text()

    async def splits(self) -> dict[str, set[Split]]:
        """What all workers have."""
        return {name: {worker.split for worker in await self.balancer.read(name)} for name in ("web", "shop")}


async def join(haproxy: HAProxyProcess) -> int:
    """The shop moves in beside the service that is there. Its port."""
    port, text = free_port(), haproxy.configuration.read_text()
    backends = text[text.index("\nbackend web_blue") :].replace("web_", "shop_")
    haproxy.configuration.write_text(text + FRONTEND.format(port=port, backends=backends))
    found = load([haproxy.configuration])
    plan = adopt(found, SHOP, haproxy.endpoints.map)
    assert not isinstance(plan, Unfit)
    haproxy.configuration.write_bytes(found.apply(plan.edits).files[0].data)
    await haproxy.reload()
    return port


@pytest.fixture
async def street(haproxy: HAProxyProcess, service: Service) -> AsyncIterator[Street]:
    """Both services, all on blue."""
    port = await join(haproxy)
    balancer = HAProxy(haproxy.endpoints, [service, SHOP])
    yield Street(haproxy, balancer, port)
    await balancer.aclose()


@asynccontextmanager
async def visitors(port: int) -> AsyncIterator[Counter[Environment | None]]:
    """Who answers visitors that come one after the other all the while."""
    seen: Counter[Environment | None] = Counter()

    async def come() -> None:
        while True:
            seen[await visit(port)] += 1

    coming = asyncio.create_task(come())
    try:
        yield seen
    finally:
        coming.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await coming


async def test_a_reload_leaves_the_other_service_on_trial(street: Street) -> None:
    """Not one visitor of the shop's release on trial is sent elsewhere while the other service goes there and back."""
    before = street.text
    await street.balancer.route("shop", Split.all_on(GREEN))
    async with visitors(street.shop_port) as seen:
        for split in (Split(2_500), Split.all_on(GREEN), Split.all_on(BLUE)):
            await street.balancer.route("web", split)
            assert await street.splits() == {"web": {split}, "shop": {Split.all_on(GREEN)}}
            assert street.text == before
    assert set(seen) == {GREEN}
    await street.haproxy.reload()
    assert (await visit(street.haproxy.port), await visit(street.shop_port)) == (BLUE, BLUE)


async def test_the_file_is_not_asked_while_it_names_a_trial(street: Street) -> None:
    """Whoever asks meanwhile what the file says of the shop hears of the safe side alone, and takes nothing for a hand's work."""
    await street.balancer.route("shop", Split.all_on(GREEN))
    heard: set[Split | None] = set()
    moving = asyncio.create_task(street.balancer.route("web", Split.all_on(GREEN)))
    while not moving.done():
        heard.add(await street.balancer.stored("shop"))
    await moving
    assert heard == {Split.all_on(BLUE)}


async def test_the_way_back_without_a_reload_leaves_the_other_alone(street: Street) -> None:
    """Somebody's unfinished edit stands in the file: the one service is taken back by telling, the other stays on trial."""
    for name in ("web", "shop"):
        await street.balancer.route(name, Split.all_on(GREEN))
    with street.haproxy.configuration.open("a") as file:
        file.write("\nbackend unfinished\n    server\n")
    await street.balancer.route("web", Split.all_on(BLUE))
    assert await street.splits() == {"web": {Split.all_on(BLUE)}, "shop": {Split.all_on(GREEN)}}


async def test_a_full_disk_stops_neither_the_way_back_nor_the_other_service(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the other runs cannot be written for a reload: the workers are told instead."""
    for name in ("web", "shop"):
        await street.balancer.route(name, Split.all_on(GREEN))
    await street.balancer.store("web", Split.all_on(BLUE))

    def full(path: Path, _content: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(atomic, "prepared", full)
    await street.balancer.route("web", Split.all_on(BLUE))
    assert await street.splits() == {"web": {Split.all_on(BLUE)}, "shop": {Split.all_on(GREEN)}}


async def test_a_neighbour_that_is_not_adopted_hinders_nobody(haproxy: HAProxyProcess, service: Service) -> None:
    """It stands in guardian.yaml, and nothing of it in the configuration or in HAProxy."""
    balancer = HAProxy(haproxy.endpoints, [service, SHOP])
    await balancer.route("web", Split.all_on(GREEN))
    assert await visit(haproxy.port) is GREEN
    await balancer.aclose()


async def test_roots_program_leaves_the_other_service_on_trial(gate: Gatehouse) -> None:
    """It knows from its own guardian.yaml who else is there, and asks HAProxy, not guardian, what they have."""
    port = await join(gate.haproxy)
    gate.configure(shop=", routing: {way: reload}")
    before = gate.text
    for name in ("shop", "web"):
        done = await gate.ask(service=name)
        assert done.returncode == 0, done.stderr
    assert gate.text == before
    assert (await visit(gate.haproxy.port), await visit(port)) == (GREEN, GREEN)
    assert (await gate.ask(service="web", green=0, safe=True)).returncode == 0
    assert (await visit(gate.haproxy.port), await visit(port)) == (BLUE, GREEN)


def test_a_turn_is_given_back_though_a_copy_of_it_stays_open(tmp_path: Path) -> None:
    """As one does in a child, or where closing fails: nobody would ever have a turn again."""
    files = [tmp_path / "haproxy.cfg"]
    with turn.queued(files) as taken:
        assert taken()
        (held,) = [link for link in Path("/proc/self/fd").iterdir() if link.resolve() == tmp_path.resolve()]
        copy = os.dup(int(held.name))
    try:
        with turn.queued(files) as taken:
            assert taken()
    finally:
        os.close(copy)
