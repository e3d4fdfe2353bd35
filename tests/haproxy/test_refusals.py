"""What never reaches a socket, and sockets that guardian may not use."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from guardian.balancers.haproxy.balancer import Endpoints, HAProxy
from guardian.core.model import Service, Split
from guardian.core.ports import BalancerGone, BalancerUnfit
from guardian.demo.haproxy import HAProxyProcess, Site

HOSTILE = [
    "web;shutdown frontend web",
    "web\nshow env",
    "web 0",
    "@!1",
    "-1",
    "#0",
    "",
    "wéb",
    "x" * 65,
    "web\\",
    "$(id)",
    "web\r",
    "<<",
]


@contextmanager
def unprivileged() -> Iterator[None]:
    """As another user: root passes every file mode."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def allow(path: str, mode: int) -> None:
    """Set a file's mode."""
    Path(path).chmod(mode)


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_name_is_refused_before_it_is_sent(tmp_path: Path, name: str) -> None:
    """A name that could be more than a name is refused as such, and not because nobody answers here."""
    adapter = HAProxy(Endpoints(tmp_path / "stats.sock", tmp_path / "map"), [Service(name, "web_blue", "web_green")])
    questions = (adapter.snapshot(["web_blue", name]), adapter.health(name), adapter.read(name), adapter.route(name, Split(1)))
    for question in questions:
        with pytest.raises(BalancerUnfit, match="cannot be a name in HAProxy"):
            await question
    with pytest.raises(BalancerUnfit):
        await adapter.store(name, Split(1))


@pytest.mark.parametrize(
    "path", ["map", "/run/a b", "/run/a;b", "/run/a\nb", "/run/a'b", '/run/a"b', "/run/a\\b", "/run/a,b", "/run/a)b"]
)
def test_a_hostile_map_path_is_refused_at_once(path: str) -> None:
    """A map whose path could end a command or a configuration word is refused when the adapter is made."""
    with pytest.raises(BalancerUnfit, match="cannot be the map file"):
        HAProxy(Endpoints(Path("/run/stats.sock"), Path(path)), [])


async def test_a_socket_that_is_not_there_yet_is_gone(tmp_path: Path) -> None:
    """HAProxy may be about to start: waiting helps."""
    adapter = HAProxy(Endpoints(tmp_path / "stats.sock", tmp_path / "map"), [])
    with pytest.raises(BalancerGone, match="No such file or directory"):
        await adapter.health("web_blue")


async def test_a_forbidden_socket_says_what_to_change(haproxy: HAProxyProcess, service: Service) -> None:
    """Where the socket's mode keeps guardian out, waiting does not help, and the sentence names the remedy."""
    adapter = HAProxy(haproxy.endpoints, [service])
    with unprivileged():
        for question in (adapter.snapshot(["web_blue"]), adapter.health("web_blue"), adapter.read("web")):
            with pytest.raises(BalancerUnfit, match="mode 660"):
                await question
    await adapter.aclose()


async def test_a_forbidden_master_socket_does_not_stop_the_flip(binary: Path, service: Service) -> None:
    """The worker in service is moved, and the sentence says which socket is closed to guardian."""
    with tempfile.TemporaryDirectory() as name:  # not tmp_path, into which only its owner comes
        allow(name, 0o755)
        async with HAProxyProcess(binary, Site(Path(name), service, ["127.0.0.1:1"], ["127.0.0.1:1"])) as haproxy:
            allow(f"{name}/stats.sock", 0o666)
            allow(f"{name}/master.sock", 0o600)
            adapter = HAProxy(haproxy.endpoints, [service])
            with unprivileged(), pytest.raises(BalancerUnfit, match=r"100 %.*master\.sock.*mode 660"):
                await adapter.route("web", Split(10_000))
            await adapter.aclose()
            assert [worker.split for worker in await HAProxy(haproxy.endpoints, [service]).read("web")] == [Split(10_000)]


async def test_a_value_that_is_no_share_is_not_read_as_one(haproxy: HAProxyProcess, balancer: HAProxy) -> None:
    """A share beyond 100 % that somebody set by hand is named, and the next route mends it."""
    await balancer.route("web", Split(1))
    await balancer._runtime.ask(f"set map {haproxy.endpoints.map} web 70000")
    with pytest.raises(BalancerUnfit, match="'70000' for web"):
        await balancer.read("web")
    await balancer.route("web", Split(2))
    assert (await balancer.read("web"))[0].split == Split(2)
