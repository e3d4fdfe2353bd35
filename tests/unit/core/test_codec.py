"""Events and states as the journal keeps them."""

import json

import pytest

from guardian.app.codec import deployment_from_record, event_from_record, event_to_record, state_from_record, state_to_record
from guardian.core.deployment import ServiceState
from guardian.core.events import Adopted, Event, FellBack, Noted, Promoted, Routed, RoutingFailed, TargetUnable, Unlatched
from guardian.core.readings import History
from guardian.core.release_events import Frozen, Held, Muted, TimeCame, Unmuted
from guardian.core.rules import Lack
from guardian.core.verdicts import Finding
from tests.unit.cli.told import RELEASES
from tests.unit.core.makers import (
    BLUE,
    GREEN,
    HALF,
    after,
    breach,
    conclusion,
    ended,
    met,
    moved,
    ordered_back,
    requested,
    rolled_back,
    stuck,
    unverified,
    verdict,
    verified,
)
from tests.unit.core.releases import ASK, FIVE, WAY, baked, baking, deployed, stepwise, wanted

EVENTS: list[Event] = [
    Adopted(1.0, HALF, "worker-1"),
    requested(),
    Routed(11.0, 1, "worker-1", 2, 0.04),
    RoutingFailed(11.0, 1, "»é«\n"),
    TargetUnable(11.0, 1, BLUE, "down"),
    FellBack(12.0, "web-1", GREEN, "down"),
    breach(),
    Noted(20.0, "web-1", verdict(Finding.BREACHED)),
    Noted(20.0, "web-1", verdict(Finding.BREACHED), "muted until then by erik: a known bug"),
    ended(conclusion(), conclusion(Finding.FAILED, enough=False, lack=Lack.PASS, missing="silent")),
    ordered_back(force=True),
    Promoted(80.0, "carl", ""),
    Unlatched(90.0, "carl", "fixed"),
    moved(HALF),
    stepwise(*WAY),
    *(event for event, _ in RELEASES),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind)
def test_an_event_survives_the_journal(event: Event) -> None:
    """Through JSON and back, told apart by its kind."""
    assert event_from_record(json.loads(json.dumps(event_to_record(event)))) == event


@pytest.mark.parametrize(
    "state",
    [
        met(),
        verified(),
        unverified(share=500),
        rolled_back(),
        stuck(),
        after(stuck(), ordered_back(force=True)),
        after(met(), wanted(key="k")),
        after(baked(baking(FIVE, ASK)), wanted(wait=True), Held(300.0, "bob", ""), Frozen(301.0, "dora", "a fair", 400.0)),
        after(deployed(), TimeCame(700.0)),
        after(baking(), Muted(20.0, "erik", "a known bug", "errors", 90.0), Unmuted(30.0, "erik", "mended", "errors")),
        after(baking(), Muted(20.0, "erik", "a known bug", "errors", 90.0)),
    ],
    ids=["met", "verified", "unverified", "rolled back", "stuck", "forced", "deploying", "asking", "retiring", "unmuted", "muted"],
)
def test_a_state_survives_the_journal(state: ServiceState) -> None:
    """Through JSON and back, and its deployment by itself, even with what a store writes beside it."""
    record = json.loads(json.dumps(state_to_record(state)))
    assert state_from_record(record) == state
    if state.deployment:
        assert deployment_from_record(record["deployment"] | {"service": "web"}) == state.deployment


@pytest.mark.parametrize(
    "history", [History(), History(3.5, {}), History(3.5, {"requests": 7}), History(3.5, {"requests": 7}, {"unreached": 0.4})]
)
def test_a_past_survives_the_journal(history: History) -> None:
    """Unknown, empty and known."""
    order = requested()
    event = type(order)(order.at, order.by, order.reason, order.candidate, order.share, order.watch_seconds, "digest", history)
    assert event_from_record(event_to_record(event)) == event


@pytest.mark.parametrize(
    "record", [{}, {"kind": "exploded"}, {"kind": "routed"}, {"kind": "adopted", "at": 1, "split": {"green": 10_001}}]
)
def test_what_is_no_event_is_refused(record: dict[str, object]) -> None:
    """Unknown kinds, missing fields and impossible values are a ``ValueError``."""
    with pytest.raises(ValueError, match="validation error"):
        event_from_record(record)
