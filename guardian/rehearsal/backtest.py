"""Rules over the cutovers of a past: what would have fired when, held against what is known of each release.

Cutovers stream through: at most :data:`AT_ONCE` are in memory, and of each only a few numbers stay.
"""

import asyncio
from array import array
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median

from guardian.core.model import Service
from guardian.core.rules import Rule, RuleSet
from guardian.rehearsal.cutovers import Cutover, Incident, Truth, judged
from guardian.rehearsal.past import Past
from guardian.rehearsal.replay import Evidence, Scene
from guardian.rehearsal.suggest import Criticals, Suggestion, suggest
from guardian.rehearsal.tape import Replay

AT_ONCE = 4


class Label(StrEnum):
    """What a rule's silence or alarm is worth, measured against what is known."""

    TRUE = "true alarm"
    FALSE = "false alarm"
    MISSED = "missed"
    QUIET = "quiet"
    UNDECIDED = "undecided"
    """Nothing could be judged, or the traffic was taken away before this rule could have spoken."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule over one cutover."""

    rule: Rule
    replay: Replay
    label: Label
    delay: float | None = None
    """Of a true alarm: seconds from the beginning of the trouble; 0 where the alarm came before its mark."""
    harmed: int | None = None
    """Bad answers of the candidate until the alarm, or of a missed one until the end; ``None`` where nobody counted."""


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """All rules over one cutover."""

    scene: Scene
    truth: Truth
    findings: tuple[Finding, ...]

    @property
    def cutover(self) -> Cutover:
        """The release that was on trial."""
        return self.scene.cutover


@dataclass(frozen=True, slots=True)
class Plan:
    """What is replayed, and against what."""

    services: Mapping[str, Service]
    rules: Mapping[str, RuleSet]
    past: Past | None
    evidence: Evidence
    incidents: Sequence[Incident] = ()


async def rehearse(plan: Plan, cutovers: Iterable[Cutover]) -> AsyncIterator[Rehearsed]:
    """Every one of ``cutovers`` whose service is known, in order, :data:`AT_ONCE` at a time.

    :class:`~guardian.metrics.answer.SourceDown` and :class:`~guardian.core.ports.StoreError` end it: half a backtest would mislead.
    """
    pending: deque[asyncio.Task[Rehearsed]] = deque()
    try:
        for cutover in cutovers:
            if cutover.service not in plan.services:
                continue
            pending.append(asyncio.create_task(_rehearse(plan, cutover)))
            if len(pending) == AT_ONCE:
                yield await pending.popleft()
        while pending:
            yield await pending.popleft()
    finally:
        for task in pending:
            task.cancel()
        if pending:
            await asyncio.wait(pending)


async def _rehearse(plan: Plan, cutover: Cutover) -> Rehearsed:
    scene = await Scene.of(cutover, plan.services[cutover.service], plan.past, plan.evidence)
    truth, rules = judged(cutover, plan.incidents), plan.rules[cutover.service].rules
    replays = await scene.replay_all(rules)
    findings = [await _find(scene, truth, rule, replay) for rule, replay in zip(rules, replays, strict=True)]
    return Rehearsed(scene, truth, tuple(findings))


async def _find(scene: Scene, truth: Truth, rule: Rule, replay: Replay) -> Finding:
    label = labelled(scene.cutover, truth, replay)
    match label:
        case Label.TRUE:
            assert replay.alarm is not None  # noqa: S101  it would be no alarm
            delay = max(0.0, replay.alarm - truth.since)
            return Finding(rule, replay, label, delay, await scene.bad_answers(replay.alarm))
        case Label.MISSED:
            return Finding(rule, replay, label, harmed=await scene.bad_answers(min(truth.until, scene.cutover.until)))
        case _:
            return Finding(rule, replay, label)


def labelled(cutover: Cutover, truth: Truth, replay: Replay) -> Label:
    """What ``replay`` is worth. An alarm after the trouble was over found nothing."""
    if replay.alarm is not None and (not truth.bad or replay.alarm <= truth.until):
        return Label.TRUE if truth.bad else Label.FALSE
    if not replay.judged or (truth.bad and cutover.until < truth.until):
        return Label.UNDECIDED
    return Label.MISSED if truth.bad else Label.QUIET


@dataclass(slots=True)
class Score:
    """One rule over all cutovers of its service."""

    service: str
    rule: Rule
    counts: dict[Label, int] = field(default_factory=lambda: dict.fromkeys(Label, 0))
    origins: dict[str, int] = field(default_factory=dict)
    delays: "array[float]" = field(default_factory=lambda: array("d"))
    harmed: int = 0
    counted: int = 0
    """Alarms and misses of which ``harmed`` is the sum."""
    criticals: Criticals = field(default_factory=Criticals)

    def add(self, finding: Finding, truth: Truth) -> None:
        """One more cutover."""
        replay = finding.replay
        self.counts[finding.label] += 1
        self.origins[replay.origin] = self.origins.get(replay.origin, 0) + 1
        if finding.delay is not None:
            self.delays.append(finding.delay)
        if finding.harmed is not None:
            self.harmed, self.counted = self.harmed + finding.harmed, self.counted + 1
        if replay.critical is not None:
            self.criticals.add(replay.critical, bad=truth.bad)

    @property
    def median_delay(self) -> float | None:
        """Seconds from the beginning of the trouble to the alarm, in the middle of all true alarms."""
        return median(self.delays) if self.delays else None

    @property
    def suggestion(self) -> Suggestion | None:
        """Which limit the rule should have."""
        return suggest(self.rule, self.criticals)


class Scores:
    """One score for each rule of each service that had a cutover."""

    def __init__(self) -> None:
        self._scores: dict[tuple[str, str], Score] = {}
        self.cutovers = 0
        self.bad = 0

    def add(self, rehearsed: Rehearsed) -> None:
        """One more cutover."""
        self.cutovers += 1
        self.bad += rehearsed.truth.bad
        service = rehearsed.cutover.service
        for finding in rehearsed.findings:
            key = service, finding.rule.name
            self._scores.setdefault(key, Score(service, finding.rule)).add(finding, rehearsed.truth)

    def __iter__(self) -> Iterator[Score]:
        """By service, in the order of its rules."""
        return iter(self._scores.values())
