"""The one writer: journal entries and evidence go to the store in order, in a thread of their own.

A rollback never waits long for a disk: an entry that cannot be written now stays in line and is written when it can be.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from functools import partial
from threading import Lock
from typing import Any, TypeVar

from guardian.app.codec import event_to_record, kept_letter, state_to_record
from guardian.core.deployment import ServiceState
from guardian.core.events import Event
from guardian.core.letters import Kind
from guardian.core.line import Posting
from guardian.core.ports import Store, StoreError
from guardian.core.release_events import PutOff

T = TypeVar("T")


class Durable(Enum):
    """What became of an entry."""

    YES = "written"
    NO = "refused by the store"
    LATE = "not written yet"


@dataclass(slots=True, eq=False)
class Entry:
    """One state change on its way to the journal."""

    service: str
    event: Event
    state: ServiceState
    letters: tuple[Posting, ...] = ()
    """What tells of it. Those that were delivered before the entry could be written are not kept any more."""
    number: int = 0
    """Its number in the journal, once it is written."""
    withdrawn: bool = False
    """Refused by the store, and forgotten."""
    late: bool = False
    """Nobody waits for it any more: it is not withdrawn."""

    @property
    def deployment(self) -> str | None:
        """Whose story it is a part of: the state's, or the one that is put off, which the state need not have begun."""
        if isinstance(self.event, PutOff):
            return self.event.deployment
        return self.state.deployment.id if self.state.deployment else None


class Recorder:
    """Writes to the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="recorder")
        self._line: deque[Entry] = deque()
        self._withdrawing = Lock()
        self._marks: dict[tuple[str, str], Posting] = {}
        self._trouble = self._refusing = ""

    @property
    def trouble(self) -> str:
        """Why the line does not move, or nothing new is taken; empty where neither is so."""
        return self._refusing or self._trouble

    def refuse(self, reason: str) -> None:
        """Take no entry any more that need not be recorded: what it begins would be lost with the records."""
        self._refusing = reason

    @property
    def waiting(self) -> int:
        """Entries that are not durable yet."""
        return len(self._line)

    async def record(
        self, entry: Entry, patience: float, *, must: bool, hurry: asyncio.Event | None = None, least: float = 0.0
    ) -> Durable:
        """Journal ``entry`` after all that wait before it; at most ``patience`` seconds, or ``least`` where there is ``hurry``.

        ``must``: the entry stays in line whatever happens. Otherwise a refusal of the store (``Durable.NO``) forgets it.
        """
        if self._refusing and not must:
            return Durable.NO
        self._line.append(entry)
        writing = self._run(lambda: self._write(entry, must=must))
        await asyncio.wait({writing}, timeout=min(patience, least) if hurry else patience)
        if hurry and not writing.done() and patience > least:
            await _first(writing, hurry, patience - least)
        done = writing.done()
        with self._withdrawing:
            entry.late = not done
            if entry.withdrawn:
                return Durable.NO
        return Durable.YES if done and entry.number else Durable.LATE

    async def retry(self) -> None:
        """Write what waits, if the store takes it now."""
        if self._line:
            await self._run(self._write_line)
        if self._marks:
            await self._run(self._write_marks)

    async def save(self, deployment: str, rule: str, evidence: dict[str, object]) -> None:
        """Keep evidence; a store that refuses is remembered in ``trouble``, the next save tries again."""
        await self._run(lambda: self._attempt(lambda: self._store.save_evidence(deployment, rule, evidence)))

    async def mark(self, posting: Posting) -> None:
        """Keep what has become of a letter; where the store refuses, with the next :meth:`retry`. It is told all the same."""
        self._marks[posting.letter.channel, posting.letter.key] = posting
        await self._run(self._write_marks)

    async def perform(self, work: Callable[[], T]) -> T:
        """What ``work`` gives, done in the writing thread in its turn. :class:`StoreError` comes through."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _run(self, work: Callable[[], object]) -> "asyncio.Future[object]":
        return asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _write(self, entry: Entry, *, must: bool) -> None:
        """In the writing thread, which alone takes entries out of the line: whatever is refused is written by nobody later."""
        self._write_line()
        with self._withdrawing:
            if not (must or entry.number or entry.late):
                self._line.remove(entry)
                entry.withdrawn = True

    def _write_line(self) -> None:
        """In the writing thread: entries leave the line only from its head, and only when they are durable."""
        while self._line:
            entry = self._line[0]
            if not self._attempt(lambda entry=entry: self._append(entry)):  # type: ignore[misc]
                return
            self._line.popleft()

    def _write_marks(self) -> None:
        """In the writing thread. What a letter has become is looked up when it is written."""
        for channel, key in list(self._marks):
            posting = self._marks.pop((channel, key))
            gone = posting.settled and posting.letter.kind is not Kind.CARD
            work = partial(self._store.remove_letter, channel, key) if gone else partial(self._mark, posting)
            if not self._attempt(work):
                self._marks.setdefault((channel, key), posting)
                return

    def _mark(self, posting: Posting) -> None:
        self._store.mark_letter(kept_letter(posting))

    def _append(self, entry: Entry) -> None:
        event, state = event_to_record(entry.event), state_to_record(entry.state)
        letters = [kept_letter(each) for each in entry.letters if not each.settled or each.letter.kind is Kind.CARD]
        written = self._store.append(entry.service, entry.deployment, entry.event.at, event, state, letters)
        entry.number = written.number

    def _attempt(self, work: Callable[[], object]) -> bool:
        try:
            work()
        except StoreError as error:
            self._trouble = str(error)
            return False
        self._trouble = ""
        return True

    async def aclose(self) -> None:
        """Write what can still be written, and end the thread."""
        await self.retry()
        self._thread.shutdown(wait=True)


async def _first(writing: "asyncio.Future[object]", hurry: asyncio.Event, patience: float) -> None:
    """Wait for the end of ``writing``, for ``hurry``, or for so many seconds."""
    waited: set[asyncio.Future[Any]] = {writing, hurried := asyncio.ensure_future(hurry.wait())}
    try:
        await asyncio.wait(waited, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
    finally:
        hurried.cancel()
