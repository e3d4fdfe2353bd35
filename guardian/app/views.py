"""What people and programs are shown of services and deployments: plain data, the same in API, shell and ``--json``."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from guardian.app.deployment_views import DeploymentView, deployment_view
from guardian.app.readiness import Readiness
from guardian.app.rulebook import RuleBook
from guardian.core.deployment import Drill, ServiceState, Shielded
from guardian.core.model import Environment, Service, Split
from guardian.core.parity import Comparison
from guardian.core.ports import About
from guardian.core.readings import Counters
from guardian.core.release import Mute
from guardian.core.rules import Link, Rule, RuleSet
from guardian.core.stages import Policy
from guardian.core.verdicts import Verdict
from guardian.core.words import mutes, rollout
from guardian.core.words.story import split_of


@dataclass(frozen=True, slots=True)
class EnvironmentView:
    """One environment of a service, as last seen."""

    name: str
    backend: str
    share: int
    """Intended share of the traffic in basis points."""
    servers_up: int | None
    """Servers that take traffic; null before the first look."""
    in_flight: int | None
    requests: int | None
    """Since the balancer's worker was born."""
    responses_5xx: int | None


@dataclass(frozen=True, slots=True)
class ReadinessView:
    """Whether a rollback would work right now."""

    ready: bool
    to: str
    faults: tuple[str, ...]
    checked_at: float
    balancer: About | None = None
    """Which balancer would do it, and what it can do; ``null`` when it did not answer."""


@dataclass(frozen=True, slots=True)
class DrillView:
    """The last drill."""

    at: float
    by: str
    share: int
    """Basis points."""
    there: float | None
    """Seconds until every worker had confirmed; null when it did not come to that."""
    back: float | None
    trouble: str


@dataclass(frozen=True, slots=True)
class MuteView:
    """A rule that is judged and told, and has no consequence."""

    rule: str
    by: str
    reason: str
    since: float
    until: float
    says: str
    """Until when, by whom and why, for people."""


@dataclass(frozen=True, slots=True)
class ServiceView:
    """One service: where its traffic is, what is being done, and how it is judged."""

    service: str
    split: str
    """In words: ``blue``, or ``green 5 % and blue 95 %``."""
    safe: str
    environments: tuple[EnvironmentView, ...]
    latched: str
    """Why nothing moves forward; empty when it may."""
    deployment: DeploymentView | None
    verdicts: tuple[Verdict, ...]
    rollback: ReadinessView | None
    """``null`` before the first probe."""
    drill: DrillView | None = None
    """``null`` where none was ever ordered."""
    frozen: str = ""
    """Until when, by whom and why nothing moves forward; empty where it may."""
    versions: dict[str, str] = field(default_factory=dict)
    """What guardian brought onto each environment last."""
    retirement: str = ""
    """What becomes of the environment that the latest good release has replaced."""
    queue: tuple[str, ...] = ()
    """The deployments that wait for their turn, in order."""
    shielded: Shielded | None = None
    """What the other environment has answered for the latest deployment; ``null`` where there was nothing to save."""
    mutes: tuple[MuteView, ...] = ()
    """The rules that are muted."""


@dataclass(frozen=True, slots=True)
class JournalView:
    """One entry of the journal."""

    number: int
    at: float
    service: str
    deployment: str | None
    event: dict[str, Any]


@dataclass(frozen=True, slots=True)
class DeploymentDetail:
    """One deployment with everything that happened to it."""

    deployment: DeploymentView
    journal: tuple[JournalView, ...]


@dataclass(frozen=True, slots=True)
class RuleExplanation:
    """A rule's verdict as it was recorded, and as it comes out of the recorded evidence now."""

    rule: dict[str, Any]
    fired: bool
    """Whether it took the traffic back."""
    asked: str
    """What its source was asked last, as it was sent; empty where it was not asked."""
    recorded: Verdict
    recomputed: Verdict
    identical: bool
    looks: int
    """Looks, or answers of the source, that the evidence holds."""
    last_looks: tuple[tuple[float, ...], ...]
    """The last of them: seconds since the cutover, then the numbers that the rule read."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Every rule's verdict on one deployment."""

    deployment: str
    service: str
    phase: str
    candidate: str
    cutover_at: float | None
    identical: bool
    """Whether every verdict came out again as it was recorded."""
    rules: tuple[RuleExplanation, ...]
    """The one that took the traffic back first."""


@dataclass(frozen=True, slots=True)
class RuleView:
    """One rule in force."""

    name: str
    summary: str
    source: str
    action: str
    severity: str
    shadow: bool
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class RuleSetView:
    """The rules of one service."""

    service: str
    digest: str
    """Of the files they were read from; a deployment records that of the rules it is judged by."""
    rules: tuple[RuleView, ...]


