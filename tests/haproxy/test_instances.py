"""Two HAProxy on one host as one balancer, and what is said of each."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from guardian.balancers.haproxy.abilities import about
from guardian.balancers.haproxy.balancer import Endpoints, HAProxy
from guardian.balancers.haproxy.fleet import Fleet
from guardian.core.model import Environment, Service, Split
from guardian.core.ports import BalancerError, BalancerUnfit
from guardian.demo.haproxy import HAProxyProcess, debian_binary, wheel_binary
from tests.doubles.recorder import speaker
from tests.haproxy.storm import Signed

WEB, SHOP = Service("web", "web_blue", "web_green"), Service("shop", "shop_blue", "shop_green")


async def test_each_service_is_steered_on_its_own_instance(tmp_path: Path) -> None:
    """A switch of one moves nothing on the other, counters of both come in one look, and each names its version."""
    async with AsyncExitStack() as ends:
        port = await ends.enter_async_context(speaker(Environment.BLUE))
        carriers = {}
        for service, binary in ((WEB, debian_binary()), (SHOP, wheel_binary())):
            directory = tmp_path / service.name
            directory.mkdir()
            servers = [f"127.0.0.1:{port} no-check"]
            process = await ends.enter_async_context(HAProxyProcess(binary, Signed(directory, service, servers, servers)))
            carriers[service.name] = HAProxy(process.endpoints, [service])
            ends.push_async_callback(carriers[service.name].aclose)
        fleet = Fleet({"web": WEB, "shop": SHOP}, carriers)
        await fleet.route("shop", Split(10_000))
        assert [worker.split for worker in await fleet.read("shop")] == [Split(10_000)]
        assert [worker.split for worker in await fleet.read("web")] == [Split(0)]
        snapshot = await fleet.snapshot(["web_blue", "shop_blue", "web_green", "shop_green"])
        assert set(snapshot.backends) == {"web_blue", "shop_blue", "web_green", "shop_green"}
        assert (await fleet.health("shop_green")).able
        assert (await fleet.about("web")).version != (await fleet.about("shop")).version
        assert (await fleet.about("shop")).version.startswith("2.8")
        with pytest.raises(BalancerUnfit, match="'other' is not among the configured services"):
            await fleet.read("other")
        with pytest.raises(BalancerUnfit, match="no backend other_blue"):
            await fleet.health("other_blue")


def test_an_old_haproxy_is_refused_with_a_sentence() -> None:
    """Before 2.4 nothing works as it must; an answer without a version is no HAProxy."""
    with pytest.raises(BalancerUnfit, match=r"this is HAProxy 2\.2\.9\S*; guardian needs 2\.4 or later"):
        about("Name: HAProxy\nVersion: 2.2.9-2+deb11u6\n", master=True)
    with pytest.raises(BalancerUnfit, match="names no version"):
        about("Name: something\n", master=True)


@pytest.mark.parametrize("version", ["2.4.30", "2.5.0"])
def test_a_master_that_passes_no_variable_on_is_refused_by_reload(version: str) -> None:
    """Before 2.6 its workers can be reached without it only, and the sentence says how; by map nothing is wrong with it."""
    info = f"Name: HAProxy\nVersion: {version}\n"
    with pytest.raises(BalancerUnfit, match=r"take `master_socket` out of guardian\.yaml"):
        about(info, master=True, by_reload=True)
    assert about(info, master=True).version == about(info, master=False, by_reload=True).version == version


@pytest.mark.parametrize(("version", "lacking"), [("2.4.0", 3), ("2.6.12", 2), ("2.8.25", 1), ("3.4.0", 1)])
def test_abilities_follow_the_version(version: str, lacking: int) -> None:
    """Without a master socket: what each release can do, and what it lacks."""
    assert len(about(f"Name: HAProxy\nVersion: {version}\n", master=False).lacks) == lacking


async def test_a_changed_block_is_noticed_in_the_file(tmp_path: Path) -> None:
    """Sound as guardian wrote it, then without the block, then sound again."""
    async with AsyncExitStack() as ends:
        servers = [f"127.0.0.1:{await ends.enter_async_context(speaker(Environment.BLUE))} no-check"]
        process = await ends.enter_async_context(HAProxyProcess(debian_binary(), Signed(tmp_path, WEB, servers, servers)))
        given = process.endpoints
        balancer = HAProxy(Endpoints(given.socket, given.map, given.master_socket, 1.0, (process.configuration,)), [WEB])
        ends.push_async_callback(balancer.aclose)
        assert await balancer.altered("web") == ""
        sound = process.configuration.read_text()
        before, _, rest = sound.partition("    # >>> guardian")
        process.configuration.write_text(before + rest.partition("# <<< guardian web\n")[2])
        assert "web" in await balancer.altered("web")
        process.configuration.write_text(sound)
        assert await balancer.altered("web") == ""
        process.configuration.unlink()
        with pytest.raises(BalancerError, match=r"haproxy\.cfg"):
            await balancer.altered("web")


async def test_a_map_that_could_not_be_written_is_known_before(tmp_path: Path) -> None:
    """The directory is gone, or the disk is full: readiness says so while nobody needs it."""
    balancer = HAProxy(Endpoints(tmp_path / "no.sock", tmp_path / "maps" / "guardian.map"), [WEB])
    with pytest.raises(BalancerError, match="could not be written now: No such file or directory"):
        await balancer.storable("web")
    (tmp_path / "maps").mkdir()
    await balancer.storable("web")
    full = HAProxy(Endpoints(tmp_path / "no.sock", Path("/proc/guardian.map")), [WEB])
    with pytest.raises(BalancerError, match="could not be written now"):
        await full.storable("web")
    await balancer.aclose()
    await full.aclose()
