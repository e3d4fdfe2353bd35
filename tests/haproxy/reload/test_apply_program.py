"""Root's program as a process: it carries out what may be, and nothing that a hostile guardian could ask for."""

import asyncio
import json
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from guardian.balancers.haproxy.balancer import HAProxy
from guardian.balancers.haproxy.gate import Answer, BadRequest, Door, Request
from guardian.balancers.haproxy.reload import Proof
from guardian.balancers.haproxy.runtime import Worker
from guardian.core.model import Environment, Split
from guardian.core.ports import BalancerError
from tests.doubles.visitor import Visitor, visit
from tests.haproxy.reload.conftest import NONCE, ROOT, Gatehouse

BLUE, GREEN = Environment.BLUE, Environment.GREEN


async def visits(gate: Gatehouse) -> Counter[Environment | None]:
    """Who answers."""
    return Counter([await visit(gate.haproxy.port) for _ in range(10)])


async def test_what_is_asked_for_is_done(gate: Gatehouse) -> None:
    """A split is loaded and proved, also in workers that linger, though guardian named no master socket; the file keeps its own."""
    before = gate.text
    async with Visitor(gate.haproxy.port) as early:
        assert await early.ask() is BLUE
        done = await gate.ask()
        assert done.returncode == 0, done.stderr
        answer = Answer.read(gate.directory / "answer.json")
        assert answer
        assert (answer.nonce, answer.kind, len(answer.workers)) == (NONCE, "", 2)
        assert await early.ask() is GREEN
    assert (gate.text, await visits(gate)) == (before, {GREEN: 10})
    assert (await gate.ask(do="store")).returncode == 0
    assert "share_web int(10000)" in gate.text
    assert (await gate.ask(do="check")).returncode == 0
    assert (gate.directory / "answer.json").stat().st_mode & 0o777 == 0o644


HOSTILE: dict[str, dict[str, object]] = {
    "a service that is a command": {"service": "web;quit"},
    "a service that is a path": {"service": "../../etc/passwd"},
    "a service that is a line": {"service": "web\n    server x 127.0.0.1:1"},
    "a share that is too large": {"green": 10_001},
    "a share below none": {"green": -1},
    "a share that is text": {"green": "0) \n program evil"},
    "a share that is no whole number": {"green": 0.5},
    "a share that is a truth": {"green": True},
    "an order that is none": {"do": "adopt"},
    "an order that is a list": {"do": ["route"]},
    "a nonce that is a path": {"nonce": "../x"},
    "a nonce that is none": {"nonce": None},
    "a further key": {"files": ["/etc/shadow"]},
    "safe that is text": {"safe": "yes"},
}


