"""Deliveries of Sentry's integrations: issue alerts, metric alerts, and issues that were resolved.

https://docs.sentry.io/integrations/integration-platform/webhooks/ says what they look like, and how they are signed. An issue alert
tells of one event and never ends by itself; it is forgotten when its time is up, or when the issue is resolved.
"""

from collections.abc import Mapping
from typing import Any

from guardian.core.alerts import Alert, Unreadable
from guardian.core.links import followable
from guardian.core.rules import Sender
from guardian.core.words import alerts as words
from guardian.metrics.alerts.delivery import Delivery, Unfit, checked, document, label, labels_of, moment, text

SIGNATURE = "sentry-hook-signature"
RESOURCE = "sentry-hook-resource"
KEPT = ("level", "environment", "release", "dist", "platform", "transaction", "project", "logger")
"""What of an event becomes a label, beside its tags."""


def read(resource: str, body: bytes, at: float) -> Delivery:
    """What Sentry delivered of ``resource`` ``at`` that moment; nothing where it is none of alerts."""
    found = document(body)
    data = found.get("data")
    if not isinstance(data, dict):
        raise Unreadable(words.no_alerts_in_it())
    reader = {"event_alert": _issue_alert, "metric_alert": _metric_alert, "issue": _issue}.get(resource)
    try:
        alert = reader(data, str(found.get("action")), at) if reader else None
    except Unfit as unfit:
        return Delivery((), (str(unfit),))
    return Delivery((checked(alert),) if alert else ())


def _issue_alert(data: Mapping[str, Any], _action: str, at: float) -> Alert:
    event = data.get("event")
    if not isinstance(event, dict) or not isinstance(event.get("issue_id", event.get("event_id")), str | int):
        raise Unfit(words.no_alert())
    rule = text(data, "triggered_rule")
    began = moment(event.get("datetime"))
    return Alert(
        sender=Sender.SENTRY,
        fingerprint=f"issue {event.get('issue_id', event.get('event_id'))} {rule}",
        name=rule or words.nameless(),
        labels=_labels(event) | {"alertname": rule},
        began=began,
        since=at if began is None else min(began, at),
        heard=at,
        summary=text(event, "title", "message", "culprit"),
        link=followable(event.get("web_url")),
    )


def _labels(event: Mapping[str, Any]) -> dict[str, str]:
    tags = event.get("tags")
    pairs = (
        tags.items() if isinstance(tags, dict) else [tuple(each) for each in tags if _pair(each)] if isinstance(tags, list) else []
    )
    own = {name: label(event[name]) for name in KEPT if isinstance(event.get(name), str | int)}
    return labels_of(dict(pairs)) | own


def _pair(item: object) -> bool:
    return isinstance(item, list) and len(item) == 2 and isinstance(item[0], str)  # noqa: PLR2004  a name and a value


def _metric_alert(data: Mapping[str, Any], action: str, at: float) -> Alert:
    incident = data.get("metric_alert")
    if not isinstance(incident, dict) or not isinstance(incident.get("id"), str | int):
        raise Unfit(words.no_alert())
    rule = incident.get("alert_rule")
    known = rule if isinstance(rule, dict) else {}
    name, began = text(known, "name") or text(incident, "title"), moment(incident.get("date_started"))
    projects = incident.get("projects")
    project = label(projects[0]) if isinstance(projects, list) and projects else ""
    return Alert(
        sender=Sender.SENTRY,
        fingerprint=f"metric {incident['id']}",
        name=name or words.nameless(),
        labels={"alertname": name, "level": action, "project": project, "environment": label(known.get("environment") or "")},
        began=began,
        since=at if began is None else min(began, at),
        heard=at,
        resolved=action == "resolved",
        summary=text(data, "description_title", "description_text"),
        link=followable(data.get("web_url")),
    )


def _issue(data: Mapping[str, Any], action: str, at: float) -> Alert | None:
    """The end of what an issue alert told of; other news of issues are no alerts."""
    issue = data.get("issue")
    if action not in ("resolved", "ignored", "archived") or not isinstance(issue, dict):
        return None
    name = text(issue, "title") or words.nameless()
    fingerprint = f"issue {issue.get('id')}"
    return Alert(Sender.SENTRY, fingerprint, name, {}, began=None, since=at, heard=at, resolved=True)
