"""How often each entrant takes back a healthy release: its arithmetic, played over hours of traffic that nobody has to wait for.

All get the same: releases of ``WATCH`` seconds, one after the other, each from its first request on. A false rollback ends one, and
the next begins; hours are those in which a release was on trial. Requests are a Poisson process; errors are independent of
each other, or come in clumps, all of one clump at the same moment.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, floor
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from guardian.app.observe import HISTORY_SECONDS
from guardian.config.faults import Findings
from guardian.config.rulefiles import read_rule_file
from guardian.core.judges import judge_for
from guardian.core.judges.trial import Trial
from guardian.core.model import Environment
from guardian.core.readings import History
from guardian.core.rules import Rule
from guardian.core.verdicts import Finding

WATCH = 600.0
"""guardian's default; it goes on judging no longer, so the others are not asked for longer either."""
LOOK = 0.05
RULES = Path(__file__).parents[3] / "rules" / "web.yaml"
SETTLING = 1.1
"""Prometheus extrapolates to the border of its range where that is nearer to the samples than so many intervals of them."""

Release: TypeAlias = Callable[[np.random.Generator], float | None]
"""Plays one healthy release. Seconds until it was taken back; ``None`` where it was not."""
Numbers: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Health:
    """The traffic of a healthy release."""

    rate: float
    """Requests a second."""
    errors: float
    """The share of them that fails, as on any good day."""
    clump: int = 1
    """Errors come so many at a time."""

    def counts(self, rng: np.random.Generator, intervals: int, seconds: float) -> tuple[Numbers, Numbers]:
        """Answers, and how many of them are errors, in consecutive intervals of ``seconds`` each."""
        errors = self.clump * rng.poisson(self.rate * self.errors / self.clump * seconds, intervals)
        answers = errors + rng.poisson(self.rate * (1 - self.errors) * seconds, intervals)
        return answers.astype(np.float64), errors.astype(np.float64)


@dataclass(frozen=True, slots=True)
class Alarms:
    """What an entrant did in healthy hours."""

    false: int
    """Rollbacks, all of them false."""
    hours: float
    releases: int

    @property
    def in_ten_hours(self) -> float:
        """False rollbacks in ten hours."""
        return 10 * self.false / self.hours


def play(release: Release, hours: float = 10.0, seed: int = 1) -> Alarms:
    """Healthy releases, one after the other, until they make up ``hours``."""
    rng, seconds, false, releases = np.random.default_rng(seed), 0.0, 0, 0
    while seconds < hours * 3600:
        taken_back = release(rng)
        seconds += WATCH if taken_back is None else taken_back
        false += taken_back is not None
        releases += 1
    return Alarms(false, seconds / 3600, releases)


@dataclass(frozen=True, slots=True)
class Ratio:
    """An alert of Prometheus: ``sum(rate(5xx[window])) / sum(rate(all[window])) > limit``, all times in seconds."""

    scrape: float
    evaluate: float
    window: float
    hold: float = 0.0
    """``for``, and ``group_wait`` after it: an alert that ends before Alertmanager tells of it is never told."""
    limit: float = 0.01

    def release(self, health: Health) -> Release:
        """As Prometheus would judge a release of such health."""

        def play_one(rng: np.random.Generator) -> float | None:
            return self._first_alarm(health, rng)

        return play_one

    def _first_alarm(self, health: Health, rng: np.random.Generator) -> float | None:
        """Counters stand still before the release; its beginning and the evaluations have phases of their own among the scrapes."""
        before = ceil(self.window / self.scrape) + 1
        scrapes = ceil(WATCH / self.scrape)
        begin, gap = rng.random() * self.scrape, rng.random() * self.scrape
        counts = health.counts(rng, scrapes, self.scrape)
        at: Numbers = np.arange(1.0 - before, 1.0 + scrapes) * self.scrape
        totals = [self._totals(grown, begin / self.scrape, before, rng) for grown in counts]
        times: Numbers = np.arange(0.0, WATCH, self.evaluate) + gap
        answers, errors = (rates(at, total, times, self.window) for total in totals)
        with np.errstate(invalid="ignore", divide="ignore"):
            breached = errors / answers > self.limit  # 0 / 0 is NaN, and no NaN is above a limit
        needed = ceil(self.hold / self.evaluate - 1e-9) + 1
        run = np.convolve(breached, np.ones(needed), mode="valid") >= needed
        alarms = np.flatnonzero(run)
        return float(times[alarms[0] + needed - 1] - begin) if len(alarms) else None

    def _totals(self, grown: Numbers, begin: float, before: int, rng: np.random.Generator) -> Numbers:
        """A counter at each scrape: it stood still, and of the first interval only the part after the beginning counts."""
        first = rng.binomial(int(grown[0]), 1 - begin)
        return np.concatenate([np.full(before, HISTORY), HISTORY + np.cumsum(np.concatenate([[first], grown[1:]]))])


