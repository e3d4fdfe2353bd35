"""What Prometheus remembers: queries over the past, a bounded number at once, in pieces that it answers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from itertools import islice
from typing import TypeAlias, TypeVar

from guardian.core.alerts import firing
from guardian.core.matchers import matchers
from guardian.core.ports import SourceError
from guardian.core.query import rendered, variables
from guardian.core.readings import SourceFailure
from guardian.core.rules import Alerts, Query, Rule, Threshold
from guardian.metrics.answer import Answer, SourceDown
from guardian.metrics.prometheus import CONNECTIONS, Prometheus
from guardian.metrics.question import MOST_STEPS, lattice
from guardian.metrics.source import OLDEST
from guardian.rehearsal.cutovers import Cutover

T = TypeVar("T")
ATTEMPTS = 3
"""A server that does not answer once does not end a backtest of an hour."""
ONE_BY_ONE = 200
"""Moments in one piece where each has a query of its own."""

Asked: TypeAlias = tuple[float, Answer | SourceFailure]
"""A moment, in seconds since the epoch, and what an instant query was answered for it."""


class Past:
    """One Prometheus, asked about the past. Raises :class:`SourceDown` when it does not answer, again and again."""

    def __init__(self, prometheus: Prometheus, connections: int = CONNECTIONS) -> None:
        self._prometheus = prometheus
        self._turns = asyncio.Semaphore(connections)

    async def at(self, query: str, moments: Sequence[float]) -> list[Asked]:
        """What ``query`` gave at each of ``moments``, at most :data:`MOST_STEPS`: one request where they are evenly apart.

        A range is what instant queries at its steps would have been answered, to the bit. What it cannot say, such as a series too
        large for one answer, is asked moment by moment.
        """
        start, step, even = lattice(moments)
        if not even:
            return await self.each([query] * len(moments), moments)
        try:
            steps = await self._patiently(lambda: self._prometheus.range(query, start, start + step * (len(moments) - 1), step))
        except SourceDown:
            raise
        except SourceError:
            first = await self._instant(query, moments[0])
            if isinstance(first, SourceFailure):  # the query itself is at fault
                return [(moment, SourceFailure(moment, first.reason)) for moment in moments]
            return await self.each([query] * len(moments), moments)
        return [(moment, _dated(moment, found.answer)) for moment, found in zip(moments, steps, strict=True)]

    async def each(self, queries: Sequence[str], moments: Sequence[float]) -> list[Asked]:
        """What each of ``queries`` gave at its moment."""
        answers = await asyncio.gather(*(self._instant(query, at) for query, at in zip(queries, moments, strict=True)))
        return list(zip(moments, answers, strict=True))

    async def _instant(self, query: str, at: float) -> Answer | SourceFailure:
        try:
            return await self._patiently(lambda: self._prometheus.instant(query, at, OLDEST))
        except SourceDown:
            raise
        except SourceError as error:
            return SourceFailure(at, str(error))

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        for _ in range(ATTEMPTS - 1):
            try:
                async with self._turns:
                    return await ask()
            except SourceDown:
                continue
        async with self._turns:
            return await ask()


def _dated(at: float, answer: Answer | SourceFailure) -> Answer | SourceFailure:
    return SourceFailure(at, answer.reason) if isinstance(answer, SourceFailure) else answer


def due(cutover: Cutover, test: Threshold) -> Iterator[float]:
    """When a rule is asked in the watch of ``cutover``: the moments at which :class:`guardian.app.poll.Poller` asks, to the bit."""
    at = cutover.trial.since + test.warm_up + test.window
    while at < cutover.until:
        yield at
        at += test.every


async def evaluations(past: Past, cutover: Cutover, rule: Rule) -> AsyncIterator[list[Asked]]:
    """Every evaluation of a rule of queries or alerts in the watch of ``cutover``, in pieces that fit into one answer."""
    assert isinstance(rule.test, Threshold)  # noqa: S101  no rule file holds another test for these sources
    moments, changing = due(cutover, rule.test), "since_cutover" in variables(_promql(rule))
    while piece := list(islice(moments, ONE_BY_ONE if changing else MOST_STEPS)):
        if changing:
            yield await past.each([_sent(cutover, rule, at) for at in piece], piece)
        else:
            yield await past.at(_sent(cutover, rule, piece[0]), piece)


def _promql(rule: Rule) -> str:
    return rule.measure.promql if isinstance(rule.measure, Query) else ""


def _sent(cutover: Cutover, rule: Rule, at: float) -> str:
    """The query for one moment; of alerts, how many of those that Prometheus itself evaluated were firing."""
    if isinstance(rule.measure, Alerts):
        return f"count({firing(matchers(rule.measure.matchers, cutover.service, cutover.trial), cutover.trial.since)}) or vector(0)"
    return rendered(cutover.service, rule, cutover.trial, at)
