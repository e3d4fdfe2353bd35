"""The chart of one cutover: what the rule that matters most measured in both environments around it."""

import time
from collections.abc import Iterable
from dataclasses import replace

from guardian.core.model import Environment
from guardian.core.query import rendered
from guardian.core.rules import Direction, Gauge, Query, Ratio, Rule, Threshold
from guardian.core.words import backtest as words
from guardian.metrics.answer import Value
from guardian.records.charts import Chart, Line, Moment
from guardian.records.pictures import BEFORE, LEAST_STEP, POINTS, Points, ratio_lines, unit_of
from guardian.rehearsal import exporter
from guardian.rehearsal.backtest import Finding, Label, Rehearsed
from guardian.rehearsal.past import Past
from guardian.rehearsal.replay import Scene

_RANK = (Label.TRUE, Label.FALSE, Label.MISSED, Label.QUIET, Label.UNDECIDED)


def leading(rehearsed: Rehearsed) -> Finding | None:
    """The finding that the chart of a cutover shows: the first alarm, else what was missed, else whatever was judged."""
    return min(
        rehearsed.findings,
        key=lambda each: (_RANK.index(each.label), each.replay.alarm or 0.0, not each.replay.judged),
        default=None,
    )


async def chart(rehearsed: Rehearsed, finding: Finding) -> Chart:
    """The chart of ``finding``. :class:`~guardian.metrics.answer.SourceDown` when Prometheus does not answer."""
    rule, cutover = finding.rule, rehearsed.cutover
    verdict = finding.replay.verdict
    limit = verdict.limit if verdict and verdict.limit is not None else rule.test.limit
    written = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(cutover.trial.since))
    return Chart(
        title=words.chart_title(cutover.service, rule.name),
        subtitle=words.chart_subtitle(cutover.id, written, rule.summary),
        candidate=cutover.trial.candidate,
        lines=await _lines(rehearsed, finding),
        unit=unit_of(rule),
        limit=limit,
        bad=rule.test.direction if isinstance(rule.test, Threshold) else Direction.ABOVE,
        moments=tuple(_moments(rehearsed, finding)),
    )


def _moments(rehearsed: Rehearsed, finding: Finding) -> Iterable[Moment]:
    cutover, truth = rehearsed.cutover, rehearsed.truth
    since = cutover.trial.since
    if truth.bad and truth.since > since:
        yield Moment(truth.since - since, words.TROUBLE)
    if finding.replay.alarm is not None:
        yield Moment(finding.replay.alarm - since, words.FIRST_BREACH)
    if cutover.cause is not None and cutover.cut_short:
        yield Moment(cutover.until - since, words.ROLLBACK)


async def _lines(rehearsed: Rehearsed, finding: Finding) -> tuple[Line, ...]:
    scene, rule = rehearsed.scene, finding.rule
    candidate = scene.cutover.trial.candidate
    recording = next((each for each in scene.recordings if each.rule.measure == rule.measure and each.looks), None)
    if recording is not None and isinstance(rule.measure, Ratio):
        return ratio_lines(recording.rule, recording.trial, recording.looks)
    if scene.past and isinstance(rule.measure, Query) and isinstance(rule.test, Threshold):
        return tuple([Line(side, await _queried(scene, scene.past, rule, side)) for side in (candidate.other, candidate)])
    if scene.past and scene.scraped and isinstance(rule.measure, Ratio):
        return tuple([Line(side, await _scraped(scene, scene.past, rule.measure, side)) for side in (candidate.other, candidate)])
    if recording is not None and not isinstance(rule.measure, Gauge):
        since = recording.trial.since
        return (Line(candidate, tuple((at - since, numbers[0]) for at, _, numbers in recording.looks[-POINTS:] if numbers)),)
    return ()


def _times(scene: Scene) -> list[float]:
    """The moments of a line: the same number of steps apart before and after the cutover."""
    since, end = scene.cutover.trial.since, max(scene.cutover.until, scene.cutover.trial.since + 60.0)
    step = max(LEAST_STEP, round((end - since) / POINTS))
    before = int((end - since) * BEFORE / step)
    return [since + number * step for number in range(-before, int((end - since) / step) + 1)]


async def _queried(scene: Scene, past: Past, rule: Rule, side: Environment) -> Points:
    trial = scene.cutover.trial
    swapped = rule if side is trial.candidate else _for_baseline(rule)
    moments = _times(scene)
    try:
        query = rendered(scene.cutover.service, swapped, trial, trial.since + trial.seconds)
    except ValueError:
        return ()
    return _values(await past.at(query, moments), trial.since)


def _for_baseline(rule: Rule) -> Rule:
    """The rule with its environments the other way round: what it would measure of the baseline."""
    assert isinstance(rule.measure, Query)  # noqa: S101  the caller has seen to it
    swapped = rule.measure.promql.replace("$candidate", "\0").replace("$baseline", "$candidate").replace("\0", "$baseline")
    return replace(rule, measure=replace(rule.measure, promql=swapped))


async def _scraped(scene: Scene, past: Past, measure: Ratio, side: Environment) -> Points:
    backend, window = scene.service.backend(side), max(60, round(4 * (scene.scraped or 0.0)))
    events, trials = (
        " + ".join(f"({exporter.promql_rate(name, backend, window)})" for name in names)
        for names in (measure.numerator, measure.denominator)
    )
    return _values(await past.at(f"({events}) / ({trials})", _times(scene)), scene.cutover.trial.since)


def _values(asked: Iterable[tuple[float, object]], since: float) -> Points:
    return tuple((at - since, answer.value) for at, answer in asked if isinstance(answer, Value))
