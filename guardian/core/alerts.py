"""Alerts that others fire: what guardian keeps of them, and whether silence means that none fires."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from guardian.core.matchers import Matcher
from guardian.core.rules import Sender


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert of one sender, as it was last told. Times are seconds since the epoch."""

    sender: Sender
    fingerprint: str
    """The same in every message about the same alert of this sender."""
    name: str
    labels: Mapping[str, str]
    began: float | None
    """When it began to fire by the sender's clock; ``None`` where the sender does not say."""
    since: float
    """When it began to fire for all that is known: as the sender says, and no later than when it was first heard of."""
    heard: float
    """When it was last heard of."""
    resolved: bool = False
    trouble: str = ""
    """Why it says nothing about a release although it fires: a sentence for people."""
    summary: str = ""
    link: str = ""

    def accuses(self, cutover: float) -> bool:
        """Whether it fires, and began to after ``cutover``: what fired before is not the release's fault."""
        return not self.resolved and not self.trouble and self.since > cutover


class Unreadable(Exception):
    """A delivery that holds nothing guardian could use. The message is a sentence for whoever sent it."""


class NotSigned(Exception):
    """A delivery of somebody who does not know the sender's secret. The message is a sentence for whoever sent it."""


class NotExpected(Exception):
    """A delivery of a sender that guardian.yaml does not name. The message is a sentence for whoever sent it."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a delivery."""

    taken: int
    """Alerts that were read, new or not."""
    refused: tuple[str, ...] = ()
    """Why others were not: a sentence each, of the first few."""


class Hearing(StrEnum):
    """Whether a sender that tells of no alert is believed."""

    AWAKE = "awake"
    UNKNOWN = "unknown"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class SenderView:
    """What is known of a sender."""

    sender: str
    hearing: Hearing
    """``awake``: it is heard as often as it should be. ``silent``: it was. ``unknown``: not heard since the start, or without a
    heartbeat, so that its silence says nothing."""
    last: float | None
    """When it was last heard, in seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class AlertsView:
    """All that was heard."""

    senders: tuple[SenderView, ...]
    alerts: tuple[Alert, ...]
    """The one that was heard of longest ago first; those that were resolved lately are among them."""


class Deliveries(Protocol):
    """Where what is sent to guardian goes."""

    def known(self) -> AlertsView:
        """All that was heard."""

    async def deliver(self, sender: str, headers: Mapping[str, str], body: bytes) -> Receipt:
        """Take what ``sender`` delivered; the names of ``headers`` are in lower case. When this returns, it is kept.

        :class:`NotExpected`, :class:`NotSigned`, :class:`Unreadable`; :class:`~guardian.core.ports.StoreError` where it was heard,
        and acted upon, and could not be kept.
        """


def fitting(alerts: Iterable[Alert], conditions: Sequence[Matcher]) -> list[Alert]:
    """Those of ``alerts`` that fulfil all of ``conditions``, the one that began first at the front."""
    found = [alert for alert in alerts if all(condition.fits(alert.labels) for condition in conditions)]
    return sorted(found, key=lambda alert: (alert.since, alert.name, alert.fingerprint))


def firing(conditions: Sequence[Matcher], cutover: float) -> str:
    """PromQL for the alerts that fit, fire, and did not fire at ``cutover``; each is one series."""
    selector = ",".join(('alertstate="firing"', *map(str, conditions)))
    return f"ALERTS{{{selector}}} unless ALERTS{{{selector}}} @ {cutover:.3f}"


@dataclass(frozen=True, slots=True)
class Ear:
    """How guardian listens to one sender."""

    heartbeat: float | None = None
    """Seconds within which the sender is heard again as long as it works; ``None``: its silence proves nothing."""
    expires: float = 18_000.0
    """Seconds after which an alert is forgotten that was neither told again nor resolved."""
    secret_file: Path | None = None
    """What the sender signs with."""


class Inbox:
    """What was delivered: each alert once, and when each sender was last heard. Bounded, and pure: time is an argument."""

    def __init__(self, ears: Mapping[Sender, Ear], kept: Iterable[Alert] = (), most: int = 2000) -> None:
        """``kept`` is what an earlier run had; nobody has been heard yet."""
        self.ears = ears
        self._most = most
        self._heard: dict[Sender, float] = {}
        self._alerts = {(alert.sender, alert.fingerprint): alert for alert in kept if alert.sender in ears}

    def take(self, sender: Sender, alerts: Iterable[Alert], at: float) -> bool:
        """Take what ``sender`` delivered ``at`` that moment; whether anything is new in it. The same thing twice is told once."""
        self._heard[sender], new = at, False
        self._alerts = {key: alert for key, alert in self._alerts.items() if at - alert.heard < self.ears[alert.sender].expires}
        for alert in alerts:
            for key in self._meant(alert):
                known = self._alerts.pop(key, None)  # what was heard last stands last
                self._alerts[key] = merged = _merged(known, alert)
                new = new or known is None or replace(merged, heard=known.heard) != known
        while len(self._alerts) > self._most:
            del self._alerts[next(iter(self._alerts))]
        return new

    def alerts(self, at: float, senders: Container[Sender] = tuple(Sender)) -> list[Alert]:
        """What is known of ``senders``, resolved alerts among it: those are kept so that an older message does not revive them."""
        return [
            alert
            for alert in self._alerts.values()
            if alert.sender in senders and at - alert.heard < self.ears[alert.sender].expires
        ]

    def view(self, at: float) -> AlertsView:
        """All that was heard, for people."""
        heard = [
            SenderView(str(each), self.hearing(each, at), self.last(each)) for each in self.ears if each is not Sender.PROMETHEUS
        ]
        return AlertsView(tuple(heard), tuple(self.alerts(at)))

    def last(self, sender: Sender) -> float | None:
        """When ``sender`` was last heard in this run."""
        return self._heard.get(sender)

    def hearing(self, sender: Sender, at: float) -> Hearing:
        """Whether the silence of ``sender`` says that no alert fires."""
        heartbeat, last = self.ears[sender].heartbeat, self._heard.get(sender)
        if heartbeat is None or last is None:
            return Hearing.UNKNOWN
        return Hearing.AWAKE if at - last <= heartbeat else Hearing.SILENT

    def _meant(self, alert: Alert) -> list[tuple[Sender, str]]:
        """What ``alert`` speaks of: an end may be that of all alerts whose fingerprint goes on where its own ends."""
        if alert.resolved:
            prefix = f"{alert.fingerprint} "
            if several := [key for key in self._alerts if key[0] is alert.sender and key[1].startswith(prefix)]:
                return several
        return [(alert.sender, alert.fingerprint)]


def _merged(known: Alert | None, told: Alert) -> Alert:
    """What is known of an alert after one more message about it, which may be one of before, delivered late or again."""
    if known is None:
        return told
    same = not known.resolved or told.resolved
    if known.began is not None and told.began is not None:
        same = told.began == known.began
        if told.began < known.began or (same and known.resolved):
            return replace(known, heard=told.heard)
    if told.resolved and not told.labels:  # some senders tell of an end without saying of what
        return replace(known, heard=told.heard, resolved=True)
    return replace(told, since=min(known.since, told.since)) if same else told
