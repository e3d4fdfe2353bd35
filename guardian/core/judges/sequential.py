"""The judge of a sequential rule: the e-processes of :mod:`guardian.core.sequential` on one ratio."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import ceil
from typing import Any

from guardian.core.judges.judge import Judge, Numbers
from guardian.core.judges.tolerance import tolerance
from guardian.core.judges.trial import Trial
from guardian.core.judges.weighing import Weighing, finite, infinite
from guardian.core.readings import Look
from guardian.core.rules import Against, Ratio, Rule, Sequential
from guardian.core.sequential import FIRES, Evidence, TwoSample
from guardian.core.verdicts import Finding, Verdict
from guardian.core.words import verdicts as words

RULE_OF_THREE = 3.0
"""After ``3 / rate`` requests without an event the true rate is below ``rate`` with 95 % confidence (Hanley, Lippman-Hand 1983)."""


@dataclass(slots=True)
class Span:
    """What was counted since some moment."""

    since: float
    """Seconds since the epoch."""
    trials: int = 0
    events: int = 0

    def add(self, trials: int, events: int) -> int:
        """Count one more look, and return how many of its events count.

        An answer may be counted in a later look than its request; but there is at most one event for each trial so far.
        """
        events = min(events, self.trials + trials - self.events)
        self.trials += trials
        self.events += events
        return events

    @property
    def rate(self) -> float | None:
        """Events per trial, or ``None`` before the first trial."""
        return self.events / self.trials if self.trials else None


@dataclass(slots=True)
class Block:
    """Looks that are weighed as one: as long together as clumps of errors last."""

    seconds: float = 0.0
    trials: int = 0
    events: int = 0
    others: int = 0
    """The baseline's trials, where that serves as well."""
    other_events: int = 0

    def add(self, seconds: float, trials: int, events: int, others: int, other_events: int) -> None:
        """One look more."""
        self.seconds += seconds
        self.trials, self.events = self.trials + trials, self.events + events
        self.others, self.other_events = self.others + others, self.other_events + other_events


