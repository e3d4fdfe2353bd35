"""What guardian shows to Prometheus: measured values and verdicts, not only its own health."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from guardian import __version__
from guardian.app.outbox import ChannelState
from guardian.app.rulebook import RuleBook
from guardian.app.tell import Told
from guardian.app.views import ServiceView
from guardian.core.deployment import Phase, Shielded
from guardian.core.model import BASIS_POINTS
from guardian.core.verdicts import Finding, Verdict

SHIELD_OUTCOMES = tuple(field.name for field in fields(Shielded))
_FINE = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


@dataclass(frozen=True, slots=True)
class ChatState:
    """How the connection to the chat is."""

    connected: bool
    connections: int
    """Made so far."""
    heard: float | None
    """Seconds since it last brought something from a person; ``None`` where it never did."""


class Gauges:
    """Guardian's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._shown: list[_Present | _Rules | _Channels | _Chat] = []
        self._turn = asyncio.Lock()
        self._next: asyncio.Task[bytes] | None = None
        self._lateness = Histogram(
            "guardian_look_lateness_seconds",
            "How late a look at the balancer's counters began",
            buckets=_FINE,
            registry=self._registry,
        )
        self._look = Histogram(
            "guardian_look_seconds", "How long a look and its judging took", buckets=_FINE, registry=self._registry
        )
        self._evaluation = Histogram(
            "guardian_evaluation_lateness_seconds", "How late a query was asked", buckets=_FINE, registry=self._registry
        )
        self._rollback = Histogram(
            "guardian_rollback_seconds",
            "From the order of a rollback to the last worker's confirmation",
            ["service"],
            buckets=_FINE,
            registry=self._registry,
        )
        self._breaches = Counter(
            "guardian_breaches", "Verdicts that found a release at fault", ["service", "rule"], registry=self._registry
        )
        self._told = Counter(
            "guardian_announcements",
            "Events that were told, by the phase they led to",
            ["service", "phase", "severity"],
            registry=self._registry,
        )

    def show_rules(self, book: RuleBook) -> None:
        """Show, at each scrape, whether the rule files as they are now are in force."""
        self._shown.append(_Rules(book))

    def show_channels(self, channels: Callable[[], list[ChannelState]]) -> None:
        """Show, at each scrape, how it stands with every channel."""
        self._shown.append(_Channels(channels))

    def show_chat(self, chat: Callable[[], ChatState]) -> None:
        """Show, at each scrape, how the connection to the chat is."""
        self._shown.append(_Chat(chat))

    def show(self, services: Callable[[], list[ServiceView]], waiting: Callable[[], int]) -> None:
        """Show, at each scrape, what ``services`` says, and how many journal entries wait."""
        self._shown.append(_Present(services, waiting))

    def looked(self, lateness: float, took: float) -> None:
        """One look was done: seconds that it began late, and that it took."""
        self._lateness.observe(lateness)
        self._look.observe(took)

    def evaluated(self, lateness: float) -> None:
        """A query was asked: seconds after it was due."""
        self._evaluation.observe(lateness)

    def breached(self, service: str, verdict: Verdict) -> None:
        """A rule found the candidate at fault."""
        self._breaches.labels(service, verdict.rule).inc()

    def told(self, told: Told) -> None:
        """Something happened to a deployment."""
        if told.phase is not None:
            self._told.labels(told.service, told.phase, told.announcement.severity).inc()
        if told.rollback_seconds is not None:
            self._rollback.labels(told.service).observe(told.rollback_seconds)

    async def latest(self) -> bytes:
        """All of it as it is now, in Prometheus' text format.

        It is put together beside the loop, which it would hold for a second with a thousand services; who asks meanwhile shares the
        next one.
        """
        if self._next is None:
            self._next = asyncio.create_task(self._written(), name="metrics")
        return await asyncio.shield(self._next)

    async def _written(self) -> bytes:
        async with self._turn:
            self._next = None
            return await asyncio.to_thread(self._writer())

    def text(self) -> bytes:
        """The same, at once."""
        return self._writer()()

    def _writer(self) -> Callable[[], bytes]:
        """What puts the text together, in any thread: what changes is looked at now."""
        shown = [each.now() for each in self._shown]
        return lambda: generate_latest(_All((self._registry, *shown)))


class _All(Collector):
    """Several collectors as one."""

    def __init__(self, parts: Sequence[Collector]) -> None:
        self._parts = parts

    def collect(self) -> Iterable[Metric]:
        for part in self._parts:
            yield from part.collect()


class _Rules(Collector):
    """The rules in force."""

    def __init__(self, book: RuleBook) -> None:
        self._book = book

    def now(self) -> "_Rules":
        """As they stand: rules that are read again take the place of all before."""
        return self

    def collect(self) -> Iterable[Metric]:
        success = float(not self._book.trouble)
        yield _family("guardian_rules_reload_success", "1 while the rule files as they are now are in force", [], [([], success)])
        yield _family("guardian_rules_loaded_timestamp_seconds", "When they were last read", [], [([], self._book.loaded_at)])
        digests = [([name, rules.digest], float(len(rules.rules))) for name, rules in sorted(self._book.all.items())]
        yield _family("guardian_rules", "Rules in force", ["service", "digest"], digests)


