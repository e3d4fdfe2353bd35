"""A split that stands in HAProxy's configuration: loaded and proved, or put back; and never more than guardian's own."""

import asyncio
import os
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from guardian.balancers.haproxy import turn
from guardian.balancers.haproxy.balancer import HAProxy
from guardian.balancers.haproxy.runtime import Worker
from guardian.core.model import Environment, Service, Split
from guardian.core.ports import BalancerError, WorkerSplit
from guardian.demo.haproxy import HAProxyProcess
from tests.doubles.visitor import Visitor, visit
from tests.waiting import eventually

BLUE, GREEN = Environment.BLUE, Environment.GREEN
EDIT = "\nbackend another\n    server a1 127.0.0.1:1\n"


def adapter_for(haproxy: HAProxyProcess, service: Service, **changes: object) -> HAProxy:
    """An adapter that knows less, or may do more."""
    return HAProxy(replace(haproxy.endpoints, **changes), [service])  # type: ignore[arg-type]  fields of Endpoints


async def in_service(haproxy: HAProxyProcess) -> Worker:
    """The worker that takes new connections."""
    worker = await haproxy.worker()
    assert worker is not None
    return worker


async def visits(haproxy: HAProxyProcess, number: int = 20) -> Counter[Environment | None]:
    """Who answers so many visitors."""
    return Counter([await visit(haproxy.port) for _ in range(number)])


async def splits(balancer: HAProxy) -> list[WorkerSplit]:
    """What every worker has."""
    return list(await balancer.read("web"))


def edit(haproxy: HAProxyProcess, change: Callable[[str], str]) -> str:
    """Somebody changes the configuration, and does not reload. What stands then."""
    text = change(haproxy.configuration.read_text())
    haproxy.configuration.write_text(text)
    return text


async def test_the_file_keeps_the_safe_side_through_a_trial(haproxy: HAProxyProcess, balancer: HAProxy) -> None:
    """A split on trial runs and does not stand in the file, which is what it was to the byte; a reload by others falls back."""
    before = haproxy.configuration.read_bytes()
    for split in (Split(2_500), Split.all_on(GREEN)):
        await balancer.route("web", split)
        assert haproxy.configuration.read_bytes() == before
        assert {worker.split for worker in await splits(balancer)} == {split}
    assert await visits(haproxy) == {GREEN: 20}
    await haproxy.reload()
    assert await visits(haproxy) == {BLUE: 20}


async def test_a_promotion_is_written_and_not_loaded(haproxy: HAProxyProcess, balancer: HAProxy) -> None:
    """Only two numbers of guardian's own block differ; the worker stays, and a later one has the new side."""
    await balancer.route("web", Split.all_on(GREEN))
    worker, before = await in_service(haproxy), haproxy.configuration.read_text().splitlines()
    await balancer.store("web", Split.all_on(GREEN))
    after = haproxy.configuration.read_text().splitlines()
    changed = [(old.partition("int")[0].strip(), new) for old, new in zip(before, after, strict=True) if old != new]
    assert [name for name, _ in changed] == ["set-var proc.guardian_share_web", "set-var proc.guardian_gen_web"]
    assert "int(10000)" in changed[0][1]
    assert await in_service(haproxy) == worker
    await haproxy.reload()
    assert await visits(haproxy) == {GREEN: 20}


async def test_connections_from_before_follow(haproxy: HAProxyProcess, balancer: HAProxy) -> None:
    """Visitors who connected before the reload are served by the new side after it, by a worker that was told."""
    async with Visitor(haproxy.port) as early, Visitor(haproxy.port) as silent:
        assert await early.ask() is BLUE
        routed = await balancer.route("web", Split.all_on(GREEN))
        assert len(routed.workers) == 2
        assert (await early.ask(), await silent.ask()) == (GREEN, GREEN)


async def test_without_a_master_socket_it_is_a_signal(haproxy: HAProxyProcess, service: Service) -> None:
    """The master is found as the parent of its worker; lingering ones are told on the connections from before."""
    balancer = adapter_for(haproxy, service, master_socket=None)
    await balancer.snapshot([service.blue])
    async with Visitor(haproxy.port) as early:
        assert await early.ask() is BLUE
        await balancer.route("web", Split.all_on(GREEN))
        assert await early.ask() is GREEN
    assert await visits(haproxy) == {GREEN: 20}
    await balancer.aclose()


