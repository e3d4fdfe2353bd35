"""Questions that read much of the records: however many there are, a rollback finds a thread."""

import asyncio
import threading
from collections.abc import AsyncIterator, Collection
from pathlib import Path
from typing import Any

import pytest

from guardian.app.threads import Aside
from tests.doubles.house import DEADLINE, House, client_of
from tests.doubles.store import MemoryStore

MANY = 40
"""More than a loop has threads beside it."""
QUESTIONS = ("deployments", "deployments/web-1", "deployments/web-1/explanation", "deployments/web-1/evidence")
NOTES = ("notes", "deployments/web-1/note", "deployments/web-1/note?preview=true")


class SlowStore(MemoryStore):
    """A store that reads deployments when it is let, and notes in which threads they are looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.let, self.threads = threading.Event(), set[threading.Thread]()

    def deployments(self, service: str | None = None, limit: int = 20, among: Collection[str] = ()) -> list[dict[str, Any]]:
        """As the protocol says."""
        self.let.wait(DEADLINE)
        return [_Noted(record, self.threads) for record in super().deployments(service, limit, among)]

    def deployment(self, identifier: str) -> dict[str, Any] | None:
        """As the protocol says."""
        self.let.wait(DEADLINE)
        record = super().deployment(identifier)
        return _Noted(record, self.threads) if record else None


class _Noted(dict[str, Any]):
    """A record that notes in which threads it is looked at."""

    def __init__(self, record: dict[str, Any], threads: set[threading.Thread]) -> None:
        super().__init__(record)
        self._threads = threads

    def __getitem__(self, name: str) -> Any:
        self._threads.add(threading.current_thread())
        return super().__getitem__(name)


@pytest.fixture
async def slow(socket: Path) -> AsyncIterator[SlowStore]:
    """The store of a guardian with one deployment, whose evidence is kept."""
    store = SlowStore()
    async with House(store).open(socket) as house, client_of(socket) as client:
        await client.post("/v1/services/web/switch")
        await house.confirm()
        await house.breach()
        yield store
        store.let.set()


@pytest.mark.parametrize("question", [*QUESTIONS, *NOTES])
async def test_a_storm_of_questions_leaves_threads_for_a_rollback(slow: SlowStore, socket: Path, question: str) -> None:
    """Whoever may only look, and asks for everything at once, keeps nobody else's work waiting."""
    async with client_of(socket) as client, asyncio.timeout(DEADLINE):
        storm = [asyncio.create_task(client.get(f"/v1/{question}")) for _ in range(MANY)]
        assert (await client.get("/healthz")).status_code == 200  # the storm has arrived
        assert await asyncio.wait_for(asyncio.to_thread(lambda: True), DEADLINE / 4)
        slow.let.set()
        assert {answer.status_code for answer in await asyncio.gather(*storm)} == {200}


@pytest.mark.parametrize("question", QUESTIONS[:2])
async def test_records_are_looked_at_beside_the_loop(slow: SlowStore, socket: Path, question: str) -> None:
    """A long history takes a third of a second to put together, in which the loop would notice no failing release."""
    slow.let.set()
    async with client_of(socket) as client:
        assert (await client.get(f"/v1/{question}")).status_code == 200
    assert slow.threads
    assert threading.main_thread() not in slow.threads


async def test_a_place_aside_is_free_again_after_a_fault() -> None:
    """What fails in there fails for whoever asked for it, and for nobody else."""
    aside = Aside()
    with pytest.raises(ZeroDivisionError):
        await aside.do(lambda: 1 // 0)
    assert await aside.do(lambda: 1) == 1
