"""Deliveries of Alertmanager (webhook, version 4) and of Grafana, whose contact point speaks the same and a little more.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from typing import Any

from guardian.core.alerts import Alert, Unreadable
from guardian.core.links import followable
from guardian.core.rules import Sender
from guardian.core.words import alerts as words
from guardian.metrics.alerts.delivery import MOST_ALERTS, Delivery, Unfit, checked, document, labels_of, moment, text

TROUBLES = ("DatasourceError", "DatasourceNoData")
"""What Grafana calls an alert when it could not evaluate one; the name of the rule is then in another label."""
LINKS = ("panelURL", "dashboardURL", "generatorURL")


def read(sender: Sender, body: bytes, at: float) -> Delivery:
    """What ``sender`` delivered ``at`` that moment."""
    found = document(body)
    items = found.get("alerts")
    if not isinstance(items, list):
        raise Unreadable(words.no_alerts_in_it())
    alerts: list[Alert] = []
    refused: list[str] = []
    for item in items[:MOST_ALERTS]:
        try:
            alerts.append(_alert(sender, item, at))
        except Unfit as unfit:
            refused.append(str(unfit))
    cut = _whole(found.get("truncatedAlerts")) + len(items[MOST_ALERTS:])
    return Delivery(tuple(alerts), (*refused, *((words.left_out(cut),) if cut else ())))


def _whole(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _alert(sender: Sender, item: Any, at: float) -> Alert:
    match item:
        case {"status": "firing" | "resolved" as status, "labels": labels, "fingerprint": str(fingerprint)} if fingerprint:
            labels = labels_of(labels)
        case _:
            raise Unfit(words.no_alert())
    annotations = item.get("annotations")
    began, name = moment(item.get("startsAt")), labels.get("alertname", "")
    trouble = sender is Sender.GRAFANA and name in TROUBLES
    return checked(
        Alert(
            sender=sender,
            fingerprint=fingerprint,
            name=labels.get("rulename", name) if trouble else name or words.nameless(),
            labels=labels,
            began=began,
            since=at if began is None else min(began, at),
            heard=at,
            resolved=status == "resolved",
            trouble=words.not_evaluated(labels.get("rulename", name)) if trouble else "",
            summary=text(annotations, "summary", "message", "description") if isinstance(annotations, dict) else "",
            link=next(filter(None, (followable(item.get(key)) for key in LINKS)), ""),
        )
    )