async def test_what_haproxy_refuses_is_not_loaded(haproxy: HAProxyProcess, service: Service) -> None:
    """Its own words are told; file, worker and traffic are as before."""
    balancer = adapter_for(haproxy, service, load_unloaded=True)
    text = edit(haproxy, lambda text: text.replace("mode http", "mode nonsense"))
    worker = await in_service(haproxy)
    for order in (balancer.route, balancer.store):
        with pytest.raises(BalancerError, match=r"HAProxy refuses the changed configuration, nothing was changed:[\s\S]*nonsense"):
            await order("web", Split(500))
    assert haproxy.configuration.read_text() == text
    assert await in_service(haproxy) == worker
    await balancer.aclose()


async def test_edits_that_nobody_has_loaded_are_not_loaded_along(haproxy: HAProxyProcess, balancer: HAProxy) -> None:
    """The order is refused with the file's name; once somebody has reloaded, it is followed, and nothing of the edit is lost."""
    text = edit(haproxy, lambda text: text + EDIT)
    with pytest.raises(BalancerError, match=r"haproxy\.cfg was changed by somebody since HAProxy last loaded it"):
        await balancer.route("web", Split.all_on(GREEN))
    assert (haproxy.configuration.read_text(), await visits(haproxy)) == (text, {BLUE: 20})
    await haproxy.reload()
    await balancer.route("web", Split.all_on(GREEN))
    assert (haproxy.configuration.read_text(), await visits(haproxy)) == (text, {GREEN: 20})


async def test_edits_after_guardians_own_reload_are_noticed(haproxy: HAProxyProcess, service: Service) -> None:
    """By another start of guardian, too; a file that was only touched, or written again as it was, is no edit."""
    first = adapter_for(haproxy, service)
    await first.route("web", Split(1))
    await first.aclose()
    text = haproxy.configuration.read_text()
    second = adapter_for(haproxy, service)
    haproxy.configuration.write_text(text)
    await second.route("web", Split(2))
    edit(haproxy, lambda text: text + EDIT)
    with pytest.raises(BalancerError, match="was changed by somebody"):
        await second.route("web", Split(3))
    haproxy.configuration.write_text(text)
    await second.route("web", Split(3))
    await second.aclose()


async def test_an_edit_taken_back_after_it_was_loaded_is_an_edit(haproxy: HAProxyProcess, balancer: HAProxy) -> None:
    """What HAProxy runs is not what the file said when guardian last wrote it."""
    await balancer.route("web", Split(1))
    text = haproxy.configuration.read_text()
    edit(haproxy, lambda text: text + EDIT)
    await haproxy.reload()
    assert "moving traffic forward" not in str(await balancer.about("web"))
    haproxy.configuration.write_text(text)
    with pytest.raises(BalancerError, match="was changed by somebody"):
        await balancer.route("web", Split(3))
    assert "moving traffic forward (first somebody must load" in str((await balancer.about("web")).lacks)


async def test_the_way_back_does_without_a_reload_where_it_must(haproxy: HAProxyProcess, balancer: HAProxy) -> None:
    """Somebody's unfinished and even broken edits neither block the way to the safe side, nor are they loaded or lost."""
    await balancer.route("web", Split.all_on(GREEN))
    worker = await in_service(haproxy)
    text = edit(haproxy, lambda text: text + "\nbackend unfinished\n    server\n")
    routed = await balancer.route("web", Split.all_on(BLUE))
    assert routed.workers == (worker.name,)
    assert (haproxy.configuration.read_text(), await visits(haproxy)) == (text, {BLUE: 20})


@pytest.mark.parametrize("gone", ["the file", "the block"])
async def test_the_way_back_needs_no_file(haproxy: HAProxyProcess, balancer: HAProxy, gone: str) -> None:
    """Somebody has taken the configuration away, or guardian's block out of it: every worker is told all the same."""
    await balancer.store("web", Split.all_on(BLUE))
    await balancer.route("web", Split.all_on(GREEN))
    text = haproxy.configuration.read_text()
    if gone == "the file":
        haproxy.configuration.unlink()
    else:
        edit(haproxy, lambda text: text.replace("set-var proc.guardian_share_web", "set-var proc.another"))
    assert (await balancer.route("web", Split.all_on(BLUE))).split == Split.all_on(BLUE)
    assert await visits(haproxy) == {BLUE: 20}
    with pytest.raises(BalancerError):
        await balancer.route("web", Split.all_on(GREEN))
    haproxy.configuration.write_text(text)


