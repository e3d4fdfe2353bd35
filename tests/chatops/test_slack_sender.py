"""The outbox's way into a channel of Slack: what Slack says becomes what the outbox understands."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from guardian.app.orders import Order
from guardian.chatops.facts import Gatherer
from guardian.chatops.sender import SlackSender, Sources
from guardian.core.letters import Kind, Letter
from guardian.core.rules import Link, Severity
from guardian.core.sending import Dispatch, Later, Never
from tests.doubles.slack.faults import Drops, Error, LostAnswer, RateLimited, Status
from tests.doubles.slack.office import Office
from tests.doubles.slack.standin import Slack
from tests.doubles.slack.workspace import BOT, Message

NEWS = Letter(
    "deploys", "k1", Kind.NEWS, 1.0, "web", "web-1", "rolled back", Severity.CRITICAL, "web-1: <rolled> back",
    (Link("Runbook", "https://example.org/a?b&c"),),
)  # fmt: skip
CARD = replace(NEWS, key="card:web-1", kind=Kind.CARD, sentence="")


@pytest.fixture
async def office(slack: Slack, tmp_path: Path) -> AsyncIterator[Office]:
    """A release on trial; nothing is delivered but by the tests."""
    office = Office(slack, tmp_path)
    await office.house.orders.switch("web", Order("alice", "v2"))
    await office.house.confirm()
    yield office
    await office.house.recorder.aclose()


@pytest.fixture
def sender(office: Office) -> SlackSender:
    """The way to #deploys."""
    sender = office.chatops.channels[0].sender
    assert isinstance(sender, SlackSender)
    return sender


def messages(slack: Slack) -> list[Message]:
    """All that stands in #deploys."""
    return list(slack.workspace.channels["C1"].messages.values())


async def test_a_card_is_posted_once_and_changed_then(slack: Slack, sender: SlackSender) -> None:
    """What Slack calls it is handed back, and is what is changed; deleted, it is posted anew under another name."""
    ts = await sender.deliver(Dispatch(CARD))
    assert await sender.deliver(Dispatch(CARD, card=ts)) == ts
    (message,) = messages(slack)
    assert (message.updates, message.metadata) == (1, {"event_type": "guardian_letter", "event_payload": {"key": "card:web-1"}})
    slack.workspace.channels["C1"].messages.clear()
    other = await sender.deliver(Dispatch(CARD, card=ts))
    assert [message.ts for message in messages(slack)] == [other] != [ts]


