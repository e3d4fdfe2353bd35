"""Judges rise again from their evidence: for any looks, through JSON, before and after old looks were folded into a state."""

import json
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardian.core.judges import judge as judges
from guardian.core.judges import judge_for
from guardian.core.judges.judge import Judge
from guardian.core.readings import History, Look, SourceFailure, Tally
from guardian.core.rules import Against, Direction, Gauge, Measure, Query, Ratio, Sequential, Test, Threshold
from guardian.core.verdicts import Finding
from tests.unit.core.makers import ERRORS, rule, trial

SHORT = Threshold(Direction.ABOVE, 0.3, needed=2, of=3, every=0.3, window=0.9, warm_up=0.2)
PAST = History(600.0, {"responses_5xx": 5, "responses": 2_000})


@dataclass(frozen=True)
class Kind:
    """One kind of judge."""

    test: Test
    measure: Measure = ERRORS
    shared: bool = False
    min_requests: int = 0

    def judge(self) -> Judge:
        """A fresh one."""
        return judge_for(rule(self.test, self.measure, min_requests=self.min_requests), trial(shared=self.shared, history=PAST))


KINDS = {
    "a limit": Kind(Sequential(0.01, false_alarm=0.01)),
    "a past": Kind(Sequential(0.01, Against.BASELINE)),
    "a serving baseline": Kind(Sequential(0.01, Against.BASELINE, false_alarm=0.05), shared=True),
    "late answers": Kind(Sequential(0.2, false_alarm=0.05), Ratio(("responses_5xx", "retries"), ("requests",))),
    "a ratio": Kind(SHORT, min_requests=4),
    "latency": Kind(SHORT, Gauge.LATENCY),
    "rate": Kind(SHORT, Gauge.REQUEST_RATE),
    "queue": Kind(SHORT, Gauge.QUEUED),
    "servers": Kind(Threshold(Direction.BELOW, 2.0, every=0.2, window=0.4), Gauge.SERVERS_UP),
    "a query": Kind(SHORT, Query("up")),
}

counts = st.sampled_from([0, 0, 1, 2, 9, 500])
tallies = st.builds(
    Tally, requests=counts, responses_2xx=counts, responses_5xx=counts, retries=counts, queued=counts, servers_up=counts,
    busy_seconds=st.sampled_from([0.0, 0.1, 7.0]),
)  # fmt: skip
happenings = st.lists(
    st.tuples(st.sampled_from([0.05, 0.05, 0.1, 0.7]), st.none() | st.tuples(tallies, tallies)), min_size=1, max_size=40
)
Happenings = list[tuple[float, tuple[Tally, Tally] | None]]


def happen(judge: Judge, happening: tuple[float, tuple[Tally, Tally] | None]) -> Finding:
    """One look, or one failure of the source; a query's value is the baseline's requests, and none is no answer."""
    seconds, tally = happening
    at = judge.last + seconds
    if tally is None:
        return judge.fail(SourceFailure(at, "it did not answer"))
    if isinstance(judge.rule.measure, Query):
        return judge.feed(at, 0.0, (tally[1].requests / 10,) if tally[0].requests else ())
    return judge.look(Look(at, seconds, *tally))


def risen(kind: Kind, judge: Judge) -> Judge:
    """Another judge, from the evidence of ``judge`` as it is kept."""
    other = kind.judge()
    other.replay(json.loads(json.dumps(judge.evidence(), allow_nan=False)))
    return other


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@given(before=happenings, later=happenings, chunk=st.integers(2, 12))
@settings(max_examples=60, deadline=None)
def test_a_judge_rises_from_its_evidence(kind: Kind, before: Happenings, later: Happenings, chunk: int) -> None:
    """It gives the same verdict and conclusion, goes on as if it had never stopped, and its evidence stays bounded."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judges, "CHUNK", chunk)
        first = kind.judge()
        for happening in before:
            happen(first, happening)
        second = risen(kind, first)
        assert (second.verdict(), second.conclude(), second.evidence()) == (first.verdict(), first.conclude(), first.evidence())
        for happening in later:
            assert happen(second, happening) is happen(first, happening)
        third = risen(kind, second)
        assert third.verdict() == second.verdict() == first.verdict()
        assert third.evidence() == second.evidence() == first.evidence()
        assert len(first.evidence()["looks"]) < 2 * chunk


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@given(all_of_it=happenings)
@settings(max_examples=60, deadline=None)
def test_a_verdict_is_sound(kind: Kind, all_of_it: Happenings) -> None:
    """Whatever comes, a verdict has the finding that was returned, a reason, and a value where it claims one; no rate exceeds 1."""
    judge, looks = kind.judge(), 0
    for happening in all_of_it:
        finding = happen(judge, happening)
        looks += happening[1] is not None
        verdict, conclusion = judge.verdict(), judge.conclude()
        assert (verdict.finding, conclusion.verdict) == (finding, verdict)
        assert verdict.reason
        assert verdict.samples >= 0
        assert conclusion.enough or conclusion.missing
        assert not conclusion.enough or finding is Finding.HEALTHY
        if finding in (Finding.HEALTHY, Finding.BREACHED):
            assert verdict.value is not None
            assert not isinstance(kind.test, Sequential) or 0.0 <= verdict.value <= 1.0
        if finding is Finding.BREACHED:
            assert looks >= (3 if isinstance(kind.test, Sequential) else kind.test.needed)
