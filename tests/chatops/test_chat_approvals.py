"""Approvals in Slack: a second person's word, bound to one question, asked for again when it takes effect."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from guardian.app.pace import Pacer
from guardian.core.deployment import Phase
from guardian.core.strategy import StepKind, Strategy, StrategyStep
from tests.doubles.slack.office import Office
from tests.doubles.slack.person import Person
from tests.doubles.slack.standin import Slack
from tests.doubles.slack.workspace import Message
from tests.doubles.store import MemoryStore

ASK = StrategyStep(StepKind.ASK, seconds=600.0, needed=1)
ASK_TWO = StrategyStep(StepKind.ASK, seconds=600.0, needed=2)
SLICE = StrategyStep(StepKind.SHIFT, share=500, seconds=60.0)


def actions(message: Message) -> list[str]:
    """The buttons of a message."""
    return [each["action_id"] for block in message.blocks if block["type"] == "actions" for each in block["elements"]]


async def asked(office: Office, person: Person, text: str = "switch web to green v2") -> Message:
    """The message of a deployment that waits for approval."""
    await person.types(text)
    await office.until(lambda: "order:approve" in actions(office.card))
    return office.card


async def said(office: Office, person: Person, text: str) -> str:
    """What ``person`` alone was shown that holds ``text``."""
    await office.until(lambda: any(text in each for each in person.saw))
    return next(each for each in person.saw if text in each)


@pytest.fixture
async def office(slack: Slack, tmp_path: Path) -> AsyncIterator[Office]:
    """A service whose releases need one more person before their first slice."""
    async with Office(slack, tmp_path, strategy=Strategy((ASK, SLICE))).open() as office:
        yield office


async def test_a_second_persons_click_lets_it_go_on(office: Office, alice: Person, bob: Person) -> None:
    """The question shows how many and until when; after the click its buttons go, and the decision stands with its author."""
    card = await asked(office, alice)
    assert "*Waits for approval*: 0 of 1, until <!date^" in str(card.blocks)
    assert "Way: *ask (now)* → 5 % for 1 min (to come) → 100 % (to come)" in str(card.blocks)
    assert actions(card) == ["order:approve", "why:reject", "order:abort", "order:pause"]
    confirm = next(each["confirm"] for each in card.blocks[-2]["elements"] if each["action_id"] == "order:approve")
    assert "traffic of web moves" in confirm["text"]["text"]
    await bob.clicks(card, "order:approve")
    await said(office, bob, "web-1: approved, 1 of 1")
    await office.until(lambda: "*Approved* by bob (Slack UBOB)" in str(office.card.blocks))
    assert "order:approve" not in actions(office.card)
    await Pacer(office.house.parts).turn()
    assert office.house.current.phase is Phase.SHIFTING


async def test_whoever_asked_does_not_count(slack: Slack, office: Office, alice: Person) -> None:
    """Clicked and typed, also under another name: the account is the same."""
    card = await asked(office, alice)
    await alice.clicks(card, "order:approve")
    await said(office, alice, "you asked for web-1 yourself")
    slack.workspace.members["UALICE"].name = "somebody-else"
    await alice.types("approve web-1 fine by me")
    await office.until(lambda: sum("you asked for web-1 yourself" in each for each in alice.saw) == 2)
    assert office.house.current.undecided


async def test_an_operator_is_no_approver(slack: Slack, office: Office, alice: Person) -> None:
    """Dave may steer, and not approve, nor break the glass; the refusals are recorded with his id."""
    card, dave = await asked(office, alice), Person(slack, "UDAVE")
    await dave.clicks(card, "order:approve")
    await dave.types("approve web-1 --force in a hurry")
    await office.until(lambda: sum("takes the role `approver`" in each for each in dave.saw) == 2)
    assert office.house.current.undecided
    assert [order.outcome[:8] for order in office.ledger if "UDAVE" in order.by] == ["refused:", "refused:"]


async def test_two_clicks_of_one_person_are_one_word(slack: Slack, tmp_path: Path, alice: Person, bob: Person) -> None:
    """Where two must agree, one account gives one word; the second person's completes it."""
    slack.workspace.member("UCLAIRE", "claire")
    slack.workspace.groups["SAPPROVERS"].append("UCLAIRE")
    async with Office(slack, tmp_path, strategy=Strategy((ASK_TWO, SLICE))).open() as office:
        card = await asked(office, alice)
        await bob.clicks(card, "order:approve")
        await said(office, bob, "approved, 1 of 2")
        slack.workspace.members["UBOB"].name = "robert"
        await bob.clicks(card, "order:approve")
        await said(office, bob, "you have approved web-1 already")
        await Person(slack, "UCLAIRE").types("approve web-1")
        await office.until(lambda: office.house.current.ready)


