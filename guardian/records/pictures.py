"""What a chart shows of a rule in one deployment: the lines that its evidence draws."""

import time
from collections.abc import Callable, Mapping, Sequence

from guardian.core.account import Account, Looks, Watched
from guardian.core.judges.judge import Numbers
from guardian.core.judges.trial import Trial
from guardian.core.readings import History
from guardian.core.rules import Against, Command, Direction, Gauge, Query, Ratio, Rule, Sequential, Threshold, Unit
from guardian.core.words import notes as words
from guardian.records.charts import Chart, Line, Moment

POINTS = 60
"""Of a line, on either side of the cutover."""
LEAST_STEP = 1.0
BEFORE = 0.4
"""The past of the cutover that is shown, as a share of the watch that is shown after it."""

Points = tuple[tuple[float, float], ...]


def chart_of(account: Account, watched: Watched) -> Chart | None:
    """The chart of one rule of ``account``; ``None`` where nothing was measured."""
    rule, trial = watched.rule, watched.trial
    lines = lines_of(rule, trial, watched.looks)
    if not any(line.points for line in lines):
        return None
    limit = watched.verdict.limit if watched.verdict.limit is not None else rule.test.limit
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(trial.since))
    return Chart(
        title=words.chart_title(account.service, rule.name),
        subtitle=words.chart_subtitle(account.deployment.id, at, rule.summary),
        candidate=trial.candidate,
        lines=lines,
        unit=unit_of(rule),
        limit=limit,
        bad=rule.test.direction if isinstance(rule.test, Threshold) else Direction.ABOVE,
        moments=_moments(account, trial),
    )


def _moments(account: Account, trial: Trial) -> tuple[Moment, ...]:
    rollback = account.deployment.rollback
    return (Moment(rollback.ordered_at - trial.since, words.rollback_mark()),) if rollback else ()


def unit_of(rule: Rule) -> Unit:
    """How a rule's values are written."""
    if isinstance(rule.measure, Query | Command):
        return rule.measure.unit
    if isinstance(rule.measure, Ratio):
        return Unit.SHARE
    return Unit.SECONDS if rule.measure is Gauge.LATENCY else Unit.NUMBER


def lines_of(rule: Rule, trial: Trial, looks: Looks) -> tuple[Line, ...]:
    """The candidate's values; of a ratio also the baseline's, beside it, or as it was before the cutover."""
    if not looks:
        return ()
    if isinstance(rule.measure, Ratio):
        return ratio_lines(rule, trial, looks)
    pieces = _pieces(looks)
    value = _GAUGES[rule.measure] if isinstance(rule.measure, Gauge) else _last
    points = [(piece[-1][0] - trial.since, value([row[2] for row in piece], sum(row[1] for row in piece))) for piece in pieces]
    return (Line(trial.candidate, tuple((at, found) for at, found in points if found is not None)),)


def ratio_lines(rule: Rule, trial: Trial, looks: Looks) -> tuple[Line, ...]:
    """The candidate's ratio from its looks, several of them together; the baseline's beside it, or before the cutover."""
    pieces = _pieces(looks)
    sequential = isinstance(rule.test, Sequential)
    trials, events = (0, 1) if sequential else (1, 0)
    lines = [Line(trial.candidate, _ratios(pieces, trial.since, trials, events))]
    if isinstance(rule.test, Sequential) and trial.shared and rule.test.against is Against.BASELINE:
        return (Line(trial.baseline, _ratios(pieces, trial.since, 2, 3)), *lines)
    return (Line(trial.baseline, _before(trial.history, rule, pieces[-1][-1][0] - trial.since)), *lines)


def _pieces(looks: Looks) -> list[Looks]:
    size = max(1, -(-len(looks) // POINTS))
    return [looks[start : start + size] for start in range(0, len(looks), size)]


def _ratios(pieces: Sequence[Looks], since: float, trials: int, events: int) -> Points:
    counted = [(piece[-1][0] - since, *(sum(row[2][column] for row in piece) for column in (trials, events))) for piece in pieces]
    return tuple((at, min(1.0, bad / of)) for at, of, bad in counted if of)


def _before(history: History, rule: Rule, shown: float) -> Points:
    """The baseline's rate before the cutover, which was frozen as one number."""
    assert isinstance(rule.measure, Ratio)  # noqa: S101  the caller has seen to it
    trials = history.count(rule.measure.denominator)
    rate = history.count(rule.measure.numerator) / trials if trials else None
    return () if rate is None else ((-min(history.seconds, max(shown * BEFORE, LEAST_STEP)), rate), (0.0, rate))


# The numbers of a gauge's look are busy seconds, responses, requests, queued, servers up.


def _latency(rows: list[Numbers], _: float) -> float | None:
    busy, responses, requests = (sum(row[column] for row in rows) for column in range(3))
    return busy / max(responses, 1) if responses or requests or busy else None


def _request_rate(rows: list[Numbers], seconds: float) -> float | None:
    return sum(row[2] for row in rows) / seconds if seconds else None


def _last(rows: list[Numbers], _: float) -> float | None:
    return rows[-1][0] if rows[-1] else None


_GAUGES: Mapping[Gauge, Callable[[list[Numbers], float], float | None]] = {
    Gauge.LATENCY: _latency,
    Gauge.REQUEST_RATE: _request_rate,
    Gauge.QUEUED: lambda rows, _: rows[-1][3],
    Gauge.SERVERS_UP: lambda rows, _: rows[-1][4],
}
