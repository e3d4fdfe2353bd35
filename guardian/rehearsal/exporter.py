"""HAProxy's counters as its own Prometheus exporter gave them: looks at a service, as coarse as it was scraped.

The names are those of HAProxy 2.4 and later, ``addons/promex``. Counters of several balancers are summed, since each of them served
a part of the traffic. A counter that went backwards was reset by a reload: what it counted in that step is unknown, and left out.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from itertools import islice, pairwise

from guardian.core.model import Environment, Service
from guardian.core.readings import TOTALS, Counters, Look, between
from guardian.core.rules import Against, Gauge, Ratio, Rule, Sequential
from guardian.metrics.answer import Value
from guardian.metrics.question import MOST_STEPS
from guardian.rehearsal.cutovers import Cutover
from guardian.rehearsal.past import Past

_SERIES = {
    "requests": ("http_requests_total",),
    "connection_errors": ("connection_errors_total",),
    "response_errors": ("response_errors_total",),
    "retries": ("retry_warnings_total",),
    "redispatches": ("redispatch_warnings_total",),
    "sessions": ("sessions_total",),
    "unreached": ("connection_errors_total",),  # which retries were of one request is not to be told from scrapes
    "in_flight": ("current_sessions",),
    "queued": ("current_queue",),
    "servers_up": ("active_servers", "backup_servers"),
}
_LEAST = "http_requests_total"


def promql(name: str, backend: str) -> str:
    """The query that gives the counter ``name`` (of :class:`~guardian.core.readings.Counters`) of ``backend``."""
    return " + ".join(f"sum({selector})" for selector in _selectors(name, backend))


def promql_rate(name: str, backend: str, window: int) -> str:
    """The same, or ``responses`` of every class, per second over the last ``window`` seconds: as a chart shows it."""
    return " + ".join(f"sum(rate({selector}[{window}s]))" for selector in _selectors(name, backend))


def _selectors(name: str, backend: str) -> list[str]:
    proxy = f'proxy="{backend}"'
    if name == "responses":
        return [f"haproxy_backend_http_responses_total{{{proxy}}}"]
    if name.startswith("responses_"):
        return [f'haproxy_backend_http_responses_total{{{proxy},code="{name.removeprefix("responses_")}"}}']
    return [f"haproxy_backend_{series}{{{proxy}}}" for series in _SERIES[name]]


async def scraped_every(past: Past, service: Service, cutover: Cutover) -> float | None:
    """Seconds between two scrapes of the candidate's backend around ``cutover``; ``None`` where the exporter was not scraped."""
    backend, seconds = service.backend(cutover.trial.candidate), 600.0
    query = f'max(count_over_time(haproxy_backend_{_LEAST}{{proxy="{backend}"}}[{seconds:.0f}s]))'
    ((_, answer),) = await past.each([query], [cutover.trial.since + seconds / 2])
    if not isinstance(answer, Value) or answer.value < 2:  # noqa: PLR2004  one sample has no interval
        return None
    return max(1.0, round(seconds / answer.value, 1))


async def looks(past: Past, service: Service, cutover: Cutover, rule: Rule, step: float) -> AsyncIterator[Look]:
    """What ``rule`` reads of ``cutover``, a look every ``step`` seconds.

    The first look begins a step after the cutover: by then its counters have been scraped behind it.
    """
    candidate = cutover.trial.candidate
    needed = [(side, name) for side in _sides(rule, candidate) for name in _needed(rule)]
    queries = [promql(name, service.backend(side)) for side, name in needed]
    moments, last = _moments(cutover, step), None
    while piece := list(islice(moments, MOST_STEPS)):
        columns = await asyncio.gather(*(past.at(query, piece) for query in queries))
        values = [[answer.value if isinstance(answer, Value) else None for _, answer in column] for column in columns]
        rows = [(at, _counters(needed, row)) for at, row in zip(piece, zip(*values, strict=True), strict=True)]
        for (before, earlier), (at, later) in pairwise([*([last] if last else []), *rows]):
            look = _look(at, at - before, earlier, later, candidate)
            if look:
                yield look
        last = rows[-1]


def _moments(cutover: Cutover, step: float) -> Iterator[float]:
    at = cutover.trial.since + step
    while at <= cutover.until:
        yield at
        at += step


def _sides(rule: Rule, candidate: Environment) -> Sequence[Environment]:
    beside = isinstance(rule.test, Sequential) and rule.test.against is Against.BASELINE
    return (candidate, candidate.other) if beside else (candidate,)


def _needed(rule: Rule) -> Sequence[str]:
    """The counters that ``rule`` reads; all answers together are counted by their classes."""
    classes = [name for name in TOTALS if name.startswith("responses_")]
    if isinstance(rule.measure, Ratio):
        named = {*rule.measure.numerator, *rule.measure.denominator}
        return sorted({*named - {"responses"}, *(classes if "responses" in named else ())})
    return ["requests", "in_flight", *classes] if rule.measure is Gauge.LATENCY else ["requests", "queued", "servers_up"]


Sides = Mapping[Environment, Counters]


def _counters(needed: Sequence[tuple[Environment, str]], row: Sequence[float | None]) -> Sides | None:
    """The counters of one moment; ``None`` where none is known. A class of answers that never came may have no series."""
    found: dict[Environment, dict[str, int]] = {}
    for (side, name), value in zip(needed, row, strict=True):
        found.setdefault(side, {})[name] = int(value or 0)
    known = any(value is not None for value in row)
    return {side: Counters(**counts) for side, counts in found.items()} if known else None


def _look(at: float, seconds: float, earlier: Sides | None, later: Sides | None, candidate: Environment) -> Look | None:
    if earlier is None or later is None:
        return None
    tallies = {side: between(earlier.get(side, Counters()), later.get(side, Counters()), seconds) for side in Environment}
    mine, other = tallies[candidate], tallies[candidate.other]
    return Look(at, seconds, mine, other) if mine is not None and other is not None else None
