"""What rules may ask, as ``guardian.yaml`` names it: a Prometheus, senders of alerts, directories of programs."""

from pathlib import Path
from typing import TypedDict

from guardian.config import kinds
from guardian.config.fields import Fields
from guardian.core.access import Access
from guardian.core.alerts import Ear
from guardian.core.rules import Sender
from guardian.core.words import alerts, forms

HEARTBEAT = kinds.duration("1s", "1d", "3m")
EXPIRES = kinds.duration("1m", "30d", "5h")
ALERT_EXPIRES = {Sender.ALERTMANAGER: 5 * 3600.0, Sender.GRAFANA: 5 * 3600.0, Sender.ZABBIX: 86400.0, Sender.SENTRY: 900.0}
"""Seconds: an hour beyond the interval at which Alertmanager and Grafana repeat by default. Zabbix repeats nothing, and tells of
the end; Sentry tells of events, which have none."""


def read_commands(fields: Fields, base: Path) -> tuple[Path, ...]:
    """The directories whose programs rules may run."""
    found = fields.optional_list("allowed", kinds.directory(base, "/etc/guardian/commands"))
    fields.close()
    return found


def read_alerts(settings: Fields, base: Path) -> dict[Sender, Ear]:
    """Whose alerts guardian listens to."""
    fields = settings.optional_section("alerts")
    found = {sender: _ear(sender, fields.optional_section(sender), base) for sender in Sender if fields.has(sender)}
    fields.overlook(Sender)
    fields.close()
    if fields.empty:
        settings.fault("alerts", alerts.no_senders())
    if Sender.PROMETHEUS in found and not settings.has("prometheus"):
        fields.fault(Sender.PROMETHEUS, alerts.no_prometheus())
    return found


def _ear(sender: Sender, fields: Fields, base: Path) -> Ear:
    expires = ALERT_EXPIRES.get(sender, 0.0)
    if sender is Sender.PROMETHEUS:
        ear = Ear()
    elif sender is Sender.SENTRY:
        ear = Ear(
            expires=fields.optional("expires", EXPIRES, expires),
            secret_file=fields.required("secret_file", kinds.path(base, "/etc/guardian/sentry-secret")),
        )
    else:
        ear = Ear(fields.optional("heartbeat", HEARTBEAT, None), fields.optional("expires", EXPIRES, expires))
    fields.close()
    return ear


class _Access(TypedDict):
    url: str
    bearer_token_file: Path | None
    username: str | None
    password_file: Path | None
    ca_file: Path | None
    client_cert_file: Path | None
    client_key_file: Path | None
    timeout: float


def read_prometheus(settings: Fields, base: Path) -> Access | None:
    """The Prometheus that rules ask, if any."""
    if not settings.has("prometheus"):
        settings.overlook(("prometheus",))
        return None
    fields = settings.section("prometheus")
    given = _Access(
        url=fields.required("url", kinds.text(forms.a_url(), "http://127.0.0.1:9090")),
        bearer_token_file=fields.optional("bearer_token_file", kinds.path(base, "/etc/guardian/prometheus-token"), None),
        username=fields.optional("username", kinds.text(forms.a_user(), "guardian"), None),
        password_file=fields.optional("password_file", kinds.path(base, "/etc/guardian/prometheus-password"), None),
        ca_file=fields.optional("ca_file", kinds.path(base, "/etc/guardian/prometheus-ca.pem"), None),
        client_cert_file=fields.optional("client_cert_file", kinds.path(base, "/etc/guardian/client.pem"), None),
        client_key_file=fields.optional("client_key_file", kinds.path(base, "/etc/guardian/client.key"), None),
        timeout=fields.optional("timeout", kinds.duration("100ms", "5m", "5s"), 5.0),
    )
    fields.close()
    if not fields.sound(*given):
        return None
    try:
        return Access(**given)
    except ValueError as error:
        fields.fault_here(str(error))
        return None
