"""The world of a test: a clock that is set, a balancer and sources that say what the test wrote down."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import inf
from typing import TypeAlias

from guardian.app.clock import SteadyClock
from guardian.core.alerts import Alert, Ear, Inbox
from guardian.core.judges.trial import Trial
from guardian.core.model import Environment, Service
from guardian.core.ports import BalancerGone, Metrics, Reading, SourceError
from guardian.core.readings import GAUGES, Counters, Snapshot
from guardian.core.rules import Alerts, Rule, RuleSet, Sender, Source
from guardian.core.words import rehearsal as words
from guardian.rehearsal.engine import Sample
from guardian.rehearsal.notation import FAIL
from guardian.rehearsal.script import Inputs, Outage

WORKER = "haproxy"
_NOISE = 1e-6
"""The share of an interval by which a moment may fall short of the one that was meant."""

Column: TypeAlias = tuple[str, Sequence[float], bool]
"""The name of a counter, its values, and whether it is a total: then what lies between two values grows evenly."""


class SetClock(SteadyClock):
    """Time that passes when a test says so."""

    def __init__(self, start: float) -> None:
        """``start`` is the beginning, in seconds since the epoch."""
        self._start = start
        self.passed = 0.0
        """Seconds since the beginning."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._start + self.passed

    def monotonic(self) -> float:
        """Seconds since the beginning."""
        return self.passed

    def at(self, monotonic: float) -> float:
        """The moment ``monotonic`` in seconds since the epoch."""
        return self._start + monotonic


class WrittenBalancer:
    """HAProxy with the counters that a test wrote down: between two values a total grows evenly, a gauge stays."""

    def __init__(self, service: Service, inputs: Inputs, clock: SetClock) -> None:
        self._clock, self._inputs = clock, inputs
        self._columns = {service.backend(side): _columns(inputs.counters.get(side, {})) for side in Environment}

    async def snapshot(self, backends: Sequence[str]) -> Snapshot:
        """As the port says."""
        passed = self._clock.monotonic()
        if _is_out(self._inputs.outages, Source.HAPROXY, passed - self._inputs.cutover):
            raise BalancerGone(words.made_up_outage())
        step = passed / self._inputs.interval + _NOISE
        return Snapshot(passed, WORKER, {backend: _counters(self._columns[backend], step) for backend in backends})


def _columns(written: Mapping[str, Sequence[float]]) -> list[Column]:
    return [(name, values, name not in GAUGES) for name, values in written.items()]


def _counters(columns: Sequence[Column], step: float) -> Counters:
    """The counters ``step`` intervals after the beginning. What is not written down follows from the rest, where it can."""
    index, part = int(step), step % 1
    found = {name: _value(values, index, part if total else 0.0) for name, values, total in columns}
    found.setdefault("requests", sum(value for name, value in found.items() if name.startswith("responses_")))
    found.setdefault("sessions", found["requests"])
    found.setdefault("unreached", found.get("connection_errors", 0))
    found.setdefault("servers_up", 1)
    return Counters(**found)


def _value(values: Sequence[float], index: int, part: float) -> int:
    if index >= len(values) - 1:
        return int(values[-1])
    before, after = values[index], values[index + 1]
    # A total that falls was cleared: until then nothing is known of what it grew by.
    return int(before + max(0.0, after - before) * part + _NOISE)


class WrittenCommands:
    """The results that a test wrote down for commands."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs

    async def read(self, service: str, rule: Rule, trial: Trial, at: float) -> Reading | None:
        """As :class:`guardian.core.ports.Metrics` says."""
        del service
        results = self._inputs.commands.get(rule.name, (None,))
        index = int((at - trial.since + self._inputs.cutover) / self._inputs.interval + _NOISE)
        result = results[min(index, len(results) - 1)]
        if result == FAIL:
            raise SourceError(words.command_fails())
        return None if result is None else Reading(result)


class WrittenAlerts:
    """The alerts that a test wrote down, in the inbox that deliveries go to. Every sender is heard all the time."""

    def __init__(self, inputs: Inputs, rules: RuleSet, start: float) -> None:
        """``start`` is the beginning, in seconds since the epoch."""
        measured = [rule.measure for rule in rules.rules if isinstance(rule.measure, Alerts)]
        named = {sender for measure in measured for sender in measure.senders} | {alert.sender for alert in inputs.alerts}
        self.inbox = Inbox({sender: Ear(heartbeat=inf, expires=inf) for sender in sorted(named) or [Sender.ALERTMANAGER]})
        self._due = sorted(_messages(inputs, start + inputs.cutover), key=lambda message: message.heard)

    def deliver(self, now: float) -> bool:
        """Deliver what is due; whether anything is new."""
        due = [message for message in self._due if message.heard <= now + _NOISE]
        del self._due[: len(due)]
        new = False
        for sender in self.inbox.ears:
            new = self.inbox.take(sender, [message for message in due if message.sender is sender], now) or new
        return new


def _messages(inputs: Inputs, cutover: float) -> Iterator[Alert]:
    """Each alert as it begins, and as it is resolved."""
    for number, siren in enumerate(inputs.alerts):
        since = cutover + siren.first if siren.first is not None else cutover - inputs.cutover - 1.0
        labels = {"alertname": siren.name, **siren.labels}
        alert = Alert(siren.sender, str(number), siren.name, labels, since, since, since, summary=siren.summary)
        yield alert
        if siren.last is not None:
            yield replace(alert, heard=cutover + siren.last, resolved=True)


class Interrupted:
    """A source with the outages that a test wrote down."""

    def __init__(self, source: Metrics, kind: Source, outages: Sequence[Outage]) -> None:
        self._source, self._kind, self._outages = source, kind, outages

    async def read(self, service: str, rule: Rule, trial: Trial, at: float) -> Reading | None:
        """As :class:`guardian.core.ports.Metrics` says."""
        if _is_out(self._outages, self._kind, at - trial.since):
            raise SourceError(words.made_up_outage())
        return await self._source.read(service, rule, trial, at)


def _is_out(outages: Sequence[Outage], source: Source, after: float) -> bool:
    return any(outage.source is source and outage.first <= after + _NOISE < outage.last for outage in outages)


def samples(inputs: Inputs, start: float) -> Iterator[Sample]:
    """What Prometheus is to know, with ``start`` as the beginning, in seconds since the epoch."""
    for name, values in inputs.series:
        for index, value in enumerate(values):
            if value is not None:
                yield Sample(start + index * inputs.interval, name, value)
