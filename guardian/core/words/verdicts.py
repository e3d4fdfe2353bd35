"""The sentence in every verdict: the value, the limit, and what both rest on."""

from dataclasses import dataclass

from guardian.core.rules import Alerts, Command, Direction, Gauge, Query, Ratio, Rule, Threshold, Unit
from guardian.core.verdicts import Finding
from guardian.core.words.figures import count, one_in, percent, seconds

ROUNDING = 1e-9
"""The share of a rate by which two ways to the same number may differ."""


@dataclass(frozen=True, slots=True)
class Counted:
    """``bad`` of ``of``; for a threshold also how many of the ``last`` are ``needed``."""

    bad: int
    of: int
    needed: int
    last: int


@dataclass(frozen=True, slots=True)
class Tolerated:
    """The rate that a sequential rule tolerates, and where it comes from."""

    rate: float
    times: float | None
    floor: float
    baseline: str
    events: int
    trials: int
    false_alarm: float
    spell: float = 0.0
    """How long clumps of the baseline's events may last, in seconds, where that is longer than a look."""


def value_of(rule: Rule, value: float) -> str:
    """``value`` in the unit of the rule's measure."""
    unit = rule.measure.unit if isinstance(rule.measure, Query | Command) else None
    if isinstance(rule.measure, Ratio) or unit is Unit.SHARE:
        return percent(value)
    if rule.measure is Gauge.LATENCY or unit is Unit.SECONDS:
        return seconds(value)
    if unit is Unit.NUMBER:
        return f"{value:,.4g}"
    return f"{value:,.1f}/s" if rule.measure is Gauge.REQUEST_RATE else count(value)


def threshold(rule: Rule, finding: Finding, value: float | None, samples: int, counted: Counted) -> str:
    """The reason of a threshold rule's verdict."""
    test = rule.test
    assert isinstance(test, Threshold)  # noqa: S101  the caller is the judge of threshold rules
    if value is None or finding is Finding.NO_DATA:
        if rule.min_requests:
            return f"{count(samples)} requests in {seconds(test.window)}; this rule needs {count(rule.min_requests)} to judge"
        return _nothing(rule, test.window)
    side = "above" if test.direction is Direction.ABOVE else "below"
    bad = f"{counted.bad} of the last {counted.of} checks"
    needed = f"{counted.needed} of {counted.last} are a breach"
    if isinstance(rule.measure, Alerts):
        firing = f"{count(value)} matching alerts are firing" if value > 1 else "a matching alert is firing"
        return firing if value else "no matching alert is firing"
    if isinstance(rule.measure, Command) and rule.measure.by_exit_code:
        judged = "the command finds the release at fault" if value else "the command finds nothing wrong"
        return f"{judged}; at fault in {bad}, {needed}"
    held = f"{rule.measure} is {value_of(rule, value)}"
    if isinstance(rule.measure, Query):
        held += f" over {seconds(test.window)}"
    elif not isinstance(rule.measure, Command):
        held += f" over {seconds(test.window)} ({count(samples)} requests)"
    return f"{held}; {side} {value_of(rule, test.limit)} in {bad}, {needed}"


def _nothing(rule: Rule, window: float) -> str:
    match rule.measure:
        case Query():
            return "the query gave nothing to judge"
        case Alerts():
            return "nothing was heard yet from whoever sends alerts"
        case Command():
            return "the command gave nothing to judge"
        case _:
            return f"nothing to measure in {seconds(window)}"


def with_source(reason: str, said: str) -> str:
    """A verdict's reason with what the source itself says of the last reading."""
    return f"{reason} ({said})" if said else reason


def shadow(reason: str) -> str:
    """What a shadow rule adds to the end of a watch."""
    return f"a shadow rule, left out of the outcome: {reason}"


def sequential(rule: Rule, finding: Finding, counted: Counted, window: float, tolerated: Tolerated) -> str:
    """The reason of a sequential rule's verdict."""
    if finding is Finding.NO_DATA:
        return f"no request in {seconds(window)}"
    assert isinstance(rule.measure, Ratio)  # noqa: S101  the caller is the judge of sequential rules
    events = " + ".join(rule.measure.numerator)
    held = f"{percent(counted.bad / counted.of)} {events} ({count(counted.bad)} of {count(counted.of)} in {seconds(window)})"
    limit = f"{percent(tolerated.rate)} is tolerated{_source(tolerated)}"
    if tolerated.spell:
        limit += f", judged every {seconds(tolerated.spell)}, as clumps of {tolerated.baseline}'s {events} may last so long"
    if finding is Finding.BREACHED:
        return f"{held}; {limit}; a release within that rate would be accused in at most {one_in(tolerated.false_alarm)} watches"
    return f"{held}; {limit}"


def _source(tolerated: Tolerated) -> str:
    if tolerated.times is None:
        return ""
    past = f"{count(tolerated.events)} of {count(tolerated.trials)} requests"
    if tolerated.rate <= tolerated.floor:
        return f" (the floor; {tolerated.baseline} had {past})"
    if tolerated.times * tolerated.events > tolerated.rate * tolerated.trials * (1 + ROUNDING):
        return f" (no more ever is; {tolerated.baseline} had {past})"
    return f" ({tolerated.times:g} times what {tolerated.baseline} had at the most: {past})"


def source_failed(reason: str) -> str:
    """The reason of a verdict whose source did not answer."""
    return f"the source did not answer: {reason}; this says nothing about the release"


def too_few_requests(seen: int, needed: int) -> str:
    """What a watch lacked, in requests."""
    return f"{count(seen)} requests seen, {count(needed)} are needed to call the release good"


def rate_too_high(rate: float, limit: float) -> str:
    """A watch that ended between breached and healthy."""
    return (
        f"{percent(rate)} seen, {percent(limit)} is tolerated: too few requests to accuse the release, and no proof that it is good"
    )


def too_few_evaluations(seen: int, needed: int) -> str:
    """What a watch lacked, in evaluations."""
    return f"{count(seen)} checks with data, {count(needed)} are needed to call the release good"
