"""Notes as the cards of two channels: when they are written and published, and what stands in the way."""

from collections.abc import Callable
from pathlib import Path

import pytest

from guardian.app.notes import EVIDENCE_SECONDS, NotePublisher, NoteWriter
from guardian.core.account import Account
from guardian.core.letters import Kind, Letter
from guardian.core.notebook import LeftAlone, NotWritten
from guardian.core.ports import StoreError
from guardian.core.rules import Severity
from guardian.core.sending import Dispatch, Later, Never, NotYet
from tests.doubles import accounts
from tests.doubles.accounts import Story
from tests.doubles.store import MemoryStore

CARD = Dispatch(Letter("notes", "card:web-1", Kind.CARD, 0.0, "web", "web-1", "watching", Severity.INFO))


class Desk:
    """Where notes are written: it remembers which, or fails."""

    def __init__(self, fault: NotWritten | None = None) -> None:
        self.written: list[Account] = []
        self.published: list[Account] = []
        self._fault = fault

    async def write(self, account: Account) -> Path:
        """As the protocol says."""
        if self._fault:
            raise self._fault
        self.written.append(account)
        return Path("/notes/web-1.md")

    async def publish(self, account: Account) -> str:
        """As the protocol says."""
        if self._fault:
            raise self._fault
        self.published.append(account)
        return "c0ffee"

    def name(self, deployment: str) -> str:
        """As the protocol says."""
        return deployment

    def where(self, deployment: str) -> Path | None:
        """As the protocol says."""
        return Path(deployment)

    def text(self, account: Account) -> str:
        """As the protocol says."""
        return account.service

    def kept(self, deployment: str) -> tuple[Path, str] | None:
        """As the protocol says."""
        return Path(deployment), deployment


class Hourglass:
    """A clock that shows what a test wants."""

    def __init__(self, at: float) -> None:
        self.at = at

    def now(self) -> float:
        """As the protocol says."""
        return self.at

    def monotonic(self) -> float:
        """As the protocol says."""
        return self.at


async def test_every_change_is_written() -> None:
    """A draft while the deployment goes on, the last word when it is over; the channel's name for the card is the path."""
    desk, story = Desk(), accounts.watching()
    writer = NoteWriter(story.store, desk, Hourglass(story.at))
    assert await writer.deliver(CARD) == "/notes/web-1.md"
    story.breach()
    await writer.deliver(CARD)
    assert [str(account.deployment.phase) for account in desk.written] == ["watching", "rolled back"]


async def test_the_last_word_waits_for_the_evidence() -> None:
    """It is kept once everything else is done; where it does not come, the note does without."""
    desk, story = Desk(), accounts.rolled_back()
    story.store._evidence.clear()
    clock = Hourglass(story.at)
    writer = NoteWriter(story.store, desk, clock)
    with pytest.raises(NotYet):
        await writer.deliver(CARD)
    clock.at += EVIDENCE_SECONDS + 1
    await writer.deliver(CARD)
    assert len(desk.written) == 1


@pytest.mark.parametrize("tell", [accounts.by_hand, accounts.aborted])
async def test_where_no_evidence_is_to_come_nothing_is_waited_for(tell: Callable[[], Story]) -> None:
    """Nothing was judged, or nothing was moved."""
    story, desk = tell(), Desk()
    await NoteWriter(story.store, desk, Hourglass(story.at)).deliver(CARD)
    assert len(desk.written) == 1


async def test_drafts_are_not_published() -> None:
    """Only what is over is history, and only once the old side has been dealt with."""
    desk, story = Desk(), accounts.watching()
    clock = Hourglass(story.at)
    publisher = NotePublisher(story.store, desk, clock, settle=15.0)
    assert await publisher.deliver(CARD) == "draft"
    story.breach()
    clock.at = story.at
    with pytest.raises(NotYet) as not_yet:
        await publisher.deliver(CARD)
    assert not_yet.value.after == pytest.approx(15.0, abs=0.1)
    clock.at += 15.1
    assert await publisher.deliver(CARD) == "c0ffee"
    assert len(desk.published) == 1


@pytest.mark.parametrize(("fault", "met"), [(NotWritten("disk full"), Later), (LeftAlone("marks gone"), Never)])
async def test_what_could_not_be_written_is_tried_again_unless_it_is_a_persons(fault: NotWritten, met: type[Exception]) -> None:
    """A full disk has an end; a note that people took over is theirs."""
    story = accounts.rolled_back()
    clock = Hourglass(story.at + 100.0)
    for sender in (NoteWriter(story.store, Desk(fault), clock), NotePublisher(story.store, Desk(fault), clock)):
        with pytest.raises(met, match=str(fault)):
            await sender.deliver(CARD)


class Broken(MemoryStore):
    """A store that cannot be read."""

    def deployment(self, identifier: str) -> None:
        """As the protocol says of a damaged one."""
        raise StoreError(f"damaged: {identifier}")


async def test_what_is_not_recorded_yet_is_tried_again() -> None:
    """The journal may be behind a full disk; one that cannot be read is told."""
    for store, met in ((MemoryStore(), NotYet), (Broken(), Later)):
        for sender in (NoteWriter(store, Desk(), Hourglass(0.0)), NotePublisher(store, Desk(), Hourglass(0.0))):
            with pytest.raises(met):
                await sender.deliver(CARD)
