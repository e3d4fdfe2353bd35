"""Rules of ``source: alerts``: how many alerts fit that began to fire after the cutover, delivered or asked for.

An alert that fits is a breach, whoever else is silent. That none fires is believed only of senders that are heard: of one that
never was in this run, or that has no heartbeat, nothing is known; one that was heard and fell silent is a source that failed.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from guardian.core.alerts import Alert, Hearing, Inbox, firing, fitting
from guardian.core.judges.trial import Trial
from guardian.core.matchers import Matcher, matchers
from guardian.core.ports import Reading, SourceError
from guardian.core.rules import Alerts, Rule, Sender
from guardian.core.words import alerts as words

if TYPE_CHECKING:
    from guardian.metrics.source import PrometheusSource


class AlertsSource:
    """Delivered alerts, and those of a Prometheus, as :class:`guardian.core.ports.Metrics`."""

    def __init__(self, inbox: Inbox, prometheus: "PrometheusSource | None" = None) -> None:
        self._inbox, self._prometheus = inbox, prometheus

    async def read(self, service: str, rule: Rule, trial: Trial, at: float) -> Reading | None:
        """How many alerts of ``rule`` fire; see :meth:`guardian.core.ports.Metrics.read`."""
        measure = rule.measure
        assert isinstance(measure, Alerts)  # noqa: S101  rules of this source hold no other measure
        conditions, senders = matchers(measure.matchers, service, trial), measure.senders or tuple(self._inbox.ears)
        fit = fitting(self._inbox.alerts(at, senders), conditions)
        accusing = [alert for alert in fit if alert.accuses(trial.since)]
        if accusing:
            return Reading(
                float(len(accusing)), words.accused([alert.name for alert in accusing], accusing[0].summary), _link(accusing)
            )
        if self._prometheus and Sender.PROMETHEUS in senders:
            names = await self._ask(self._prometheus, conditions, trial, at)
            if names:
                return Reading(float(len(names)), words.accused(names, ""))
        self._refuse_trouble(fit)
        heard = [self._heard(sender, at) for sender in senders if sender is not Sender.PROMETHEUS]
        if not all(heard):
            return None
        early = [alert.name for alert in fit if not alert.resolved]
        return Reading(0.0, words.before(early) if early else "")

    async def _ask(self, prometheus: "PrometheusSource", conditions: Sequence[Matcher], trial: Trial, at: float) -> list[str]:
        found = await prometheus.several(firing(conditions, trial.since), at)
        return sorted(labels.get("alertname") or words.nameless() for labels in found)

    def _refuse_trouble(self, fit: Sequence[Alert]) -> None:
        for alert in fit:
            if alert.trouble and not alert.resolved:
                raise SourceError(alert.trouble)

    def _heard(self, sender: Sender, at: float) -> bool:
        hearing = self._inbox.hearing(sender, at)
        if hearing is Hearing.SILENT:
            last, heartbeat = self._inbox.last(sender), self._inbox.ears[sender].heartbeat
            raise SourceError(words.silent(sender, at - (last or at), heartbeat or 0.0))
        return hearing is Hearing.AWAKE


def _link(alerts: Sequence[Alert]) -> str:
    return next((alert.link for alert in alerts if alert.link), "")