class SequentialJudge(Judge):
    """Judges ``test: sequential`` rules at every look that had traffic.

    Where the past had clumps of errors that lasted for longer than a look, at every block of looks that is as long as they.
    """

    def __init__(self, rule: Rule, trial: Trial, test: Sequential, measure: Ratio) -> None:
        super().__init__(rule, trial)
        self.test, self.measure = test, measure
        self.tolerance = tolerance(test, measure, trial.history, shared=trial.shared, stepwise=trial.stepwise)
        steps = ((self.tolerance.rate, self.tolerance.test_budget), *self.tolerance.above)
        self._weighed, *self._above = [Weighing(rate, budget, self.tolerance.usual, trial) for rate, budget in steps]
        beside = trial.shared and test.against is Against.BASELINE
        # Where usual rates lie well below the floor, that is what keeps clumps from accusing anybody.
        clumps = trial.clumps and self.tolerance.room < self.tolerance.usual
        self._pair = TwoSample(test.tolerance, clumps=clumps) if beside else None
        self._pair_evidence = Evidence.none(TwoSample.components, TwoSample.components)
        self._pending = [0, 0, 0, 0]
        self._spell = trial.history.spell(measure.numerator) if trial.clumps else 0.0
        self._block = Block()
        self._whole = Span(trial.since)
        self._other = Span(trial.since)
        self._recent = Span(trial.since)
        self._suspicion = 0.0
        self._fired = 0.0

    def extract(self, look: Look) -> Numbers:
        """Trials and events of the candidate, then of the baseline."""
        sides = (look.candidate, look.baseline) if self._pair else (look.candidate,)
        numbers: list[int] = []
        for tally in sides:
            numbers += (sum(map(tally.count, self.measure.denominator)), sum(map(tally.count, self.measure.numerator)))
        return tuple(numbers)

    def _take(self, at: float, seconds: float, numbers: Numbers) -> None:
        if self._fired:
            return
        trials = int(numbers[0])
        events = self._whole.add(trials, int(numbers[1]))
        others, other_events = (int(numbers[2]), int(numbers[3])) if self._pair else (0, 0)
        self._block.add(seconds, trials, events, others, self._other.add(others, other_events))
        if self._block.seconds >= self._spell - self.trial.look_every / 2:
            block, self._block = self._block, Block()
            self._weigh(at, block)

    def _weigh(self, at: float, block: Block) -> None:
        """What was seen up to ``at``."""
        if block.trials or block.events:
            suspicion = self._weighed.take(block.trials, block.events)
            for step in self._above:
                step.take(block.trials, block.events)
            if self._suspicion == 0.0:  # nothing is wrong: what follows may be the start of a regression
                self._recent = Span(at - block.seconds)
            self._suspicion = max(0.0, self._suspicion + suspicion)
            self._recent.add(block.trials, block.events)
        if self._pair:
            self._compare(self._pair, (block.trials, block.events, block.others, block.other_events))
        if self._weighed.reached and self._come() >= FIRES:
            self._fired = at

    def _compare(self, pair: TwoSample, counts: tuple[int, int, int, int]) -> None:
        """Compare both sides once both have had traffic: looks too short for that are taken together, none is thrown away.

        When to compare depends on the traffic alone, never on the events, so the comparison stays what it says.
        """
        self._pending = [known + new for known, new in zip(self._pending, counts, strict=True)]
        if self._pending[0] and self._pending[2]:
            gains = pair.gains(*self._pending)
            self._weighed.bar.look(self._pair_evidence, gains, gains)
            self._pending = [0, 0, 0, 0]

    def _come(self) -> float:
        """How far the evidence has come: the judge is sure at 1.

        Every step of what is tolerated must have been exceeded. Beside a serving baseline two hypotheses must fall: that the rate
        is below the floor, and that it is no more than ``tolerance`` times the baseline's. The smaller evidence is valid for both.
        """
        if self._pair:
            both = zip(self._weighed.progress(), self._weighed.bar.progress(self._pair_evidence), strict=True)
            return max(map(min, both))
        return min(step.come for step in (self._weighed, *self._above))

    @property
    def finding(self) -> Finding:
        """Breached for good once the evidence has reached the bar."""
        if self._fired:
            return Finding.BREACHED
        if self._failure is not None:
            return Finding.FAILED
        return Finding.HEALTHY if self._whole.trials else Finding.NO_DATA

    def _verdict(self) -> Verdict:
        """The rate since the cutover; of a late regression, the rate since it began: since the CUSUM (Page 1954) last was 0."""
        finding = self.finding
        if finding is Finding.FAILED and (failed := self._failed(self._whole.trials)):
            return failed
        late_regression = bool(self._fired) and (self._whole.rate or 0.0) <= self._limit()
        span = self._recent if late_regression and self._recent.trials else self._whole
        at = self._fired or self._last
        shown = words.Counted(bad=span.events, of=span.trials, needed=0, last=0)
        reason = words.sequential(self.rule, finding, shown, at - span.since, self._tolerated())
        evidence = None if finding is Finding.NO_DATA else self._come()
        limit = self._limit()
        return Verdict(self.rule.name, finding, at, span.rate, limit, span.trials, at - span.since, reason, evidence)

    def _limit(self) -> float:
        """What the candidate's rate is held against, as far as it can be said in one number."""
        return max(self.tolerance.rate, self.test.tolerance * (self._other.rate or 0.0)) if self._pair else self.tolerance.rate

    def _tolerated(self) -> words.Tolerated:
        baseline = self._other if self._pair else Span(0.0, self.tolerance.baseline_trials, self.tolerance.baseline_events)
        return words.Tolerated(
            rate=self._limit(),
            times=self.test.tolerance if self.tolerance.from_baseline or self._pair else None,
            floor=self.test.floor,
            baseline=str(self.trial.baseline),
            events=baseline.events,
            trials=baseline.trials,
            false_alarm=self.test.false_alarm,
            spell=self._spell,
        )

    def _lacks(self) -> str:
        needed = self.rule.min_requests or ceil(RULE_OF_THREE / self.tolerance.rate)
        if self._whole.trials < needed:
            return words.too_few_requests(self._whole.trials, needed)
        rate, limit = self._whole.rate or 0.0, self._limit()
        return words.rate_too_high(rate, limit) if rate > limit else ""

    def _snapshot(self) -> dict[str, Any]:
        return {
            "evidence": self._weighed.snapshot(),
            "above": [step.snapshot() for step in self._above],
            "pair": finite(self._pair_evidence),
            "pending": list(self._pending),
            "block": asdict(self._block),
            "whole": asdict(self._whole),
            "other": asdict(self._other),
            "recent": asdict(self._recent),
            "suspicion": self._suspicion,
            "fired": self._fired,
            "last": self._last,
        }

    def _resume(self, state: Mapping[str, Any]) -> None:
        self._weighed.resume(state["evidence"])
        for step, known in zip(self._above, state.get("above", ()), strict=True):
            step.resume(known)
        self._pair_evidence = infinite(state["pair"])
        self._pending, self._block = list(state["pending"]), Block(**state.get("block", {}))
        self._whole, self._other, self._recent = Span(**state["whole"]), Span(**state["other"]), Span(**state["recent"])
        self._suspicion, self._fired, self._last = state["suspicion"], state["fired"], state["last"]
