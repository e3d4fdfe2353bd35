"""Bad input and bad days in the chat: refusals are visible, recorded with the user's id, and move nothing; nothing is lost."""

import asyncio
import io
import logging
from pathlib import Path

import pytest

from guardian.app.logs import JsonFormatter, TextFormatter
from guardian.chatops import desk
from guardian.core.deployment import Phase
from guardian.core.ledger import ChatOrder
from tests.doubles.slack.faults import Error, Hang, Status
from tests.doubles.slack.limits import faults_of_message
from tests.doubles.slack.office import Office
from tests.doubles.slack.person import Person
from tests.doubles.slack.standin import Slack
from tests.doubles.store import MemoryStore

HOSTILE = [
    "switch web <!channel> <@UBOB|bob> <https://evil.example|click>",
    "switch web `*_~bold~_*`",
    "switch web \u202egnorw\u202c \x00\x07",
    "switch web " + "é" * 900,
    "switch web &lt;!everyone&gt; ]]> -- ; drop table journal",
    "switch web " + "😀" * 300,
]
NONSENSE = ["", " ", "\x00", "--", "--share", "switch web --share 5", "approve", "🤖" * 500, "x" * 4000, "switch " + "a-" * 1500]


async def heard(office: Office, person: Person, text: str) -> str:
    """What ``person`` alone was shown that holds ``text``."""
    await office.until(lambda: any(text in each for each in person.saw))
    return next(each for each in person.saw if text in each)


async def on_trial(office: Office, person: Person) -> None:
    """A release on trial, ordered by ``person``, with its message."""
    await person.types("switch web v2")
    await office.until(lambda: office.house.deployment == "web-1")
    await office.house.confirm()
    await office.until(lambda: "watching" in office.card.text)


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_reasons_stay_text(office: Office, alice: Person, text: str) -> None:
    """Whatever a reason holds, it mentions nobody and breaks no message."""
    await alice.types(text)
    await heard(office, alice, "web-1: web moves to green")
    await office.until(lambda: len(office.thread) >= 1)
    for message in (office.card, *office.thread):
        shown = message.text + str(message.blocks)
        assert not any(mark in shown for mark in ("<!channel", "<!everyone", "<@UBOB", "<https://evil"))
        assert faults_of_message(message.blocks) == []


@pytest.mark.parametrize("text", NONSENSE)
async def test_nonsense_is_answered_and_moves_nothing(office: Office, alice: Person, text: str) -> None:
    """Each text is acknowledged in time and answered to whoever typed it."""
    assert (await alice.types(text)).acknowledged
    await office.until(lambda: alice.saw)
    assert office.house.deployment == ""


async def test_a_reason_of_4000_characters_is_refused_with_what_fits(office: Office, alice: Person) -> None:
    """Nothing is cut off in silence."""
    await alice.types("switch web " + "because " * 500)
    await heard(office, alice, "1,000 characters at the most")
    assert office.house.deployment == ""


@pytest.mark.parametrize(("user", "team"), [("UCAROL", "T1"), ("UNOBODY", "T1"), ("UMALLORY", "T666"), ("UMALLORY", "T1")])
async def test_strangers_are_refused_visibly_and_recorded(
    slack: Slack, office: Office, user: str, team: str, alice: Person, caplog: pytest.LogCaptureFixture
) -> None:
    """Guests, unknown users and other workspaces: typed and clicked, forward and back; with their ids in the record and the log."""
    await on_trial(office, alice)
    stranger = Person(slack, user, team)
    slack.workspace.channels["C1"].members.add(user)
    for order in ("switch web mine", "rollback web mine", "promote web"):
        assert (await stranger.types(order)).acknowledged
    await stranger.clicks(office.card, "order:rollback")
    await office.until(lambda: len(stranger.saw) == 4)
    assert all("nothing was done" in each or "nothing moves" in each for each in stranger.saw)
    assert office.house.current.phase is Phase.WATCHING
    records = [order for order in office.ledger if user in order.by]
    assert [order.outcome.partition(":")[0] for order in records] == ["refused"] * 4
    assert sum(f"(Slack {user})" in record.message and record.levelno == logging.WARNING for record in caplog.records) == 4
    for question in ("status", "history"):
        await stranger.types(question)
    await office.until(lambda: len(stranger.saw) == 6)
    assert not any("100 %" in each for each in stranger.saw)


