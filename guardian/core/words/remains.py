"""What an abandoned side still had, and what somebody changed behind guardian's back: the same words in messages and timelines."""

from collections.abc import Mapping
from typing import Any

from guardian.core.words.figures import count

_FIGURES = {
    "moved": "waiting requests given to the other side",
    "cut": "connections closed",
    "queued": "requests still waiting there",
    "open": "connections still open there",
}


def ended(event: Mapping[str, Any]) -> str:
    """What became of the connections of an abandoned side; empty where it had none."""
    told = [f"{count(event[name])} {what}" for name, what in _FIGURES.items() if event[name]]
    told += [event["trouble"]] if event["trouble"] else []
    return f"left on {event['environment']}: {', '.join(told)}" if told else ""


def written_down() -> str:
    """What was changed: the map file, or the split in the balancer's configuration."""
    return "the split that the balancer starts with"


def unnamed() -> str:
    """A file without a usable line for the service."""
    return "no share at all"


def split_in(worker: str) -> str:
    """What was changed: the map in memory."""
    return f"the split in the balancer's worker {worker}"


def configuration() -> str:
    """What was changed: guardian's block."""
    return "guardian's block in the balancer's configuration"


def as_adopted() -> str:
    """How the block was."""
    return "what guardian wrote"


def put_back() -> str:
    """What is done: guardian's intention is restored."""
    return "guardian puts it back"


def left_as_it_is() -> str:
    """What is done about a block: nothing, without a person."""
    return "it takes effect at the next reload: `guardian haproxy adopt` shows the difference and puts it right"


def drifted(event: Mapping[str, Any]) -> str:
    """The balancer was found other than guardian left it."""
    return f"somebody changed {event['what']} from {event['was']} to {event['now']}; {event['then']}"
