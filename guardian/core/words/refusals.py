"""Why an order of a person is not followed, and what to do instead."""

from typing import TYPE_CHECKING

from guardian.core.words.figures import share as written

if TYPE_CHECKING:  # the state machine speaks through this module; only the type checker needs to look back
    from guardian.core.deployment import Deployment, Latch, ServiceState
    from guardian.core.model import Environment


def unknown_service(service: str, known: list[str]) -> str:
    """No such service."""
    return f"there is no service {service}; guardian.yaml names {', '.join(known) or 'none'}"


def unknown_deployment(identifier: str) -> str:
    """No such deployment."""
    return f"there is no deployment {identifier}; `guardian history` lists those that guardian remembers"


def under_way(service: str, deployment: "Deployment") -> str:
    """One change at a time."""
    return (
        f"{deployment.id} is {deployment.phase}: one change of {service} at a time; "
        f"wait for its end, or take it back with `guardian rollback {service}`"
    )


def latched(service: str, latch: "Latch") -> str:
    """After an automatic rollback a person must speak first, or where records were lost."""
    if not latch.deployment:
        return f"{service} is held: {latch.reason}; `guardian unlatch {service} --reason …` lets it move forward again"
    return (
        f"{service} is latched since {latch.deployment} was rolled back ({latch.reason}); "
        f"`guardian unlatch {service} --reason …` lets it move forward again"
    )


def already_there(state: "ServiceState", candidate: "Environment", share: int) -> str:
    """Nothing to do."""
    if state.live == state.safe or state.live.sole is None:
        return f"{candidate} has {written(share)} of {state.service}'s traffic already; nothing to do"
    return (
        f"{candidate} has {written(share)} of {state.service}'s traffic already; "
        f"`guardian promote {state.service}` makes it the safe side"
    )


def no_trial_of_the_safe_side(state: "ServiceState", candidate: "Environment") -> str:
    """The safe side gets all of the traffic back, or none."""
    return (
        f"{candidate} is the safe side of {state.service}, a share of the traffic would prove nothing; "
        f"switch all of it to go back to {candidate}"
    )


def is_the_safe_side(state: "ServiceState", candidate: "Environment") -> str:
    """Going back is a rollback."""
    return (
        f"{candidate} is the safe side of {state.service}: "
        f"going back to it is `guardian rollback {state.service}`, which nothing can block"
    )


def nothing_to_roll_back(service: str) -> str:
    """No deployment is known."""
    return f"guardian has not moved {service} yet, so there is nothing to roll back; `guardian switch {service}` moves it"


def already_back(service: str, deployment: "Deployment") -> str:
    """A rollback is done or under way."""
    side = deployment.fallback.main
    sent = f"{deployment.id} is {deployment.phase}: {service} is sent to {side} already"
    return f"{sent}; `guardian status {service}` shows where the traffic is"


def needs_force(service: str, deployment: "Deployment") -> str:
    """The rollback is stuck on an unhealthy target."""
    trouble = deployment.rollback.trouble if deployment.rollback else ""
    return (
        f"{deployment.id} is stuck: {trouble}; guardian tries again every second. "
        f"`guardian rollback {service} --force` sends the traffic there all the same"
    )


def target_unable(service: str, environment: "Environment", reason: str, *, back: bool) -> str:
    """The environment that would get the traffic cannot take it."""
    if back:
        return f"{environment} cannot take the traffic of {service}: {reason}; --force sends it there all the same"
    return f"{environment} cannot take the traffic of {service}: {reason}; nothing was moved"


def only_a_slice(state: "ServiceState") -> str:
    """A split cannot be the safe side."""
    slice_ = written(state.live.share(state.safe.main.other))
    return (
        f"only {slice_} of {state.service} is on {state.safe.main.other}; `guardian switch {state.service}` moves all of it first"
    )


def already_safe(state: "ServiceState") -> str:
    """Nothing to promote."""
    return f"{state.safe.main} is the safe side of {state.service} already; nothing to do"


def not_latched(service: str) -> str:
    """Nothing to unlatch."""
    return f"{service} is not latched; nothing to do"


def no_share(share: int) -> str:
    """A share that is none."""
    return f"a share is more than 0 % and at most 100 %, not {written(share)}; to take traffic back use `guardian rollback`"


def not_recorded(service: str, reason: str) -> str:
    """What cannot be journalled is not begun."""
    return (
        f"nothing was moved: the change of {service} could not be recorded ({reason}); a rollback would be carried out all the same"
    )


def disk_silent(patience: float) -> str:
    """The journal did not answer."""
    return f"the disk did not answer in {patience:g} s"