@dataclass(frozen=True, slots=True)
class RulesView:
    """The rules in force: what the next watch of each service begins with."""

    loaded_at: float
    trouble: str
    """Why the files as they are now are not used; empty when they are."""
    services: tuple[RuleSetView, ...]


@dataclass(frozen=True, slots=True)
class NewsView:
    """One announcement, as the feed gives it."""

    number: int
    at: float
    service: str
    deployment: str | None
    phase: str | None
    severity: str
    sentence: str
    links: tuple[Link, ...] = ()
    """Where people read on."""


def environment_view(
    service: Service, environment: Environment, live: Split, seen: Mapping[Environment, Counters]
) -> EnvironmentView:
    """An environment as it is shown."""
    counters = seen.get(environment)
    return EnvironmentView(
        name=str(environment),
        backend=service.backend(environment),
        share=live.share(environment),
        servers_up=counters.servers_up if counters else None,
        in_flight=counters.in_flight if counters else None,
        requests=counters.requests if counters else None,
        responses_5xx=counters.responses_5xx if counters else None,
    )


def service_view(
    service: Service,
    state: ServiceState,
    seen: Mapping[Environment, Counters],
    verdicts: list[Verdict],
    readiness: Readiness | None,
    shielded: Shielded | None = None,
) -> ServiceView:
    """A service as it is shown."""
    return ServiceView(
        service=state.service,
        split=split_of(state.live),
        safe=split_of(state.safe),
        environments=tuple(environment_view(service, environment, state.live, seen) for environment in Environment),
        latched=state.latch.reason if state.latch else "",
        deployment=_deployment_view(state, shielded),
        verdicts=tuple(verdicts),
        rollback=_readiness_view(readiness) if readiness else None,
        drill=_drill_view(state.drill) if state.drill else None,
        frozen=rollout.frozen(state.freeze) if state.freeze else "",
        versions={str(side): rollout.installed(what) for side, what in sorted(state.versions.items())},
        retirement=rollout.rest(state.retirement) if state.retirement else "",
        queue=tuple(queued.id for queued in state.queue),
        shielded=shielded,
        mutes=tuple(map(_mute_view, state.mutes)),
    )


def _deployment_view(state: ServiceState, shielded: Shielded | None) -> DeploymentView | None:
    """The latest deployment, with what the shield has done so far."""
    if state.deployment is None:
        return None
    view = deployment_view(state.service, state.deployment)
    return replace(view, shielded=shielded) if shielded else view


def _mute_view(mute: Mute) -> MuteView:
    return MuteView(mute.rule, mute.by, mute.reason, mute.since, mute.until, mutes.in_force(mute))


def _drill_view(drill: Drill) -> DrillView:
    return DrillView(drill.at, drill.by, drill.share, drill.there, drill.back, drill.trouble)


def _readiness_view(readiness: Readiness) -> ReadinessView:
    return ReadinessView(readiness.ready, str(readiness.to), readiness.faults, readiness.checked_at, readiness.about)


def rules_view(book: RuleBook) -> RulesView:
    """The rules as they are shown."""
    return RulesView(book.loaded_at, book.trouble, tuple(_rule_set_view(rules) for _, rules in sorted(book.all.items())))


def _rule_set_view(rules: RuleSet) -> RuleSetView:
    return RuleSetView(rules.service, rules.digest, tuple(map(_rule_view, rules.rules)))


def _rule_view(rule: Rule) -> RuleView:
    return RuleView(
        name=rule.name,
        summary=rule.summary,
        source=str(rule.source),
        action=str(rule.action),
        severity=str(rule.severity),
        shadow=rule.shadow,
        links=rule.links,
    )


@dataclass(frozen=True, slots=True)
class FactView:
    """One fact of both environments."""

    name: str
    blue: str | None
    """Null where the side does not have it."""
    green: str | None
    same: bool
    allowed: bool
    """Whether the two may differ in it."""


@dataclass(frozen=True, slots=True)
class ParityView:
    """How far the two environments are alike."""

    service: str
    alike: bool
    policy: str
    """What a difference means for a deployment: ``block`` or ``warn``."""
    facts: tuple[FactView, ...]
    """Differences first."""
    troubles: tuple[str, ...]
    """What could not be found out, a sentence each."""


def parity_view(service: str, policy: Policy, found: Comparison) -> ParityView:
    """A comparison as people and programs see it."""
    facts = tuple(FactView(row.name, row.blue, row.green, row.same, row.allowed) for row in found.rows)
    return ParityView(service, found.alike, policy.value, facts, found.troubles)
