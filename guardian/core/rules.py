"""What a release is judged by: rules as frozen data, already checked when they were read."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class Source(StrEnum):
    """Where a rule's readings come from."""

    HAPROXY = "haproxy"
    """The balancer's own counters, at every look."""
    PROMETHEUS = "prometheus"
    """A query, every so many seconds."""
    ALERTS = "alerts"
    """Alerts that others fire and send to guardian, as they come."""
    COMMAND = "command"
    """A program of the user, every so many seconds."""


class Action(StrEnum):
    """What a breach leads to."""

    ROLLBACK = "rollback"
    PAUSE = "pause"
    """The traffic stays where it is, and nothing goes forward by itself: a person decides."""
    NOTIFY = "notify"


class Severity(StrEnum):
    """How loudly something is told."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Link:
    """Where people read on: a runbook, a dashboard, the alert itself."""

    title: str
    url: str


class Lack(StrEnum):
    """What the end of a watch makes of a rule that lacks data (``on_no_data``) or whose source failed (``on_source_error``)."""

    HOLD = "hold"
    """The watch ends ``unverified``."""
    PASS = "pass"
    """The rule is left out of the outcome."""
    FAIL = "fail"
    """The release is rolled back."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """The share of ``numerator`` in ``denominator``: sums of named counters, as in ``responses_5xx / responses``."""

    numerator: tuple[str, ...]
    denominator: tuple[str, ...]

    def __str__(self) -> str:
        """As it is written in a rule file."""
        return f"{' + '.join(self.numerator)} / {' + '.join(self.denominator)}"


class Gauge(StrEnum):
    """A value that a rule can hold against a limit."""

    LATENCY = "latency"
    """Mean time of a request in the backend, in seconds, by Little's law: requests in flight over requests completed.

    Unlike HAProxy's own ``rtime`` (a moving mean over about 1,024 requests that freezes without traffic and remembers the release
    before) it holds nothing from before its window, and it sees requests that hang."""
    REQUEST_RATE = "request_rate"
    """Requests per second."""
    QUEUED = "queued"
    """Requests waiting for a server, at the last look."""
    SERVERS_UP = "servers_up"
    """Servers that take traffic, at the last look."""


class Unit(StrEnum):
    """How the result of a query is written for people: as its limit is written in the rule file."""

    SHARE = "share"
    SECONDS = "seconds"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Query:
    """A PromQL query that gives one number, with ``$candidate`` and its like for what differs from deployment to deployment."""

    promql: str
    unit: Unit = Unit.NUMBER

    def __str__(self) -> str:
        """As people call what it gives."""
        return "the query's result"


class Sender(StrEnum):
    """Who may tell guardian about alerts."""

    ALERTMANAGER = "alertmanager"
    GRAFANA = "grafana"
    SENTRY = "sentry"
    ZABBIX = "zabbix"
    PROMETHEUS = "prometheus"
    """Is asked, where the others send."""


@dataclass(frozen=True, slots=True)
class Alerts:
    """How many alerts fire that fit all of ``matchers``, each in Alertmanager's notation, such as ``severity="critical"``."""

    matchers: tuple[str, ...]
    senders: tuple[Sender, ...] = ()
    """Whose alerts count; empty for all that guardian.yaml names."""

    def __str__(self) -> str:
        """As people call what it gives."""
        return "the number of firing alerts"


@dataclass(frozen=True, slots=True)
class Command:
    """A program that gives a number, or says by its exit code whether the release is at fault."""

    argv: tuple[str, ...]
    timeout: float
    """Seconds after which it is ended, with its children."""
    unit: Unit = Unit.NUMBER
    by_exit_code: bool = False
    """Whether its exit code is the verdict: the value is then 1 for a release at fault, and 0 for a good one."""
    at_fault: tuple[int, ...] = ()
    """The exit codes that find the release at fault, where they are the verdict; 0 is a good one, others a source that failed."""
    environment: tuple[tuple[str, str], ...] = ()
    """What the rule adds to its environment, name by name."""

    def __str__(self) -> str:
        """As people call what it gives."""
        return "the command's verdict" if self.by_exit_code else "the command's result"


Measure: TypeAlias = Ratio | Gauge | Query | Alerts | Command


class Direction(StrEnum):
    """On which side of the limit a reading is bad."""

    ABOVE = "above"
    BELOW = "below"


@dataclass(frozen=True, slots=True)
class Threshold:
    """Bad when the value over ``window`` lies beyond ``limit`` in ``needed`` of the last ``of`` evaluations."""

    direction: Direction
    limit: float
    needed: int = 1
    of: int = 1
    every: float = 1.0
    """Seconds between evaluations."""
    window: float = 10.0
    """Seconds that an evaluation looks back; it never reaches behind the cutover and its warm-up."""
    warm_up: float = 0.0
    """Seconds after the cutover in which nothing is read."""


class Against(StrEnum):
    """What a sequential test holds the candidate against."""

    LIMIT = "limit"
    BASELINE = "baseline"


@dataclass(frozen=True, slots=True)
class Sequential:
    """Anytime-valid test of a ratio: a false rollback in the whole watch has at most the probability ``false_alarm``.

    Against ``LIMIT``: false means that the candidate's true rate is no higher than ``limit``. Against ``BASELINE``: no higher than
    ``tolerance`` times the other environment's rate, which is never taken to be below ``floor``; where its past is too short to
    say, ``limit`` serves. Rates are shares of requests, 0 to 1. The method is described in :mod:`guardian.core.sequential`.
    """

    limit: float
    against: Against = Against.LIMIT
    false_alarm: float = 0.001
    tolerance: float = 2.0
    floor: float = 0.003


Test: TypeAlias = Threshold | Sequential


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a service. ``name`` is unique in its service."""

    name: str
    summary: str
    source: Source
    measure: Measure
    test: Test
    on_no_data: Lack
    on_source_error: Lack = Lack.HOLD
    action: Action = Action.ROLLBACK
    min_requests: int = 0
    """Requests that a threshold's window must hold before it is judged, and that the whole watch must have seen of the candidate
    before this rule can count as verified. 0 lets the test say what it needs (:mod:`guardian.core.judges`)."""
    severity: Severity = Severity.CRITICAL
    """How loudly a breach is told."""
    shadow: bool = False
    """Judged and told, and without consequence: for a rule that has to earn its trust."""
    links: tuple[Link, ...] = ()
    """Carried into every message about this rule."""

    @property
    def looks_back(self) -> bool:
        """Whether its source can be asked about a moment that has passed."""
        asks_prometheus = isinstance(self.measure, Alerts) and self.measure.senders == (Sender.PROMETHEUS,)
        return self.source is Source.PROMETHEUS or asks_prometheus


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All rules of one service, and the fingerprint of the text they were read from."""

    service: str
    rules: tuple[Rule, ...] = ()
    digest: str = ""