async def test_doubled_clicks_of_two_people_count_once_each(office: Office, slack: Slack, alice: Person, bob: Person) -> None:
    """At once: one completes it, the other hears that it is approved already; nothing goes on twice."""
    slack.workspace.member("UCLAIRE", "claire")
    slack.workspace.groups["SAPPROVERS"].append("UCLAIRE")
    card, claire = await asked(office, alice), Person(slack, "UCLAIRE")
    await asyncio.gather(bob.clicks(card, "order:approve"), claire.clicks(card, "order:approve"))
    await office.until(lambda: bob.saw and claire.saw)
    told = sorted(bob.saw + claire.saw)
    assert [("1 of 1" in each, "approved already" in each) for each in told] == [(False, True), (True, False)] or [
        ("1 of 1" in each, "approved already" in each) for each in told
    ] == [(True, False), (False, True)]


async def test_a_stale_approval_does_nothing_and_says_why(office: Office, alice: Person, bob: Person) -> None:
    """A button of the question before, or of a deployment that is over, moves nothing."""
    card = await asked(office, alice)
    buttons: list[dict[str, Any]] = card.blocks
    await alice.types("abort web wrong version")
    await office.until(lambda: not office.house.current.phase.active)
    await bob.clicks(card, "order:approve", blocks=buttons)
    await said(office, bob, "web-1 is aborted and waits for no approval")
    await asked(office, alice, "switch web to green v3")
    await bob.clicks(card, "order:approve", blocks=buttons)
    await said(office, bob, "web-1 is not under way")
    assert office.house.current.undecided


async def test_a_rejection_asks_why_and_ends_it(office: Office, slack: Slack, alice: Person, bob: Person) -> None:
    """The button opens a form; its reason stands in the message, with who said no."""
    card = await asked(office, alice)
    await bob.clicks(card, "why:reject")
    await office.until(lambda: slack.workspace.views)
    assert not (await bob.submits(bob.modal(), reason="not on a Friday")).payload
    await said(office, bob, "web-1: rejected")
    await office.until(lambda: "bob (Slack UBOB) rejects it: not on a Friday" in str(office.card.blocks))
    assert actions(office.card) == []


async def test_broken_glass_is_loud(office: Office, alice: Person) -> None:
    """Without a reason it does not break; with one it counts for all, and everybody reads it."""
    card = await asked(office, alice)
    delivery = await alice.types("approve web-1 --force")
    assert "`approve --force` needs a reason" in str(delivery.payload)
    await alice.types("approve web-1 --force nobody else is awake")
    await office.until(lambda: office.house.current.ready)
    await office.until(lambda: "*GLASS BROKEN*: approved by alice (Slack UALICE) alone" in str(office.card.blocks))
    await office.until(lambda: any("nobody else is awake" in reply.text for reply in office.thread))
    assert card.ts == office.card.ts


