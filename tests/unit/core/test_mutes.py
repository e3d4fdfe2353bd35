"""A muted rule is judged and told, and has no consequence: neither against a release nor for it."""

import json
from dataclasses import replace

import pytest

from guardian.app.codec import event_from_record, state_from_record, state_to_record
from guardian.core.deployment import Phase, ServiceState
from guardian.core.events import Event, Noted, Paused
from guardian.core.gates import due
from guardian.core.mutes import counts_since, left_out, muted
from guardian.core.release_events import Muted, TimeCame, Unmuted
from guardian.core.rules import Action, Lack, Severity
from guardian.core.switch import Refused, step
from guardian.core.verdicts import Finding
from guardian.core.words.story import announce
from tests.unit.core.makers import ON_BLUE, after, breach, conclusion, ended, going_back, met, ordered_back, verdict, watching

MUTE = Muted(15.0, "erik", "a known bug", "errors", 3_600.0)
SAYS = "muted until 1970-01-01 01:00 UTC by erik: a known bug"
OTHER = replace(breach(), verdict=verdict(Finding.BREACHED, rule="latency", reason="900 ms"))


def sentence(state: ServiceState, event: Event) -> tuple[Severity, str]:
    """What is told of ``event``."""
    told = announce(state, event, step(state, event).state)
    assert told
    return told.severity, told.sentence


@pytest.mark.parametrize(
    ("state", "event", "says"),
    [
        (
            met(),
            replace(MUTE, reason=""),
            "muting `errors` needs a reason, for those who read it at three in the morning: `--reason …`",
        ),
        (met(), replace(MUTE, until=15.0), "a mute must last: `--for 2h`"),
        (
            met(),
            replace(MUTE, until=15.0 + 86_460.0),
            "a mute lasts 24 h at the most, not 24.017 h; a rule that is wrong for longer gets `shadow: true` in its file",
        ),
        (met(), replace(MUTE, until=float("inf")), "a mute lasts 24 h at the most"),
        (met(), replace(MUTE, until=float("nan")), "a mute lasts 24 h at the most"),
        (met(), Unmuted(20.0, "erik", "", "errors"), "`errors` of web is not muted; nothing to do"),
        (
            after(met(), MUTE),
            Unmuted(20.0, "erik", "", "error"),
            "`error` of web is not muted; nothing to do; muted there: `errors`",
        ),
        (after(met(), MUTE), Unmuted(3_600.0, "erik", "", "errors"), "`errors` of web is not muted; nothing to do"),
    ],
    ids=["no reason", "no time", "too long", "for ever", "no number", "not muted", "another rule", "expired"],
)
def test_what_is_refused(state: ServiceState, event: Event, says: str) -> None:
    """With what is wrong, and what to write instead; nothing has changed."""
    with pytest.raises(Refused) as refused:
        step(state, event)
    assert str(refused.value).startswith(says)


def test_a_mute_for_a_whole_day_is_taken() -> None:
    """The limit itself is allowed, whatever a clock's figures round to."""
    at = 1_795_676_000.123
    assert after(met(), Muted(at, "erik", "a known bug", "errors", at + 86_400.0)).mutes


def test_a_muted_rule_takes_nothing_back_and_pauses_nothing() -> None:
    """Its breach changes nothing of the traffic, the latch and the deployment."""
    state = after(watching(), MUTE)
    assert after(state, breach()) == state
    assert after(state, Paused(20.0, "web-1", verdict(Finding.BREACHED))) == state


def test_everybody_else_takes_back_as_ever() -> None:
    """A person, another rule, and the same rule once the mute is over, to the second."""
    state = after(watching(), MUTE)
    for event in (ordered_back(), OTHER, breach(at=3_600.0)):
        taken = after(state, event)
        assert taken.deployment
        assert (taken.deployment.phase, taken.live) == (Phase.ROLLING_BACK, ON_BLUE)


def test_a_rollback_that_was_decided_stays() -> None:
    """Whoever mutes the rule afterwards changes nothing."""
    state = going_back()
    late = after(state, replace(MUTE, at=21.0))
    assert replace(late, mutes=()) == state


def test_a_release_is_not_proved_by_a_muted_rule() -> None:
    """Alone it leaves the release unverified, and that is said; breached or without data it accuses nobody."""
    for made in (conclusion(), conclusion(Finding.BREACHED, enough=False, lack=Lack.FAIL)):
        state = after(watching(), MUTE, ended(made))
        assert state.deployment
        assert state.deployment.phase is Phase.UNVERIFIED
        assert state.deployment.trouble == f"errors: {SAYS}; left out of the outcome: 1 % of 300 requests"
        assert state.safe == ON_BLUE