async def test_the_way_back_does_not_wait_for_a_change_of_somebody_else(haproxy: HAProxyProcess, balancer: HAProxy) -> None:
    """A change that is under way may take a minute: the traffic goes back at once, and is proved to be back when its turn comes."""
    await balancer.store("web", Split.all_on(BLUE))
    await balancer.route("web", Split.all_on(GREEN))
    with turn.queued((haproxy.configuration,)) as have:
        assert have()
        going_back = asyncio.create_task(balancer.route("web", Split.all_on(BLUE)))

        async def back() -> bool:
            return await visit(haproxy.port) is BLUE

        await eventually(back)
        assert not going_back.done()
    assert (await going_back).split == Split.all_on(BLUE)
    assert await visits(haproxy) == {BLUE: 20}


@pytest.fixture
def foreign_port() -> "socket.socket":
    """A port that another program listens on."""
    return socket.create_server(("127.0.0.1", 0))


async def test_a_port_that_is_taken_is_found_before_the_reload(
    haproxy: HAProxyProcess, service: Service, foreign_port: socket.socket
) -> None:
    """HAProxy itself would say that the file is valid, and then refuse connections for two seconds."""
    balancer = adapter_for(haproxy, service, load_unloaded=True)
    port, worker = foreign_port.getsockname()[1], await in_service(haproxy)
    text = edit(
        haproxy, lambda text: text + f"\nfrontend more\n    bind 127.0.0.1:{port}\n    default_backend others\n\nbackend others\n"
    )
    with foreign_port, pytest.raises(BalancerError, match=f"another program listens on 127.0.0.1:{port}"):
        await balancer.route("web", Split.all_on(GREEN))
    assert haproxy.configuration.read_text() == text
    assert await in_service(haproxy) == worker
    await balancer.aclose()


async def test_a_bind_that_fails_is_put_back(haproxy: HAProxyProcess, service: Service, foreign_port: socket.socket) -> None:
    """A name in the place of an address is seen by HAProxy only: the reload fails, the file is as it was, and blue goes on."""
    balancer = adapter_for(haproxy, service, load_unloaded=True)
    port, worker = foreign_port.getsockname()[1], await in_service(haproxy)
    text = edit(
        haproxy, lambda text: text + f"\nfrontend more\n    bind localhost:{port}\n    default_backend others\n\nbackend others\n"
    )
    with foreign_port, pytest.raises(BalancerError, match=r"did not load the configuration.*put back as it was"):
        await balancer.route("web", Split.all_on(GREEN))
    assert haproxy.configuration.read_text() == text
    assert await in_service(haproxy) == worker
    assert await visits(haproxy) == {BLUE: 20}
    haproxy.configuration.write_text(text.partition("\nfrontend more")[0] + "\n")
    await haproxy.reload()
    await balancer.route("web", Split.all_on(GREEN))
    assert await visits(haproxy) == {GREEN: 20}
    await balancer.aclose()


async def test_a_worker_that_takes_no_connection_is_not_believed(haproxy: HAProxyProcess, service: Service) -> None:
    """It has the right split, and nobody reaches it: the frontend is switched off in the file that was loaded."""
    balancer = adapter_for(haproxy, service, load_unloaded=True)
    text = edit(haproxy, lambda text: text.replace("frontend web\n", "frontend web\n    maxconn 1\n    disabled\n"))
    with pytest.raises(BalancerError, match=r"taken no connection|put back"):
        await balancer.route("web", Split.all_on(GREEN))
    assert haproxy.configuration.read_text() == text
    await balancer.aclose()


async def test_a_block_that_somebody_changed_is_not_written_over(haproxy: HAProxyProcess, balancer: HAProxy) -> None:
    """Guardian changes what it has written itself, and says how to put right what it has not."""
    text = edit(haproxy, lambda text: text.replace("sub(txn.guardian_share_web) lt 0", "sub(txn.guardian_share_web) lt 1"))
    await haproxy.reload()
    for order in (balancer.route("web", Split(500)), balancer.store("web", Split(500)), balancer.storable("web")):
        with pytest.raises(BalancerError, match=r"not as guardian writes them.*guardian haproxy adopt web"):
            await order
    assert haproxy.configuration.read_text() == text
    assert "replaced" in await balancer.altered("web")


