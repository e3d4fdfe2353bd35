"""The sentence of the moment: what ``systemctl status`` shows guardian doing."""

from collections.abc import Sequence

from guardian.core.deployment import ServiceState
from guardian.core.words.story import split_of

LONGEST = 300


def doing(states: Sequence[ServiceState], waiting: int = 0, trouble: str = "") -> str:
    """What is done for each service, those that are busy first; ``waiting`` entries cannot be recorded because of ``trouble``."""
    told = [_of(state) for state in sorted(states, key=_calm)]
    if waiting:
        told.insert(0, f"{waiting} entries cannot be recorded yet: {trouble}")
    sentence = "; ".join(told)
    return sentence if len(sentence) <= LONGEST else f"{sentence[: LONGEST - 1]}…"


def starting() -> str:
    """Before everything has been looked at once."""
    return "starting: looking at HAProxy, rules and records"


def rules_refused(reason: str) -> str:
    """A reload that changed nothing."""
    return f"the files were not taken: {reason.splitlines()[0] if reason else ''}"


def _calm(state: ServiceState) -> tuple[bool, bool, str]:
    busy = state.deployment is not None and state.deployment.phase.active
    return not busy, state.latch is None, state.service


def _of(state: ServiceState) -> str:
    deployment = state.deployment
    if deployment and deployment.phase.active:
        return f"{deployment.id} is {deployment.phase}, {split_of(state.live)}"
    latched = ", latched after a rollback" if state.latch else ""
    return f"{state.service} on {split_of(state.live)}{latched}"
