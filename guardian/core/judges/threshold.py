"""The judge of a threshold rule: a value over a window, held against a limit, N times of M."""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from guardian.core.judges.judge import Judge, Numbers
from guardian.core.judges.trial import Trial
from guardian.core.readings import Look
from guardian.core.rules import Direction, Gauge, Ratio, Rule, Threshold
from guardian.core.verdicts import Finding, Verdict
from guardian.core.words import verdicts as words

Measured = tuple[float | None, int]
"""A value, or ``None`` where there was nothing to measure, and the requests that it rests on."""

ROUNDING = 1e-6
"""Seconds by which sums of look lengths may miss a window or a due time."""


class ThresholdJudge(Judge):
    """Judges ``above``/``below`` rules. Windows start at the cutover plus warm-up; until one fits there is no data."""

    def __init__(self, rule: Rule, trial: Trial, test: Threshold) -> None:
        super().__init__(rule, trial)
        self.test = test
        self._from = trial.since + test.warm_up
        self._window: deque[tuple[float, float, Numbers]] = deque()
        self._outcomes: deque[bool] = deque(maxlen=test.of)
        self._due = self._from + test.window
        self._evaluations = 0
        self.checks = 0
        """How often the value was held against the limit since this judge was made."""
        self._measured: Measured = (None, 0)

    def extract(self, look: Look) -> Numbers:
        """What the rule's measure needs of a look at the candidate."""
        return _extract_ratio(self.rule.measure, look) if isinstance(self.rule.measure, Ratio) else _extract_gauge(look)

    def _take(self, at: float, seconds: float, numbers: Numbers) -> None:
        if at - seconds < self._from - ROUNDING:
            return
        self._window.append((at, seconds, numbers))
        while self._window and self._window[0][0] - self._window[0][1] < at - self.test.window - ROUNDING:
            self._window.popleft()
        if at < self._due - ROUNDING:
            return
        self._due += self.test.every
        if self._due <= at:  # evaluations were missed; two in a row would count the same window twice
            self._due = at + self.test.every
        self._evaluate()

    def _evaluate(self) -> None:
        value, samples = measured = self._measure()
        lacking = value is None or samples < self.rule.min_requests
        if not (lacking and self.finding is Finding.BREACHED):  # what was breached stays so until there is data again
            self._measured = measured
        if value is None or lacking:
            return
        self._evaluations += samples > 0  # gauges have a value without traffic, but it proves nothing
        self.checks += 1
        above = self.test.direction is Direction.ABOVE
        self._outcomes.append(value > self.test.limit if above else value < self.test.limit)

    def _measure(self) -> Measured:
        rows = [numbers for _, _, numbers in self._window]
        if not rows:
            return None, 0
        if isinstance(self.rule.measure, Ratio):
            events, trials = (sum(column) for column in zip(*rows, strict=True))
            return (events / trials if trials else None), int(trials)
        assert isinstance(self.rule.measure, Gauge)  # noqa: S101  queries have a judge of their own
        return _GAUGES[self.rule.measure](rows, sum(seconds for _, seconds, _ in self._window))

    @property
    def value(self) -> float | None:
        """What was measured last; ``None`` where there was nothing to measure."""
        return self._measured[0]

    @property
    def finding(self) -> Finding:
        """Breached stays breached only as long as N of the last M evaluations say so."""
        if sum(self._outcomes) >= self.test.needed:
            return Finding.BREACHED
        if self._failure is not None:
            return Finding.FAILED
        value, samples = self._measured
        return Finding.NO_DATA if value is None or samples < self.rule.min_requests else Finding.HEALTHY

    def _verdict(self) -> Verdict:
        """The last evaluation, and how many of the last M were bad."""
        value, samples = self._measured
        finding = self.finding
        if finding is Finding.FAILED and (failed := self._failed(samples)):
            return failed
        counted = words.Counted(bad=sum(self._outcomes), of=len(self._outcomes), needed=self.test.needed, last=self.test.of)
        reason = words.threshold(self.rule, finding, value, samples, counted)
        return Verdict(self.rule.name, finding, self._last, value, self.test.limit, samples, self.test.window, reason)

    def _lacks(self) -> str:
        return "" if self._evaluations >= self.test.of else words.too_few_evaluations(self._evaluations, self.test.of)

    def _snapshot(self) -> dict[str, Any]:
        return {
            "window": [[at, seconds, *numbers] for at, seconds, numbers in self._window],
            "outcomes": list(self._outcomes),
            "due": self._due,
            "evaluations": self._evaluations,
            "measured": list(self._measured),
            "last": self._last,
        }

    def _resume(self, state: Mapping[str, Any]) -> None:
        self._window = deque((at, seconds, tuple(numbers)) for at, seconds, *numbers in state["window"])
        self._outcomes = deque(state["outcomes"], maxlen=self.test.of)
        self._due, self._evaluations, self._last = state["due"], state["evaluations"], state["last"]
        self._measured = (state["measured"][0], state["measured"][1])


def _extract_ratio(measure: Ratio, look: Look) -> Numbers:
    candidate = look.candidate
    return sum(map(candidate.count, measure.numerator)), sum(map(candidate.count, measure.denominator))


def _extract_gauge(look: Look) -> Numbers:
    tally = look.candidate
    return tally.busy_seconds, tally.responses, tally.requests, tally.queued, tally.servers_up


def _latency(rows: list[Numbers], _: float) -> Measured:
    """Mean time in the backend by Little's law (J. D. C. Little, 1961): time spent by all requests over requests completed.

    Where none was completed, all of the time spent belongs to requests that hang: the mean is at least that.
    """
    busy, responses, requests = (sum(row[column] for row in rows) for column in range(3))
    samples = int(max(responses, requests))
    return (busy / max(responses, 1) if samples or busy else None), samples


def _request_rate(rows: list[Numbers], seconds: float) -> Measured:
    requests = sum(row[2] for row in rows)
    return requests / seconds, int(requests)


def _last_of(column: int) -> Callable[[list[Numbers], float], Measured]:
    def last(rows: list[Numbers], _: float) -> Measured:
        return rows[-1][column], int(sum(row[2] for row in rows))

    return last


_GAUGES: Mapping[Gauge, Callable[[list[Numbers], float], Measured]] = {
    Gauge.LATENCY: _latency,
    Gauge.REQUEST_RATE: _request_rate,
    Gauge.QUEUED: _last_of(3),
    Gauge.SERVERS_UP: _last_of(4),
}
