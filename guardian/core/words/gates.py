"""What becomes of people's answers and orders to a deployment that is under way, and why some are refused."""

from typing import TYPE_CHECKING

from guardian.core.words.figures import count, seconds
from guardian.core.words.moments import moment

if TYPE_CHECKING:  # the state machine speaks through this module; only the type checker needs to look back
    from guardian.core.deployment import Deployment, ServiceState
    from guardian.core.release import Hold, Question


# Approvals.


def agreed_already(deployment: "Deployment") -> str:
    """Enough have agreed before."""
    return f"{deployment.id} is approved already; nothing to do"


def counted_already(deployment: "Deployment", by: str) -> str:
    """One person, one word."""
    question = deployment.question
    given, needed = (len(question.approvals), question.needed) if question else (0, 0)
    return (
        f"{by} has approved {deployment.id} already; it has {count(given)} of {count(needed)} approvals, others must give the rest"
    )


def own_request(deployment: "Deployment") -> str:
    """A second person must look."""
    return (
        f"{deployment.requested_by} asked for {deployment.id}: somebody else must approve it; "
        f"`--break-glass --reason …` does without, and everybody is told"
    )


def glass_needs_reason() -> str:
    """Broken glass without a word."""
    return "going past what protects others needs a reason; it is recorded and told to everybody"


def may_not_approve(by: str) -> str:
    """Not an approver."""
    return f"{by} may not approve deployments; `guardian rollback` and `guardian abort` are open to every operator"


def not_the_latest(service: str, identifier: str, deployment: "Deployment | None") -> str:
    """An answer to something that is over."""
    latest = f"; the latest of {service} is {deployment.id}, {deployment.phase}" if deployment else ""
    return f"{identifier} is not under way, so there is nothing to answer{latest}"


def nothing_asked(deployment: "Deployment") -> str:
    """No question is open."""
    return f"{deployment.id} is {deployment.phase} and waits for no approval; nothing has changed"


def other_question(deployment: "Deployment", number: int) -> str:
    """An old button."""
    now = deployment.question.number if deployment.question else 0
    return f"this answers question {number} of {deployment.id}, which asks question {now} by now: look again, then answer that one"


def too_late(deployment: "Deployment") -> str:
    """The time to answer is over."""
    at = moment(deployment.question.expires_at) if deployment.question else ""
    return f"the question of {deployment.id} expired on {at}; nothing has changed"


def rejected(by: str, reason: str) -> str:
    """Somebody does not agree."""
    return f"{by} rejects it: {reason}" if reason else f"{by} rejects it"


def expired(question: "Question") -> str:
    """Nobody agreed in time."""
    given = f"{count(len(question.approvals))} of {count(question.needed)} approvals"
    return f"it had {given} after {seconds(question.expires_at - question.asked_at)}"


# Pause, resume, skip, abort.


def nothing_under_way(service: str, deployment: "Deployment | None") -> str:
    """Nothing to speak to."""
    latest = f": {deployment.id} is {deployment.phase}" if deployment else ""
    return f"no deployment of {service} is under way{latest}; nothing to do"


def held_already(identifier: str, hold: "Hold") -> str:
    """Paused before."""
    because = f" ({hold.reason})" if hold.reason else ""
    return f"{identifier} is paused by {hold.by} since {moment(hold.at)}{because}; `guardian resume` lets it go on"


def not_held(deployment: "Deployment") -> str:
    """Nothing to resume."""
    return f"{deployment.id} is {deployment.phase} and not paused; nothing to do"


def nothing_to_skip(state: "ServiceState", deployment: "Deployment", hindrance: str) -> str:
    """No bake or watch is running."""
    if deployment.ready:
        waits = hindrance or (deployment.closed.reason if deployment.closed else "") or "it goes on in a moment"
        return f"{deployment.id} has baked long enough: {waits}"
    then = f"`guardian approve {deployment.id}` lets it go on" if deployment.undecided else "that cannot be cut short"
    return f"{deployment.id} of {state.service} is {deployment.phase}, no bake and no watch is running; {then}"


def skip_needs_reason(deployment: "Deployment") -> str:
    """Evidence is replaced by a word."""
    return f"cutting short how {deployment.id} is judged needs a reason: `--reason …`; it is recorded with your name"


def vouched(by: str, reason: str) -> str:
    """Why a watch that was cut short verifies nothing."""
    return f"{by} cut the watch short and vouches for it: {reason}"


def aborted(by: str, reason: str) -> str:
    """Somebody ends it."""
    return f"{by} aborts it: {reason}" if reason else f"{by} aborts it"


# Freezes.


def freeze_needs_reason() -> str:
    """A freeze without a word."""
    return "a freeze needs a reason, for those whom it stops: `--reason …`"


def freeze_over_before() -> str:
    """A freeze that ends before it begins."""
    return "a freeze must last: `--for 2h`"


def not_frozen(service: str) -> str:
    """Nothing to end."""
    return f"{service} is not frozen; nothing to do"
