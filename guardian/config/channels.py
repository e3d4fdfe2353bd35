"""The section ``channels`` of ``guardian.yaml``: where guardian tells what happens, of which services, and how loud it must be."""

from collections.abc import Mapping
from pathlib import Path

from guardian.config import kinds
from guardian.config.chat import CHANNEL
from guardian.config.document import Node
from guardian.config.faults import Findings
from guardian.config.fields import Fields
from guardian.core.channels import ChannelSettings, Grafana, SlackChannel, Webhook
from guardian.core.letters import Kind, Route
from guardian.core.model import NAME, Service
from guardian.core.rules import Severity
from guardian.core.words import chat, forms, grafana, rule_faults
from guardian.core.words import faults as words

STALE = 86_400.0
_KINDS = frozenset(Kind)
"""What a channel gets that can show everything."""


def read_channels(settings: Fields, base: Path, services: Mapping[str, Service], findings: Findings) -> dict[str, ChannelSettings]:
    """The channels by name. Where there are faults, they are added to ``findings``, and stand-ins are in their places."""
    entries = settings.optional_section("channels").entries()
    found = {name: _channel(name, node, base, services, findings) for name, node in entries.items()}
    _check_slack(settings, found)
    return found


def _check_slack(settings: Fields, found: Mapping[str, ChannelSettings]) -> None:
    """Slack is described where a channel is one of its, and each of its channels stands once."""
    seen: dict[str, str] = {}
    for name, channel in found.items():
        if not isinstance(channel.target, SlackChannel):
            continue
        if not settings.has("slack"):
            settings.fault("channels", chat.no_slack(name))
        elif channel.target.id in seen:
            settings.fault("channels", chat.channel_twice(name, seen[channel.target.id]))
        seen[channel.target.id] = name


def _channel(name: str, node: Node, base: Path, services: Mapping[str, Service], findings: Findings) -> ChannelSettings:
    if not NAME.fullmatch(name):
        findings.add(node.place.fault(words.misfit(name, forms.a_name("deploys"))))
    fields = Fields(node, findings)
    wanted = fields.optional_list("services", kinds.name("web"))
    for service in wanted:
        if services and service not in services:
            fields.fault("services", rule_faults.no_such_service(service, sorted(services)))
    severity = fields.optional("severity", kinds.choice(Severity), Severity.INFO)
    settings = ChannelSettings(
        route=Route(name, _kinds(fields, name), frozenset(wanted), severity),
        stale=fields.optional("forget_after", kinds.duration("1m", "30d", "1d"), STALE),
        target=_target(fields, base),
    )
    fields.close()
    return settings


def _kinds(fields: Fields, name: str) -> frozenset[Kind]:
    if fields.has("grafana"):
        return frozenset({Kind.CARD})
    return _KINDS if fields.has("slack") else Route(name).kinds


def _target(fields: Fields, base: Path) -> Webhook | SlackChannel | Grafana:
    if fields.has("slack"):
        fields.refuse(("webhook", "grafana"), lambda _: chat.one_target())
        return SlackChannel(fields.required("slack", CHANNEL))
    if fields.has("grafana"):
        fields.refuse(("webhook",), lambda _: grafana.one_target())
        return _grafana(fields.section("grafana"), base)
    fields.overlook(("slack", "grafana"))
    return _webhook(fields.section("webhook"), base)


def _grafana(fields: Fields, base: Path) -> Grafana:
    found = Grafana(
        url=fields.required("url", kinds.LINK).rstrip("/"),
        token_file=fields.required("token_file", kinds.path(base, "/etc/guardian/grafana-token")),
        dashboard=fields.optional("dashboard", kinds.name("guardian"), ""),
        timeout=fields.optional("timeout", kinds.duration("100ms", "1m", "10s"), 10.0),
    )
    fields.close()
    return found


def _webhook(fields: Fields, base: Path) -> Webhook:
    webhook = Webhook(
        url=fields.optional("url", kinds.LINK, None),
        url_file=fields.optional("url_file", kinds.path(base, "/etc/guardian/webhook-url"), None),
        token_file=fields.optional("token_file", kinds.path(base, "/etc/guardian/webhook-token"), None),
        timeout=fields.optional("timeout", kinds.duration("100ms", "1m", "10s"), 10.0),
    )
    if fields.has("url") is fields.has("url_file"):
        fields.fault_here(rule_faults.one_address())
    fields.close()
    return webhook
