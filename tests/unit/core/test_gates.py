"""What people say to a deployment that is under way, and why it is sometimes not obeyed."""

import pytest

from guardian.core.deployment import Phase, ServiceState
from guardian.core.events import Event
from guardian.core.gates import due
from guardian.core.release_events import (
    AbortOrdered,
    ApprovalLapsed,
    Approved,
    Frozen,
    Held,
    Rejected,
    Resumed,
    Skipped,
    TimeCame,
    Unfrozen,
)
from guardian.core.rules import Severity
from guardian.core.switch import Refused, step
from guardian.core.words.story import announce
from tests.unit.core.makers import ON_BLUE, after, going_back, met, routed, verified, watching
from tests.unit.core.releases import (
    ASK,
    ASK_TWO,
    DEPLOY,
    FIVE,
    QUARTER,
    agreed,
    asking,
    baked,
    baking,
    deployed,
    onward,
    phase,
    wanted,
    worked,
)

REFUSALS: list[tuple[str, ServiceState, Event, str]] = [
    (
        "the requester's own word",
        asking(),
        agreed(asking(), "anna"),
        "anna asked for web-1: somebody else must approve it; `--break-glass --reason …` does without, and everybody is told",
    ),
    (
        "one person twice",
        after(asking(ASK_TWO), agreed(asking(ASK_TWO))),
        agreed(asking(ASK_TWO)),
        "bob has approved web-1 already; it has 1 of 2 approvals, others must give the rest",
    ),
    (
        "one approval too many",
        after(asking(), agreed(asking())),
        agreed(asking(), "carl"),
        "web-1 is approved already; nothing to do",
    ),
    (
        "a button of the question before",
        onward(after(asking(ASK, ASK_TWO), agreed(asking(ASK, ASK_TWO)))),
        agreed(asking()),
        "this answers question 1 of web-1, which asks question 2 by now: look again, then answer that one",
    ),
    (
        "another deployment",
        asking(),
        Approved(40.0, "bob", "", "web-9", 1),
        "web-9 is not under way, so there is nothing to answer; the latest of web is web-1, awaiting approval",
    ),
    (
        "what is not asked",
        watching(),
        Approved(40.0, "bob", "", "web-1", 1),
        "web-1 is watching and waits for no approval; nothing has changed",
    ),
    (
        "an approval that comes too late",
        asking(),
        agreed(asking(), at=4000.0),
        "the question of web-1 expired on 1970-01-01 01:00 UTC; nothing has changed",
    ),
    (
        "glass without a reason",
        asking(),
        Approved(40.0, "anna", "", "web-1", 1, alone=True),
        "going past what protects others needs a reason; it is recorded and told to everybody",
    ),
    (
        "a rejection of the question before",
        onward(after(asking(ASK, ASK_TWO), agreed(asking(ASK, ASK_TWO)))),
        Rejected(41.0, "bob", "", "web-1", 1),
        "this answers question 1 of web-1, which asks question 2 by now: look again, then answer that one",
    ),
    ("a pause of nothing", met(), Held(5.0, "bob", ""), "no deployment of web is under way; nothing to do"),
    (
        "a pause of what is over",
        verified(),
        Held(80.0, "bob", ""),
        "no deployment of web is under way: web-1 is verified; nothing to do",
    ),
    (
        "a second pause",
        after(baking(), Held(12.0, "bob", "lunch")),
        Held(13.0, "carl", ""),
        "web-1 is paused by bob since 1970-01-01 00:00 UTC (lunch); `guardian resume` lets it go on",
    ),
    ("resuming what runs", baking(), Resumed(13.0, "carl", ""), "web-1 is baking and not paused; nothing to do"),
    (
        "aborting a rollback",
        going_back(),
        AbortOrdered(30.0, "bob", ""),
        "web-1 is rolling back: web is sent to blue already; `guardian status web` shows where the traffic is",
    ),
    (
        "skipping without a reason",
        baking(),
        Skipped(13.0, "carl", ""),
        "cutting short how web-1 is judged needs a reason: `--reason …`; it is recorded with your name",
    ),
    (
        "skipping an approval",
        asking(),
        Skipped(13.0, "carl", "hurry"),
        "web-1 of web is awaiting approval, no bake and no watch is running; `guardian approve web-1` lets it go on",
    ),
    (
        "skipping a stage",
        after(met(), wanted(DEPLOY)),
        Skipped(13.0, "carl", "hurry"),
        "web-1 of web is deploying, no bake and no watch is running; that cannot be cut short",
    ),
    (
        "skipping what waits",
        after(baked(baking()), Held(201.0, "bob", "lunch")),
        Skipped(202.0, "carl", "hurry"),
        "web-1 has baked long enough: paused by bob: lunch",
    ),
    (
        "a freeze without a reason",
        met(),
        Frozen(5.0, "dora", "", 100.0),
        "a freeze needs a reason, for those whom it stops: `--reason …`",
    ),
    ("a freeze without length", met(), Frozen(5.0, "dora", "a fair", 5.0), "a freeze must last: `--for 2h`"),
    ("unfreezing what is not frozen", met(), Unfrozen(5.0, "dora", ""), "web is not frozen; nothing to do"),
    (
        "unfreezing what has thawed",
        after(met(), Frozen(5.0, "dora", "a fair", 9.0)),
        Unfrozen(9.0, "dora", ""),
        "web is not frozen; nothing to do",
    ),
]


