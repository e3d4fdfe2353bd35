"""What happened, in one sentence per event: the same words in the log, on the command line and in every message."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from guardian.core.rules import Action, Severity
from guardian.core.words import drill, mutes, remains, rollout, rulebook, shield, steps
from guardian.core.words.announcement import Announcement
from guardian.core.words.figures import seconds, share

if TYPE_CHECKING:  # the state machine speaks through this module; only the type checker needs to look back
    from collections.abc import Sequence

    from guardian.core.deployment import Deployment, ServiceState
    from guardian.core.events import Event
    from guardian.core.model import Split
    from guardian.core.verdicts import Conclusion, Verdict

__all__ = ["GUARDIAN", "SOMEBODY", "Announcement", "announce", "lacking", "moved_by_hand", "paused", "split_of", "taken_back_by"]

GUARDIAN = "guardian"
SOMEBODY = "somebody at the balancer"


def split_of(split: "Split") -> str:
    """``blue``, or ``green 5 % and blue 95 %``."""
    if split.sole is not None:
        return str(split.sole)
    minor = split.main.other
    return f"{minor} {share(split.share(minor))} and {split.main} {share(split.share(split.main))}"


def lacking(conclusions: "Sequence[Conclusion]") -> str:
    """Why a watch proves nothing."""
    if not conclusions:
        return "no rule watched it"
    missing = [f"{conclusion.verdict.rule}: {conclusion.missing}" for conclusion in conclusions if conclusion.missing]
    return "; ".join(missing) or "no rule saw enough"


def taken_back_by(by: str) -> str:
    """A person took a release back, and gave no reason."""
    return f"taken back by {by}"


def moved_by_hand(split: "Split") -> str:
    """Somebody changed the split at the balancer."""
    return f"somebody at the balancer itself moved the traffic to {split_of(split)}"


def announce(before: "ServiceState | None", event: "Event", after: "ServiceState") -> Announcement | None:
    """What to tell about ``event``; ``None`` where it changed nothing that people care for."""
    if event.kind == "noted":
        return _noted(event.verdict, event.muted, after) if _on_trial(after, event.deployment) else None
    if event.kind == "drifted":
        return Announcement(Severity.WARNING, f"{after.service}: {remains.drifted(asdict(event))}")
    if event.kind in ("stage progressed", "put off"):
        return steps.aside(event)
    if before == after:
        return None
    if speaker := _SPEAKERS.get(event.kind):
        return speaker(before or after, event, after)
    step = steps.SPEAKERS.get(event.kind)
    told = step(before or after, event, after) if step else None
    return told or _phase(before or after, after)


def _on_trial(state: "ServiceState", deployment: str) -> bool:
    current = state.deployment
    return current is not None and current.id == deployment and current.exposed


_WOULD_HAVE = {
    Action.ROLLBACK: ", or the traffic would have been taken back",
    Action.PAUSE: ", or the release would have been paused",
    Action.NOTIFY: "",
}


def _noted(verdict: "Verdict", muted: str, after: "ServiceState") -> Announcement:
    """A breach that moves nothing."""
    spared = "a shadow rule" if verdict.shadow else muted
    because = f" ({spared}{_WOULD_HAVE[verdict.action]})" if spared else ""
    severity = Severity.INFO if verdict.shadow else Severity.WARNING if muted else verdict.severity
    sentence = f"{after.service}: {verdict.rule}: {verdict.reason}; nothing was moved{because}"
    return Announcement(severity, sentence, verdict.links)


def paused(verdict: "Verdict") -> str:
    """Why a watch that ended well verifies nothing."""
    return f"paused by {verdict.rule}: {verdict.reason}"


def _phase(before: "ServiceState", after: "ServiceState") -> Announcement | None:
    deployment = after.deployment
    if deployment is None:
        return None
    earlier = before.deployment
    same = earlier is not None and (earlier.id, earlier.phase, earlier.step) == (deployment.id, deployment.phase, deployment.step)
    if same and before.generation == after.generation:
        return None
    return _PHASES[deployment.phase.name](after, deployment)


def _working(after: "ServiceState", deployment: "Deployment") -> Announcement:
    return Announcement(Severity.INFO, rollout.begins(after, deployment))


def _awaiting_approval(after: "ServiceState", deployment: "Deployment") -> Announcement:
    return Announcement(Severity.INFO, rollout.asks(after, deployment))


def _baking(after: "ServiceState", deployment: "Deployment") -> Announcement:
    tell = rollout.baking if after.proved else rollout.climbed
    return Announcement(Severity.INFO, tell(after, deployment, split_of(after.live)))


def _cutting_over(after: "ServiceState", deployment: "Deployment") -> Announcement:
    because = f" ({deployment.reason})" if deployment.reason else ""
    sentence = f"{deployment.id}: {deployment.requested_by} moves {after.service} to {split_of(deployment.target)}{because}"
    return Announcement(Severity.INFO, sentence)


def _watching(after: "ServiceState", deployment: "Deployment") -> Announcement:
    took = seconds(deployment.cutover_seconds or 0.0)
    sentence = (
        f"{deployment.id}: {after.service} is on {split_of(after.live)}, every worker confirmed in {took}; "
        f"watching for {seconds(deployment.watch_seconds)}, {split_of(after.safe)} stays warm"
    )
    return Announcement(Severity.INFO, sentence)


def _verified(after: "ServiceState", deployment: "Deployment") -> Announcement:
    checked = ", ".join(
        f"{conclusion.verdict.rule} {conclusion.verdict.reason}" for conclusion in deployment.conclusions if conclusion.enough
    )
    where = (
        f"{split_of(after.live)} is the safe side now"
        if after.safe == after.live
        else f"{split_of(after.safe)} stays the safe side"
    )
    rest = after.retirement
    warm = f"; {rollout.warm(after, rest)}" if rest and rest.deployment == deployment.id else ""
    without = mutes.left_out_of([(each.verdict.rule, each.missing) for each in deployment.conclusions if each.muted])
    severity = Severity.WARNING if without else Severity.INFO
    return Announcement(severity, f"{deployment.id}: verified: {checked}; {where}{warm}{without}")


def _unverified(after: "ServiceState", deployment: "Deployment") -> Announcement:
    safe = (
        "the safe side now"
        if after.safe == after.live
        else f"{split_of(after.safe)} stays the safe side until `guardian promote {after.service}`"
    )
    sentence = f"{deployment.id}: unverified: {deployment.trouble}; the traffic stays on {split_of(after.live)}, {safe}"
    return Announcement(Severity.WARNING, sentence)


def _rolling_back(after: "ServiceState", deployment: "Deployment") -> Announcement:
    rollback = deployment.rollback
    rule = f"{rollback.verdict.rule}: " if rollback and rollback.verdict else ""
    reason = f"{rule}{rollback.reason}" if rollback else ""
    because = f": {reason}" if reason else ""
    by, forced = (rollback.by, "") if rollback else (GUARDIAN, "")
    if rollback and rollback.forced_by is not None:
        by, forced = rollback.forced_by, ", healthy or not"
    sentence = f"{deployment.id}: {by} takes {after.service} back to {split_of(after.live)}{forced}{because}"
    links = rollback.verdict.links if rollback and rollback.verdict else ()
    return Announcement(Severity.CRITICAL, sentence, links)


def _rolled_back(after: "ServiceState", deployment: "Deployment") -> Announcement:
    rollback = deployment.rollback
    took = seconds(rollback.seconds or 0.0) if rollback else ""
    latch = f"; nothing moves forward until `guardian unlatch {after.service}`" if after.latch else ""
    where = f"{after.service} is on {split_of(after.live)} in every worker"
    sentence = f"{deployment.id}: rolled back: {where}, {took} after the decision{latch}"
    return Announcement(Severity.CRITICAL, sentence)


def _stuck(after: "ServiceState", deployment: "Deployment") -> Announcement:
    trouble = deployment.rollback.trouble if deployment.rollback else ""
    sentence = (
        f"{deployment.id}: STUCK: {after.service} cannot be taken back to {split_of(after.live)}: {trouble}; "
        f"the traffic is held where it is, guardian tries again every second. A person is needed"
    )
    return Announcement(Severity.CRITICAL, sentence)


def _aborted(after: "ServiceState", deployment: "Deployment") -> Announcement:
    sentence = f"{deployment.id}: aborted: {deployment.trouble}; {after.service} is on {split_of(after.live)}"
    return Announcement(Severity.WARNING, sentence)


_PHASES = {
    "DEPLOYING": _working,
    "VERIFYING": _working,
    "AWAITING_APPROVAL": _awaiting_approval,
    "SHIFTING": _cutting_over,
    "BAKING": _baking,
    "CUTTING_OVER": _cutting_over,
    "WATCHING": _watching,
    "VERIFIED": _verified,
    "UNVERIFIED": _unverified,
    "ROLLING_BACK": _rolling_back,
    "ROLLED_BACK": _rolled_back,
    "STUCK": _stuck,
    "ABORTED": _aborted,
}


def _adopted(before: "ServiceState", event: "Event", after: "ServiceState") -> Announcement:
    del before
    sentence = f"{after.service}: found on {split_of(after.live)}; {split_of(after.safe)} is the safe side"
    if held := getattr(event, "held", ""):
        free = f"`guardian unlatch {after.service} --reason …`"
        return Announcement(Severity.CRITICAL, f"{sentence}. {held}: nothing moves forward until {free}")
    return Announcement(Severity.INFO, sentence)


def _unlatched(before: "ServiceState", event: "Event", after: "ServiceState") -> Announcement:
    del before
    by, reason = getattr(event, "by", ""), getattr(event, "reason", "")
    return Announcement(Severity.INFO, f"{after.service}: {by} lets it move forward again: {reason}")


def _promoted(before: "ServiceState", event: "Event", after: "ServiceState") -> Announcement:
    del before
    by, reason = getattr(event, "by", ""), getattr(event, "reason", "")
    because = f": {reason}" if reason else ""
    return Announcement(Severity.INFO, f"{after.service}: {by} makes {split_of(after.safe)} the safe side{because}")


def _moved(before: "ServiceState", event: "Event", after: "ServiceState") -> Announcement:
    del event
    deployment = after.deployment
    if before.deployment is None or deployment is None or not before.deployment.phase.active:
        then = "guardian leaves it there"
    elif deployment.phase.active:
        then = f"guardian takes {deployment.id} back there in every worker"
    else:
        then = f"guardian leaves it there; {deployment.id} is over"
    return Announcement(Severity.CRITICAL, f"{after.service}: {moved_by_hand(after.live)}; {then}")


def _rejudged(before: "ServiceState", event: "Event", after: "ServiceState") -> Announcement:
    del before
    identifier = after.deployment.id if after.deployment else after.service
    return Announcement(Severity.INFO, rulebook.rejudged(identifier, getattr(event, "by", ""), getattr(event, "digest", "")))


def _paused(before: "ServiceState", event: "Event", after: "ServiceState") -> Announcement | None:
    del before
    verdict, deployment = getattr(event, "verdict", None), after.deployment
    if verdict is None or deployment is None:
        return None
    sentence = (
        f"{deployment.id}: paused: {verdict.rule}: {verdict.reason}; {after.service} stays on {split_of(after.live)} and is not "
        f"called good by itself: `guardian promote {after.service}` after the watch, or `guardian rollback {after.service}`"
    )
    return Announcement(verdict.severity, sentence, verdict.links)


def _ended(before: "ServiceState", event: "Event", after: "ServiceState") -> Announcement | None:
    del before
    if event.kind != "ended":
        return None
    sentence = remains.ended(asdict(event))
    severity = Severity.WARNING if event.trouble or event.queued else Severity.INFO
    return Announcement(severity, f"{after.service}: {sentence}") if sentence else None


def _drill_ordered(before: "ServiceState", event: "Event", after: "ServiceState") -> Announcement | None:
    del before, event
    ran = after.drill
    return Announcement(Severity.INFO, drill.ordered(after.service, ran.by, ran.share)) if ran else None


def _drilled(before: "ServiceState", event: "Event", after: "ServiceState") -> Announcement | None:
    del before, event
    ran = after.drill
    if ran is None:
        return None
    if ran.trouble:
        return Announcement(Severity.CRITICAL, drill.failed(after.service, ran.trouble))
    return Announcement(Severity.INFO, drill.done(after.service, ran.there or 0.0, ran.back or 0.0))


def _saved(before: "ServiceState", event: "Event", after: "ServiceState") -> Announcement | None:
    del before
    deployment = after.deployment
    if deployment is None or event.kind != "saved":
        return None
    told = shield.told(event.tried, event.saved, event.lost, event.plain, str(deployment.candidate.other))
    return Announcement(Severity.INFO, f"{deployment.id}: {told}")


_SPEAKERS = {
    "paused": _paused,
    "rejudged": _rejudged,
    "adopted": _adopted,
    "unlatched": _unlatched,
    "promoted": _promoted,
    "moved by hand": _moved,
    "ended": _ended,
    "saved": _saved,
    "drill ordered": _drill_ordered,
    "drilled": _drilled,
}
