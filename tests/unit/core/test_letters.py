"""Which letters an event leads to, on which channels."""

from dataclasses import replace

import pytest

from guardian.core.deployment import ServiceState
from guardian.core.events import Adopted, Breached, Event, Noted, RollbackOrdered, Routed, SwitchRequested
from guardian.core.letters import Change, Kind, Letter, Route, letters
from guardian.core.model import Environment, Split
from guardian.core.rules import Severity
from guardian.core.switch import adopt, step
from guardian.core.verdicts import Finding, Verdict
from guardian.core.words.story import announce

ALL = Route("all", frozenset(Kind))
VERDICT = Verdict("errors", Finding.BREACHED, 3.0, 0.1, 0.01, 100, 1.0, "10 % of 100")


def happen(state: ServiceState, event: Event) -> Change:
    """What ``event`` does to ``state``, and what is told of it."""
    after = step(state, event).state
    return Change(event.at, state, after, announce(state, event, after))


def story() -> list[Change]:
    """A release that is taken back by a rule."""
    state = adopt("web", Adopted(0.0, Split.all_on(Environment.BLUE), "w1")).state
    events: list[Event] = [
        SwitchRequested(1.0, "alice", "v2", Environment.GREEN, 10_000, 600.0),
        Routed(2.0, 1, "w1", 1, 0.1),
        Breached(3.0, "web-1", VERDICT),
        Routed(4.0, 2, "w1", 1, 0.1),
    ]
    changes = []
    for event in events:
        changes.append(happen(state, event))
        state = changes[-1].after
    return changes


def told(change: Change, *routes: Route, known: bool = False) -> list[Letter]:
    """The letters of ``change``."""
    return list(letters(routes, change, "key", lambda _channel, _deployment: known))


def test_every_event_of_a_deployment_is_news_below_a_card() -> None:
    """The card comes first, since the news stand under it; a rollback by a rule ends with a chart."""
    kinds = [[letter.kind for letter in told(change, ALL)] for change in story()]
    assert kinds == [[Kind.CARD, Kind.NEWS]] * 3 + [[Kind.CARD, Kind.NEWS, Kind.CHART]]


def test_a_letter_says_what_happened_to_what() -> None:
    """Service, deployment, phase, severity and sentence are those of the announcement."""
    change = story()[2]
    _, news, *_ = told(change, ALL)
    assert (news.channel, news.key, news.at, news.service, news.deployment, news.phase) == (
        *("all", "key", 3.0),
        *("web", "web-1", "rolling back"),
    )
    assert change.announcement
    assert (news.severity, news.sentence) == (Severity.CRITICAL, change.announcement.sentence)


def test_a_card_has_one_key_for_the_life_of_its_deployment() -> None:
    """So that a lost answer to the first of them can be looked for."""
    assert {letter.key for change in story() for letter in told(change, ALL) if letter.kind is Kind.CARD} == {"card:web-1"}


def test_a_channel_hears_of_its_services_only() -> None:
    """Routes name services; without a name they take all."""
    change = story()[0]
    assert told(change, replace(ALL, services=frozenset({"shop"}))) == []
    assert len(told(change, replace(ALL, services=frozenset({"shop", "web"})))) == 2


def test_a_channel_for_the_loud_hears_only_them() -> None:
    """It has neither news nor a card before something is loud enough; then the card is kept up to date."""
    pager = replace(ALL, severity=Severity.CRITICAL)
    requested, watching, breached, _ = story()
    assert told(requested, pager) == told(watching, pager) == []
    assert [letter.kind for letter in told(breached, pager)] == [Kind.CARD, Kind.NEWS]
    assert [letter.kind for letter in told(watching, pager, known=True)] == [Kind.CARD]


def test_each_channel_has_letters_of_its_own() -> None:
    """Two channels hear the same, each under its name, in the kinds that it takes."""
    change = story()[0]
    hook = Route("hook")
    assert [(letter.channel, letter.kind) for letter in told(change, ALL, hook)] == [
        ("all", Kind.CARD),
        ("all", Kind.NEWS),
        ("hook", Kind.NEWS),
    ]


def test_what_nobody_cares_for_is_no_letter() -> None:
    """A second confirmation of a split leaves everything as it is."""
    over = story()[-1].after
    assert told(happen(over, Routed(5.0, 2, "w1", 1, 0.1)), ALL) == []


def test_a_breach_that_moves_nothing_leaves_the_card_alone() -> None:
    """A rule that only notifies is told as news; the state is what it was."""
    watching = story()[1].after
    noted = happen(watching, Noted(3.0, "web-1", replace(VERDICT, severity=Severity.WARNING)))
    assert [letter.kind for letter in told(noted, ALL)] == [Kind.NEWS]


def test_a_rollback_by_a_person_has_no_chart() -> None:
    """There is no verdict to be drawn."""
    ordered = happen(story()[1].after, RollbackOrdered(3.0, "bob", "no"))
    back = happen(ordered.after, Routed(4.0, 2, "w1", 1, 0.1))
    assert [letter.kind for letter in told(back, ALL)] == [Kind.CARD, Kind.NEWS]


@pytest.mark.parametrize("kind", Kind)
def test_letters_of_one_deployment_stand_in_one_lane(kind: Kind) -> None:
    """Whatever they are; what belongs to no deployment stands in the lane of its service."""
    letter = Letter("all", "k", kind, 0.0, "web", "web-1", None, Severity.INFO)
    assert (letter.lane, replace(letter, deployment=None).lane) == ("web-1", "web")
