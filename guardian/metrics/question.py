"""The two kinds of query: what is sent, and how the reply is read."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Protocol, TypeVar

from guardian.core.ports import SourceError
from guardian.core.words import prometheus as words
from guardian.metrics import answer as answers
from guardian.metrics.answer import Answer, Reply, Series

T_co = TypeVar("T_co", covariant=True)

MOST_STEPS = 11_000
"""Prometheus' own limit on the points of a series in one answer."""


class Question(Protocol[T_co]):
    """A query of either kind."""

    most_bytes: ClassVar[int]
    """The largest reply that is read. Parsing holds up all of the program: about 10 ms per megabyte."""

    def put(self, client: Any, params: dict[str, str], timeout: float) -> Reply:
        """Send the query with ``params`` through ``client``, a ``PrometheusConnect`` whose session hands back replies."""

    def read(self, reply: Reply) -> T_co:
        """What ``reply`` says; :class:`SourceError` where it says nothing useful."""


@dataclass(frozen=True, slots=True)
class Instant:
    """A query at one moment: ``at`` in seconds since the epoch, or the server's now."""

    query: str
    at: float | None
    oldest: float
    """Seconds that a value may lie before that moment, and by which the clocks may differ."""
    asked: float
    """When, by ``now``."""
    now: Callable[[], float]
    most_bytes: ClassVar[int] = 1 << 18

    def put(self, client: Any, params: dict[str, str], timeout: float) -> Reply:
        """As the protocol says."""
        if self.at is not None:
            params["time"] = f"{self.at:.3f}"
        reply: Reply = client.custom_query(self.query, params, timeout)
        return reply

    def read(self, reply: Reply) -> Answer:
        """One value, or no data."""
        came = self.now()
        answer = answers.instant(reply)
        answers.check_clock(reply, self.oldest, self.asked, came)
        earliest, latest = (self.asked, came) if self.at is None else (self.at, self.at)
        return answers.fresh(answer, self.oldest, earliest, latest)


@dataclass(frozen=True, slots=True)
class Several:
    """A query at the moment ``at`` that asks which series there are, not for a number."""

    query: str
    at: float
    oldest: float
    """Seconds by which the clocks may differ."""
    asked: float
    now: Callable[[], float]
    most_bytes: ClassVar[int] = 1 << 20

    def put(self, client: Any, params: dict[str, str], timeout: float) -> Reply:
        """As the protocol says."""
        reply: Reply = client.custom_query(self.query, params | {"time": f"{self.at:.3f}"}, timeout)
        return reply

    def read(self, reply: Reply) -> tuple[Mapping[str, str], ...]:
        """The labels of each."""
        found = answers.several(reply)
        answers.check_clock(reply, self.oldest, self.asked, self.now())
        return found


def lattice(moments: Sequence[float]) -> tuple[float, float, bool]:
    """The first of ``moments`` and the step to the next, as they are sent, and whether all others follow by that step."""
    sent = [round(float(f"{moment:.3f}") * 1000) for moment in moments]
    step = sent[1] - sent[0] if len(sent) > 1 else 1000
    even = step > 0 and all(moment == sent[0] + index * step for index, moment in enumerate(sent))
    return sent[0] / 1000, step / 1000, even


@dataclass(frozen=True, slots=True)
class Range:
    """A query at many moments: ``times`` in whole milliseconds since the epoch, which is how Prometheus counts."""

    query: str
    times: range
    oldest: float = math.inf
    """Seconds by which the clocks may differ."""
    asked: float = 0.0
    now: Callable[[], float] = time.time
    most_bytes: ClassVar[int] = 1 << 22

    @classmethod
    def of(cls, query: str, start: float, end: float, step: float) -> "Range":
        """The moments from ``start`` to ``end``, both included, every ``step`` seconds.

        ``ValueError`` where there is none, or for steps under a millisecond; :class:`SourceError` for more than :data:`MOST_STEPS`.
        """
        times = range(round(start * 1000), round(end * 1000) + 1, round(step * 1000))
        if not times:
            raise ValueError(f"no step of {step} s lies between {start} and {end}")
        if len(times) > MOST_STEPS:
            raise SourceError(words.too_many_steps(len(times), MOST_STEPS))
        return cls(query, times)

    def put(self, client: Any, params: dict[str, str], timeout: float) -> Reply:
        """As the protocol says."""
        start, end, step = self.times[0] / 1000, self.times[-1] / 1000, f"{self.times.step / 1000:.3f}"
        # The client rounds to whole seconds, and so could look behind a cutover. What stands in params goes before.
        params |= {"start": f"{start:.3f}", "end": f"{end:.3f}"}
        begin, finish = datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC)
        reply: Reply = client.custom_query_range(self.query, begin, finish, step, params, timeout)
        return reply

    def read(self, reply: Reply) -> Series:
        """A step for each of the moments."""
        found = answers.series(reply, self.times)
        answers.check_clock(reply, self.oldest, self.asked, self.now())
        return found
