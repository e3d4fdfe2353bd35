"""What Alertmanager, Grafana, Sentry and Zabbix send, as they send it."""

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

NEVER = "0001-01-01T00:00:00Z"


def stamp(at: float) -> str:
    """A moment as Go writes it, with its nanoseconds."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "123Z"


def an_alert(began: float, *, resolved: bool = False, fingerprint: str = "c6eadffa33fcdf37", **labels: str) -> dict[str, Any]:
    """One alert of Alertmanager's."""
    return {
        "status": "resolved" if resolved else "firing",
        "labels": {"alertname": "HighErrors", "service": "web", "severity": "page"} | labels,
        "annotations": {"summary": "5% of the answers\nare errors", "runbook_url": "https://runbooks.example/errors"},
        "startsAt": stamp(began),
        "endsAt": stamp(began + 60) if resolved else NEVER,
        "generatorURL": "http://prometheus.example:9090/graph?g0.expr=up",
        "fingerprint": fingerprint,
    }


def alertmanager(*alerts: dict[str, Any], **changes: Any) -> bytes:
    """A delivery of Alertmanager 0.25, webhook version 4."""
    firing = any(alert["status"] == "firing" for alert in alerts)
    return json.dumps(
        {
            "receiver": "guardian",
            "status": "firing" if firing else "resolved",
            "alerts": list(alerts),
            "groupLabels": {"alertname": "HighErrors"},
            "commonLabels": {},
            "commonAnnotations": {},
            "externalURL": "http://alertmanager.example:9093",
            "version": "4",
            "groupKey": '{}:{alertname="HighErrors"}',
            "truncatedAlerts": 0,
            **changes,
        }
    ).encode()


def grafana(*alerts: dict[str, Any]) -> bytes:
    """A delivery of Grafana's contact point."""
    more = {
        "silenceURL": "https://grafana.example/alerting/silence/new",
        "dashboardURL": "https://grafana.example/d/web",
        "panelURL": "https://grafana.example/d/web?viewPanel=4",
        "values": {"B": 44.2, "C": 1},
        "valueString": "[ metric='' labels={} value=44.2 ]",
    }
    return alertmanager(*(alert | more for alert in alerts), orgId=1, title="[FIRING:1]", state="alerting", message="", version="1")


def sentry_issue(at: float, issue: str = "1117540176", rule: str = "Many errors in web", **tags: str) -> bytes:
    """An issue alert of Sentry's."""
    event = {
        "event_id": "e4874d664c3540c1a32eab185f12c5ab",
        "issue_id": issue,
        "title": "ReferenceError: heck is not defined",
        "culprit": "?(<anonymous>)",
        "datetime": datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "timestamp": at,
        "level": "error",
        "project": 1,
        "platform": "javascript",
        "release": None,
        "tags": [["environment", "green"], ["service", "web"], *map(list, tags.items())],
        "web_url": "https://sentry.example/organizations/test-org/issues/1117540176/events/e4874d/",
    }
    data = {"event": event, "triggered_rule": rule}
    actor = {"id": "sentry", "name": "Sentry", "type": "application"}
    return json.dumps({"action": "triggered", "actor": actor, "data": data, "installation": {"uuid": "a8e5d37a"}}).encode()


def sentry_metric(at: float, action: str) -> bytes:
    """A metric alert of Sentry's: ``critical``, ``warning`` or ``resolved``."""
    incident = {
        "id": "7",
        "title": "Too many errors",
        "date_started": datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "projects": ["web"],
        "alert_rule": {"name": "Too many errors", "environment": "green", "aggregate": "count()"},
    }
    data = {
        "metric_alert": incident,
        "description_title": f"{action.capitalize()}: Too many errors",
        "description_text": "1000 events in the last 10 minutes",
        "web_url": "https://sentry.example/organizations/test-org/alerts/rules/details/7/",
    }
    return json.dumps({"action": action, "data": data}).encode()


def sentry_resolved(issue: str = "1117540176") -> bytes:
    """The news that an issue was resolved."""
    return json.dumps({"action": "resolved", "data": {"issue": {"id": issue, "title": "ReferenceError"}}}).encode()


def sentry_headers(resource: str, body: bytes, secret: str) -> dict[str, str]:
    """The headers beside ``body``."""
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"sentry-hook-resource": resource, "sentry-hook-signature": signature, "sentry-hook-timestamp": "1700000000"}


def zabbix(value: str = "1", event: str = "4711", **changes: Any) -> bytes:
    """A delivery of the script in deploy/zabbix."""
    given = {
        "event": event,
        "value": value,
        "name": "Too many errors on web-green-1",
        "severity": "High",
        "host": "web-green-1",
        "tags": [{"tag": "service", "value": "web"}, {"tag": "env", "value": "green"}, {"tag": "noted"}],
        "began": "{EVENT.TIMESTAMP}",
        "summary": "Errors: 17 per second",
        "link": "https://zabbix.example/tr_events.php?triggerid=1&eventid=4711",
    }
    return json.dumps(given | changes).encode()
