"""The steps of a deployment in words: what each is, what is waited for, and what is told when something happens."""

from typing import TYPE_CHECKING

from guardian.core.words.figures import count, seconds, share
from guardian.core.words.moments import moment

if TYPE_CHECKING:  # the state machine speaks through this module; only the type checker needs to look back
    from guardian.core.deployment import Deployment, ServiceState
    from guardian.core.release import Approval, Freeze, Hold, Installed, Retirement
    from guardian.core.strategy import StageKind, StrategyStep


_ING = {"deploy": "deploying", "parity": "comparing both environments", "verify": "verifying", "retire": "retiring"}


def step(each: "StrategyStep") -> str:
    """A step, as it is written in guardian.yaml."""
    match each.kind.value:
        case "shift":
            return f"{share(each.share)} for {seconds(each.seconds)}"
        case "ramp":
            return f"ramp to {share(each.share)} over {seconds(each.seconds)}"
        case "ask":
            return "ask" if each.needed == 1 else f"ask {each.needed}"
        case kind:
            return str(kind)


def working(kind: "StageKind") -> str:
    """A stage that is under way."""
    return _ING[kind.value]


def stage_failed(kind: "StageKind", summary: str) -> str:
    """A stage that did not go well."""
    return f"{kind} failed: {summary}"


# What is waited for.


def held(hold: "Hold") -> str:
    """A person's pause."""
    return f"paused by {hold.by}: {hold.reason}" if hold.reason else f"paused by {hold.by}"


def frozen(freeze: "Freeze") -> str:
    """A freeze."""
    return f"frozen until {moment(freeze.until)} by {freeze.by}: {freeze.reason}"


def closed(opens: float | None) -> str:
    """The window."""
    return f"outside its windows, which open on {moment(opens)}" if opens else "outside its windows, none of which opens this year"


def asking(deployment: "Deployment") -> str:
    """A question that is open."""
    question = deployment.question
    if question is None:
        return ""
    given = f"{count(len(question.approvals))} of {count(question.needed)} approvals"
    names = f" ({', '.join(approval.by for approval in question.approvals)})" if question.approvals else ""
    return f"{given}{names}, until {moment(question.expires_at)}: `guardian approve {deployment.id}`"


def thin(deployment: "Deployment") -> str:
    """A bake that has not seen enough."""
    return f"bakes on: {deployment.thin}"


def waiting(deployment: "Deployment") -> str:
    """What a deployment waits for, or what is being done for it; empty where its phase says it all."""
    if not deployment.phase.active or deployment.phase.going_back:
        return ""
    if deployment.held:
        return held(deployment.held)
    if deployment.undecided:
        return asking(deployment)
    if deployment.paused:
        return f"paused by {deployment.paused.rule}: {deployment.paused.reason}"
    return _going_on(deployment)


def _going_on(deployment: "Deployment") -> str:
    """What is being done for a deployment that nobody holds back."""
    if deployment.ready:
        return deployment.closed.reason if deployment.closed else "ready for its next step"
    if deployment.thin:
        return thin(deployment)
    if deployment.stage:
        return working(deployment.stage.job.kind)
    return step(deployment.current) if deployment.current else ""


def last_step(basis_points: int) -> str:
    """The cutover of all traffic."""
    return share(basis_points)


def in_turn(position: int) -> str:
    """A place in the queue."""
    return f"number {position} in the queue"


def installed(what: "Installed") -> str:
    """What is on an environment."""
    return what.version if what.whole else f"{what.version} in part: {what.deployment} did not come to the end of its deploy stage"


def rest(retirement: "Retirement") -> str:
    """What becomes of the replaced environment."""
    environment, summary = retirement.environment, f": {retirement.summary}" if retirement.summary else ""
    match retirement.rest.value:
        case "warm":
            return f"{environment} stays warm until {moment(retirement.due_at)}"
        case "retiring":
            return f"{environment} is being retired"
        case "retired":
            return f"{environment} is retired{summary}"
        case _:
            return f"{environment} could not be retired{summary}"


# What is told.


def begins(after: "ServiceState", deployment: "Deployment") -> str:
    """A stage begins."""
    stage = deployment.stage
    if stage is None:
        return f"{deployment.id}: {deployment.phase}"
    what = f"{deployment.version} on {deployment.candidate}" if deployment.version else str(deployment.candidate)
    if stage.job.kind.value == "deploy":
        because = f" ({deployment.reason})" if deployment.reason else ""
        return f"{deployment.id}: {deployment.requested_by} deploys {what} of {after.service}{because}"
    return f"{deployment.id}: {working(stage.job.kind)}: {what} of {after.service}"


def asks(after: "ServiceState", deployment: "Deployment") -> str:
    """People are asked."""
    return f"{deployment.id}: {asked(after, deployment)}"


def then(after: "ServiceState", deployment: "Deployment") -> str:
    """What has begun with the end of the step before, to go on a sentence; empty where that is told by itself."""
    if deployment.stage:
        return f"; {working(deployment.stage.job.kind)} now"
    return f"; {asked(after, deployment)}" if deployment.undecided else ""


def asked(after: "ServiceState", deployment: "Deployment") -> str:
    """What people are asked."""
    question = deployment.question
    needed = question.needed if question else 1
    people = "somebody else" if needed == 1 else f"{count(needed)} others"
    upcoming = deployment.upcoming
    what = step(upcoming) if upcoming else f"all of the traffic on {deployment.candidate}"
    until = moment(question.expires_at) if question else ""
    return (
        f"{deployment.requested_by} asks {people} to approve that {after.service} goes on to {what}: "
        f"`guardian approve {deployment.id}` until {until}"
    )


