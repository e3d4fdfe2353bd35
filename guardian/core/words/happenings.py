"""The timeline of a deployment: what its journal holds, event by event, as plain JSON values."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from guardian.core.words import remains, shield, timeline
from guardian.core.words.figures import count, seconds, share

Record: TypeAlias = Mapping[str, Any]


def happened(event: Record, split: str) -> str:
    """One event; ``split`` is the division of the traffic that it brought, in words, where it brought one."""
    if event["kind"] == "adopted":
        return f"found on {split}"
    if event["kind"] == "moved by hand":
        return f"somebody at the balancer itself moved the traffic to {split}"
    teller = _TELLERS.get(event["kind"]) or timeline.TELLERS.get(event["kind"])
    return teller(event) if teller else str(event["kind"])


def _because(event: Record) -> str:
    return f": {event['reason']}" if event.get("reason") else ""


def _switch_requested(event: Record) -> str:
    return f"{event['by']} asks for {share(event['share'])} of the traffic on {event['candidate']}{_because(event)}"


def _routed(event: Record) -> str:
    workers = (
        "the balancer's worker has" if event["workers"] == 1 else f"all {count(event['workers'])} workers of the balancer have"
    )
    return f"{workers} it, proved in {seconds(event['seconds'])}"


def _routing_failed(event: Record) -> str:
    return f"the routing could not be proved{_because(event)}"


def _target_unable(event: Record) -> str:
    return f"{event['environment']} cannot take the traffic{_because(event)}"


def _breached(event: Record) -> str:
    return f"{event['verdict']['rule']} is breached: {event['verdict']['reason']}"


def _noted(event: Record) -> str:
    muted = f" ({event['muted']})" if event.get("muted") else ""
    return f"{event['verdict']['rule']}: {event['verdict']['reason']}; nothing was moved{muted}"


def _paused(event: Record) -> str:
    return f"{event['verdict']['rule']} pauses the release: {event['verdict']['reason']}"


def _rejudged(event: Record) -> str:
    return f"{event['by']} has it judged by the rules as they are now"


def _watch_ended(event: Record) -> str:
    told = [f"{found['verdict']['rule']}: {found['missing'] or found['verdict']['reason']}" for found in event["conclusions"]]
    return f"the watch is over: {'; '.join(told) or 'no rule watched it'}"


def _rollback_ordered(event: Record) -> str:
    force = ", even onto an environment without a healthy server" if event["force"] else ""
    return f"{event['by']} wants the traffic back{force}{_because(event)}"


def _promoted(event: Record) -> str:
    return f"{event['by']} makes what is live the safe side{_because(event)}"


def _unlatched(event: Record) -> str:
    return f"{event['by']} lets the service move forward again{_because(event)}"


def _ended(event: Record) -> str:
    return remains.ended(event) or f"nothing was left on {event['environment']}"


def _drill_ordered(event: Record) -> str:
    return f"{event['by']} drills {share(event['share'])} of the traffic to the idle side and back"


def _drilled(event: Record) -> str:
    if event["trouble"]:
        return f"the drill failed: {event['trouble']}"
    return f"the drill passed: there in {seconds(event['there'])}, back in {seconds(event['back'])}"


def _saved(event: Record) -> str:
    return shield.told(int(event["tried"]), int(event["saved"]), int(event["lost"]), int(event.get("plain", 0)), "the other side")


_TELLERS: Mapping[str, Callable[[Record], str]] = {
    "saved": _saved,
    "switch requested": _switch_requested,
    "routed": _routed,
    "routing failed": _routing_failed,
    "target unable": _target_unable,
    "fell back": lambda event: f"{event['environment']} has lost its last server: {event['reason']}",
    "breached": _breached,
    "noted": _noted,
    "paused": _paused,
    "rejudged": _rejudged,
    "watch ended": _watch_ended,
    "rollback ordered": _rollback_ordered,
    "promoted": _promoted,
    "unlatched": _unlatched,
    "drifted": remains.drifted,
    "ended": _ended,
    "drill ordered": _drill_ordered,
    "drilled": _drilled,
}
