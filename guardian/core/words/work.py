"""What is said of the work around a switch when it cannot be done, or does not end."""

from typing import TYPE_CHECKING

from guardian.core.words.figures import count

if TYPE_CHECKING:
    from guardian.core.strategy import StageKind


def not_configured(service: str, kind: "StageKind") -> str:
    """The configuration has changed since."""
    return f"guardian.yaml says nothing of how to {kind} {service} any more"


def took_too_long(kind: "StageKind") -> str:
    """The deadline came."""
    return f"it did not end in the time that {kind} may take, and was stopped"


def broke(deployment: str, kind: "StageKind") -> str:
    """A defect."""
    return f"{deployment}: {kind} broke off by a defect of guardian's"


def broken(error: str) -> str:
    """A defect, as the outcome of a stage."""
    return f"a defect of guardian's: {error}"


def no_more_lines(most: int) -> str:
    """Too much output."""
    return f"(more than {count(most)} lines; the rest is not recorded)"


def nothing_to_deploy_with(service: str) -> str:
    """No deploy stage."""
    return (
        f"guardian.yaml does not say how to deploy {service}; `guardian switch {service}` moves the traffic to what is on the "
        f"idle side already"
    )