HISTORY = 1e6
"""What counters held before: earlier releases. From 0 on, Prometheus would extrapolate an error counter less (:func:`rates`)."""


def rates(at: Numbers, values: Numbers, times: Numbers, window: float) -> Numbers:
    """``rate(values[window])`` at ``times``, as Prometheus 2.42 calculates it for a counter without resets; NaN where it has none.

    It takes what lies between the first and the last sample of the range, and extrapolates to the range's borders: fully where a
    border is near, else by half an interval, and never to before the moment when the counter would have been 0.
    """
    first = np.searchsorted(at, times - window - 1e-9)
    last = np.searchsorted(at, times + 1e-9) - 1
    enough = last > first
    first, last = np.where(enough, first, 0), np.where(enough, last, 1)
    grown, sampled = values[last] - values[first], at[last] - at[first]
    to_start, to_end, interval = at[first] - (times - window), times - at[last], sampled / (last - first)
    with np.errstate(invalid="ignore", divide="ignore"):
        to_start = np.where(grown > 0, np.minimum(to_start, sampled * values[first] / grown), to_start)
    reach = sampled + sum(np.where(each < SETTLING * interval, each, interval / 2) for each in (to_start, to_end))
    return np.where(enough, grown * reach / sampled / window, np.nan)


@dataclass(frozen=True, slots=True)
class Fuse:
    """HAProxy's stick-table fuse: more than ``count`` failures in ``period`` seconds, as ``http_fail_rate`` counts them."""

    count: int = 5
    period: float = 10.0

    def release(self, health: Health) -> Release:
        """As the fuse would judge a release of such health, its table emptied before."""

        def play_one(rng: np.random.Generator) -> float | None:
            mean, at = health.clump / (health.rate * health.errors), 0.0
            counter = _Frequency(self.period)
            while (at := at + rng.exponential(mean)) < WATCH:
                if any(counter.add(at) > self.count for _ in range(health.clump)):
                    return at
            return None

        return play_one


class _Frequency:
    """HAProxy's rate of events over a period: what is in the current period, and of the one before the part that still reaches."""

    def __init__(self, period: float) -> None:
        self._period, self._begun, self._current, self._previous = period, 0.0, 0, 0

    def add(self, at: float) -> int:
        """One event. The rate after it, a whole number."""
        periods = floor((at - self._begun) / self._period)
        if periods:
            self._previous, self._current = (self._current if periods == 1 else 0), 0
            self._begun += periods * self._period
        self._current += 1
        return floor(self._current + self._previous * (1 - (at - self._begun) / self._period))


@dataclass(frozen=True, slots=True)
class Observe:
    """HAProxy's ``observe layer7 error-limit``: so many failures, one after the other, without one good answer in between."""

    error_limit: int = 10

    def release(self, health: Health) -> Release:
        """As HAProxy would judge a release of such health. A request begins such a row with a small probability that is known."""
        begins = (health.errors / health.clump) ** ceil(self.error_limit / health.clump)

        def play_one(rng: np.random.Generator) -> float | None:
            at = rng.exponential(1 / (health.rate * begins))
            return at if at < WATCH else None

        return play_one


def starter_rule(name: str = "server-errors") -> Rule:
    """A rule of ``rules/web.yaml`` as guardian reads it."""
    found = read_rule_file(RULES, Findings())
    assert found
    return next(rule for rule in found.rules if rule.name == name)


@dataclass(frozen=True, slots=True)
class Guardian:
    """guardian at its default settings: its own judge of ``rule``, fed look by look, from cutover to the end of the watch.

    Of its starter rules this is the one that errors concern. It compares with the old environment's last half hour, as long as
    guardian's memory reaches, which was of the same health. Watches follow one another, with a release and a verdict each.
    """

    rule: Rule
    look_every: float = LOOK
    past: Health | None = None
    """The health of the old environment, where it is another."""

    def release(self, health: Health) -> Release:
        """As guardian would judge a release of such health."""

        def play_one(rng: np.random.Generator) -> float | None:
            answers, errors = (int(each[0]) for each in (self.past or health).counts(rng, 1, HISTORY_SECONDS))
            history = History(HISTORY_SECONDS, {"responses": answers, "responses_5xx": errors})
            trial = Trial(Environment.GREEN, 0.0, WATCH, self.look_every, shared=False, history=history)
            judge = judge_for(self.rule, trial)
            counts = (each.astype(int).tolist() for each in health.counts(rng, trial.looks, self.look_every))
            for number, numbers in enumerate(zip(*counts, strict=True), 1):
                at = number * self.look_every
                if judge.feed(at, self.look_every, numbers) is Finding.BREACHED:
                    return at
            return None

        return play_one
