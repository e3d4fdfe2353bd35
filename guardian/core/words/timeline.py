"""The steps of a deployment as its journal holds them, as plain JSON; :mod:`guardian.core.words.happenings` tells of all else."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from guardian.core.words.moments import moment

Record: TypeAlias = Mapping[str, Any]


def _because(event: Record) -> str:
    return f": {event['reason']}" if event.get("reason") else ""


def _deploy_requested(event: Record) -> str:
    again = ", though it was taken back before" if event["again"] else ""
    glass = ", past a freeze and closed windows" if event["alone"] else ""
    return f"{event['by']} deploys {event['version']}{again}{glass}{_because(event)}"


def _turn_came(event: Record) -> str:
    return f"its turn came; {event['candidate']} is idle"


def _withdrawn(event: Record) -> str:
    return f"{event['by']} takes {event['deployment']} out of the queue{_because(event)}"


def _stage_progressed(event: Record) -> str:
    return str(event["line"])


def _stage_ended(event: Record) -> str:
    return f"{event['stage']} {'done' if event['ok'] else 'failed'}: {event['summary']}"


def _went_on(event: Record) -> str:
    return f"step {event['step'] + 2} begins"


def _put_off(event: Record) -> str:
    return f"what was to begin is put off: {event['reason']}; nothing was moved or run"


def _way_closed(event: Record) -> str:
    return f"ready for its next step, and waits: {event['reason']}"


def _approved(event: Record) -> str:
    return f"{event['by']} approves it{', alone, with broken glass' if event['alone'] else ''}{_because(event)}"


def _approval_lapsed(event: Record) -> str:
    return f"{event['by']} may not approve deployments any more: the approval does not count"


def _rejected(event: Record) -> str:
    return f"{event['by']} rejects it{_because(event)}"


def _held(event: Record) -> str:
    return f"{event['by']} pauses it{_because(event)}"


def _resumed(event: Record) -> str:
    return f"{event['by']} lets it go on{_because(event)}"


def _skipped(event: Record) -> str:
    return f"{event['by']} cuts short how it is judged{_because(event)}"


def _abort_ordered(event: Record) -> str:
    return f"{event['by']} aborts it{_because(event)}"


def _frozen(event: Record) -> str:
    return f"{event['by']} freezes the service until {moment(event['until'])}{_because(event)}"


def _unfrozen(event: Record) -> str:
    return f"{event['by']} ends the freeze{_because(event)}"


def _muted(event: Record) -> str:
    return f"{event['by']} mutes {event['rule']} until {moment(event['until'])}{_because(event)}"


def _unmuted(event: Record) -> str:
    return f"{event['by']} lifts the mute of {event['rule']}{_because(event)}"


def _time_came(event: Record) -> str:
    return f"the time came that was waited for: {moment(event['at'])}"


TELLERS: Mapping[str, Callable[[Record], str]] = {
    "deploy requested": _deploy_requested,
    "turn came": _turn_came,
    "withdrawn": _withdrawn,
    "stage progressed": _stage_progressed,
    "stage ended": _stage_ended,
    "went on": _went_on,
    "put off": _put_off,
    "way closed": _way_closed,
    "approved": _approved,
    "approval lapsed": _approval_lapsed,
    "rejected": _rejected,
    "held": _held,
    "resumed": _resumed,
    "skipped": _skipped,
    "abort ordered": _abort_ordered,
    "frozen": _frozen,
    "unfrozen": _unfrozen,
    "muted": _muted,
    "unmuted": _unmuted,
    "time came": _time_came,
}
