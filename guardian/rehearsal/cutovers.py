"""Cutovers of the past, and what is known of each: how it ended, and what people marked as an incident."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from guardian.app.codec import deployment_from_record
from guardian.core.deployment import Cause, Phase
from guardian.core.judges.trial import Trial
from guardian.core.words import backtest as words
from guardian.records.store import SqlStore

ACCUSING = (Cause.RULE, Cause.PERSON, Cause.BY_HAND)
"""Causes of a rollback that say of a release that it was bad."""


@dataclass(frozen=True, slots=True)
class Cutover:
    """One release that was on trial."""

    id: str
    service: str
    trial: Trial
    until: float
    """The end of its watch, or the moment at which the traffic was taken back; seconds since the epoch."""
    outcome: str
    """The phase that guardian recorded, or ``unknown``."""
    cause: Cause | None = None
    """Why the traffic was taken back."""
    rule: str = ""
    """Which rule took it back."""
    reason: str = ""

    @property
    def cut_short(self) -> bool:
        """Whether the traffic was taken away before the watch was over: nobody knows what a slower rule would have said."""
        return self.until < self.trial.since + self.trial.seconds


@dataclass(frozen=True, slots=True)
class Incident:
    """A time in which a service was in trouble, as people marked it; or in which guardian only thought so."""

    service: str
    at: float
    until: float | None = None
    note: str = ""
    false_alarm: bool = False
    """The release was good, whatever is on record."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What a rule should have said of a cutover."""

    bad: bool
    since: float
    """When the trouble began, in seconds since the epoch: for a release that was taken back without a mark, the cutover."""
    until: float
    """When it was over: an alarm after it is no detection."""
    why: str


def from_store(store: SqlStore, service: str | None, first: float, last: float, look_every: float) -> Iterator[Cutover]:
    """The cutovers between ``first`` and ``last`` (seconds since the epoch), oldest first, read as they are asked for."""
    for record in store.between(service, first, last):
        cutover = _from_record(record, look_every)
        if cutover and first <= cutover.trial.since < last:
            yield cutover


def _from_record(record: Mapping[str, Any], look_every: float) -> Cutover | None:
    """The cutover of a recorded deployment; ``None`` where the traffic never moved."""
    deployment = deployment_from_record(record)
    if deployment.cutover_at is None or deployment.phase is Phase.ABORTED:
        return None
    trial = Trial(
        candidate=deployment.candidate,
        since=deployment.cutover_at,
        seconds=deployment.watch_seconds,
        look_every=look_every,
        shared=deployment.target.sole is None,
        history=deployment.history,
    )
    cutover = Cutover(deployment.id, record["service"], trial, trial.since + trial.seconds, str(deployment.phase))
    if back := deployment.rollback:
        until = min(back.ordered_at, cutover.until)
        rule = back.verdict.rule if back.verdict else ""
        return replace(cutover, until=until, cause=back.cause, rule=rule, reason=back.reason)
    return replace(cutover, until=min(cutover.until, deployment.ended_at or cutover.until))


def judged(cutover: Cutover, incidents: Iterable[Incident]) -> Truth:
    """What is known of ``cutover``.

    Marks go before records: an incident that overlaps the watch makes the release a bad one, a mark of a false alarm a good one.
    Without either, a release was bad if a rule or a person took it back.
    """
    since, end = cutover.trial.since, cutover.trial.since + cutover.trial.seconds
    for incident in incidents:
        # One whose end nobody wrote down lasted to the end of the watch in which it began.
        over = incident.until or (end if incident.at >= since else since)
        if incident.service == cutover.service and incident.at < end and over > since:
            why = words.marked(incident.note, false_alarm=incident.false_alarm)
            return Truth(not incident.false_alarm, max(since, incident.at), min(over, end), why)
    if cutover.cause in ACCUSING:
        return Truth(bad=True, since=since, until=end, why=words.taken_back(str(cutover.cause), cutover.rule))
    return Truth(bad=False, since=since, until=end, why=words.stayed(cutover.outcome))
