"""Rules of ``source: prometheus``: a query with its variables filled in, behind a circuit breaker, answered with one number."""

import logging
import time

from guardian.core.access import Access
from guardian.core.judges.trial import Trial
from guardian.core.ports import Reading, SourceError
from guardian.core.query import rendered
from guardian.core.rules import Rule
from guardian.core.words import prometheus as words
from guardian.metrics.answer import SourceDown, Value
from guardian.metrics.circuit import Circuit, Patience
from guardian.metrics.prometheus import Prometheus

logger = logging.getLogger(__name__)

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
        query = rendered(service, rule, trial, at)
        if not self._circuit.admits(time.monotonic()):
            raise SourceError(self._reason)
        try:
            answer = await self._prometheus.instant(query, at, OLDEST)
        except SourceDown as error:
            self._failed(str(error))
            raise
        except SourceError:
            self._answered()
            raise
        self._answered()
        return Reading(answer.value) if isinstance(answer, Value) else None

    async def aclose(self) -> None:
        """Give up what is under way."""
        await self._prometheus.close()

    def _failed(self, reason: str) -> None:
        self._reason = reason
        opened = self._circuit.failed(time.monotonic())
        if opened:
            logger.warning("%s", words.circuit_opened(self._url, opened.failures, reason, opened.pause))

    def _answered(self) -> None:
        closed = self._circuit.succeeded(time.monotonic())
        if closed:
            logger.info("%s", words.circuit_closed(self._url, closed.seconds))
