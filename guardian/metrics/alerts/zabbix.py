"""Deliveries of Zabbix: what the script of ``deploy/zabbix/`` puts together, for Zabbix has no form of its own."""

from typing import Any

from guardian.core.alerts import Alert
from guardian.core.links import followable
from guardian.core.rules import Sender
from guardian.core.words import alerts as words
from guardian.metrics.alerts.delivery import Delivery, Unfit, checked, document, label, labels_of, text


def read(body: bytes, at: float) -> Delivery:
    """What Zabbix delivered ``at`` that moment: one event; one without an id only says that Zabbix is there."""
    found = document(body)
    if found.get("heartbeat") is True:
        return Delivery(())
    try:
        return Delivery((checked(_alert(found, at)),))
    except Unfit as unfit:
        return Delivery((), (str(unfit),))


def _alert(found: dict[str, Any], at: float) -> Alert:
    event, value, name = found.get("event"), found.get("value"), text(found, "name")
    if not isinstance(event, str | int) or isinstance(event, bool) or str(value) not in ("0", "1"):
        raise Unfit(words.no_alert())
    tags = found.get("tags")
    pairs = {each["tag"]: each.get("value", "") for each in tags if _tag(each)} if isinstance(tags, list) else {}
    own = {key: label(found[key]) for key in ("severity", "host") if isinstance(found.get(key), str)}
    began = _seconds(found.get("began"))
    return Alert(
        sender=Sender.ZABBIX,
        fingerprint=str(event),
        name=name or words.nameless(),
        labels=labels_of(pairs) | own | {"alertname": name},
        began=began,
        since=at if began is None else min(began, at),
        heard=at,
        resolved=str(value) == "0",
        summary=text(found, "summary"),
        link=followable(found.get("link")),
    )


def _tag(item: object) -> bool:
    return isinstance(item, dict) and isinstance(item.get("tag"), str)


def _seconds(value: object) -> float | None:
    """Seconds since the epoch; ``None`` for a macro that this Zabbix does not know."""
    try:
        seconds = float(value) if isinstance(value, str | int) and len(str(value)) <= 20 else 0.0  # noqa: PLR2004  digits of a time
    except ValueError:
        return None
    return seconds if seconds > 0 and seconds < 1e12 else None  # noqa: PLR2004  far beyond every time
