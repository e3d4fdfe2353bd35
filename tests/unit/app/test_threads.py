"""A name server that hangs: whoever looks up names waits for it, and nobody else."""

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest

from guardian.app.threads import Threads

MANY = 100


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Set: names are known. Until then every look-up hangs, as one does whose name server is gone."""
    known = threading.Event()

    def look_up(*_: object, **__: object) -> list[object]:
        known.wait()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    yield known
    known.set()


async def test_look_ups_that_hang_hold_up_nothing_else(answers: threading.Event) -> None:
    """However many: what is done in a thread is done, and the look-ups end when the name server is back."""
    loop = asyncio.get_running_loop()
    loop.set_default_executor(Threads())
    asked = [asyncio.ensure_future(loop.getaddrinfo("hooks.example.org", 443)) for _ in range(MANY)]
    async with asyncio.timeout(10.0):
        assert "aside" in await asyncio.to_thread(lambda: threading.current_thread().name)
    assert not any(each.done() for each in asked)
    answers.set()
    assert await asyncio.gather(*asked) == [[]] * MANY


async def test_a_stop_waits_for_work_and_not_for_look_ups(answers: threading.Event) -> None:
    """What hangs is left to itself."""
    threads = Threads()
    hung, done = threads.submit(socket.getaddrinfo, "hooks.example.org", 443), threads.submit(str, 7)
    threads.shutdown()
    assert done.result(0) == "7"
    assert not hung.done()
    assert not answers.is_set()
