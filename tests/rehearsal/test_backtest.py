"""Backtests: the verdicts of live guardian again, and what they are worth against what is known of each release."""

import asyncio
import tracemalloc
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from guardian.app.clock import SteadyClock
from guardian.app.evidence import evidence_of
from guardian.app.gauges import Gauges
from guardian.app.poll import Poller
from guardian.app.watch import Watcher
from guardian.app.watching import Beat, Wires
from guardian.core.access import Access
from guardian.core.deployment import Cause, Phase, Rollback
from guardian.core.events import Breached, Event, Noted
from guardian.core.judges import judge_for
from guardian.core.judges.judge import CHUNK, Judge
from guardian.core.model import Service
from guardian.core.ports import StoreError
from guardian.core.rules import Against, Alerts, Direction, Rule, RuleSet, Sequential, Source, Threshold
from guardian.core.verdicts import Finding, Verdict
from guardian.metrics.answer import Value
from guardian.metrics.source import PrometheusSource
from guardian.records.store import SqlStore
from guardian.rehearsal.backtest import Label, Plan, Rehearsed, Score, Scores, rehearse
from guardian.rehearsal.cutovers import Cutover, Incident, from_store, judged
from guardian.rehearsal.past import Past, due, evaluations
from guardian.rehearsal.recorded import Recording, replay_recorded
from guardian.rehearsal.replay import Scene
from tests.doubles.balancer import FakeBalancer
from tests.doubles.rulefiles import SERVER_ERRORS
from tests.rehearsal.history import BAD, BAD_SHARE, NOTIFY, SPIKE, WATCH, Cutovers, deployment, remember, state

WEB = Service("web", blue="web_blue", green="web_green")


def plan(*rules: Rule, past: Past | None = None, **changes: Any) -> Plan:
    """A plan for ``web`` without evidence."""
    return replace(Plan({"web": WEB}, {"web": RuleSet("web", rules)}, past, lambda _: {}), **changes)


async def all_of(plan: Plan, cutovers: Any) -> list[Rehearsed]:
    """Everything that comes of it."""
    return [each async for each in rehearse(plan, cutovers)]


async def live(url: str, cutovers: Cutovers, number: int, *rules: Rule) -> list[Verdict]:
    """The breaches that the running parts of guardian report of a cutover, caught up on the same Prometheus."""
    told: list[Verdict] = []
    clock = SteadyClock()
    source = PrometheusSource(Access(url, timeout=30.0))
    watcher = Watcher({"web": WEB}, FakeBalancer([WEB]), clock, lambda _: RuleSet("web", rules), Gauges(), Beat())
    poller = Poller({Source.PROMETHEUS: source}, watcher, Gauges(), clock)

    async def report(_service: str, event: Event) -> None:
        if isinstance(event, Breached | Noted):
            told.append(event.verdict)

    watcher.connect(Wires(report, lambda _: None, lambda _deployment, _gather: None))
    watcher.begin(state(number, cutovers.at(number)))
    async with asyncio.timeout(60):
        while any(not _done(judge, watcher.ends("web")) for _, judge in watcher.polled()):
            await poller.turn()
            await asyncio.sleep(0.005)
    await poller.aclose()
    await source.aclose()
    return told


def _done(judge: Judge, ends: float) -> bool:
    """Whether nothing is due any more before the end of the watch."""
    assert isinstance(judge.rule.test, Threshold)
    return judge.finding is Finding.FAILED or judge.last + judge.rule.test.every >= ends


@pytest.mark.parametrize("number", [2, BAD[0], SPIKE])
async def test_the_verdicts_are_those_of_live_guardian(
    memory: tuple[str, Cutovers], past: Past, cutovers: Cutovers, number: int
) -> None:
    """Watcher and poller on the same Prometheus say the same of a good, a bad and a spiky release, to the last digit."""
    rules = BAD_SHARE, NOTIFY
    told = await live(memory[0], cutovers, number, *rules)
    (rehearsed,) = await all_of(plan(*rules, past=past), [list(cutovers)[number]])
    replayed = [finding.replay.verdict for finding in rehearsed.findings if finding.replay.alarm is not None]
    assert replayed == told
    assert len(told) == (number in (*BAD, SPIKE))