async def test_news_stand_in_the_thread_and_failures_in_the_channel_too(slack: Slack, sender: SlackSender) -> None:
    """With their links; what is no failure stays in the thread; without a card, or under a deleted one, they stand alone."""
    ts = await sender.deliver(Dispatch(CARD))
    await sender.deliver(Dispatch(NEWS, card=ts))
    await sender.deliver(Dispatch(replace(NEWS, key="k2", severity=Severity.INFO), card=ts))
    loud, calm = slack.workspace.channels["C1"].replies(ts)
    assert (loud.broadcast, calm.broadcast) == (True, False)
    assert "web-1: &lt;rolled&gt; back" in str(loud.blocks)
    assert "<https://example.org/a?b&amp;c|Runbook>" in str(loud.blocks)
    await sender.deliver(Dispatch(replace(NEWS, key="k3")))
    await sender.deliver(Dispatch(replace(NEWS, key="k4"), card="1.000001"))
    assert [message.thread_ts for message in messages(slack)[-2:]] == [None, None]


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n{"])
async def test_an_answer_in_drops_is_doubt_by_the_deadline(
    slack: Slack, sender: SlackSender, head: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Head or body: the letter is tried again as after silence, and goes out by the same sender when Slack is well."""
    monkeypatch.setattr("guardian.chatops.sender.PATIENCE", 1.0)
    slack.faults.always("chat.postMessage", Drops(head))
    async with asyncio.timeout(15.0):
        with pytest.raises(Later) as later:
            await sender.deliver(Dispatch(NEWS))
    assert later.value.unsure
    slack.faults.lift("chat.postMessage")
    ts = await sender.deliver(Dispatch(NEWS, unsure=True))
    assert [message.ts for message in messages(slack)] == [ts]


@pytest.mark.parametrize("letter", [CARD, NEWS])
async def test_a_lost_answer_posts_nothing_twice(slack: Slack, sender: SlackSender, letter: Letter) -> None:
    """The message is there, the answer is not: the next attempt finds it by its mark."""
    card = "" if letter is CARD else await sender.deliver(Dispatch(CARD))
    before = len(messages(slack))
    slack.faults.once("chat.postMessage", LostAnswer())
    with pytest.raises(Later) as lost:
        await sender.deliver(Dispatch(letter, card=card))
    assert lost.value.unsure
    ts = await sender.deliver(Dispatch(letter, card=card, unsure=True))
    assert [message.ts for message in messages(slack)[before:]] == [ts]


async def test_without_the_right_to_look_it_is_told_rather_twice_than_never(slack: Slack, sender: SlackSender) -> None:
    """An app that may not read history cannot find its message."""
    slack.methods.scopes -= {"channels:history"}
    slack.faults.once("chat.postMessage", LostAnswer())
    with pytest.raises(Later):
        await sender.deliver(Dispatch(NEWS))
    await sender.deliver(Dispatch(NEWS, unsure=True))
    assert len(messages(slack)) == 2


async def test_a_rate_limit_says_how_long_to_wait(slack: Slack, sender: SlackSender) -> None:
    """Retry-After is handed on, and nothing is tried again behind the outbox's back."""
    slack.faults.once("chat.postMessage", RateLimited(17))
    with pytest.raises(Later) as limited:
        await sender.deliver(Dispatch(NEWS))
    assert (limited.value.after, limited.value.unsure) == (17.0, False)
    assert len(slack.called("chat.postMessage")) == 1


@pytest.mark.parametrize(("fault", "unsure"), [(Status(503), True), (Error("fatal_error"), True), (Error("not_in_channel"), False)])
async def test_what_may_pass_is_tried_again(slack: Slack, sender: SlackSender, fault: Error | Status, *, unsure: bool) -> None:
    """Trouble of Slack's, and what people can mend: later, with doubt where it may have arrived."""
    slack.faults.once("chat.postMessage", fault)
    with pytest.raises(Later) as later:
        await sender.deliver(Dispatch(NEWS))
    assert later.value.unsure is unsure
    await sender.deliver(Dispatch(NEWS))


async def test_what_people_mend_is_told_then(slack: Slack, sender: SlackSender) -> None:
    """Nobody invited it: later; once somebody has, it is told."""
    slack.workspace.channels["C1"].members.discard(BOT)
    with pytest.raises(Later, match="not_in_channel"):
        await sender.deliver(Dispatch(NEWS))
    slack.workspace.channels["C1"].members.add(BOT)
    await sender.deliver(Dispatch(NEWS))


async def test_a_new_token_is_read_when_the_old_one_is_refused(slack: Slack, sender: SlackSender, office: Office) -> None:
    """A token that was changed needs no restart."""
    await sender.deliver(Dispatch(NEWS))
    slack.bot_token = "xoxb-another-token"
    with pytest.raises(Later, match="invalid_auth"):
        await sender.deliver(Dispatch(NEWS))
    office.settings.bot_token_file.write_text(slack.bot_token)
    await sender.deliver(Dispatch(replace(NEWS, key="k2")))


async def test_refused_blocks_go_as_text(slack: Slack, sender: SlackSender) -> None:
    """Better plain than silent; what is refused even so is never tried again."""
    slack.faults.once("chat.postMessage", Error("invalid_blocks"))
    await sender.deliver(Dispatch(NEWS))
    (message,) = messages(slack)
    assert (message.text, message.blocks) == ("web-1: &lt;rolled&gt; back", [])
    slack.faults.once("chat.postMessage", Error("invalid_blocks"), Error("no_text"))
    with pytest.raises(Never):
        await sender.deliver(Dispatch(NEWS))


async def test_a_deployment_that_nobody_knows_has_no_card(office: Office, sender: SlackSender) -> None:
    """It is not tried again."""
    with pytest.raises(Never, match="nothing is known of web-9"):
        await sender.deliver(Dispatch(replace(CARD, deployment="web-9")))


async def test_nobody_there_is_no_doubt(slack: Slack, office: Office) -> None:
    """A refused connection did nothing."""
    gone = replace(office.settings, api="http://127.0.0.1:9/api/")
    gatherer = Gatherer(office.house.parts)
    sources = Sources(gatherer.facts, gatherer.rule, gatherer.picture)
    with pytest.raises(Later) as later:
        await SlackSender(gone, "C1", sources, office.house.clock).deliver(Dispatch(NEWS))
    assert not later.value.unsure