async def test_links_line_ends_mode_and_owner_stay(haproxy: HAProxyProcess, balancer: HAProxy, tmp_path: Path) -> None:
    """A configuration that is a link into a checkout, with the line ends of another system."""
    real = tmp_path / "checkout"
    real.mkdir()
    target = real / "site.cfg"
    target.write_bytes(haproxy.configuration.read_bytes().replace(b"\n", b"\r\n"))
    target.chmod(0o640)
    haproxy.configuration.unlink()
    haproxy.configuration.symlink_to(target)
    await haproxy.reload()
    await balancer.store("web", Split.all_on(GREEN))
    await balancer.route("web", Split.all_on(GREEN))
    assert haproxy.configuration.is_symlink()
    assert target.stat().st_mode & 0o777 == 0o640
    assert b"int(10000)\r\n" in target.read_bytes()
    assert target.read_bytes().count(b"\n") == target.read_bytes().count(b"\r\n")
    assert sorted(path.name for path in real.iterdir()) == ["site.cfg"]


async def test_two_programs_take_turns(haproxy: HAProxyProcess, service: Service) -> None:
    """Each reload is proved before the next begins, whoever orders it."""
    adapters = [adapter_for(haproxy, service) for _ in range(3)]
    before = haproxy.configuration.read_bytes()
    await asyncio.gather(*(one.route("web", Split(share)) for share, one in enumerate(adapters, 1)))
    assert haproxy.configuration.read_bytes() == before
    assert (await splits(adapters[0]))[0].split in {Split(1), Split(2), Split(3)}
    for one in adapters:
        await one.aclose()


async def test_a_file_that_changes_under_the_reload_is_left_to_its_author(
    haproxy: HAProxyProcess, balancer: HAProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What somebody saves in that moment is neither written over nor loaded."""
    reloader = balancer.rewriter._reloader
    reload, saved = reloader.reload, haproxy.configuration.read_text() + EDIT

    async def meanwhile(proof: object) -> Worker:
        worker = await reload(proof)  # type: ignore[arg-type]  handed on as it is
        haproxy.configuration.write_text(saved)
        return worker

    monkeypatch.setattr(reloader, "reload", meanwhile)
    await balancer.route("web", Split.all_on(GREEN))
    assert haproxy.configuration.read_text() == saved
    with pytest.raises(BalancerError, match="was changed by somebody"):
        await balancer.route("web", Split(1))


async def test_other_files_than_haproxy_reads_are_refused(haproxy: HAProxyProcess, service: Service, tmp_path: Path) -> None:
    """A guardian.yaml that names the wrong file changes nothing."""
    other = tmp_path / "other.cfg"
    other.write_bytes(haproxy.configuration.read_bytes())
    balancer = adapter_for(haproxy, service, files=(other,))
    with pytest.raises(BalancerError, match=r"names .*other\.cfg, but HAProxy reads .*haproxy\.cfg"):
        await balancer.route("web", Split(1))
    assert other.read_bytes() == haproxy.configuration.read_bytes()
    await balancer.aclose()


async def test_a_reload_by_somebody_at_the_same_time_is_no_proof(haproxy: HAProxyProcess, balancer: HAProxy) -> None:
    """A worker that read the file before guardian's writing is not taken for the new one."""
    for number in range(6):
        haproxy.signal_reload()
        split = Split(1_000 + number)
        await balancer.route("web", split)
        assert {worker.split for worker in await splits(balancer)} == {split}
        await eventually(lambda: settled(haproxy))


async def settled(haproxy: HAProxyProcess) -> bool:
    """Whether a worker is in service and the master knows it."""
    worker = await haproxy.worker()
    return worker is not None and await haproxy._listed(worker)


async def test_the_lock_is_given_back(haproxy: HAProxyProcess, balancer: HAProxy) -> None:
    """Also after an order that failed."""
    edit(haproxy, lambda text: text + EDIT)
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208  a directory of the kernel's
    for _ in range(3):
        with pytest.raises(BalancerError):
            await balancer.route("web", Split(7))
    assert len(os.listdir("/proc/self/fd")) <= before + 1  # noqa: PTH208  the same
