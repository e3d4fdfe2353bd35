"""What a sender delivers, read with care: whoever holds its token, or has its secret, may send anything.

What is wrong with one alert is told to its sender, and costs no other alert of the same delivery.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from guardian.core.alerts import Alert, Unreadable
from guardian.core.matchers import LONGEST_LABEL
from guardian.core.words import alerts as words
from guardian.core.words.command import said
from guardian.core.words.quotes import visible

MOST_ALERTS = 1000
"""In one delivery."""
MOST_LABELS = 64
LONGEST_NAME = 128
LEAD = 5.0
"""Seconds that the clock of a sender may be ahead: an alert that it dates into the future may have begun before the cutover."""
_LABEL = re.compile(r"[\x21-\x7e][\x20-\x7e]{0,127}")


class Unfit(Exception):
    """One alert that is not used. The message is a sentence for whoever sent it."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """The alerts of one delivery, and a sentence for each that is not used."""

    alerts: tuple[Alert, ...]
    refused: tuple[str, ...] = ()


def document(body: bytes) -> dict[str, Any]:
    """The JSON object that ``body`` is; :class:`Unreadable` for anything else."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise Unreadable(words.not_json()) from None
    if not isinstance(found, dict):
        raise Unreadable(words.no_object())
    return found


def labels_of(found: object) -> dict[str, str]:
    """Labels as matchers read them; :class:`Unfit` where they are none, or too many."""
    if not isinstance(found, dict) or len(found) > MOST_LABELS:
        raise Unfit(words.unfit_labels(MOST_LABELS))
    return {name: label(value) for name, value in found.items() if _LABEL.fullmatch(name)}


def label(value: object) -> str:
    """A label's value, as text that can be written down, and not too long."""
    found = value if isinstance(value, str) else json.dumps(value)
    return found[:LONGEST_LABEL].encode(errors="replace").decode()  # JSON can spell halves of characters


def text(found: Mapping[str, Any], *names: str) -> str:
    """The first text in ``found`` that stands under one of ``names``, on one line and not too long."""
    return next((said(value) for name in names if isinstance(value := found.get(name), str) and value.strip()), "")


def moment(value: object) -> float | None:
    """Seconds since the epoch of a time as RFC 3339 writes it; ``None`` for another thing, and for Go's time that is none."""
    if not isinstance(value, str) or len(value) > LONGEST_NAME:
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    seconds = found.timestamp() if found.tzinfo else None
    return seconds if seconds and seconds > 0 else None


def checked(alert: Alert) -> Alert:
    """``alert`` with a short and visible name and fingerprint; one of a clock that is ahead says nothing about a release."""
    ahead = (alert.began or 0.0) - alert.heard
    trouble = alert.trouble or (words.clock_ahead(alert.sender, ahead) if ahead > LEAD else "")
    name, fingerprint = visible(alert.name[:LONGEST_NAME]), visible(alert.fingerprint[:LONGEST_NAME])
    return replace(alert, name=name, fingerprint=fingerprint, trouble=trouble)