@pytest.mark.parametrize(("state", "event", "sentence"), [case[1:] for case in REFUSALS], ids=[case[0] for case in REFUSALS])
def test_refusal(state: ServiceState, event: Event, sentence: str) -> None:
    """An answer or an order that counts for nothing says why."""
    with pytest.raises(Refused) as refused:
        step(state, event)
    assert str(refused.value) == sentence


def test_as_many_as_are_needed_must_agree() -> None:
    """And only then the next step begins."""
    state = asking(ASK_TWO, FIVE)
    one = after(state, agreed(state))
    assert onward(one) == one
    two = after(one, agreed(one, "carl"))
    assert phase(onward(two)) is Phase.SHIFTING


def test_broken_glass_counts_for_all_and_is_loud() -> None:
    """Even the requester's own word, with its reason."""
    state = asking(ASK_TWO, FIVE)
    event = agreed(state, "anna", alone=True)
    alone = after(state, event)
    assert phase(onward(alone)) is Phase.SHIFTING
    told = announce(state, event, alone)
    assert told
    assert (told.severity, told.sentence) == (Severity.CRITICAL, "web-1: BROKEN GLASS: anna approves it alone: seen")


def test_an_approval_of_somebody_who_may_not_any_more_does_not_count() -> None:
    """It is asked again when it takes effect."""
    state = asking()
    granted = after(state, agreed(state))
    lapsed = after(granted, ApprovalLapsed(50.0, "bob", "web-1", 1))
    assert onward(lapsed) == lapsed
    assert after(lapsed, ApprovalLapsed(50.0, "bob", "web-1", 9)) == lapsed
    assert phase(onward(after(lapsed, agreed(lapsed, "carl")))) is Phase.SHIFTING


def test_a_rejection_ends_it() -> None:
    """Before any traffic nothing moves; with a slice, it is taken back. Nothing is latched."""
    before = after(asking(), Rejected(41.0, "bob", "not on a Friday", "web-1", 1))
    assert (phase(before), before.live, before.generation) == (Phase.ABORTED, ON_BLUE, 0)
    assert before.deployment
    assert before.deployment.trouble == "bob rejects it: not on a Friday"
    asked = baked(baking(FIVE, ASK, QUARTER))
    back = after(asked, Rejected(210.0, "bob", "", "web-1", 1))
    assert (phase(back), back.live, back.latch) == (Phase.ROLLING_BACK, ON_BLUE, None)
    assert phase(routed(back, at=211.0)) is Phase.ABORTED


def test_a_question_expires_at_its_absolute_time() -> None:
    """Whenever guardian looks at it: also long after, when it was down meanwhile."""
    state = asking()
    assert not due(state, 3609.9)
    assert due(state, 3610.0)
    over = after(state, TimeCame(90_000.0))
    assert phase(over) is Phase.ABORTED
    assert over.deployment
    assert over.deployment.trouble == "it had 0 of 1 approvals after 1 h"


def test_an_answered_question_does_not_expire() -> None:
    """Those who agreed have agreed; the step waits for something else."""
    state = after(asking(), agreed(asking()), Held(50.0, "bob", ""))
    assert not due(state, 1e6)
    assert phase(onward(after(state, Resumed(1e6, "bob", "")), at=1e6)) is Phase.SHIFTING


def test_a_slice_whose_question_expires_goes_back() -> None:
    """Half a release does not stay for ever because nobody answered."""
    back = after(baked(baking(FIVE, ASK, QUARTER)), TimeCame(90_000.0))
    assert (phase(back), back.live, back.latch) == (Phase.ROLLING_BACK, ON_BLUE, None)


def test_the_warm_side_is_retired_at_its_time() -> None:
    """Once the release is verified, and not while it is needed."""
    state = deployed()
    assert state.retirement
    assert not due(state, 699.0)
    retiring = after(state, TimeCame(700.0))
    assert retiring.retirement
    assert retiring.retirement.stage
    job = retiring.retirement.stage.job
    assert (job.kind.value, job.environment.value, job.deadline) == ("retire", "blue", 790.0)
    assert not due(retiring, 1e6)
    retired = worked(retiring, summary="2 hosts stopped")
    assert retired.retirement
    assert (retired.retirement.rest.value, retired.retirement.summary) == ("retired", "2 hosts stopped")
