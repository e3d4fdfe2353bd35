"""What the answers that a load generator received say: pure functions over them. All times are on the monotonic clock."""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from guardian.core.model import Environment

Origin: TypeAlias = Environment | None
"""Who answered. ``None`` is nobody, or the balancer itself without saying for whom."""

SERVER_ERROR = 500


class Answer(NamedTuple):
    """What became of one request."""

    begun: float
    """When the client took up the request: its latency counts from here, a new connection included."""
    sent: float
    """When its bytes were written; ``begun`` where it came to no connection."""
    done: float
    """When its answer was complete, or given up."""
    environment: Origin
    status: int
    """0 without an answer."""
    error: str | None
    """Why there is no answer: ``refused``, ``reset``, ``closed``, ``timeout``, ``malformed``, ``mismatched`` or a name of errno."""
    fresh_connection: bool
    method: str = "GET"

    @property
    def latency(self) -> float:
        """Seconds that the client waited."""
        return self.done - self.begun


@dataclass(frozen=True, slots=True)
class Badness:
    """What counts as a bad answer: none at all, 5xx, and, where a limit is set, one slower than ``slower_than`` seconds."""

    slower_than: float = math.inf

    def holds(self, answer: Answer) -> bool:
        """Whether ``answer`` is bad."""
        return failed(answer) or answer.latency > self.slower_than


@dataclass(frozen=True, slots=True)
class Harm:
    """The bad answers that clients were given: when the first and the last arrived, and how many."""

    first: float
    last: float
    served: int

    @property
    def seconds(self) -> float:
        """From the first bad answer to the last."""
        return self.last - self.first


@dataclass(frozen=True, slots=True)
class Summary:
    """Some answers together. Latencies in seconds, of the requests that were answered; ``None`` where none was."""

    count: int = 0
    errors: int = 0
    p50: float | None = None
    p99: float | None = None


def failed(answer: Answer) -> bool:
    """Whether the answer is an error, or missing."""
    return answer.error is not None or answer.status >= SERVER_ERROR


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """The smallest of the ascending values that at least ``share`` (0 to 1) of them do not exceed: nearest rank."""
    return ordered[max(math.ceil(share * len(ordered)), 1) - 1] if ordered else None


def harm(answers: Iterable[Answer], origins: Collection[Origin], badness: Badness) -> Harm | None:
    """The bad answers among those that came from ``origins``; ``None`` when there was none."""
    times = [answer.done for answer in answers if answer.environment in origins and badness.holds(answer)]
    return Harm(min(times), max(times), len(times)) if times else None


def connection_failures(answers: Iterable[Answer]) -> int:
    """Requests that came to no answer: refused, reset, cut or given up."""
    return sum(answer.error is not None for answer in answers)


def stale(answers: Iterable[Answer], environment: Environment, after: float) -> list[Answer]:
    """The answers of ``environment`` to requests that were sent later than ``after``."""
    return [answer for answer in answers if answer.environment is environment and answer.sent > after]


def summaries(answers: Iterable[Answer]) -> dict[Origin, Summary]:
    """The answers of each origin together."""
    groups: dict[Origin, list[Answer]] = defaultdict(list)
    for answer in answers:
        groups[answer.environment].append(answer)
    return {origin: _summary(group) for origin, group in groups.items()}


def _summary(group: list[Answer]) -> Summary:
    latencies = sorted(answer.latency for answer in group if answer.error is None)
    return Summary(len(group), sum(map(failed, group)), percentile(latencies, 0.5), percentile(latencies, 0.99))