async def test_a_quiet_watch_ends_with_the_live_verdict(past: Past, cutovers: Cutovers) -> None:
    """Without an alarm the verdict is that of the last evaluation, and rests on every one that live guardian makes."""
    cutover = list(cutovers)[2]
    pieces = [piece async for piece in evaluations(past, cutover, BAD_SHARE)]
    asked = [at for piece in pieces for at, _ in piece]
    assert asked == list(due(cutover, BAD_SHARE.test))  # type: ignore[arg-type]  it is a threshold
    judge = judge_for(BAD_SHARE, cutover.trial)
    for at, answer in pieces[0]:
        assert isinstance(answer, Value)
        judge.feed(at, 15.0, (answer.value,))
    (rehearsed,) = await all_of(plan(BAD_SHARE, past=past), [cutover])
    assert rehearsed.findings[0].replay.verdict == judge.verdict()
    assert judge.finding is Finding.HEALTHY


async def test_alarms_are_held_against_what_is_known(past: Past, cutovers: Cutovers) -> None:
    """Two true alarms, one false, none missed, seven quiet; the time to detection is that since the cutover."""
    scores = Scores()
    for rehearsed in await all_of(plan(BAD_SHARE, past=past), cutovers):
        scores.add(rehearsed)
    (score,) = scores
    assert score.counts == {Label.TRUE: 2, Label.FALSE: 1, Label.MISSED: 0, Label.QUIET: 7, Label.UNDECIDED: 0}
    assert score.median_delay == 75.0  # bad from 60 s on: the checks at 60 s and at 75 s are two of three
    assert score.origins == {"Prometheus": 10}


async def test_marks_go_before_records(past: Past, cutovers: Cutovers) -> None:
    """A marked incident makes the spike a true alarm, a marked false alarm makes a rollback a false one."""
    marks = (
        Incident("web", cutovers.at(SPIKE) + 90, cutovers.at(SPIKE) + 200, "checkout failed"),
        Incident("web", cutovers.at(BAD[0]), note="it was the network", false_alarm=True),
        Incident("other", cutovers.at(0), note="another service"),
    )
    found = await all_of(plan(BAD_SHARE, past=past, incidents=marks), cutovers)
    labels = {each.cutover.id: each.findings[0].label for each in found}
    assert labels[f"web-{SPIKE}"] is Label.TRUE
    assert labels[f"web-{BAD[0]}"] is Label.FALSE
    assert labels["web-0"] is Label.QUIET
    assert found[SPIKE].findings[0].delay == pytest.approx(found[SPIKE].findings[0].replay.alarm - cutovers.at(SPIKE) - 90)  # type: ignore[operator]
    assert found[SPIKE].truth.why == "marked as an incident: checkout failed"


async def test_an_alarm_after_the_trouble_finds_nothing(past: Past, cutovers: Cutovers) -> None:
    """Who speaks when it is over has missed it."""
    over = Incident("web", cutovers.at(BAD[0]) + 60, cutovers.at(BAD[0]) + 70)
    (rehearsed,) = await all_of(plan(BAD_SHARE, past=past, incidents=[over]), [list(cutovers)[BAD[0]]])
    assert rehearsed.findings[0].replay.alarm is not None
    assert rehearsed.findings[0].label is Label.MISSED


async def test_a_rule_that_had_no_time_is_not_blamed(past: Past, cutovers: Cutovers) -> None:
    """Where another rule took the traffic back first, silence is neither a miss nor a proof."""
    cutover = replace(list(cutovers)[BAD[0]], until=cutovers.at(BAD[0]) + 20, cause=Cause.RULE)
    (rehearsed,) = await all_of(plan(BAD_SHARE, past=past), [cutover])
    assert rehearsed.findings[0].label is Label.UNDECIDED


async def test_no_data_is_no_quiet_watch(past: Past, cutovers: Cutovers) -> None:
    """A query without a series, and one that cannot be evaluated, decide nothing."""
    absent = replace(BAD_SHARE, name="absent", measure=replace(BAD_SHARE.measure, promql="nosuch"))  # type: ignore[type-var]
    broken = replace(BAD_SHARE, name="broken", measure=replace(BAD_SHARE.measure, promql="sum("))  # type: ignore[type-var]
    (rehearsed,) = await all_of(plan(absent, broken, past=past), [list(cutovers)[1]])
    assert [finding.label for finding in rehearsed.findings] == [Label.UNDECIDED] * 2
    verdicts = [finding.replay.verdict for finding in rehearsed.findings]
    assert [verdict.finding for verdict in verdicts if verdict] == [Finding.NO_DATA, Finding.FAILED]


