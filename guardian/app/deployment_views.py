"""What people and programs are shown of one deployment: plain data, as in :mod:`guardian.app.views`."""

import itertools
from dataclasses import dataclass

from guardian.core.deployment import Deployment, Phase, Queued, Rollback, Shielded
from guardian.core.words import rollout
from guardian.core.words.story import split_of

QUEUED = "queued"
"""The phase of a deployment that waits for its turn."""


@dataclass(frozen=True, slots=True)
class RollbackView:
    """Why and how the traffic was taken back."""

    cause: str
    by: str
    reason: str
    ordered_at: float
    seconds: float | None
    trouble: str
    rule: str | None


@dataclass(frozen=True, slots=True)
class StepView:
    """One step of a deployment."""

    name: str
    """As guardian.yaml writes it, such as ``5 % for 2 min``."""
    state: str
    """``done``, ``now`` or ``to come``; of a deployment that is over without it, ``not reached``."""


@dataclass(frozen=True, slots=True)
class ApprovalView:
    """A question to people."""

    generation: int
    """Its number within the deployment: what an answer must name, so that an old one counts for nothing."""
    needed: int
    by: tuple[str, ...]
    """Who has agreed."""
    expires_at: float
    granted: bool
    open: bool
    """Whether an answer still counts."""


@dataclass(frozen=True, slots=True)
class DeploymentView:
    """One deployment."""

    id: str
    service: str
    phase: str
    candidate: str
    target: str
    fallback: str
    requested_by: str
    reason: str
    requested_at: float
    cutover_at: float | None
    watch_ends_at: float | None
    ended_at: float | None
    trouble: str
    rollback: RollbackView | None
    version: str = ""
    steps: tuple[StepView, ...] = ()
    """The way to the candidate's traffic; the cutover of all of it comes last."""
    waits: str = ""
    """What is waited for, or what is being done just now, in words; empty where the phase says it all."""
    approval: ApprovalView | None = None
    """The question that is, or was last, put to people."""
    held: str = ""
    """Who paused it, and why; empty where nobody did."""
    stage: str = ""
    """The work around the switch that is under way: deploy, parity, verify."""
    position: int = 0
    """Its place in the queue; 0 once its turn has come."""
    shielded: Shielded | None = None
    """What the other environment has answered for it; null where there was nothing to save."""
    counting: bool = False
    """Whether that may still grow: the last requests are being answered."""


def _rollback_view(rollback: Rollback) -> RollbackView:
    return RollbackView(
        cause=str(rollback.cause),
        by=rollback.by,
        reason=rollback.reason,
        ordered_at=rollback.ordered_at,
        seconds=rollback.seconds,
        trouble=rollback.trouble,
        rule=rollback.verdict.rule if rollback.verdict else None,
    )


def deployment_view(service: str, deployment: Deployment) -> DeploymentView:
    """A deployment as it is shown."""
    rollback = deployment.rollback
    return DeploymentView(
        id=deployment.id,
        service=service,
        phase=str(deployment.phase),
        candidate=str(deployment.candidate),
        target=split_of(deployment.aim),
        fallback=split_of(deployment.fallback),
        requested_by=deployment.requested_by,
        reason=deployment.reason,
        requested_at=deployment.requested_at,
        cutover_at=deployment.cutover_at,
        watch_ends_at=deployment.watch_ends_at,
        ended_at=deployment.ended_at,
        trouble=deployment.trouble,
        rollback=_rollback_view(rollback) if rollback else None,
        version=deployment.version,
        steps=_steps(deployment),
        waits=rollout.waiting(deployment),
        approval=_approval_view(deployment),
        held=rollout.held(deployment.held) if deployment.held else "",
        stage=str(deployment.stage.job.kind) if deployment.stage else "",
        shielded=deployment.shielded,
    )


def _steps(deployment: Deployment) -> tuple[StepView, ...]:
    """Each step with where it stands; none where all of the traffic moves at once."""
    if not deployment.steps:
        return ()
    over = not deployment.phase.active or deployment.phase.going_back
    names = [*map(rollout.step, deployment.steps), rollout.last_step(deployment.aim.share(deployment.candidate))]
    through = deployment.current is None and deployment.phase in (Phase.VERIFIED, Phase.UNVERIFIED)
    at = len(names) if through else deployment.step
    here, later = ("not reached", "not reached") if over else ("now", "to come")
    states = [*["done"] * at, here, *[later] * len(names)]
    return tuple(itertools.starmap(StepView, zip(names, states, strict=False)))


def _approval_view(deployment: Deployment) -> ApprovalView | None:
    question = deployment.question
    if question is None:
        return None
    by = tuple(approval.by for approval in question.approvals)
    asked = deployment.undecided
    return ApprovalView(question.number, question.needed, by, question.expires_at, question.granted, asked)


def queued_view(service: str, queued: Queued, position: int) -> DeploymentView:
    """A deployment that waits for its turn, as it is shown."""
    request = queued.request
    return DeploymentView(
        id=queued.id,
        service=service,
        phase=QUEUED,
        candidate="",
        target="",
        fallback="",
        requested_by=request.by,
        reason=request.reason,
        requested_at=request.at,
        cutover_at=None,
        watch_ends_at=None,
        ended_at=None,
        trouble="",
        rollback=None,
        version=request.version,
        waits=rollout.in_turn(position),
        position=position,
    )
