"""What the store refused is written by nobody later."""

import asyncio
from threading import Event

from guardian.app.record import Durable, Entry, Recorder
from guardian.core.events import Adopted
from guardian.core.model import Split
from guardian.core.ports import StoreError
from guardian.core.switch import adopt
from tests.doubles.store import MemoryStore


class Stumbling(MemoryStore):
    """Refuses the first entry, and takes its time over the next."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.refuse, self.go_on = Event(), Event()

    def before_append(self) -> None:
        """The first is refused."""
        self.asked += 1
        if self.asked == 1:
            assert self.refuse.wait(5)
            raise StoreError("the disk is full")
        assert self.go_on.wait(5)


async def test_what_was_refused_is_not_written_by_a_retry_that_came_in_between() -> None:
    """The answer was no: nothing of it is in the journal, and nothing else is taken out of the line in its place."""
    store = Stumbling()
    recorder = Recorder(store)
    met = Adopted(1.0, Split(0), "1@1")
    entry, later = (Entry("web", met, adopt("web", met).state) for _ in range(2))
    recording = asyncio.create_task(recorder.record(entry, 5.0, must=False))
    await asyncio.sleep(0)  # the entry is in line
    retrying = asyncio.create_task(recorder.retry())
    await asyncio.sleep(0)  # the retry waits behind it
    store.refuse.set()
    assert await recording is Durable.NO
    must = asyncio.create_task(recorder.record(later, 5.0, must=True))
    store.go_on.set()
    assert await must is Durable.YES
    await retrying
    assert recorder.waiting == 0
    assert [written.number for written in store.journal()] == [1]
    assert (entry.number, later.number) == (0, 1)
    await recorder.aclose()
