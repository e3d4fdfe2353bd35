"""What the outbox may expect of every way to a channel, whichever it is."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from guardian.app.notes import NoteWriter
from guardian.core.channels import Webhook
from guardian.core.letters import Kind, Letter
from guardian.core.rules import Severity
from guardian.core.sending import Dispatch, Later, Never, Sender
from guardian.core.sentry import SentryReleases, SentrySettings
from guardian.records.notebook import DirectoryNotebook
from guardian.senders.releases import ReleaseSender
from guardian.senders.webhook import WebhookSender
from tests.doubles import accounts
from tests.doubles.channel import FakeChannel, later
from tests.doubles.prometheus import HangUp, StandIn, answer, broken_off
from tests.doubles.sentry import ORGANIZATION, TOKEN, SentryStandIn
from tests.doubles.virtual import VirtualClock

CARD = Letter("ops", "card:web-1", Kind.CARD, 0.0, "web", "web-1", "watching", Severity.INFO)
NEWS = replace(CARD, key="k-1", kind=Kind.NEWS, sentence="web-1: watching")


@dataclass
class Held:
    """A way to a channel, and what is at its other end."""

    sender: Sender
    letter: Letter
    """One that it takes."""
    shown: Callable[[], int]
    """How many different things people see there."""
    fail: Callable[[], None]
    """From now on the other end is of no use."""
    mend: Callable[[], None]
    """And now it is again."""


@asynccontextmanager
async def fake(_directory: Path) -> AsyncIterator[Held]:
    """The double that other tests use."""
    channel = FakeChannel()

    def use(fault: object) -> Callable[[], None]:
        return lambda: setattr(channel, "always", fault)

    yield Held(channel, NEWS, lambda: len(channel.shown), use(later()), use(None))


@asynccontextmanager
async def webhook(_directory: Path) -> AsyncIterator[Held]:
    """A webhook, whose receiver knows letters by their keys."""
    good, bad = answer(b"", "204 No Content"), broken_off(b"", HangUp)
    async with StandIn(good) as server:
        sender = WebhookSender(Webhook(url=server.url))

        def keys() -> int:
            return len({request.headers["idempotency-key"] for request in server.requests})

        yield Held(sender, NEWS, keys, lambda: setattr(server, "behave", bad), lambda: setattr(server, "behave", good))
        await sender.aclose()


@asynccontextmanager
async def releases(directory: Path) -> AsyncIterator[Held]:
    """Releases in Sentry."""
    record = {"id": "web-1", "version": "4.2", "requested_at": 1.0, "cutover_at": 2.0}
    (directory / "token").write_text(TOKEN)
    async with SentryStandIn() as sentry:
        settings = SentryReleases(sentry.server.url, ORGANIZATION, directory / "token", {"web": "shop"})
        sender = ReleaseSender(SentrySettings(None, releases=settings), {"web-1": record}.get)

        def use(fault: object) -> Callable[[], None]:
            return lambda: setattr(sentry, "fault", fault)

        yield Held(sender, CARD, lambda: len(sentry.deploys.get("4.2", [])), use(broken_off(b"", HangUp)), use(None))
        await sender.aclose()


async def undrawn(chart: object) -> bytes:
    """No picture."""
    raise OSError(str(chart))


@asynccontextmanager
async def notes(directory: Path) -> AsyncIterator[Held]:
    """Notes in a directory."""
    place = directory / "notes"
    sender = NoteWriter(accounts.watching().store, DirectoryNotebook(place, draw=undrawn), VirtualClock())

    def fail() -> None:
        place.rename(directory / "away") if place.exists() else None
        place.write_text("in the way")

    def mend() -> None:
        place.unlink()

    yield Held(sender, CARD, lambda: len(list(place.glob("*.md"))) if place.is_dir() else 0, fail, mend)


@pytest.fixture(params=[fake, webhook, releases, notes])
async def held(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Held]:
    """Each of them."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    made: AbstractAsyncContextManager[Held] = request.param(tmp_path)
    async with made as held:
        yield held


async def test_a_letter_is_delivered_and_called_something(held: Held) -> None:
    """Then it is there for people to see."""
    assert isinstance(await held.sender.deliver(Dispatch(held.letter)), str)
    assert held.shown() == 1


async def test_a_letter_that_may_be_there_is_not_shown_twice(held: Held) -> None:
    """However often it comes again with doubt."""
    called = await held.sender.deliver(Dispatch(held.letter))
    for _ in range(3):
        assert await held.sender.deliver(Dispatch(held.letter, unsure=True)) == called
    assert held.shown() == 1


async def test_a_card_is_changed_where_it_is(held: Held) -> None:
    """What it was called finds it again."""
    if held.letter.kind is not Kind.CARD:
        return
    called = await held.sender.deliver(Dispatch(held.letter))
    assert await held.sender.deliver(Dispatch(held.letter, card=called)) == called
    assert held.shown() == 1


async def test_trouble_is_a_sentence_and_has_an_end(held: Held) -> None:
    """Only the conditions of the protocol, never another exception; afterwards everything goes well."""
    held.fail()
    with pytest.raises((Later, Never)) as failure:
        await held.sender.deliver(Dispatch(held.letter))
    assert isinstance(failure.value, Later)
    assert str(failure.value)
    held.mend()
    await held.sender.deliver(Dispatch(held.letter, unsure=failure.value.unsure))
    assert held.shown() == 1
