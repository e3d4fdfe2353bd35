"""Rules of ``source: prometheus``: a query with its variables filled in, behind a circuit breaker, answered with one number."""

import logging
import time
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from guardian.core.access import Access
from guardian.core.judges.trial import Trial
from guardian.core.ports import Reading, SourceError
from guardian.core.query import rendered
from guardian.core.readings import SourceFailure
from guardian.core.rules import Rule
from guardian.core.words import prometheus as words
from guardian.metrics.answer import Answer, Busy, SourceDown, Value
from guardian.metrics.circuit import Circuit, Patience
from guardian.metrics.prometheus import Prometheus
from guardian.metrics.question import lattice

logger = logging.getLogger(__name__)

T = TypeVar("T")

OLDEST = 60.0
"""Seconds that a value may be older than the moment it was asked for."""


class PrometheusSource:
    """One Prometheus as :class:`guardian.core.ports.Metrics`. A server that fails is told once, and once that it is back."""

    def __init__(self, access: Access, patience: Patience | None = None) -> None:
        self._url = access.base
        self._prometheus = Prometheus(access)
        self._circuit = Circuit(patience or Patience())
        self._reason = ""

    async def read(self, service: str, rule: Rule, trial: Trial, at: float) -> Reading | None:
        """What the query of ``rule`` gives at ``at``; see :meth:`guardian.core.ports.Metrics.read`."""
        answer = await self._ask(self._prometheus.instant(rendered(service, rule, trial, at), at, OLDEST))
        return Reading(answer.value) if isinstance(answer, Value) else None

    async def review(
        self, service: str, rule: Rule, trial: Trial, moments: Sequence[float]
    ) -> list[tuple[float, Reading | SourceFailure | None]]:
        """What the query of ``rule`` gave at each of ``moments``: in one answer, where it is one query at regular intervals.

        See :meth:`guardian.core.ports.Memory.review`.
        """
        query, (start, step, even) = rendered(service, rule, trial, moments[0]), lattice(moments)
        if not even or rendered(service, rule, trial, moments[-1]) != query:
            return [(at, await self.read(service, rule, trial, at)) for at in moments]
        found = await self._ask(self._prometheus.range(query, start, start + step * (len(moments) - 1), step, OLDEST))
        return [(at, _reading(at, each.answer)) for at, each in zip(moments, found, strict=True)]

    async def several(self, query: str, at: float) -> tuple[Mapping[str, str], ...]:
        """The labels of the series that ``query`` gives at ``at``. :class:`SourceError` as for :meth:`read`."""
        return await self._ask(self._prometheus.several(query, at, OLDEST))

    async def aclose(self) -> None:
        """Give up what is under way."""
        await self._prometheus.close()

    async def _ask(self, asked: Coroutine[Any, Any, T]) -> T:
        if not self._circuit.admits(time.monotonic()):
            asked.close()
            raise SourceError(self._reason)
        try:
            answer = await asked
        except SourceDown as error:
            self._failed(str(error))
            raise
        except Busy:
            raise
        except SourceError:
            self._answered()
            raise
        self._answered()
        return answer

    def _failed(self, reason: str) -> None:
        self._reason = reason
        opened = self._circuit.failed(time.monotonic())
        if opened:
            logger.warning("%s", words.circuit_opened(self._url, opened.failures, reason, opened.pause))

    def _answered(self) -> None:
        closed = self._circuit.succeeded(time.monotonic())
        if closed:
            logger.info("%s", words.circuit_closed(self._url, closed.seconds))


def _reading(at: float, answer: Answer | SourceFailure) -> Reading | SourceFailure | None:
    if isinstance(answer, SourceFailure):
        return SourceFailure(at, answer.reason)
    return Reading(answer.value) if isinstance(answer, Value) else None