class _Channels(Collector):
    """The channels, and what waits for them."""

    def __init__(self, channels: Callable[[], list[ChannelState]]) -> None:
        self._channels = channels

    def now(self) -> "_Channels":
        """As they stand."""
        found = self._channels()
        return _Channels(lambda: found)

    def collect(self) -> Iterable[Metric]:
        found, labels = self._channels(), ["channel"]
        waiting = [([each.name], float(each.waiting)) for each in found]
        yield _family("guardian_channel_waiting", "Letters that a channel has not been told yet", labels, waiting)
        oldest = [([each.name], each.oldest or 0.0) for each in found]
        yield _family(
            "guardian_channel_oldest_timestamp_seconds", "Since when the first of them waits; 0: none does", labels, oldest
        )
        reached = [([each.name], float(not each.trouble)) for each in found]
        yield _family("guardian_channel_reached", "1 while a channel takes what it is told", labels, reached)


class _Chat(Collector):
    """The connection to the chat."""

    def __init__(self, chat: Callable[[], ChatState]) -> None:
        self._chat = chat

    def now(self) -> "_Chat":
        """As it stands."""
        found = self._chat()
        return _Chat(lambda: found)

    def collect(self) -> Iterable[Metric]:
        found = self._chat()
        yield _family("guardian_slack_connected", "1 while Slack's commands and clicks arrive", [], [([], float(found.connected))])
        yield _family("guardian_slack_connections", "Connections made since the start", [], [([], float(found.connections))])
        heard: list[tuple[list[str], float]] = [] if found.heard is None else [([], found.heard)]
        yield _family("guardian_slack_last_inbound_seconds", "Since Slack last brought something from a person", [], heard)


class _Present(Collector):
    """What can be read off the present state at any time."""

    def __init__(self, services: Callable[[], list[ServiceView]], waiting: Callable[[], int]) -> None:
        self._services, self._waiting = services, waiting

    def now(self) -> "_Present":
        """As it stands."""
        views, waiting = self._services(), self._waiting()
        return _Present(lambda: views, lambda: waiting)

    def collect(self) -> Iterable[Metric]:
        views = self._services()
        yield _family("guardian_build_info", "Version", ["version"], [([__version__], 1.0)])
        yield _family("guardian_journal_waiting", "Journal entries that are not durable yet", [], [([], float(self._waiting()))])
        yield _family("guardian_split_ratio", "Intended share of the traffic", ["service", "environment"], _splits(views))
        yield _family("guardian_backend_info", "The HAProxy backend", ["service", "environment", "proxy"], _backends(views))
        yield _family("guardian_phase", "1 for the phase of the latest deployment", ["service", "phase"], _phases(views))
        yield _family(
            "guardian_latched", "1 while nothing moves forward", ["service"], [([v.service], float(bool(v.latched))) for v in views]
        )
        mutes = [([view.service, mute.rule], mute.until) for view in views for mute in view.mutes]
        yield _family(
            "guardian_rule_muted_until_timestamp_seconds",
            "Until when a rule is judged and told without consequence",
            ["service", "rule"],
            mutes,
        )
        ready = [([view.service], float(view.rollback.ready)) for view in views if view.rollback]
        yield _family("guardian_rollback_ready", "1 while a rollback would work", ["service"], ready)
        yield _family("guardian_servers_up", "Servers that take traffic", ["service", "environment"], _servers(views))
        yield _family("guardian_rule_value", "What a rule measures of the candidate", ["service", "rule"], _values(views, "value"))
        yield _family("guardian_rule_limit", "What it is held against", ["service", "rule"], _values(views, "limit"))
        yield _family(
            "guardian_rule_evidence",
            "Evidence against the candidate; 1 is a breach",
            ["service", "rule"],
            _values(views, "evidence"),
        )
        yield _family("guardian_rule_samples", "Requests that the value rests on", ["service", "rule"], _values(views, "samples"))
        yield _family(
            "guardian_shield_requests",
            "Of the latest deployment: tried again on the other side, answered by it, lost in spite of it, failed the plain way",
            ["service", "outcome"],
            _shielded(views),
        )
        yield _family("guardian_verdict", "1 for the present verdict of a rule", ["service", "rule", "verdict"], _verdicts(views))


Samples = Iterable[tuple[list[str], float]]


def _family(name: str, help_text: str, labels: list[str], samples: Samples) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, help_text, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family


def _splits(views: list[ServiceView]) -> Samples:
    return [([view.service, side.name], side.share / BASIS_POINTS) for view in views for side in view.environments]


def _backends(views: list[ServiceView]) -> Samples:
    return [([view.service, side.name, side.backend], 1.0) for view in views for side in view.environments]


def _phases(views: list[ServiceView]) -> Samples:
    current = [(view.service, view.deployment.phase) for view in views if view.deployment]
    return [([service, str(phase)], float(phase == now)) for service, now in current for phase in Phase]


def _servers(views: list[ServiceView]) -> Samples:
    sides = [(view.service, side) for view in views for side in view.environments]
    return [([service, side.name], float(side.servers_up)) for service, side in sides if side.servers_up is not None]


def _values(views: list[ServiceView], name: str) -> Iterator[tuple[list[str], float]]:
    for view in views:
        for verdict in view.verdicts:
            value = getattr(verdict, name)
            if value is not None:
                yield [view.service, verdict.rule], float(value)


def _shielded(views: list[ServiceView]) -> Samples:
    found = [(view.service, view.shielded) for view in views if view.shielded]
    return [([name, outcome], float(getattr(each, outcome))) for name, each in found for outcome in SHIELD_OUTCOMES]


def _verdicts(views: list[ServiceView]) -> Samples:
    verdicts = [(view.service, verdict) for view in views for verdict in view.verdicts]
    return [([name, v.rule, str(finding)], float(v.finding is finding)) for name, v in verdicts for finding in Finding]