def baking(after: "ServiceState", deployment: "Deployment", split: str) -> str:
    """A share is in every worker, and is judged."""
    took = seconds(deployment.cutover_seconds or 0.0)
    current = deployment.current
    on = f"step {deployment.step + 1} of {len(deployment.steps) + 1}"
    how = step(current) if current else ""
    return f"{deployment.id}: {after.service} is on {split}, every worker confirmed in {took}; {on}: {how}"


def baked(deployment: "Deployment", was: "Deployment") -> str:
    """A share has been judged long enough."""
    saw = ", ".join(f"{each.verdict.rule} {each.verdict.reason}" for each in deployment.conclusions if each.enough)
    return f"{deployment.id}: step {was.step + 1} of {len(was.steps) + 1} is done: {saw or 'nothing bad was seen'}"


def climbed(after: "ServiceState", deployment: "Deployment", split: str) -> str:
    """The share of a ramp grows."""
    return f"{deployment.id}: {after.service} goes to {split}"


def progressed(deployment: str, line: str) -> str:
    """A line of a stage."""
    return f"{deployment}: {line}"


def stage_ended(deployment: str, kind: "StageKind", summary: str, *, ok: bool) -> str:
    """A stage is over."""
    return f"{deployment}: {kind} done: {summary}" if ok else f"{deployment}: {stage_failed(kind, summary)}"


def approved(deployment: "Deployment", approval: "Approval") -> str:
    """Somebody agreed."""
    because = f": {approval.reason}" if approval.reason else ""
    if approval.alone:
        return f"{deployment.id}: BROKEN GLASS: {approval.by} approves it alone{because}"
    question = deployment.question
    given, needed = (len(question.approvals), question.needed) if question else (1, 1)
    return f"{deployment.id}: {approval.by} approves it, {count(given)} of {count(needed)}{because}"


def lapsed(deployment: str, by: str) -> str:
    """Somebody who agreed may not any more."""
    return f"{deployment}: the approval of {by} does not count any more: {by} may not approve deployments now"


def paused(deployment: str, by: str, reason: str) -> str:
    """A person's pause."""
    because = f": {reason}" if reason else ""
    return f"{deployment}: {by} pauses it{because}; `guardian resume` lets it go on, rules go on judging"


def resumed(deployment: str, by: str, reason: str) -> str:
    """The pause is over."""
    return f"{deployment}: {by} lets it go on{f': {reason}' if reason else ''}"


def skipped(deployment: "Deployment", by: str, reason: str) -> str:
    """The rest of a bake is skipped."""
    return f"{deployment.id}: {by} skips the rest of step {deployment.step + 1}: {reason}"


def waits(deployment: str, reason: str) -> str:
    """The next step waits."""
    return f"{deployment}: ready for its next step, and waits: {reason}"


def put_off(deployment: str, reason: str) -> str:
    """The next step could not be recorded in time."""
    return f"{deployment}: its next step is put off: {reason}; nothing was begun, and guardian tries again once it can be recorded"


def froze(service: str, freeze: "Freeze") -> str:
    """A freeze begins."""
    return f"{service}: {freeze.by} freezes it until {moment(freeze.until)}: {freeze.reason}; a rollback is not held back"


def thawed(service: str, by: str, reason: str) -> str:
    """A freeze is over."""
    if not by:
        return f"{service}: the freeze is over"
    return f"{service}: {by} ends the freeze{f': {reason}' if reason else ''}"


def queued(deployment: str, by: str, version: str, position: int) -> str:
    """A deployment waits for its turn."""
    return f"{deployment}: {by} deploys {version}; it waits for its turn as number {position}"


def withdrawn(deployment: str, by: str, reason: str) -> str:
    """A waiting deployment is taken out."""
    return f"{deployment}: {by} takes it out of the queue{f': {reason}' if reason else ''}"


def warm(after: "ServiceState", retirement: "Retirement") -> str:
    """The replaced environment has its time."""
    return f"{retirement.environment} of {after.service} stays warm until {moment(retirement.due_at)}, then it is retired"


def retiring(after: "ServiceState", retirement: "Retirement") -> str:
    """The replaced environment is being freed."""
    what = f", which holds {retirement.version}" if retirement.version else ""
    return f"{after.service}: retiring {retirement.environment}{what}"


def retired(after: "ServiceState", retirement: "Retirement") -> str:
    """The replaced environment is free, or not."""
    if retirement.rest.value == "failed":
        return f"{after.service}: {retirement.environment} could not be retired: {retirement.summary}"
    return f"{after.service}: {retirement.environment} is retired: {retirement.summary}; {redeploy(after.service, retirement)}"


def redeploy(service: str, retirement: "Retirement") -> str:
    """What a rollback needs after the retirement."""
    what = retirement.version or "the release before"
    return f"going back needs {what} there again: `guardian rollback {service} --redeploy` does both"


def gone(service: str, retirement: "Retirement") -> str:
    """A rollback to an environment that is retired."""
    return (
        f"{retirement.environment} of {service} is {retirement.rest}, what {service} would go back to is not there any more; "
        f"{redeploy(service, retirement)}, `--force` moves the traffic there as it is"
    )


def nothing_retired(service: str) -> str:
    """A redeploy that is not needed."""
    return f"nothing of {service} was retired: `guardian rollback {service}` goes back at once"


def version_unknown(service: str, retirement: "Retirement") -> str:
    """A redeploy of nobody knows what."""
    return (
        f"guardian does not know which version ran on {retirement.environment} of {service}: "
        f"`guardian deploy {service} --version …` brings one there"
    )
