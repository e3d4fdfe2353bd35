"""What the commands about releases answer."""

from collections.abc import Mapping
from typing import Any, TypeAlias

Record: TypeAlias = Mapping[str, Any]
"""A view, as the API gives it."""


def deploying(deployment: Record) -> str:
    """A deployment was taken."""
    identifier, service, version = deployment["id"], deployment["service"], deployment["version"]
    if deployment["position"]:
        return f"{identifier}: {version} waits for its turn on {service} as number {deployment['position']}"
    where = f" on {deployment['candidate']}" if deployment["candidate"] else ""
    follow = f"`guardian status {service}` shows how it goes, `guardian abort {service}` ends it"
    return f"{identifier}: {deployment['phase']}: {version}{where} of {service}; {follow}"


def deploy_again(refusal: str) -> str:
    """A version that was taken back, and somebody at the terminal."""
    return f"{refusal.partition(';')[0]}. Deploy it all the same?"


def approved(deployment: Record) -> str:
    """An approval was taken."""
    approval = deployment["approval"]
    if approval["granted"]:
        return f"{deployment['id']} is approved by {', '.join(approval['by'])}: it goes on as soon as nothing else holds it back"
    return f"{deployment['id']} has {len(approval['by'])} of {approval['needed']} approvals"


def paused(deployment: Record) -> str:
    """A pause was taken."""
    return f"{deployment['id']} is {deployment['phase']} and {deployment['held']}; `guardian resume {deployment['service']}`"


def resumed(deployment: Record) -> str:
    """It goes on."""
    return f"{deployment['id']} goes on: {deployment['waits'] or deployment['phase']}"


def withdrawn(identifier: str | None) -> str:
    """Out of the queue."""
    return f"{identifier} does not wait for its turn any more"


def frozen(view: Record) -> str:
    """A freeze was taken."""
    return f"{view['service']} is {view['frozen']}; a rollback is not held back"


def thawed(view: Record) -> str:
    """A freeze is over."""
    return f"{view['service']} is not frozen any more"


def nobody_waits(service: str) -> str:
    """An empty queue."""
    return f"no deployment of {service} waits for its turn"


# Status.


def steps(deployment: Record) -> str:
    """The way of a deployment, with where it is."""
    marks = {"done": "✓ ", "now": "▶ ", "not reached": "✗ "}
    return " · ".join(f"{marks.get(step['state'], '')}{step['name']}" for step in deployment["steps"])


def versions(view: Record) -> str:
    """What guardian brought where."""
    return ", ".join(f"{side} has {version}" for side, version in view["versions"].items())


def waiting(view: Record) -> str:
    """Who waits for a turn."""
    return ", ".join(view["queue"])