def test_a_release_that_another_rule_proves_is_verified_aloud() -> None:
    """The message says which rule had no say, until when, by whom and why."""
    event = ended(conclusion(), conclusion(rule="latency"))
    severity, told = sentence(after(watching(), MUTE), event)
    assert severity is Severity.WARNING
    assert told.startswith(
        "web-1: verified: latency 1 % of 300 requests; green is the safe side now; not judged by errors: muted until"
    )
    assert told.endswith("by erik: a known bug; left out of the outcome: 1 % of 300 requests")


def test_to_leave_out_twice_is_to_leave_out_once() -> None:
    """The watch says so, and the state machine makes sure."""
    state = after(watching(), MUTE)
    once = left_out(state, (conclusion(), conclusion(rule="latency")), 20.0)
    assert [each.muted for each in once] == [True, False]
    assert left_out(state, once, 20.0) == once


def test_a_mute_ends_by_itself_and_by_a_word() -> None:
    """Either is told; from then on what the rule sees counts again, and nothing of before."""
    state = after(watching(), MUTE)
    assert (muted(state, "errors", 3_599.0) is not None, counts_since(state, "errors", 3_599.0)) == (True, None)
    assert (muted(state, "errors", 3_600.0), counts_since(state, "errors", 3_600.0)) == (None, 3_600.0)
    assert (due(state, 3_599.0), due(state, 3_600.0)) == (False, True)
    expired, lifted = after(state, TimeCame(3_601.0)), after(state, Unmuted(30.0, "bob", "mended", "errors"))
    assert (expired.mutes, counts_since(expired, "errors", 3_601.0)) == ((), 3_600.0)
    assert (lifted.mutes, counts_since(lifted, "errors", 40.0), counts_since(lifted, "latency", 40.0)) == ((), 30.0, 0.0)
    again = "from now on it acts again, and what it saw meanwhile does not count"
    assert sentence(state, TimeCame(3_601.0))[1] == f"web: the mute of errors is over; {again}"
    assert sentence(state, Unmuted(30.0, "bob", "mended", "errors"))[1] == f"web: bob lifts the mute of errors (mended); {again}"


def test_a_mute_is_told_loudly() -> None:
    """Who, which rule, until when, why, and what still takes traffic back."""
    severity, told = sentence(met(), MUTE)
    assert severity is Severity.WARNING
    assert told.startswith(
        "web: erik mutes errors until 1970-01-01 01:00 UTC: a known bug; it is judged and told, and takes nothing"
    )
    assert told.endswith(" back; other rules and people do")


@pytest.mark.parametrize(
    ("action", "would"),
    [
        (Action.ROLLBACK, ", or the traffic would have been taken back"),
        (Action.PAUSE, ", or the release would have been paused"),
        (Action.NOTIFY, ""),
    ],
)
def test_what_would_have_followed_is_told(action: Action, would: str) -> None:
    """A breach of a muted rule is a warning that says what the mute has prevented."""
    event = Noted(20.0, "web-1", replace(verdict(Finding.BREACHED), action=action), SAYS)
    severity, told = sentence(after(watching(), MUTE), event)
    assert severity is Severity.WARNING
    assert told == f"web: errors: 1 % of 300 requests; nothing was moved ({SAYS}{would})"


def test_a_second_mute_takes_the_place_of_the_first() -> None:
    """The deployment remembers both, for its note."""
    state = after(watching(), MUTE, Muted(20.0, "bob", "still", "errors", 5_000.0))
    assert [mute.by for mute in state.mutes] == ["bob"]
    assert state.deployment
    assert [mute.by for mute in state.deployment.mutes] == ["erik", "bob"]


def test_a_deployment_remembers_a_mute_of_before() -> None:
    """One that was in force when the release came on trial is in its story, too."""
    early = after(met(), replace(MUTE, at=2.0))
    assert early.deployment is None
    state = watching()
    assert state.deployment
    exposed = after(replace(state, mutes=early.mutes), Noted(20.0, "web-1", verdict(Finding.BREACHED)))
    assert exposed.deployment
    assert [mute.rule for mute in exposed.deployment.mutes] == ["errors"]


def test_a_journal_from_before_mutes_replays() -> None:
    """Events and states without what mutes have added are read as they were meant."""
    record = json.loads(json.dumps(state_to_record(watching())))
    for part, key in ((record, "mutes"), (record["deployment"], "mutes"), (record["deployment"], "unmuted")):
        del part[key]
    assert state_from_record(record) == watching()
    noted = {"kind": "noted", "at": 20.0, "deployment": "web-1", "verdict": verdict(Finding.BREACHED).to_record()}
    assert event_from_record(noted) == Noted(20.0, "web-1", verdict(Finding.BREACHED))
    old = ended(conclusion())
    assert step(watching(), old).state.deployment == after(watching(), old).deployment