@pytest.mark.parametrize("changes", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_request_that_is_none_is_refused(changes: dict[str, object], tmp_path: Path) -> None:
    """Before anything is looked at but the request itself."""
    path = tmp_path / "request"
    path.write_text(json.dumps({"nonce": NONCE, "do": "route", "service": "web", "green": 1, "safe": False} | changes))
    with pytest.raises(BadRequest):
        Request.read(path)


async def test_a_hostile_request_changes_nothing(gate: Gatehouse) -> None:
    """It is refused in a sentence, without a traceback, and neither the file nor the worker is another one."""
    before, worker = gate.text, await gate.haproxy.worker()
    for changes, sentence in (
        ({"service": "nobody"}, "there is no service nobody"),
        ({"service": "shop"}, "shop is not routed by reload"),
        ({"service": "web;quit"}, "the request is not one of guardian's"),
    ):
        done = await gate.ask(**changes)
        assert done.returncode == 1
        assert sentence in done.stderr
        assert "Traceback" not in done.stderr
    assert (gate.text, await gate.haproxy.worker()) == (before, worker)


@pytest.mark.parametrize("content", [b"", b"\xff", b"[" * 100_000, b"{}" + b" " * 5000, b"null", b'{"nonce": 1e999}', b"1" * 4000])
def test_what_is_no_request_is_refused_without_being_repeated(content: bytes, tmp_path: Path) -> None:
    """Nothing of what lies there comes back: it might be a file that guardian may not read."""
    path = tmp_path / "request"
    path.write_bytes(content)
    with pytest.raises(BadRequest) as refused:
        Request.read(path)
    assert str(refused.value).isascii()
    assert len(str(refused.value)) < 60


def test_links_pipes_and_directories_are_no_requests(tmp_path: Path) -> None:
    """None of them is followed, and none of them is waited for."""
    secret = tmp_path / "secret"
    secret.write_text("root:x:0:0")
    link, pipe = tmp_path / "link", tmp_path / "pipe"
    link.symlink_to(secret)
    os.mkfifo(pipe)
    for path in (link, pipe, tmp_path, tmp_path / "missing"):
        with pytest.raises(BadRequest):
            Request.read(path)


async def test_a_configuration_that_others_may_write_is_not_acted_on(gate: Gatehouse) -> None:
    """What root acts on must be root's alone."""
    config = gate.directory / "guardian.yaml"
    if os.geteuid() != 0:
        pytest.skip("only root can give files to somebody else: run tests/run.sh as root")
    config.chmod(0o664)
    done = await gate.ask()
    assert done.returncode == 1
    assert "guardian.yaml may be written by others" in done.stderr
    config.chmod(0o644)
    os.chown(config, 65534, -1)
    done = await gate.ask()
    assert "guardian.yaml does not belong to root" in done.stderr
    os.chown(config, 0, -1)
    gate.directory.chmod(0o777)
    assert "may be written by others" in (await gate.ask()).stderr


async def test_more_than_guardians_block_is_never_loaded(gate: Gatehouse) -> None:
    """Not an edit of somebody's, not a block that was tampered with."""
    original = gate.text
    for text in (original + "\nbackend evil\n", original.replace("lt 0 }", "lt 1 }")):
        gate.haproxy.configuration.write_text(text)
        done = await gate.ask()
        assert done.returncode == 1
        assert "was changed by somebody" in done.stderr
        assert gate.text == text
    await gate.haproxy.reload()
    done = await gate.ask()
    assert "not as guardian writes them" in done.stderr
    assert await visits(gate) == {BLUE: 10}


async def test_guardian_goes_through_the_gate_where_it_may_not_write(gate: Gatehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same calls, the same answers; errors come back as the sentences that they are."""
    start = ("env", f"PYTHONPATH={ROOT}", *gate.command)
    door = Door(gate.request, gate.directory / "answer.json", start)
    adapter = HAProxy(replace(gate.haproxy.endpoints, gate=door, master_socket=None), [gate.service])
    monkeypatch.setattr(type(adapter.rewriter), "may_write", False)
    before = gate.text
    await adapter.storable("web")
    routed = await adapter.route("web", Split.all_on(GREEN))
    assert routed.split == Split.all_on(GREEN)
    assert (gate.text, await visits(gate)) == (before, {GREEN: 10})
    await adapter.store("web", Split.all_on(GREEN))
    assert await adapter.stored("web") == Split.all_on(GREEN)
    gate.haproxy.configuration.write_text(gate.text + "\nbackend more\n")
    with pytest.raises(BalancerError, match="was changed by somebody"):
        await adapter.route("web", Split(5))
    await adapter.storable("web")
    await adapter.aclose()


async def test_a_switch_starts_roots_program_once(gate: Gatehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the file says already is not asked of it: the safe side before a switch, and at every start."""
    starts = gate.directory / "starts"
    start = ("sh", "-c", f'echo >> {starts}; exec "$@"', "sh", "env", f"PYTHONPATH={ROOT}", *gate.command)
    door = Door(gate.request, gate.directory / "answer.json", start)
    adapter = HAProxy(replace(gate.haproxy.endpoints, gate=door), [gate.service])
    monkeypatch.setattr(type(adapter.rewriter), "may_write", False)
    await adapter.store("web", Split.all_on(BLUE))
    assert not starts.exists()
    await adapter.route("web", Split.all_on(GREEN))
    assert starts.read_text() == "\n"
    await adapter.store("web", Split.all_on(BLUE))
    assert starts.read_text() == "\n"
    await adapter.store("web", Split.all_on(GREEN))
    assert (starts.read_text(), await adapter.stored("web")) == ("\n\n", Split.all_on(GREEN))
    await adapter.aclose()


async def test_a_file_that_only_seems_right_is_written(gate: Gatehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a split is being loaded the file has it for a moment, and then the old one again."""
    adapter = HAProxy(gate.haproxy.endpoints, [gate.service])
    reloader = adapter.rewriter._reloader
    reload, there, goes_on = reloader.reload, asyncio.Event(), asyncio.Event()

    async def held(proof: Proof) -> Worker:
        there.set()
        await goes_on.wait()
        return await reload(proof)

    monkeypatch.setattr(reloader, "reload", held)
    routing = asyncio.create_task(adapter.route("web", Split.all_on(GREEN)))
    await there.wait()
    assert gate.text.count("share_web int(10000)") == 1
    storing = asyncio.create_task(adapter.store("web", Split.all_on(GREEN)))
    goes_on.set()
    await asyncio.gather(routing, storing)
    assert await adapter.stored("web") == Split.all_on(GREEN)
    await adapter.aclose()


@pytest.mark.parametrize(
    ("start", "sentence"),
    [
        (("/nonexistent/systemctl",), "could not be started"),
        (
            ("sh", "-c", "printf 'Access denied.\\nSee the logs.\\n' >&2; exit 4"),
            "could not be started .Access denied. See the logs",
        ),
        (("true",), "ended without an answer"),
    ],
)
async def test_a_gate_that_does_not_open_says_so(
    gate: Gatehouse, monkeypatch: pytest.MonkeyPatch, start: tuple[str, ...], sentence: str
) -> None:
    """With what to look at; a rollback would fail in the same way, so that readiness tells it before."""
    adapter = HAProxy(
        replace(gate.haproxy.endpoints, gate=Door(gate.request, gate.directory / "answer.json", start)), [gate.service]
    )
    monkeypatch.setattr(type(adapter.rewriter), "may_write", False)
    for call in (adapter.storable("web"), adapter.route("web", Split(1))):
        with pytest.raises(BalancerError, match=sentence):
            await call
    await adapter.aclose()


@pytest.mark.parametrize("stored", [True, False])
async def test_the_way_back_is_open_though_the_gate_is_not(
    gate: Gatehouse, monkeypatch: pytest.MonkeyPatch, *, stored: bool
) -> None:
    """Its workers are told to take the side that the file names, or is to name; no other split is told without a reload."""
    start = ("env", f"PYTHONPATH={ROOT}", *gate.command)
    door = Door(gate.request, gate.directory / "answer.json", start)
    adapter = HAProxy(replace(gate.haproxy.endpoints, gate=door), [gate.service])
    monkeypatch.setattr(type(adapter.rewriter), "may_write", False)
    await adapter.route("web", Split.all_on(GREEN))
    shut = HAProxy(
        replace(gate.haproxy.endpoints, gate=replace(door, request=gate.directory / "nowhere" / "request")), [gate.service]
    )
    if stored:
        with pytest.raises(BalancerError, match="could not be written"):
            await shut.store("web", Split(5000))
        await shut.route("web", Split(5000))
        assert {worker.split for worker in await shut.read("web")} == {Split(5000)}
    before = gate.text
    await shut.route("web", Split.all_on(BLUE))
    assert (gate.text, await visits(gate)) == (before, {BLUE: 10})
    with pytest.raises(BalancerError, match="could not be written"):
        await shut.route("web", Split.all_on(GREEN))
    assert await visits(gate) == {BLUE: 10}
    await shut.aclose()
    await adapter.aclose()


async def test_an_answer_to_somebody_else_is_none(gate: Gatehouse) -> None:
    """Neither one that is left from before, nor one that is no answer."""
    path = gate.directory / "answer.json"
    for content in (
        '{"nonce": "1"}',
        "[]",
        "",
        '{"nonce": "1", "kind": "", "trouble": "", "workers": 5, "seconds": 0, "edited": []}',
    ):
        path.write_text(content)
        assert Answer.read(path) is None
