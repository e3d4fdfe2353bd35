"""Evidence that live guardian kept, as something that other rules can be replayed over."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from guardian.app.evidence import rule_and_trial
from guardian.core.judges.judge import Numbers
from guardian.core.judges.trial import Trial
from guardian.core.readings import SourceFailure
from guardian.core.rules import Against, Gauge, Ratio, Rule, Sequential, Threshold
from guardian.core.words import backtest as words
from guardian.rehearsal.tape import Replay, Tape

BAD_ANSWERS = "responses_5xx"


@dataclass(frozen=True, slots=True)
class Recording:
    """The evidence of one rule in one deployment."""

    rule: Rule
    trial: Trial
    base: Mapping[str, Any] | None
    """The judge's state before the looks that were kept; ``None`` where all were."""
    looks: tuple[tuple[float, float, Numbers], ...]
    failure: SourceFailure | None
    said: tuple[str, str]

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> "Recording":
        """The evidence in a store's ``record``."""
        rule, trial = rule_and_trial(record)
        evidence = record["evidence"]
        looks = tuple((at, seconds, tuple(numbers)) for at, seconds, *numbers in evidence["looks"])
        failure = SourceFailure(*evidence["failure"]) if evidence["failure"] else None
        said, link = evidence.get("said", ("", ""))
        return cls(rule, trial, evidence["base"], looks, failure, (said, link))

    def same(self, rule: Rule) -> bool:
        """Whether ``rule`` judges as the recorded one did: then the very verdict comes out again."""
        return (rule.measure, rule.test, rule.min_requests) == (self.rule.measure, self.rule.test, self.rule.min_requests)

    def fits(self, rule: Rule) -> bool:
        """Whether what was kept is what ``rule`` reads."""
        return self.same(rule) or next(self.numbers(rule), None) is not None

    def numbers(self, rule: Rule) -> Iterator[tuple[float, float, Numbers]]:
        """What was kept, as the judge of ``rule`` reads it; nothing where it cannot be."""
        match self.rule.measure, rule.measure:
            case Gauge(), Gauge():
                yield from self.looks
            case Ratio() as was, Ratio() as measure if was == measure:
                width = 4 if self._beside(rule) else 2
                swap = isinstance(self.rule.test, Sequential) is not isinstance(rule.test, Sequential)
                for at, seconds, numbers in self.looks:
                    if len(numbers) >= width:
                        yield at, seconds, (numbers[1], numbers[0]) if swap else numbers[:width]
            case was, measure if was == measure and _asked_alike(self.rule, rule):
                yield from self.looks

    def _beside(self, rule: Rule) -> bool:
        """Whether the judge of ``rule`` compares with what the baseline does meanwhile."""
        return self.trial.shared and isinstance(rule.test, Sequential) and rule.test.against is Against.BASELINE

    @property
    def bad_answers(self) -> tuple[tuple[float, int], ...]:
        """The moments of the looks, and the bad answers up to each; nothing where the rule counts others."""
        measure = self.rule.measure
        if not isinstance(measure, Ratio) or BAD_ANSWERS not in measure.numerator:
            return ()
        column = 1 if isinstance(self.rule.test, Sequential) else 0
        before = (self.base or {}).get("whole", {}).get("events", 0)
        counts = accumulate((int(numbers[column]) for _, _, numbers in self.looks), initial=before)
        next(counts)
        return tuple(zip((at for at, _, _ in self.looks), counts, strict=True))


def replay_recorded(recording: Recording, rule: Rule) -> Replay:
    """``rule`` over what was kept. The same rule gives the recorded verdict; another one sees the looks that were kept only."""
    if recording.same(rule):
        tape, looks, origin = Tape(rule, recording.trial, recording.base), iter(recording.looks), words.from_evidence()
    else:
        tape, looks, origin = Tape(rule, recording.trial), recording.numbers(rule), words.from_evidence()
        if recording.base is not None and recording.looks:
            at, seconds, _ = recording.looks[0]
            origin = words.from_the_end_of_evidence(at - seconds - recording.trial.since)
    for at, seconds, numbers in looks:
        last = at == recording.looks[-1][0]
        tape.feed(at, seconds, numbers, recording.said if last else ("", ""))
    if recording.failure is not None:
        tape.fail(recording.failure)
    return tape.end(origin)


def _asked_alike(was: Rule, rule: Rule) -> bool:
    """Whether two rules asked their source at the same moments and for the same time."""
    if not isinstance(was.test, Threshold) or not isinstance(rule.test, Threshold):
        return False
    return all(getattr(was.test, name) == getattr(rule.test, name) for name in ("every", "window", "warm_up"))