async def test_who_may_is_asked_again_when_it_takes_effect(office: Office, slack: Slack, alice: Person, bob: Person) -> None:
    """Bob agrees, a freeze holds it back, Bob leaves the approvers: his word lapses, and people are asked again."""
    card = await asked(office, alice)
    await alice.types("freeze web a sale --for 1h")
    await said(office, alice, "web is frozen until")
    await bob.clicks(card, "order:approve")
    await office.until(lambda: office.house.current.ready)
    await Pacer(office.house.parts).turn()
    assert office.house.current.phase is Phase.AWAITING_APPROVAL
    slack.workspace.groups["SAPPROVERS"].remove("UBOB")
    office.chatops.chat.people.forget()
    await office.chatops.chat.people.refresh()
    await Pacer(office.house.parts).turn()
    assert office.house.current.undecided
    await office.until(lambda: "*Waits for approval*: 0 of 1" in str(office.card.blocks))


async def test_an_expiry_holds_across_restarts(slack: Slack, tmp_path: Path, alice: Person, bob: Person) -> None:
    """The question of before the restart is the same; past its time an answer is too late."""
    store = MemoryStore()
    soon = StrategyStep(StepKind.ASK, seconds=0.6, needed=1)
    async with Office(slack, tmp_path, store, strategy=Strategy((soon, SLICE))).open() as office:
        card = await asked(office, alice)
        expires = office.house.current.question.expires_at if office.house.current.question else 0.0
    async with Office(slack, tmp_path, store, strategy=Strategy((soon, SLICE))).open() as office:
        await office.until(lambda: office.house.clock.now() > expires)
        await bob.clicks(card, "order:approve")
        await said(office, bob, "the question of web-1 expired")
        await Pacer(office.house.parts).turn()
        assert not office.house.current.phase.active
        await office.until(lambda: actions(office.card) == [])


async def test_pause_resume_skip_and_unlatch_by_buttons(office: Office, slack: Slack, alice: Person, bob: Person) -> None:
    """Each has its button at its moment, and those that are recorded with a reason ask for it."""
    await bob.clicks(await asked(office, alice), "order:approve")
    await office.until(lambda: office.house.current.ready)
    await Pacer(office.house.parts).turn()
    await office.house.confirm()
    await office.until(lambda: "baking" in office.card.text)
    await bob.clicks(office.card, "order:pause")
    await office.until(lambda: "order:resume" in actions(office.card))
    await bob.clicks(office.card, "order:resume")
    await office.until(lambda: "why:promote" in actions(office.card))
    await bob.clicks(office.card, "why:promote")
    await office.until(lambda: slack.workspace.views)
    await bob.submits(bob.modal(), reason="seen enough")
    await said(office, bob, "web-1 goes on")
    await office.until(lambda: "*Cut short* by bob" in str(office.card.blocks))
    await office.house.breach()
    await office.house.confirm()
    await office.until(lambda: "why:unlatch" in actions(office.card))
    await bob.clicks(office.card, "why:unlatch")
    await office.until(lambda: any(view.open for view in slack.workspace.views.values()))
    await bob.submits(bob.modal(), reason="fixed in v3")
    await said(office, bob, "web may move forward again")


async def test_a_stale_skip_does_nothing(office: Office, slack: Slack, alice: Person, bob: Person) -> None:
    """The form for cutting a bake short was opened before the release moved on: what it would skip now was never seen."""
    await bob.clicks(await asked(office, alice), "order:approve")
    await office.until(lambda: office.house.current.ready)
    await Pacer(office.house.parts).turn()
    await office.house.confirm()
    await office.until(lambda: "why:promote" in actions(office.card))
    await bob.clicks(office.card, "why:promote")
    await office.until(lambda: slack.workspace.views)
    form = bob.modal()
    await alice.types("promote web seen enough")
    await office.until(lambda: office.house.current.ready)
    await Pacer(office.house.parts).turn()
    await office.house.confirm()
    await bob.submits(form, reason="me too")
    await said(office, bob, "has gone on since")
    assert office.house.current.phase is Phase.WATCHING


async def test_freezes_are_typed(office: Office, alice: Person) -> None:
    """A freeze stops the way forward with its reason, and its end is told."""
    await alice.types("freeze web a sale --for 1h")
    await said(office, alice, "web is frozen until")
    await alice.types("switch web to green v2")
    await said(office, alice, "a sale")
    await alice.types("unfreeze web")
    await said(office, alice, "web is not frozen any more")
