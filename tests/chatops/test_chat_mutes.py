"""Mutes in Slack: typed, bounded, and shown in the message of every release that goes on without the rule."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from guardian.chatops.commands import parse
from guardian.chatops.wishes import Known, Misread, Verb, Wish, written
from tests.doubles.slack.office import Office
from tests.doubles.slack.person import Person
from tests.doubles.slack.standin import Slack

RULES = {"web": ("server-errors", "p99-latency"), "shop": ("server-errors", "paging")}
KNOWN = Known(("web", "shop"), RULES)
HOURS = 7_200.0


def muted(rule: str, service: str, reason: str = "a known bug") -> Wish:
    """A mute for two hours."""
    return Wish(Verb.MUTE, service, seconds=HOURS, reason=reason, rule=rule)


UNDERSTOOD = {
    "mute p99-latency --for 2h a known bug": muted("p99-latency", "web"),
    "mute `p99-latency` a known bug for 2 hours": muted("p99-latency", "web"),
    "mute p99-latency in web --for 2h a known bug": muted("p99-latency", "web"),
    "mute server-errors in shop --for 120m a known bug": muted("server-errors", "shop"),
    "mute server-errors of web a known bug --for 2h": muted("server-errors", "web"),
    "mute shop server-errors --for 2h --reason a known bug": muted("server-errors", "shop"),
    "silence paging --for 2h in the night it is noisy": muted("paging", "shop", "in the night it is noisy"),
    "mute --for 2h paging a known bug": muted("paging", "shop"),
    "unmute paging": Wish(Verb.UNMUTE, "shop", rule="paging"),
    "unmute server-errors in web mended": Wish(Verb.UNMUTE, "web", rule="server-errors", reason="mended"),
}
MISREAD = {
    "mute": ("`mute` which rule?", ""),
    "mute p99-latncy --for 2h a bug": ("There is no rule `p99-latncy`", "mute p99-latency --for 2h a bug"),
    "mute zzz --for 2h a bug": ("there are `p99-latency`, `paging` and `server-errors`", ""),
    "mute server-errors --for 2h a bug": ("`mute` of which service? `web` or `shop`", ""),
    "mute server-errors in wbe --for 2h a bug": ("`mute` of which service?", "mute server-errors in web --for 2h a bug"),
    "mute paging in web --for 2h a bug": ("`web` has no rule `paging`; `shop` has", "mute paging in shop --for 2h a bug"),
    "mute web paging --for 2h a bug": ("`web` has no rule `paging`; `shop` has", "mute shop paging --for 2h a bug"),
    "mute paging a bug": ("`mute` for how long?", ""),
    "mute paging --for 2h": ("`mute` needs a reason", ""),
    "mute paging --for ever a bug": ("`ever` is no length of time", ""),
    "mute paging --limit 3 --for 2h a bug": ("`--limit` does not go with this command", ""),
    "unmute": ("`unmute` which rule?", ""),
}


@pytest.mark.parametrize("text", UNDERSTOOD)
def test_it_is_understood(text: str) -> None:
    """Each text is the wish that its writer had, and has a typed form that is read back."""
    assert parse(text, KNOWN) == UNDERSTOOD[text]
    assert parse(written(UNDERSTOOD[text]), KNOWN) == UNDERSTOOD[text]


@pytest.mark.parametrize("text", MISREAD)
def test_it_is_not_guessed(text: str) -> None:
    """Each is refused with what is wrong, and with what was probably meant, which can be copied."""
    said, suggestion = MISREAD[text]
    with pytest.raises(Misread) as misread:
        parse(text, KNOWN)
    assert said in str(misread.value)
    assert misread.value.suggestion == suggestion
    if suggestion:
        parse(suggestion, KNOWN)


@pytest.fixture
async def office(slack: Slack, tmp_path: Path) -> AsyncIterator[Office]:
    """A service whose releases are watched at once."""
    async with Office(slack, tmp_path).open() as office:
        yield office


async def said(office: Office, person: Person, text: str) -> None:
    """Wait until ``person`` alone was shown ``text``."""
    await office.until(lambda: any(text in each for each in person.saw))


async def test_a_mute_is_typed_answered_and_shown(office: Office, alice: Person) -> None:
    """The answer says how it is lifted, the message of the release shows it, its thread tells it, the status too."""
    await alice.types("switch web to green v2")
    await office.until(lambda: office.house.deployment)
    await office.house.confirm()
    await alice.types("mute server-errors --for 2h a known bug")
    await said(office, alice, "server-errors of web is muted until")
    await said(office, alice, "`/bg unmute server-errors in web` lifts that")
    await office.until(lambda: "*Muted*: `server-errors` is muted until" in str(office.card.blocks))
    await office.until(lambda: any("mutes server-errors until" in reply.text for reply in office.thread))
    await office.house.breach()
    assert office.house.current.rollback is None
    await alice.types("status web")
    await said(office, alice, "*Muted*: `server-errors`")
    await alice.types("unmute server-errors mended")
    await said(office, alice, "server-errors of web is not muted any more")
    await office.until(lambda: "*Muted*" not in str(office.card.blocks))


async def test_a_finished_release_says_what_it_was_judged_without(office: Office, alice: Person) -> None:
    """Under its message, for good."""
    await alice.types("switch web to green v2")
    await office.until(lambda: office.house.deployment)
    await office.house.confirm()
    await alice.types("mute server-errors --for 2h a known bug")
    await office.until(lambda: office.house.state.mutes)
    await office.house.end_watch(enough=True)
    await office.until(lambda: "*Muted while it was judged*: `server-errors`" in str(office.card.blocks))
    assert office.house.current.phase.value == "unverified"


async def test_refusals_move_nothing(office: Office, alice: Person, bob: Person) -> None:
    """More than a day, an unknown rule, nobody with the role: each is said to whoever typed it."""
    await alice.types("mute server-errors --for 25h a known bug")
    await said(office, alice, "24 h at the most, not 25 h")
    delivery = await alice.types("mute server-erors --for 2h a known bug")
    assert re.search("Did you mean `/bg mute server-errors --for 2h a known bug`", str(delivery.payload))
    for group in office.slack.workspace.groups.values():
        if "UBOB" in group:
            group.remove("UBOB")
    office.chatops.chat.people.forget()
    await bob.types("mute server-errors --for 2h a known bug")
    await said(office, bob, "this takes the role `operator`")
    assert office.house.state.mutes == ()
