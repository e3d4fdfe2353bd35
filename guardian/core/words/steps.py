"""What is told of a deployment's steps, one sentence per event; :mod:`guardian.core.words.story` tells of all else."""

from typing import TYPE_CHECKING

from guardian.core.rules import Severity
from guardian.core.words import mutes, rollout
from guardian.core.words.announcement import Announcement

if TYPE_CHECKING:  # the state machine speaks through this module; only the type checker needs to look back
    from collections.abc import Callable

    from guardian.core.deployment import ServiceState
    from guardian.core.events import Event

    Speaker = Callable[[ServiceState, Event, ServiceState], Announcement | None]

INFO, WARNING, CRITICAL = Severity.INFO, Severity.WARNING, Severity.CRITICAL


def _identifier(state: "ServiceState") -> str:
    return state.deployment.id if state.deployment else state.service


def aside(event: "Event") -> Announcement | None:
    """What leaves the state as it was: a stage says something while it works, or what was to begin is put off."""
    if event.kind == "put off":
        return Announcement(WARNING, rollout.put_off(event.deployment, event.reason))
    return Announcement(INFO, rollout.progressed(event.deployment, event.line)) if event.kind == "stage progressed" else None


def _deploy_requested(before: "ServiceState", event: "Event", after: "ServiceState") -> Announcement | None:
    if event.kind != "deploy requested" or len(after.queue) == len(before.queue):
        return None
    return Announcement(INFO, rollout.queued(after.queue[-1].id, event.by, event.version, len(after.queue)))


def _withdrawn(before: "ServiceState", event: "Event", after: "ServiceState") -> Announcement | None:
    del before, after
    if event.kind != "withdrawn":
        return None
    return Announcement(INFO, rollout.withdrawn(event.deployment, event.by, event.reason))


def _stage_ended(before: "ServiceState", event: "Event", after: "ServiceState") -> Announcement | None:
    if event.kind != "stage ended":
        return None
    if before.retirement and before.retirement.stage and after.retirement:
        severity = WARNING if not event.ok else INFO
        return Announcement(severity, rollout.retired(after, after.retirement))
    deployment = after.deployment
    if not event.ok or deployment is None:
        return None
    sentence = rollout.stage_ended(deployment.id, event.stage, event.summary, ok=True)
    return Announcement(INFO, f"{sentence}{rollout.then(after, deployment)}")


def _way_closed(before: "ServiceState", event: "Event", after: "ServiceState") -> Announcement | None:
    del before
    return Announcement(INFO, rollout.waits(_identifier(after), event.reason)) if event.kind == "way closed" else None


def _approved(before: "ServiceState", event: "Event", after: "ServiceState") -> Announcement | None:
    del before, event
    deployment = after.deployment
    if deployment is None or deployment.question is None:
        return None
    given = deployment.question.approvals[-1]
    return Announcement(CRITICAL if given.alone else INFO, rollout.approved(deployment, given))


def _lapsed(before: "ServiceState", event: "Event", after: "ServiceState") -> Announcement | None:
    del before
    return Announcement(WARNING, rollout.lapsed(_identifier(after), event.by)) if event.kind == "approval lapsed" else None


def _held(before: "ServiceState", event: "Event", after: "ServiceState") -> Announcement | None:
    del before
    return Announcement(WARNING, rollout.paused(_identifier(after), event.by, event.reason)) if event.kind == "held" else None


def _resumed(before: "ServiceState", event: "Event", after: "ServiceState") -> Announcement | None:
    del before
    return Announcement(INFO, rollout.resumed(_identifier(after), event.by, event.reason)) if event.kind == "resumed" else None


def _skipped(before: "ServiceState", event: "Event", after: "ServiceState") -> Announcement | None:
    del before
    deployment = after.deployment
    if event.kind != "skipped" or deployment is None or not deployment.phase.active:
        return None
    return Announcement(WARNING, rollout.skipped(deployment, event.by, event.reason))


def _watch_ended(before: "ServiceState", event: "Event", after: "ServiceState") -> Announcement | None:
    """The end of a bake; that of a watch changes the phase, and is told as such."""
    del event
    was, deployment = before.deployment, after.deployment
    if was is None or deployment is None or was.phase.name != "BAKING" or not deployment.exposed:
        return None
    if deployment.thin and deployment.thin != was.thin:
        return Announcement(WARNING, f"{deployment.id}: {rollout.thin(deployment)}")
    return Announcement(INFO, f"{rollout.baked(deployment, was)}{rollout.then(after, deployment)}")


def _frozen(before: "ServiceState", event: "Event", after: "ServiceState") -> Announcement | None:
    del before, event
    return Announcement(WARNING, rollout.froze(after.service, after.freeze)) if after.freeze else None


def _unfrozen(before: "ServiceState", event: "Event", after: "ServiceState") -> Announcement | None:
    del before
    return Announcement(INFO, rollout.thawed(after.service, event.by, event.reason)) if event.kind == "unfrozen" else None


def _muted(before: "ServiceState", event: "Event", after: "ServiceState") -> Announcement | None:
    del before, event
    return Announcement(WARNING, mutes.began(after.service, after.mutes[-1])) if after.mutes else None


def _unmuted(before: "ServiceState", event: "Event", after: "ServiceState") -> Announcement | None:
    del before
    if event.kind != "unmuted":
        return None
    return Announcement(INFO, mutes.over(after.service, [event.rule], event.by, event.reason))


def _time_came(before: "ServiceState", event: "Event", after: "ServiceState") -> Announcement | None:
    del event
    if before.freeze and not after.freeze:
        return Announcement(INFO, rollout.thawed(after.service, "", ""))
    if ended := [mute.rule for mute in before.mutes if mute not in after.mutes]:
        return Announcement(INFO, mutes.over(after.service, ended))
    if after.retirement and after.retirement != before.retirement:
        return Announcement(INFO, rollout.retiring(after, after.retirement))
    return None


SPEAKERS: "dict[str, Speaker]" = {
    "deploy requested": _deploy_requested,
    "withdrawn": _withdrawn,
    "stage ended": _stage_ended,
    "way closed": _way_closed,
    "approved": _approved,
    "approval lapsed": _lapsed,
    "held": _held,
    "resumed": _resumed,
    "skipped": _skipped,
    "watch ended": _watch_ended,
    "frozen": _frozen,
    "unfrozen": _unfrozen,
    "muted": _muted,
    "unmuted": _unmuted,
    "time came": _time_came,
}
"""What has nothing of its own to say is told by the phase that it led to."""
