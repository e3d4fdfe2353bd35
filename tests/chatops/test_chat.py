"""People steer guardian from Slack: what they type and click is done once, by those who may, and everybody hears of it."""

import asyncio

from guardian.core.deployment import Phase
from guardian.core.model import Environment, Split
from tests.doubles.slack.office import Office
from tests.doubles.slack.person import Person
from tests.doubles.slack.standin import Slack


async def said(office: Office, person: Person, text: str) -> str:
    """The first thing that ``person`` alone was shown that holds ``text``."""
    await office.until(lambda: any(text in each for each in person.saw))
    return next(each for each in person.saw if text in each)


async def test_questions_are_answered_to_whoever_asked(office: Office, alice: Person, bob: Person) -> None:
    """Status, rules, history and help, each for nobody else's eyes."""
    for typed, answer in (
        ("status", "*web*  blue 100 %"),
        ("rules web", "`server-errors` → rollback"),
        ("history", "has not moved anything"),
        ("help", "`/bg rollback SERVICE [REASON]`"),
        ("explain web-1", "there is no deployment web-1; `/bg history`"),
    ):
        assert (await alice.types(typed)).acknowledged
        await said(office, alice, answer)
    assert bob.saw == []
    assert office.messages[1:] == []


async def test_what_is_misspelt_moves_nothing_and_is_told(office: Office, alice: Person) -> None:
    """The answer comes with the acknowledgement, and says what was probably meant."""
    delivery = await alice.types("swich web")
    assert delivery.payload == {
        "text": "There is no command `swich`; `/bg help` lists those there are. Did you mean `/bg switch web`?"
    }
    assert office.house.deployment == ""


async def test_a_switch_from_its_order_to_its_rollback(office: Office, alice: Person, bob: Person) -> None:
    """Typed by one, watched in one message with its thread, taken back by another with a click; then the buttons are gone."""
    await alice.types("switch web to green a fix <for> the cart")
    await said(office, alice, "web-1: web moves to green")
    await office.house.confirm()
    await office.until(lambda: "watching" in office.card.text)
    assert "alice (Slack UALICE): a fix &lt;for&gt; the cart" in office.card.text
    assert "green 100 %" in office.card.text
    await bob.clicks(office.card, "order:rollback")
    await said(office, bob, "web-1: web goes back to blue")
    await office.house.confirm()
    await office.until(lambda: "rolled back" in office.card.text)
    assert "*Taken back* by bob (Slack UBOB) to blue" in office.card.text
    assert [block["type"] for block in office.card.blocks].count("actions") == 0
    await office.until(lambda: any(reply.broadcast for reply in office.thread))
    assert office.house.state.live == Split.all_on(Environment.BLUE)


async def test_a_bare_switch_opens_a_form(office: Office, slack: Slack, alice: Person) -> None:
    """State and risks stand in it; a share that is none is told in it; sent, it is an order like any other."""
    await alice.types("switch web")
    await office.until(lambda: slack.workspace.views)
    form = alice.modal()
    shown = str(form.content["blocks"])
    assert "a rollback would work" in shown or "not checked yet" in shown
    refused = await alice.submits(form, share="5")
    assert "no share of the traffic" in str(refused.payload)
    assert not (await alice.submits(form, share="5%", reason="try it")).payload
    await said(office, alice, "web-1: web moves to green 5 % and blue 95 %")
    assert office.house.current.reason == "try it"


async def test_the_home_shows_all_and_steers(office: Office, slack: Slack, alice: Person) -> None:
    """Opened, it shows every service; its button opens the form."""
    await alice.opens_home()
    await office.until(lambda: "UALICE" in slack.workspace.homes)
    assert "*web*" in str(slack.workspace.homes["UALICE"].content)
    await alice.clicks_at_home("form:switch")
    await office.until(lambda: slack.workspace.views)
    await alice.submits(alice.modal(), reason="from home")
    await office.until(lambda: office.house.deployment == "web-1")


async def test_a_stale_click_does_nothing_and_says_why(office: Office, alice: Person, bob: Person) -> None:
    """A button of web-1 rolls back no web-2."""
    await alice.types("switch web first")
    await office.until(lambda: office.house.deployment == "web-1")
    await office.house.confirm()
    await office.until(lambda: "watching" in office.card.text)
    old, buttons = office.card, office.card.blocks
    await office.house.end_watch(enough=True)
    await alice.types("switch web to blue second")
    await office.until(lambda: office.house.deployment == "web-2")
    await office.house.confirm()
    await bob.clicks(old, "order:rollback", blocks=buttons)
    answer = await said(office, bob, "this button belongs to web-1")
    assert "the latest deployment of web is web-2, watching. Nothing was done" in answer
    assert office.house.current.phase is Phase.WATCHING


async def test_an_order_delivered_three_times_is_carried_out_once(office: Office, slack: Slack, alice: Person) -> None:
    """The same envelope, the same trigger: one deployment, three acknowledgements."""
    payload = alice.command("switch web once")
    first = await slack.sockets.deliver("slash_commands", payload)
    again = [await slack.sockets.deliver("slash_commands", payload, again=first.envelope) for _ in range(2)]
    assert all(each.acknowledged for each in (first, *again))
    await said(office, alice, "web-1")
    assert len(alice.saw) == 1
    assert office.house.deployment == "web-1"


async def test_a_doubled_click_is_told_that_it_is_done(office: Office, alice: Person, bob: Person) -> None:
    """Two people press at once: one takes it back, the other hears that it is going back already."""
    await alice.types("switch web")
    await alice.types("switch web now")
    await office.until(lambda: office.house.deployment == "web-1")
    await office.house.confirm()
    await office.until(lambda: "watching" in office.card.text)
    card = office.card
    await asyncio.gather(alice.clicks(card, "order:rollback"), bob.clicks(card, "order:rollback"))
    await office.until(lambda: len(alice.saw) + len(bob.saw) == 3)
    told = [each for each in alice.saw + bob.saw if "web-1" in each]
    assert sum("already" in each for each in told) == 1
