"""What is done about the records' examination: told, written down, waited for, and begun anew."""

import asyncio
import logging
import threading
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from guardian.app import examine
from guardian.app.examine import Examiner
from guardian.app.record import Durable, Entry, Recorder
from guardian.core.events import Adopted
from guardian.core.model import Environment, Split
from guardian.core.ports import StoreError
from guardian.core.switch import adopt
from tests.doubles.store import MemoryStore
from tests.waiting import eventually


@dataclass
class Records:
    """Answer as they are told to, one look after the other; the last one for ever."""

    answers: list[str | StoreError]
    condemned: list[str] = field(default_factory=list)
    refuses: bool = False
    ended: threading.Event = field(default_factory=threading.Event)
    looking: threading.Event = field(default_factory=threading.Event)

    def look(self) -> str:
        """As the protocol says; without an answer it goes on until it is ended."""
        self.looking.set()
        if not self.answers:
            assert self.ended.wait(30)
            raise StoreError("ended")
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, StoreError):
            raise answer
        return answer

    def condemn(self, reason: str) -> None:
        """As the protocol says."""
        if self.refuses:
            raise StoreError("no room")
        self.condemned.append(reason)

    def end(self) -> None:
        """As the protocol says."""
        self.ended.set()


class Desk:
    """An examiner, and what stands around it."""

    def __init__(self, records: Records) -> None:
        self.records, self.recorder = records, Recorder(MemoryStore())
        self.active, self.began_anew = False, 0
        self.examiner = Examiner(records, self.recorder, self.states, self.begin_anew)

    def states(self) -> list[Any]:
        """One service."""
        return [SimpleNamespace(deployment=SimpleNamespace(id="web-1", phase=SimpleNamespace(active=self.active)))]

    def begin_anew(self) -> None:
        """What the examiner calls."""
        self.began_anew += 1

    async def record(self, *, must: bool) -> Durable:
        """What becomes of an entry."""
        event = Adopted(1.0, Split.all_on(Environment.BLUE), "")
        return await self.recorder.record(Entry("web", event, adopt("web", event).state), 30.0, must=must)


async def test_whole_records_are_told_and_nothing_follows(caplog: pytest.LogCaptureFixture) -> None:
    """It is over then."""
    desk = Desk(Records([""]))
    with caplog.at_level(logging.INFO):
        await desk.examiner.run()
    assert "they are whole" in caplog.text
    assert (desk.began_anew, desk.records.condemned, desk.recorder.trouble) == (0, [], "")
    assert await desk.record(must=False) is Durable.YES


async def test_damaged_records_are_begun_anew_at_once_where_nothing_is_under_way(caplog: pytest.LogCaptureFixture) -> None:
    """And the next start knows it, whatever happens before."""
    desk = Desk(Records(["entry 5 is gone"]))
    await desk.examiner.run()
    assert (desk.began_anew, desk.records.condemned) == (1, ["entry 5 is gone"])
    assert "damaged (entry 5 is gone): nothing new is begun; at once guardian starts itself anew" in caplog.text


async def test_what_is_under_way_goes_on_to_its_end_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rollbacks are recorded as ever, or wait; what moves something forward is refused with the reason."""
    monkeypatch.setattr(examine, "QUIET_SECONDS", 0.01)
    desk = Desk(Records(["entry 5 is gone"]))
    desk.active = True
    running = asyncio.create_task(desk.examiner.run())

    async def condemned() -> bool:
        return bool(desk.records.condemned)

    await eventually(condemned)
    assert await desk.record(must=False) is Durable.NO
    assert "what is under way goes on to its end (web-1), and can be rolled back" in desk.recorder.trouble
    assert await desk.record(must=True) is Durable.YES
    assert (desk.began_anew, running.done()) == (0, False)
    desk.active = False
    await running
    assert desk.began_anew == 1


async def test_a_disk_that_takes_no_verdict_changes_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    """The next start would find it again."""
    desk = Desk(Records(["entry 5 is gone"], refuses=True))
    await desk.examiner.run()
    assert desk.began_anew == 1
    assert "could not be written down (no room)" in caplog.text


async def test_records_that_cannot_be_read_are_no_damage(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A disk that fails, or a journal that is cut meanwhile: it is tried again."""
    monkeypatch.setattr(examine, "AGAIN_SECONDS", 0.01)
    desk = Desk(Records([StoreError("the disk failed"), ""]))
    with caplog.at_level(logging.INFO):
        await desk.examiner.run()
    assert "could not be looked through (the disk failed)" in caplog.text
    assert "they are whole" in caplog.text
    assert desk.began_anew == 0


async def test_a_stop_ends_the_look() -> None:
    """No stop waits for the rest of a million entries."""
    desk = Desk(Records([]))
    running = asyncio.create_task(desk.examiner.run())
    await asyncio.to_thread(desk.records.looking.wait, 30)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert desk.records.ended.is_set()
    assert desk.began_anew == 0
