"""Why a deployment may not begin, and what to do instead."""

from typing import TYPE_CHECKING

from guardian.core.words.figures import count
from guardian.core.words.moments import moment
from guardian.core.words.quotes import quoted

if TYPE_CHECKING:  # the state machine speaks through this module; only the type checker needs to look back
    from guardian.core.deployment import Queued, ServiceState
    from guardian.core.model import Environment
    from guardian.core.release import FailedVersion, Freeze, Key, Retirement


def frozen(service: str, freeze: "Freeze") -> str:
    """Nothing moves forward for now."""
    return (
        f"{service} is frozen until {moment(freeze.until)} by {freeze.by}: {freeze.reason}; `guardian unfreeze {service}` ends "
        f"that, `--break-glass --reason …` goes past it, and a rollback is not held back"
    )


def key_used(key: "Key") -> str:
    """A key that another request has."""
    return f"the key {key.key} is that of {key.deployment}, which deploys {key.version}: another deployment needs another key"


def others_wait(service: str, first: "Queued") -> str:
    """Somebody was earlier."""
    return f"{first.id} waits for its turn on {service}, with {first.request.version}; `guardian queue {service}` lists who waits"


def queue_full(service: str, most: int) -> str:
    """Too many wait."""
    return f"{count(most)} deployments of {service} wait already; `guardian abort {service} --deployment …` takes one out"


def was_taken_back(service: str, failed: "FailedVersion") -> str:
    """A release that failed before."""
    return (
        f"{failed.version} was taken back as {failed.deployment} on {moment(failed.at)} ({failed.reason}); "
        f"`guardian deploy {service} --version {failed.version} --again` deploys it all the same"
    )


def unsettled(state: "ServiceState") -> str:
    """No side is idle, or people fall back to the one that is."""
    service = state.service
    if state.live.sole is None:
        return (
            f"both environments of {service} have traffic, so none is idle: `guardian switch {service}` moves all of it, "
            f"`guardian rollback {service}` takes it back"
        )
    if state.live != state.safe:
        return (
            f"{state.safe.main} is the safe side of {service}, a deployment would overwrite it: `guardian promote {service}` "
            f"first, if {state.live.main} is good, or `guardian rollback {service}`"
        )
    return f"the traffic of {service} is on its way just now; ask again in a moment"


def not_idle(service: str, environment: "Environment") -> str:
    """The side to be overwritten serves."""
    return f"{environment} serves {service} just now; nothing was touched"


def being_retired(service: str, retirement: "Retirement") -> str:
    """The idle side is being freed."""
    return f"{retirement.environment} of {service} is being retired just now; `guardian status {service}` shows when that is over"


def truth_unknown(service: str, reason: str) -> str:
    """The balancer cannot be asked."""
    return f"which environment of {service} is idle cannot be asked: {reason}; nothing was touched"


def truth_differs(service: str) -> str:
    """The balancer does something else than is intended."""
    return f"the balancer has another split of {service} than guardian intends just now; nothing was touched, ask again in a moment"


def no_version(version: str) -> str:
    """A version that could mean something to a program that reads it."""
    return (
        f"{quoted(version)} cannot name a version: write up to 128 letters, digits and `._+:@~-` that start with a letter or "
        f"digit, such as `4.2.0`"
    )


def nothing_verifies(service: str) -> str:
    """A step that cannot be."""
    return f"the strategy of {service} verifies between its steps, but guardian.yaml does not say how to verify {service}"


def would_not_ask(service: str) -> str:
    """A way past the approval."""
    return (
        f"the strategy of {service} asks for approval: `--now` and `--share` go past it only with `--break-glass --reason …`, "
        f"which is told to everybody"
    )


def window_closed(service: str, reason: str) -> str:
    """Not at this time of the week."""
    return f"{service} is {reason}; `--break-glass --reason …` goes past that, and a rollback is not held back"


def not_queued(service: str, deployment: str) -> str:
    """No such deployment waits."""
    return f"{deployment} does not wait for its turn on {service}; `guardian queue {service}` lists those that do"