async def test_counters_are_replayed_from_the_exporter(past: Past, cutovers: Cutovers) -> None:
    """HAProxy's scraped counters find what live guardian would have found, later, and count who was harmed."""
    found = await all_of(plan(SERVER_ERRORS, past=past), cutovers)
    labels = [each.findings[0].label for each in found]
    assert [number for number, label in enumerate(labels) if label is Label.TRUE] == [*BAD]
    finding = found[BAD[0]].findings[0]
    assert finding.replay.origin.startswith("HAProxy's exporter, one look every 5.00 s")
    assert finding.replay.resolution == 5.0
    assert finding.delay is not None
    assert 60 < finding.delay < 120
    assert finding.harmed is not None
    looks_while_bad = (finding.delay - 60) / 5
    assert 100 * looks_while_bad == pytest.approx(finding.harmed, abs=250)


async def test_alerts_are_replayed_from_what_prometheus_had_firing(past: Past, cutovers: Cutovers) -> None:
    """An alert that fits fires at the first moment at which guardian would have asked; one that does not fit never."""
    test = Threshold(Direction.ABOVE, 0.0, every=5.0, window=5.0)
    paging = replace(SERVER_ERRORS, name="paging", source=Source.ALERTS, measure=Alerts(('severity="page"',)), test=test)
    other = replace(paging, name="other", measure=Alerts(('severity="page"', 'service!~"web|"')))
    (rehearsed,) = await all_of(plan(paging, other, past=past), [list(cutovers)[BAD[0]]])
    heard, unheard = rehearsed.findings
    assert (heard.label, heard.delay) == (Label.TRUE, 60.0)
    assert heard.replay.origin.startswith("Prometheus' own ALERTS")
    assert unheard.label is Label.MISSED


async def test_a_long_watch_is_asked_in_pieces(past: Past, cutovers: Cutovers) -> None:
    """More moments than Prometheus answers at once: every one is asked for, and each exactly once."""
    trial = replace(cutovers.trial(0), seconds=13_000.0)
    cutover = Cutover("web-0", "web", trial, trial.since + 13_000.0, "verified")
    rule = replace(BAD_SHARE, test=replace(BAD_SHARE.test, every=1.0))  # type: ignore[type-var]  it is a threshold
    pieces = [piece async for piece in evaluations(past, cutover, rule)]
    assert [len(piece) for piece in pieces] == [11_000, 13_000 - 15 - 11_000]
    moments = [at for piece in pieces for at, _ in piece]
    assert moments == list(due(cutover, rule.test))  # type: ignore[arg-type]  it is a threshold


# Recorded evidence.


def watched(rule: Rule, cutovers: Cutovers, bad_from: int, looks: int) -> Mapping[str, dict[str, Any]]:
    """The evidence of a live judge that saw ``looks`` looks of 20 answers, of which 4 are bad from look ``bad_from`` on."""
    trial = cutovers.trial(0)
    judge = judge_for(rule, trial)
    ratio_first = isinstance(rule.test, Sequential)
    for number in range(1, looks + 1):
        bad = 4 if number >= bad_from else 0
        judge.feed(trial.since + number * 0.05, 0.05, (20, bad) if ratio_first else (bad, 20))
        if judge.finding is Finding.BREACHED:
            break
    return {rule.name: evidence_of(judge)}


@pytest.mark.parametrize("bad_from", [3, 2 * CHUNK + 500])
async def test_recorded_evidence_gives_the_recorded_verdict(cutovers: Cutovers, bad_from: int) -> None:
    """The rule that was live comes to the live verdict again, also where only the end of its looks was kept."""
    evidence = watched(SERVER_ERRORS, cutovers, bad_from, 2 * CHUNK + 600)
    recorded = Verdict.from_record(evidence["server-errors"]["verdict"])
    assert recorded.finding is Finding.BREACHED
    assert (evidence["server-errors"]["evidence"]["base"] is not None) == (bad_from > 2 * CHUNK)
    (rehearsed,) = await all_of(plan(SERVER_ERRORS, evidence=lambda _: evidence), [list(cutovers)[BAD[0]]])
    finding = rehearsed.findings[0]
    assert finding.replay.verdict == recorded
    assert finding.replay.alarm == recorded.at
    assert finding.harmed == round((recorded.value or 0) * recorded.samples)


async def test_a_changed_rule_sees_what_the_old_one_saw(cutovers: Cutovers) -> None:
    """A laxer limit on the same ratio stays silent, a threshold on it fires, and one that compares with a baseline cannot tell."""
    evidence = watched(SERVER_ERRORS, cutovers, 3, 400)
    recording = Recording.of(evidence["server-errors"])
    lax = replace(SERVER_ERRORS, test=Sequential(limit=0.4))
    above = replace(SERVER_ERRORS, test=Threshold(Direction.ABOVE, 0.1, every=0.05, window=0.1))
    assert replay_recorded(recording, lax).alarm is None
    assert replay_recorded(recording, above).alarm is not None
    shared = replace(recording, trial=replace(recording.trial, shared=True))
    assert not shared.fits(replace(SERVER_ERRORS, test=Sequential(0.01, Against.BASELINE)))
    assert not recording.fits(replace(SERVER_ERRORS, measure=replace(SERVER_ERRORS.measure, numerator=("retries",))))  # type: ignore[type-var]


