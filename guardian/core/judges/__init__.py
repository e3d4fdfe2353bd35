"""Judges turn readings into verdicts: one judge per rule and watch, chosen by the kind of the rule's test."""

from guardian.core.judges.judge import Judge
from guardian.core.judges.sampled import SampledJudge
from guardian.core.judges.sequential import SequentialJudge
from guardian.core.judges.threshold import ThresholdJudge
from guardian.core.judges.trial import Trial
from guardian.core.rules import Alerts, Command, Query, Ratio, Rule, Sequential, Threshold


def judge_for(rule: Rule, trial: Trial) -> Judge:
    """A fresh judge of ``rule`` for one trial. ``TypeError`` for a sequential test of a gauge, which no rule file can hold."""
    match rule.test, rule.measure:
        case Threshold() as test, Query() | Alerts() | Command():
            return SampledJudge(rule, trial, test)
        case Threshold() as test, _:
            return ThresholdJudge(rule, trial, test)
        case Sequential() as test, Ratio() as measure:
            return SequentialJudge(rule, trial, test, measure)
        case test, measure:
            message = f"no judge for {test!r} of {measure!r}"
            raise TypeError(message)
