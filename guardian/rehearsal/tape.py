"""One rule over one cutover: a judge that is fed with what was measured then, and what it made of that."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from guardian.core.judges import judge_for
from guardian.core.judges.judge import Numbers
from guardian.core.judges.threshold import ThresholdJudge
from guardian.core.judges.trial import Trial
from guardian.core.readings import SourceFailure
from guardian.core.rules import Direction, Rule, Sequential, Threshold
from guardian.core.verdicts import Finding, Verdict


@dataclass(frozen=True, slots=True)
class Replay:
    """What one rule made of one cutover."""

    rule: str
    origin: str
    """What it was replayed from, for people."""
    verdict: Verdict | None = None
    """At the alarm; without one, at the end of the watch. ``None`` where nothing could be replayed."""
    alarm: float | None = None
    """When it first fired, in seconds since the epoch."""
    critical: float | None = None
    """The tightest limit with which it would have been silent, in the unit of its limit; of a sequential rule, the rate of the
    whole watch. ``None`` where there was no data."""
    resolution: float = 0.0
    """Seconds by which live guardian may have fired earlier, because what was replayed is coarser than what it saw."""

    @property
    def judged(self) -> bool:
        """Whether there was anything to judge."""
        return self.alarm is not None or self.critical is not None


class Tape:
    """Feeds the judge of one rule, and remembers the first breach."""

    def __init__(self, rule: Rule, trial: Trial, base: Mapping[str, Any] | None = None) -> None:
        """``base``: the state of the live judge before what is fed, from its evidence."""
        self._judge = judge_for(rule, trial)
        self._rule, self._trials, self._events = rule, 0.0, 0.0
        self._last = deque[float](maxlen=rule.test.of if isinstance(rule.test, Threshold) else 1)
        self._critical: float | None = None
        self._alarm: float | None = None
        self._verdict: Verdict | None = None
        if base is not None:
            self._judge.replay({"base": base, "looks": (), "failure": None})
            whole = base.get("whole")
            self._trials, self._events = (whole["trials"], whole["events"]) if whole else (0.0, 0.0)
            self._note(self._judge.last)

    def feed(self, at: float, seconds: float, numbers: Numbers, said: tuple[str, str] = ("", "")) -> None:
        """One look or answer."""
        checks = self._judge.checks if isinstance(self._judge, ThresholdJudge) else 0
        self._judge.hear(*said)
        self._judge.feed(at, seconds, numbers)
        if not isinstance(self._judge, ThresholdJudge):
            self._trials, self._events = self._trials + numbers[0], self._events + numbers[1]
        elif self._judge.checks > checks and self._judge.value is not None:
            self._check(self._judge.value)
        self._note(at)

    def fail(self, failure: SourceFailure) -> None:
        """The source did not answer."""
        self._judge.fail(failure)
        self._note(failure.at)

    def end(self, origin: str, resolution: float = 0.0) -> Replay:
        """What came of it."""
        rate = self._events / self._trials if self._trials else None
        critical = rate if isinstance(self._rule.test, Sequential) else self._critical
        verdict = self._verdict or self._judge.verdict()
        return Replay(self._rule.name, origin, verdict, self._alarm, critical, resolution)

    def _note(self, at: float) -> None:
        if self._alarm is None and self._judge.finding is Finding.BREACHED:
            self._alarm, self._verdict = at, self._judge.verdict()

    def _check(self, value: float) -> None:
        """N of the last M values lie beyond a limit exactly if the N-th worst of them does."""
        test = self._rule.test
        assert isinstance(test, Threshold)  # noqa: S101  the caller has seen the judge
        self._last.append(value)
        if len(self._last) < test.needed:
            return
        above = test.direction is Direction.ABOVE
        tightest = sorted(self._last, reverse=above)[test.needed - 1]
        worst = max if above else min
        self._critical = tightest if self._critical is None else worst(self._critical, tightest)
