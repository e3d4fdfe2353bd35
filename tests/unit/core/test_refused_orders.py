"""Orders that cannot be followed, and what people are told to do instead."""

import pytest

from guardian.core.deployment import ServiceState
from guardian.core.events import Event, Promoted, Unlatched
from guardian.core.switch import Refused, step
from tests.unit.core.makers import (
    BLUE,
    HALF,
    after,
    going_back,
    met,
    moved,
    ordered_back,
    requested,
    rolled_back,
    stuck,
    unverified,
    verified,
    watching,
)

BY_HAND_AFTER_ALL = after(verified(), moved(HALF))
"""Green is verified and the safe side, and somebody at the socket has given half of the traffic back to blue."""

REFUSALS = [
    (
        "during a switch",
        watching(),
        requested(),
        "web-1 is watching: one change of web at a time; wait for its end, or take it back with `guardian rollback web`",
    ),
    (
        "while latched",
        rolled_back(),
        requested(),
        (
            "web is latched since web-1 was rolled back (7 % of 500 requests); "
            "`guardian unlatch web --reason …` lets it move forward again"
        ),
    ),
    ("to where it is", met(), requested(BLUE), "blue has 100 % of web's traffic already; nothing to do"),
    (
        "to an unverified split",
        unverified(share=500),
        requested(share=500),
        "green has 5 % of web's traffic already; nothing to do",
    ),
    (
        "to an unverified side",
        unverified(),
        requested(),
        "green has 100 % of web's traffic already; `guardian promote web` makes it the safe side",
    ),
    (
        "to the safe side",
        unverified(),
        requested(BLUE),
        "blue is the safe side of web: going back to it is `guardian rollback web`, which nothing can block",
    ),
    (
        "to the safe side before any deployment",
        met(HALF),
        requested(BLUE),
        "blue is the safe side of web: going back to it is `guardian rollback web`, which nothing can block",
    ),
    (
        "a share to the safe side",
        BY_HAND_AFTER_ALL,
        requested(share=9_999),
        "green is the safe side of web, a share of the traffic would prove nothing; switch all of it to go back to green",
    ),
    (
        "none of the traffic",
        met(),
        requested(share=0),
        "a share is more than 0 % and at most 100 %, not 0 %; to take traffic back use `guardian rollback`",
    ),
    (
        "more than all",
        met(),
        requested(share=10_001),
        "a share is more than 0 % and at most 100 %, not 100.01 %; to take traffic back use `guardian rollback`",
    ),
    (
        "back from nowhere",
        met(),
        ordered_back(),
        "guardian has not moved web yet, so there is nothing to roll back; `guardian switch web` moves it",
    ),
    (
        "back again",
        rolled_back(),
        ordered_back(force=True),
        "web-1 is rolled back: web is sent to blue already; `guardian status web` shows where the traffic is",
    ),
    (
        "back twice",
        going_back(),
        ordered_back(),
        "web-1 is rolling back: web is sent to blue already; `guardian status web` shows where the traffic is",
    ),
    (
        "back while stuck",
        stuck(),
        ordered_back(),
        (
            "web-1 is stuck: web_blue has no healthy server; "
            "guardian tries again every second. `guardian rollback web --force` sends the traffic there all the same"
        ),
    ),
    (
        "promotion during the watch",
        watching(),
        Promoted(20.0, "carl", ""),
        "web-1 is watching: one change of web at a time; wait for its end, or take it back with `guardian rollback web`",
    ),
    (
        "promotion of a slice",
        unverified(share=500),
        Promoted(80.0, "carl", ""),
        "only 5 % of web is on green; `guardian switch web` moves all of it first",
    ),
    ("promotion of what is safe", met(), Promoted(80.0, "carl", ""), "blue is the safe side of web already; nothing to do"),
    ("unlatching what is not latched", met(), Unlatched(80.0, "carl", ""), "web is not latched; nothing to do"),
]


@pytest.mark.parametrize(("state", "event", "sentence"), [case[1:] for case in REFUSALS], ids=[case[0] for case in REFUSALS])
def test_refusal(state: ServiceState, event: Event, sentence: str) -> None:
    """An order that cannot be followed is refused with what to do instead."""
    with pytest.raises(Refused) as refused:
        step(state, event)
    assert str(refused.value) == sentence
