"""The account of one deployment: all that is recorded of it, for whoever writes about it or draws it."""

from dataclasses import dataclass

from guardian.core.deployment import Deployment
from guardian.core.judges.judge import Numbers
from guardian.core.judges.trial import Trial
from guardian.core.ports import JournalEntry
from guardian.core.rules import Ratio, Rule, Sequential
from guardian.core.verdicts import Verdict

BAD_ANSWERS = "responses_5xx"

Looks = tuple[tuple[float, float, Numbers], ...]
"""What a judge read, look by look: when it ended, how many seconds it covers, and the numbers."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What one rule made of the deployment, and what it rests on."""

    rule: Rule
    trial: Trial
    verdict: Verdict
    """The one that was acted on; while nothing was, the last that was kept."""
    looks: Looks
    events_before: int = 0
    """Of a sequential rule: the events before the first of the looks, which were kept as their sum."""
    whole: bool = True
    """Whether the looks, and the events before them, are all that there were."""

    @property
    def bad_answers(self) -> tuple[int, int] | None:
        """Bad answers of the candidate, and all answers in the looks; ``None`` where the rule counts neither."""
        measure = self.rule.measure
        if not isinstance(measure, Ratio) or BAD_ANSWERS not in measure.numerator:
            return None
        events, trials = (1, 0) if isinstance(self.rule.test, Sequential) else (0, 1)
        totals = [sum(int(numbers[column]) for _, _, numbers in self.looks) for column in (events, trials)]
        return totals[0] + self.events_before, totals[1]


@dataclass(frozen=True, slots=True)
class Account:
    """Everything that is recorded of one deployment."""

    service: str
    deployment: Deployment
    journal: tuple[JournalEntry, ...]
    watched: tuple[Watched, ...] = ()
    """The rule that took the traffic back first."""

    @property
    def bad_answers(self) -> tuple[int, bool] | None:
        """Bad answers that the candidate gave while it was judged, and whether these are all; ``None`` where none were counted."""
        counted = [(watched.bad_answers[0], watched.whole) for watched in self.watched if watched.bad_answers is not None]
        return max(counted, default=None)

    @property
    def exposed_at(self) -> float | None:
        """When the candidate first had traffic; ``None`` where it never had."""
        if self.deployment.cutover_at is None:
            return None
        routed = (
            entry.at for entry in self.journal if entry.event["kind"] == "routed" and entry.at >= self.deployment.requested_at
        )
        return min(self.deployment.cutover_at, next(routed, self.deployment.cutover_at))

    @property
    def approvals(self) -> tuple[tuple[str, str, bool], ...]:
        """Who agreed, why, and whether the glass was broken; of those whose word did not lapse, in order."""
        given: dict[str, tuple[str, str, bool]] = {}
        for event in (entry.event for entry in self.journal):
            if event["kind"] == "approved":
                given[event["by"]] = (event["by"], event["reason"], event["alone"])
            elif event["kind"] == "approval lapsed":
                given.pop(event["by"], None)
        return tuple(given.values())

    def happened(self, kind: str) -> bool:
        """Whether an event of this kind is in the journal."""
        return any(entry.event["kind"] == kind for entry in self.journal)
