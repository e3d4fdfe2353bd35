"""Queries: asked when they are due, at the moment at which they were due, and none waits for another."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from guardian.app.evidence import revived
from guardian.app.poll import Poller
from guardian.app.watching import HISTORY_PATIENCE
from guardian.core.deployment import Phase
from guardian.core.judges import judge_for
from guardian.core.judges.trial import Trial
from guardian.core.model import Environment, Split
from guardian.core.ports import Reading, SourceError
from guardian.core.readings import History, SourceFailure
from guardian.core.rules import Alerts, Command, Direction, Lack, Query, Rule, Source, Threshold, Unit
from guardian.core.verdicts import Finding
from tests.unit.app.conftest import Rig, server_errors


def slow_answers(**changes: object) -> Rule:
    """A rule of a query: above 0.8 s in two of three."""
    test = Threshold(Direction.ABOVE, 0.8, needed=2, of=3, every=0.01, window=0.02)
    measure = Query('latency{env="$candidate"}', Unit.SECONDS)
    given: dict[str, object] = {"name": "p99", "source": Source.PROMETHEUS, "measure": measure, "test": test}
    return server_errors(**(given | changes))


@dataclass
class FakeMetrics:
    """A source whose answers a test sets, by rule; it remembers the moments that it was asked for."""

    answers: dict[str, float | SourceError | None] = field(default_factory=dict)
    asked: dict[str, list[float]] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    given_up: list[str] = field(default_factory=list)
    reviewed: list[list[float]] = field(default_factory=list)
    takes: float = 0.0
    """Seconds that an answer takes."""
    answer_now: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self, service: str, rule: Rule, trial: Trial, at: float) -> Reading | None:
        """As the protocol says."""
        assert service == "web"
        assert at - trial.since >= rule.test.window - 1e-6  # type: ignore[union-attr]
        self.asked.setdefault(rule.name, []).append(at)
        if rule.name in self.silent:
            try:
                await self.answer_now.wait()
            except asyncio.CancelledError:
                self.given_up.append(rule.name)
                raise
            return Reading(0.0)
        await asyncio.sleep(self.takes)
        answer = self.answers.get(rule.name)
        if isinstance(answer, SourceError):
            raise answer
        return None if answer is None else Reading(answer)


class FakeMemory(FakeMetrics):
    """A source that remembers, too; ``reviewed`` holds what it was asked for at once."""

    async def review(
        self, service: str, rule: Rule, trial: Trial, moments: Sequence[float]
    ) -> list[tuple[float, Reading | SourceFailure | None]]:
        """As the protocol says."""
        self.reviewed.append(list(moments))
        answer = self.answers.get(rule.name)
        if isinstance(answer, SourceError):
            raise answer
        await asyncio.sleep(self.takes)
        return [(at, None if answer is None else Reading(answer)) for at in moments]


class Polled:
    """A rig with a poller that takes turns."""

    def __init__(self, *rules: Rule, metrics: FakeMetrics | None = None) -> None:
        self.rig, self.metrics = Rig(rules), metrics or FakeMetrics()
        self.poller = Poller(dict.fromkeys(Source, self.metrics), self.rig.watcher, self.rig.gauges, self.rig.clock)

    async def until(self, condition: object) -> None:
        """Take turns until ``condition`` holds."""
        async with asyncio.timeout(20):
            while not condition():  # type: ignore[operator]
                await self.poller.turn()
                await asyncio.sleep(0.002)

    def verdict(self, rule: str) -> Finding | None:
        """The present finding of a rule."""
        return next((verdict.finding for verdict in self.rig.watcher.verdicts("web") if verdict.rule == rule), None)


@pytest.fixture
async def polled() -> AsyncIterator[Polled]:
    """A running rig with one rule of a query, whose release is on trial."""
    made = Polled(slow_answers(), slow_answers(name="other"))
    async with made.rig.running():
        await made.rig.switch()
        await made.rig.until_phase(Phase.WATCHING)
        yield made
        await made.poller.aclose()


@pytest.mark.parametrize("since", [1000.0, 1_764_000_000.0004, 1_764_000_000.1239])
def test_a_window_never_begins_before_the_cutover(since: float) -> None:
    """Not by the half millisecond either by which the moment is rounded when it is sent."""
    polled, trial = Polled(slow_answers()), Trial(Environment.GREEN, since, 600.0, 0.05, shared=False, history=History())
    sent = float(f"{polled.poller._first(judge_for(slow_answers(), trial)):.3f}")
    assert since <= sent - 0.02 + 1e-6 <= since + 0.002


async def test_a_query_above_its_limit_takes_the_traffic_back(polled: Polled) -> None:
    """Two of three, and the reason names value and limit in their unit."""
    polled.metrics.answers["p99"] = 1.25
    await polled.until(lambda: polled.rig.phase is Phase.ROLLED_BACK)
    assert polled.rig.balancer.workers[0].splits["web"] == Split.all_on(Environment.BLUE)
    deployment = polled.rig.state.deployment
    assert deployment is not None
    assert deployment.rollback is not None
    await polled.until(lambda: deployment.id in polled.rig.kept)
    assert revived(polled.rig.kept[deployment.id]()["p99"]).verdict() == deployment.rollback.verdict
    assert any("the query's result is 1.25 s" in sentence and "above 0.80 s" in sentence for sentence in polled.rig.sentences)


async def test_a_query_below_its_limit_is_healthy(polled: Polled) -> None:
    """Nothing moves."""
    polled.metrics.answers["p99"] = 0.2
    await polled.until(lambda: polled.verdict("p99") is Finding.HEALTHY)
    assert polled.rig.phase is Phase.WATCHING


async def test_an_empty_answer_is_no_data(polled: Polled) -> None:
    """An absent series is not health."""
    await polled.until(lambda: len(polled.metrics.asked.get("p99", ())) >= 5)
    assert polled.verdict("p99") is Finding.NO_DATA


async def test_a_source_that_fails_is_not_a_release_that_fails(polled: Polled) -> None:
    """The verdict is ``failed``, the traffic stays, and an answer ends it."""
    polled.metrics.answers["p99"] = SourceError("nobody listens")
    await polled.until(lambda: polled.verdict("p99") is Finding.FAILED)
    assert polled.rig.phase is Phase.WATCHING
    polled.metrics.answers["p99"] = 0.1
    await polled.until(lambda: polled.verdict("p99") is Finding.HEALTHY)


async def test_a_query_that_hangs_delays_no_other(polled: Polled) -> None:
    """Each rule waits for its own answer only."""
    polled.metrics.silent.add("other")
    polled.metrics.answers["p99"] = 0.1
    await polled.until(lambda: len(polled.metrics.asked.get("p99", ())) >= 5)
    assert len(polled.metrics.asked["other"]) == 1


async def test_what_was_missed_is_asked_for_the_moments_it_was_due(polled: Polled) -> None:
    """After a pause every evaluation is made up for: as if nobody had been away."""
    polled.metrics.answers["p99"] = 0.1
    await polled.until(lambda: len(polled.metrics.asked.get("p99", ())) >= 12)
    moments = polled.metrics.asked["p99"]
    steps = {round(later - earlier, 6) for earlier, later in pairwise(moments)}
    assert steps == {0.01}


async def test_silence_of_all_queries_ends_unverified() -> None:
    """A watch without one answer proves nothing."""
    made = Polled(slow_answers(on_no_data=Lack.HOLD))
    async with made.rig.running():
        await made.rig.switch(watch_seconds=0.2)
        await made.until(lambda: made.rig.phase is Phase.UNVERIFIED)
        await made.poller.aclose()


async def test_a_command_is_started_now_and_never_for_a_moment_that_has_passed() -> None:
    """What was missed stays missed: a program can only say how things are."""
    made = Polled(slow_answers(source=Source.COMMAND, measure=Command(("/bin/true",), 1.0)))
    async with made.rig.running():
        await made.rig.switch()
        await made.rig.until_phase(Phase.WATCHING)
        made.metrics.answers["p99"] = 0.1
        since = made.rig.clock.now()
        await made.rig.until(lambda: made.rig.clock.now() > since + 0.2)
        before = made.rig.clock.now()
        await made.until(lambda: len(made.metrics.asked.get("p99", ())) >= 3)
        assert made.metrics.asked["p99"][0] >= before
        await made.poller.aclose()


async def test_what_nobody_waits_for_is_given_up(polled: Polled) -> None:
    """A release that was taken back is asked about no more, and a program that still runs is ended."""
    polled.metrics.silent.add("other")
    polled.metrics.answers["p99"] = 1.25
    await polled.until(lambda: polled.rig.phase is Phase.ROLLED_BACK)
    await polled.until(lambda: polled.metrics.given_up == ["other"])


def paging(**changes: object) -> Rule:
    """A rule that waits for alerts, and looks for them once an hour."""
    test = Threshold(Direction.ABOVE, 0.0, every=3600.0, window=0.0)
    measure = Alerts(('service="web"',))
    given: dict[str, object] = {"name": "paging", "source": Source.ALERTS, "measure": measure, "test": test}
    return server_errors(**(given | changes))


async def alerted(made: Polled) -> None:
    """Have the rule of alerts find one."""
    made.metrics.answers["paging"] = 1.0
    await made.poller.hurry(Source.ALERTS)


async def test_an_alert_is_a_breach_within_a_moment() -> None:
    """Nobody waits for the next turn of a rule when something has come."""
    made = Polled(paging())
    async with made.rig.running():
        await made.rig.switch()
        await made.rig.until_phase(Phase.WATCHING)
        made.metrics.answers["paging"] = 0.0
        await made.until(lambda: made.verdict("paging") is Finding.HEALTHY)
        await alerted(made)
        await made.rig.until_phase(Phase.ROLLED_BACK)
        assert len(made.metrics.asked["paging"]) == 2
        assert any("a matching alert is firing" in sentence for sentence in made.rig.sentences)
        await made.poller.aclose()


async def test_what_comes_while_a_source_is_asked_is_asked_for_again() -> None:
    """The answer that was under way may not know of it."""
    made = Polled(paging())
    async with made.rig.running():
        await made.rig.switch()
        await made.rig.until_phase(Phase.WATCHING)
        made.metrics.silent.add("paging")
        await made.until(lambda: made.metrics.asked.get("paging"))
        made.metrics.silent.clear()
        await alerted(made)
        made.metrics.answer_now.set()
        await made.until(lambda: made.rig.phase is Phase.ROLLED_BACK)
        assert len(made.metrics.asked["paging"]) == 2
        await made.poller.aclose()


async def test_an_alert_within_the_window_waits_for_its_end() -> None:
    """What it looked back at began before the cutover; where it still fires then, it counts."""
    made = Polled(paging(test=Threshold(Direction.ABOVE, 0.0, every=3600.0, window=0.3, warm_up=0.2)))
    async with made.rig.running():
        await made.rig.switch()
        await made.rig.until_phase(Phase.WATCHING)
        await alerted(made)
        assert made.metrics.asked == {}
        await made.until(lambda: made.rig.phase is Phase.ROLLED_BACK)
        deployment = made.rig.state.deployment
        assert deployment is not None
        assert deployment.cutover_at is not None
        assert made.metrics.asked["paging"][0] >= deployment.cutover_at + 0.5
        await made.poller.aclose()


async def test_other_rules_are_not_hurried() -> None:
    """A query has its own lattice of moments; a backtest must find the same."""
    made = Polled(slow_answers(test=Threshold(Direction.ABOVE, 0.8, every=3600.0, window=0.02)))
    async with made.rig.running():
        await made.rig.switch()
        await made.rig.until_phase(Phase.WATCHING)
        await made.until(lambda: made.metrics.asked.get("p99"))
        await alerted(made)
        await made.poller.settle()
        assert len(made.metrics.asked["p99"]) == 1
        await made.poller.aclose()


async def test_what_was_missed_is_asked_of_a_memory_at_once() -> None:
    """One question for all moments that were due, none of them twice; then on as ever."""
    made = Polled(slow_answers(), metrics=FakeMemory(answers={"p99": 0.1}))
    async with made.rig.running():
        await made.rig.switch()
        await made.rig.until_phase(Phase.WATCHING)
        deployment = made.rig.state.deployment
        assert deployment is not None
        assert deployment.cutover_at is not None
        since = deployment.cutover_at
        await made.rig.until(lambda: made.rig.clock.now() > since + 0.5)
        await made.until(lambda: len(made.metrics.asked.get("p99", ())) >= 3)
        assert len(made.metrics.reviewed[0]) >= 45
        moments = sorted([*(at for each in made.metrics.reviewed for at in each), *made.metrics.asked["p99"]])
        assert moments[0] == pytest.approx(since + 0.02)
        assert {round(later - earlier, 6) for earlier, later in pairwise(moments)} == {0.01}
        assert made.verdict("p99") is Finding.HEALTHY
        await made.poller.aclose()


async def test_a_release_that_was_bad_while_guardian_was_down_is_taken_back() -> None:
    """The watch was over before guardian was back: it ends only when its missed part has been judged."""
    made = Polled(slow_answers(), metrics=FakeMemory(answers={"p99": 1.25}))
    async with made.rig.running():
        await made.rig.switch(watch_seconds=0.3)
        await made.rig.until_phase(Phase.WATCHING)
        ends_at = made.rig.clock.now() + 0.3
        await made.rig.until(lambda: made.rig.clock.now() > ends_at + 0.2)
        assert made.rig.phase is Phase.WATCHING
        await made.until(lambda: made.rig.phase is Phase.ROLLED_BACK)
        await made.poller.aclose()


async def test_a_memory_that_fails_holds_up_no_end() -> None:
    """A watch whose past cannot be had is unverified, and not waited for."""
    made = Polled(slow_answers(), metrics=FakeMemory(answers={"p99": SourceError("nobody listens")}))
    async with made.rig.running():
        await made.rig.switch(watch_seconds=0.3)
        await made.rig.until_phase(Phase.WATCHING)
        ends_at = made.rig.clock.now() + 0.3
        await made.rig.until(lambda: made.rig.clock.now() > ends_at)
        await made.until(lambda: made.rig.phase is Phase.UNVERIFIED)
        assert made.rig.clock.now() < ends_at + HISTORY_PATIENCE / 2
        await made.poller.aclose()


async def test_a_memory_that_is_slower_than_its_rules_is_never_far_behind() -> None:
    """Whatever one answer takes, the next one covers: each moment is judged, and the newest is of just now."""
    made = Polled(slow_answers(), metrics=FakeMemory(answers={"p99": 0.1}, takes=0.1))
    async with made.rig.running():
        await made.rig.switch()
        await made.rig.until_phase(Phase.WATCHING)
        await made.until(lambda: sum(map(len, made.metrics.reviewed)) > 150)
        moments = sorted([*(at for each in made.metrics.reviewed for at in each), *made.metrics.asked.get("p99", ())])
        assert made.rig.clock.now() - moments[-1] < 1.0
        assert {round(later - earlier, 6) for earlier, later in pairwise(moments)} == {0.01}
        await made.poller.aclose()