async def test_what_was_not_kept_is_said(cutovers: Cutovers) -> None:
    """A changed rule over the end of a long watch says how much it did not see."""
    recording = Recording.of(watched(SERVER_ERRORS, cutovers, 10**9, 2 * CHUNK)["server-errors"])
    replay = replay_recorded(recording, replace(SERVER_ERRORS, test=Sequential(limit=0.02)))
    assert replay.origin.startswith("the end of recorded evidence (the first 1 min 40 s of the watch were not kept")


async def test_nothing_to_replay_is_undecided(cutovers: Cutovers) -> None:
    """Without evidence and without Prometheus each source says why."""
    rehearsed = await all_of(plan(SERVER_ERRORS, BAD_SHARE), [next(iter(cutovers))])
    for finding in rehearsed[0].findings:
        assert finding.label is Label.UNDECIDED
        assert finding.replay.origin.startswith("nothing: no evidence is kept")


def test_cutovers_come_from_the_store_beside_a_running_guardian(tmp_path: Path) -> None:
    """Every cutover of the range, oldest first, page by page, while another connection goes on writing."""
    store = SqlStore(tmp_path)
    for number in range(120):
        remember(store, deployment(number, 1_000_000.0 + 1000 * number))
    verdict = Verdict("server-errors", Finding.BREACHED, 1_120_050.0, 0.2, 0.01, 100, 50.0, "bad")
    rollback = Rollback(Cause.RULE, "guardian", "bad", 1_120_050.0, verdict)
    remember(store, deployment(120, 1_120_000.0, Phase.ROLLED_BACK, rollback))
    reader = SqlStore(tmp_path, reading=True)
    found = list(from_store(reader, "web", 1_002_000.0, 1_121_000.0, 0.05))
    remember(store, deployment(121, 1_121_000.0))
    assert [cutover.id for cutover in found] == [f"web-{number}" for number in range(2, 121)]
    assert (found[-1].until, found[-1].cut_short, found[-1].rule) == (1_120_050.0, True, "server-errors")
    assert judged(found[-1], ()).why == "rolled back by rule server-errors"
    assert not judged(found[0], ()).bad
    assert list(from_store(reader, "other", 0.0, 2e6, 0.05)) == []
    with pytest.raises(StoreError):
        remember(reader, deployment(122, 1_122_000.0))
    reader.close()
    store.close()


async def test_thousands_of_cutovers_take_no_more_memory_than_hundreds(cutovers: Cutovers) -> None:
    """Each further one adds fewer than 200 bytes to the peak: of its readings nothing stays."""
    evidence = watched(SERVER_ERRORS, cutovers, 10**9, 10)

    def many(number: int) -> Iterator[Cutover]:
        for each in range(number):
            yield Cutover(f"web-{each}", "web", cutovers.trial(0), cutovers.at(0) + WATCH, "verified")

    async def peak(number: int) -> int:
        scores = Scores()
        tracemalloc.start()
        async for rehearsed in rehearse(plan(SERVER_ERRORS, evidence=lambda _: evidence), many(number)):
            scores.add(rehearsed)
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert scores.cutovers == number
        return highest

    await peak(20)  # what is made once is made
    few, thousands = await peak(200), await peak(2000)
    assert (thousands - few) / 1800 < 200


async def test_bad_answers_are_counted_until_the_alarm(past: Past, cutovers: Cutovers) -> None:
    """Between the scrape before the cutover and the one behind the alarm."""
    scene = await Scene.of(list(cutovers)[BAD[0]], WEB, past, lambda _: {})
    assert scene.scraped == pytest.approx(5.0, abs=0.2)
    good, harmed = await scene.bad_answers(cutovers.at(BAD[0]) + 50), await scene.bad_answers(cutovers.at(BAD[0]) + 160)
    assert good is not None
    assert harmed is not None
    assert harmed - good == pytest.approx(2000, abs=250)


def test_a_score_of_nothing_claims_nothing() -> None:
    """No alarm, no median; no good watch, no suggestion."""
    score = Score("web", SERVER_ERRORS)
    assert score.median_delay is None
    assert score.suggestion is None