@pytest.mark.parametrize(("user", "team"), [("UCAROL", "T1"), ("UNOBODY", "T1"), ("UMALLORY", "T666")])
async def test_strangers_are_shown_no_form(slack: Slack, office: Office, user: str, team: str) -> None:
    """State and risks stand in it: whoever may not look is told so instead."""
    stranger = Person(slack, user, team)
    assert (await stranger.types("switch web")).acknowledged
    await office.until(lambda: stranger.saw or slack.workspace.views)
    assert not slack.workspace.views
    assert "100 %" not in str(stranger.saw)


async def test_a_slow_directory_has_a_form_typed_instead(
    slack: Slack, office: Office, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A form must be open within three seconds: where Slack takes too long to say who asks, how to do without."""
    monkeypatch.setattr("guardian.chatops.slack.FORM_PATIENCE", 0.05)
    slack.faults.always("users.info", Hang())
    await alice.types("switch web")
    await heard(office, alice, "type it: `/bg switch SERVICE")
    assert not slack.workspace.views


async def test_silent_groups_close_the_way_forward_only(slack: Slack, office: Office, alice: Person, bob: Person) -> None:
    """While Slack's directory is broken, nothing moves forward, and the rollback is done."""
    await on_trial(office, alice)
    slack.faults.always("usergroups.users.list", Status(503))
    office.chatops.chat.people.forget()
    await bob.types("promote web sure")
    await heard(office, bob, "Slack does not say whether you have the role")
    await bob.types("rollback web sure")
    await heard(office, bob, "web-1: web goes back to blue")
    assert office.house.current.phase is Phase.ROLLING_BACK


async def test_a_deleted_message_is_posted_again(slack: Slack, office: Office, alice: Person) -> None:
    """Somebody deletes the message of a running deployment: the next change posts it anew, with its thread."""
    await on_trial(office, alice)
    gone = office.card
    for ts in [gone.ts, *(reply.ts for reply in office.thread)]:
        slack.workspace.channels["C1"].messages.pop(ts)
    await office.house.end_watch(enough=True)
    await office.until(lambda: "verified" in office.card.text)
    assert office.card.ts != gone.ts
    await office.until(lambda: any("verified" in reply.text for reply in office.thread))


async def test_fifty_one_blocks_are_never_sent(slack: Slack, office: Office, alice: Person) -> None:
    """A message with everything in it stays within what Slack takes: none was ever refused."""
    await on_trial(office, alice)
    await office.house.breach()
    await office.house.confirm()
    await office.until(lambda: "rolled back" in office.card.text)
    assert not [
        each for method, given in slack.calls if method.startswith("chat.") for each in faults_of_message(given.get("blocks", []))
    ]


async def test_an_answer_whose_address_is_used_up_comes_another_way(slack: Slack, office: Office, alice: Person) -> None:
    """Where the response URL answers nothing any more, the answer is whispered in the channel."""
    slack.faults.always("response_url", Status(404))
    await alice.types("history")
    await heard(office, alice, "has not moved anything")
    assert slack.called("chat.postEphemeral")


async def test_a_form_that_cannot_open_is_answered_with_the_typed_form(slack: Slack, office: Office, alice: Person) -> None:
    """A trigger that has expired costs a sentence, and nothing else."""
    slack.faults.once("views.open", Error("expired_trigger_id"))
    await alice.types("switch web")
    await heard(office, alice, "the form could not be opened (expired_trigger_id); type it: `/bg switch SERVICE")


async def test_foreign_and_damaged_buttons_do_nothing(office: Office, alice: Person) -> None:
    """Values of other versions, of nobody, and of attackers: answered, and nothing moves."""
    await on_trial(office, alice)
    for value in ("", "{}", "[]", "42", '{"v":"reboot","s":"web","d":"web-1","g":1}', '{"v":"promote"}', "\x00" * 50):
        blocks = [dict(block) for block in office.card.blocks]
        for block in blocks:
            block["elements"] = [{**each, "value": value} for each in block.get("elements", []) if each["type"] == "button"]
        await alice.clicks(office.card, "order:rollback", blocks=blocks)
    await office.until(lambda: sum("this button is none of this guardian's" in each for each in alice.saw) == 7)
    assert office.house.current.phase is Phase.WATCHING


async def test_a_full_disk_stops_orders_forward_and_no_rollback(office: Office, alice: Person, bob: Person) -> None:
    """What cannot be recorded is not begun; the rollback is, and told."""
    await on_trial(office, alice)
    office.house.store.fail()  # type: ignore[attr-defined]
    await bob.types("promote web sure")
    await heard(office, bob, "the order could not be recorded")
    await bob.types("rollback web now")
    await heard(office, bob, "web-1: web goes back to blue")
    office.house.store.heal()  # type: ignore[attr-defined]
    assert office.house.current.phase is Phase.ROLLING_BACK


async def test_a_stuck_rollback_is_forced_with_a_click(office: Office, alice: Person, bob: Person) -> None:
    """The loudest state there is: its message says what is wrong, is shown to the channel, and has the one button that helps."""
    await on_trial(office, alice)
    await alice.types("rollback web bad")
    await office.until(lambda: office.house.current.rollback)
    await office.house.fail_routing("no server of web_blue is healthy")
    await office.until(lambda: "Force the rollback" in str(office.card.blocks))
    assert "*STUCK*: no server of web_blue is healthy" in office.card.text
    await office.until(lambda: any(reply.broadcast and "STUCK" in reply.text for reply in office.thread))
    await bob.clicks(office.card, "order:rollback")
    await heard(office, bob, "web-1: web goes back to blue")
    rollback = office.house.current.rollback
    assert rollback
    assert rollback.forced_by == "bob (Slack UBOB)"


async def test_a_channel_that_is_held_to_a_pace_is_told_all_of_it_once(slack: Slack, office: Office, alice: Person) -> None:
    """429 on message after message: each reply comes once and in order, the card shows the end, and no deadline was missed."""
    slack.pace.limit("chat.postMessage", 1, 0.6)
    slack.pace.limit("chat.update", 1, 0.6)
    await on_trial(office, alice)
    await office.house.breach()
    await office.house.confirm()
    await office.until(lambda: "rolled back" in office.card.text and len(office.thread) >= 4)
    replies = [reply.text for reply in office.thread if not reply.files]
    assert slack.pace.limited > 0
    assert len(replies) == len(set(replies))
    assert ["rolled back" in each for each in replies] == [False, False, False, True]
    assert len(office.messages) == 1


async def test_a_death_between_acknowledgement_and_execution_loses_nothing(slack: Slack, tmp_path: Path, alice: Person) -> None:
    """An order that was recorded before a death is carried out after the next start, once, and answered where it was given."""
    store = MemoryStore()
    async with Office(slack, tmp_path, store).open() as office:
        await on_trial(office, alice)
        now = office.house.clock.now()
    by = "bob (Slack UBOB)"
    store.keep_order(ChatOrder("k1", now, by, "C1", "rollback web --reason it burns", "web-1"))
    async with Office(slack, tmp_path, store).open() as office:
        await office.until(lambda: office.house.current.rollback)
        assert office.house.current.rollback
        assert (office.house.current.rollback.by, office.house.current.rollback.reason) == (by, "it burns")
        await heard(office, Person(slack, "UBOB"), "`/bg rollback web --reason it burns`: web-1: web goes back to blue")
    assert store.open_orders() == []


async def test_orders_of_long_ago_are_not_carried_out_after_a_start(slack: Slack, tmp_path: Path, alice: Person) -> None:
    """Forward, after two minutes, whoever gave it is asked again; a rollback of what is over is not done to what is running now."""
    store = MemoryStore()
    async with Office(slack, tmp_path, store).open() as office:
        await on_trial(office, alice)
        now = office.house.clock.now()
    by = "bob (Slack UBOB)"
    store.keep_order(ChatOrder("k1", now - 3600, by, "C1", "promote web --reason old", "web-1"))
    store.keep_order(ChatOrder("k2", now + 3600, by, "C1", "promote web --reason from the future", "web-1"))
    store.keep_order(ChatOrder("k3", now - 3600, by, "C1", "rollback web --reason old", "web-0"))
    async with Office(slack, tmp_path, store).open() as office:
        bob = Person(slack, "UBOB")
        await office.until(lambda: len(bob.saw) == 3)
        assert office.house.current.phase is Phase.WATCHING
        assert sum("give it again if it holds" in each for each in bob.saw) == 2
        assert any("web-0 is over meanwhile" in each for each in bob.saw)
    assert store.open_orders() == []


async def test_a_clock_stepped_back_an_hour_stops_nothing(
    slack: Slack, office: Office, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Commands are answered, and a broken connection is noticed and made anew."""
    real = asyncio.get_running_loop().time
    monkeypatch.setattr("time.time", lambda: real() - 3600.0)
    await alice.types("history")
    await heard(office, alice, "has not moved anything")
    slack.sockets.drop()
    await office.until(lambda: slack.sockets.opened == 2)
    assert (await alice.types("status")).acknowledged


async def test_late_acknowledgements_are_avoided_while_slacks_api_hangs(slack: Slack, office: Office, alice: Person) -> None:
    """Every call to Slack hangs, and commands are acknowledged within a second all the same."""
    slack.sockets.patience = 1.0
    for method in ("usergroups.users.list", "users.info", "chat.postMessage", "response_url"):
        slack.faults.always(method, Hang())
    deliveries = await asyncio.gather(*(alice.types(text) for text in ("status", "switch web v2", "rollback web", "explain web-1")))
    assert all(delivery.acknowledged for delivery in deliveries)


async def test_no_secret_ever_reaches_a_log(slack: Slack, tmp_path: Path, alice: Person) -> None:
    """All is logged at its loudest, also by Slack's own packages, in good times and bad: no token, ticket, address or trigger."""
    texts = io.StringIO()
    handlers = [logging.StreamHandler(texts), logging.StreamHandler(texts)]
    handlers[0].setFormatter(TextFormatter())
    handlers[1].setFormatter(JsonFormatter())
    root, level = logging.getLogger(), logging.getLogger().level
    root.setLevel(logging.DEBUG)
    for handler in handlers:
        root.addHandler(handler)
    try:
        async with Office(slack, tmp_path).open() as office:
            await on_trial(office, alice)
            slack.sockets.refusals = 1
            slack.sockets.drop()
            slack.faults.once("views.open", Error("expired_trigger_id"))
            await office.until(lambda: slack.sockets.opened >= 2)
            await alice.types("switch web")
            await alice.types(f"rollback web my token is {slack.bot_token}")
            await office.until(lambda: office.house.current.rollback)
    finally:
        root.setLevel(level)
        for handler in handlers:
            root.removeHandler(handler)
    said = texts.getvalue()
    assert "trigger_id" in said
    assert "/link/?ticket=" in said
    assert "secret" not in said, [line for line in said.splitlines() if "secret" in line][:3]


async def test_records_hold_no_secret(slack: Slack, office: Office, alice: Person) -> None:
    """Neither the ledger nor the journal nor any message holds a token, a trigger or an answer address."""
    await on_trial(office, alice)
    await alice.clicks(office.card, "order:rollback")
    await office.until(lambda: office.house.current.rollback)
    held = str([office.ledger, office.house.store.journal(), office.house.store.letters()])
    assert "secret" not in held
    assert desk.RECORD_PATIENCE < 3.0
