"""Suggested limits: from what good watches showed, with the arithmetic."""

from dataclasses import replace
from math import inf, nextafter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.core.judges.trial import Trial
from guardian.core.model import Environment
from guardian.core.readings import History
from guardian.core.rules import Direction, Rule, Threshold
from guardian.rehearsal.suggest import ALLOWED, LEAST, Criticals, suggest
from guardian.rehearsal.tape import Replay, Tape
from tests.doubles.rulefiles import SERVER_ERRORS
from tests.rehearsal.history import BAD_SHARE

TRIAL = Trial(Environment.GREEN, 0.0, 600.0, 0.05, shared=False, history=History())
VALUES = st.lists(st.floats(0.0, 1.0, allow_subnormal=False), min_size=3, max_size=30)


def criticals(good: list[float], bad: list[float] = []) -> Criticals:  # noqa: B006  never changed
    """What watches showed."""
    found = Criticals()
    for value in good:
        found.add(value, bad=False)
    for value in bad:
        found.add(value, bad=True)
    return found


def limited(limit: float, direction: Direction = Direction.ABOVE) -> Rule:
    """Two of three values beyond ``limit``."""
    return replace(BAD_SHARE, test=Threshold(direction, limit, needed=2, of=3, every=15.0, window=15.0))


def replayed(rule: Rule, values: list[float]) -> Replay:
    """A rule over these values."""
    tape = Tape(rule, TRIAL)
    for number, value in enumerate(values, 1):
        tape.feed(number * 15.0, 15.0, (value,))
    return tape.end("here")


def test_the_second_worst_good_watch_sets_the_limit() -> None:
    """One false alarm is allowed, so the worst does not count; the sentence tells both, and what would be found."""
    good = [0.001 * number for number in range(1, 11)] + [0.0412, 0.09]
    found = suggest(BAD_SHARE, criticals(good, [0.2, 0.03]))
    assert found is not None
    assert (found.limit, found.false_alarms, found.caught, found.bad) == (0.042, 1, 1, 2)
    assert found.arithmetic == (
        "of 12 good watches the worst values that would just not have fired are 9 % and 4.1 %: "
        "a limit of 4.2 % leaves 1 of them above it, and finds 1 of 2 bad ones"
    )


def test_a_rule_that_looks_below_is_turned_round() -> None:
    """The lowest good watches set the limit, rounded down."""
    found = suggest(limited(0.5, Direction.BELOW), criticals([0.5 + number / 100 for number in range(11)] + [0.1]))
    assert found is not None
    assert (found.limit, found.false_alarms) == (0.5, 1)


def test_a_sequential_rule_goes_by_the_rates_of_whole_watches() -> None:
    """And says that its false-alarm bound stays what it is."""
    found = suggest(SERVER_ERRORS, criticals([0.0] * 10 + [0.004, 0.02]))
    assert found is not None
    assert found.limit == 0.004
    assert "still accused with at most the rule's false_alarm" in found.arithmetic


def test_a_handful_of_watches_suggests_nothing() -> None:
    """Below ten good ones there is no distribution."""
    assert suggest(BAD_SHARE, criticals([0.1] * (LEAST - 1))) is None


@given(st.lists(st.floats(1e-6, 1e6), min_size=LEAST, max_size=60), st.sampled_from(Direction))
def test_no_suggestion_leaves_more_false_alarms_than_allowed(good: list[float], direction: Direction) -> None:
    """Whatever was measured."""
    found = suggest(limited(0.5, direction), criticals(good))
    assert found is not None
    assert found.false_alarms <= ALLOWED


@given(VALUES, st.sampled_from(Direction))
def test_the_critical_limit_is_where_a_rule_falls_silent(values: list[float], direction: Direction) -> None:
    """With it as the limit the judge is silent; with the next value beyond it as the limit, it fires."""
    critical = replayed(limited(0.5, direction), values).critical
    assert critical is not None
    assert replayed(limited(critical, direction), values).alarm is None
    above = direction is Direction.ABOVE
    tighter = nextafter(critical, -inf if above else inf)
    assert replayed(limited(tighter, direction), values).alarm is not None


@pytest.mark.parametrize(("limit", "alarm"), [(0.1, 30.0), (0.2, 45.0), (0.3, None)])
def test_the_first_breach_is_the_alarm(limit: float, alarm: float | None) -> None:
    """And the verdict is that of the breach, whatever came later."""
    replay = replayed(limited(limit), [0.2, 0.3, 0.25, 0.0, 0.0])
    assert replay.alarm == alarm
    if alarm and replay.verdict:
        assert replay.verdict.at == alarm
