"""The chart of a cutover: both environments, from whatever there is to draw from."""

from dataclasses import replace

import pytest

from guardian.app.evidence import evidence_of
from guardian.core.judges import judge_for
from guardian.core.model import Environment, Service
from guardian.core.readings import History
from guardian.core.rules import Against, Alerts, Direction, Rule, RuleSet, Sequential, Source, Threshold, Unit
from guardian.records.charts import Chart, Line
from guardian.rehearsal.backtest import Plan, rehearse
from guardian.rehearsal.past import Past
from guardian.rehearsal.picture import chart, leading
from tests.doubles.rulefiles import SERVER_ERRORS
from tests.rehearsal.history import BAD, BAD_SHARE, Cutovers

WEB = Service("web", blue="web_blue", green="web_green")


async def drawn(plan: Plan, cutovers: Cutovers, number: int) -> Chart:
    """The chart of a cutover."""
    async for rehearsed in rehearse(plan, [list(cutovers)[number]]):
        finding = leading(rehearsed)
        assert finding is not None
        return await chart(rehearsed, finding)
    raise AssertionError


def plan(past: Past | None, *rules: Rule, evidence: dict[str, dict[str, object]] | None = None) -> Plan:
    """A plan for ``web``."""
    return Plan({"web": WEB}, {"web": RuleSet("web", rules)}, past, lambda _: evidence or {})


def highest(line: Line, *, after: float) -> float:
    """The highest value from ``after`` on."""
    return max(value for at, value in line.points if at >= after)


async def test_a_query_is_drawn_for_both_environments(past: Past, cutovers: Cutovers) -> None:
    """The baseline's line comes from the same query with the environments the other way round; both begin before the cutover."""
    made = await drawn(plan(past, BAD_SHARE), cutovers, BAD[0])
    blue, green = made.lines
    assert (blue.environment, green.environment, made.candidate) == (Environment.BLUE, Environment.GREEN, Environment.GREEN)
    assert highest(blue, after=-1e9) == 0.001
    assert highest(green, after=60) == 0.2
    assert min(at for at, _ in green.points) < -60
    assert (made.limit, made.unit, [moment.what for moment in made.moments]) == (0.05, Unit.SHARE, ["first breach"])


async def test_scraped_counters_are_drawn(past: Past, cutovers: Cutovers) -> None:
    """As the ratio of their rates; an environment that was not scraped has no point."""
    blue, green = (await drawn(plan(past, SERVER_ERRORS), cutovers, BAD[0])).lines
    assert blue.points == ()
    assert highest(green, after=120) == pytest.approx(0.2, abs=0.01)


async def test_recorded_looks_are_drawn_beside_the_history(cutovers: Cutovers) -> None:
    """The candidate's looks are taken together, and the baseline's past is the rate that was frozen at the cutover."""
    trial = replace(cutovers.trial(0), history=History(60.0, {"responses_5xx": 3, "responses": 1000}))
    judge = judge_for(SERVER_ERRORS, trial)
    for number in range(1, 301):
        judge.feed(trial.since + number * 0.05, 0.05, (20, 0 if number < 200 else 10))
    evidence = {"server-errors": evidence_of(judge)}
    blue, green = (await drawn(plan(None, SERVER_ERRORS, evidence=evidence), cutovers, 0)).lines
    assert [value for _, value in blue.points] == [0.003, 0.003]
    assert blue.points[-1][0] == 0.0
    assert len(green.points) == 60
    assert (green.points[0][1], green.points[-1][1]) == (0.0, 0.5)


async def test_both_sides_of_a_canary_are_drawn(cutovers: Cutovers) -> None:
    """Where the baseline served meanwhile, its own looks are its line."""
    rule = replace(SERVER_ERRORS, test=Sequential(0.01, Against.BASELINE))
    trial = replace(cutovers.trial(0), shared=True)
    judge = judge_for(rule, trial)
    for number in range(1, 50):
        judge.feed(trial.since + number * 0.05, 0.05, (10, 1, 100, 2))
    blue, green = (await drawn(plan(None, rule, evidence={rule.name: evidence_of(judge)}), cutovers, 0)).lines
    assert {round(value, 9) for _, value in blue.points} == {0.02}
    assert {round(value, 9) for _, value in green.points} == {0.1}


async def test_alerts_are_drawn_as_they_fired(cutovers: Cutovers) -> None:
    """One line: alerts belong to the release on trial."""
    test = Threshold(Direction.ABOVE, 0.0, every=1.0, window=1.0)
    rule = replace(SERVER_ERRORS, name="paging", source=Source.ALERTS, measure=Alerts(('severity="page"',)), test=test)
    judge = judge_for(rule, cutovers.trial(0))
    for number, firing in enumerate((0.0, 0.0, 2.0), 1):
        judge.feed(cutovers.at(0) + number, 1.0, (firing,))
    made = await drawn(plan(None, rule, evidence={rule.name: evidence_of(judge)}), cutovers, 0)
    assert [value for _, value in made.lines[0].points] == [0.0, 0.0, 2.0]


async def test_nothing_to_draw_is_still_a_chart(cutovers: Cutovers) -> None:
    """A cutover that nothing is known of has its limit and its cutover."""
    made = await drawn(plan(None, BAD_SHARE), cutovers, 0)
    assert (made.lines, made.limit) == ((), 0.05)
