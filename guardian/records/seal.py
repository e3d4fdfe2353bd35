"""Canonical JSON, and the hash that lies with every row: what was written is told from what became of it."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

ORIGIN = "0" * 64
"""What the first entry of the journal names as the hash before it."""


def canonical(value: Any) -> str:
    """The one JSON text of ``value``: sorted keys, no blanks, ASCII. ``TypeError`` or ``ValueError`` where JSON has none (NaN)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def seal(row: Mapping[str, Any]) -> dict[str, Any]:
    """``row`` with its hash."""
    return {**row, "hash": _digest(row)}


def intact(row: Mapping[str, Any]) -> bool:
    """Whether ``row`` is what :func:`seal` made."""
    return bool(row["hash"] == _digest(row))


class Chain:
    """Follows the journal entry by entry: each must be the one after the last, as it was written."""

    def __init__(self, number: int = 0, head: str = ORIGIN) -> None:
        """Begin after the entry ``number``, whose hash is ``head``."""
        self.number, self.head = number, head

    def take(self, row: Mapping[str, Any]) -> bool:
        """Whether ``row`` follows; then it is the last one now."""
        if row["number"] != self.number + 1 or row["previous_hash"] != self.head or not intact(row):
            return False
        self.number, self.head = row["number"], row["hash"]
        return True


def _digest(row: Mapping[str, Any]) -> str:
    """SHA-256 over every column but the hash itself; it takes whatever a damaged row may hold."""
    columns = {name: value for name, value in row.items() if name != "hash"}
    return sha256(json.dumps(columns, sort_keys=True, separators=(",", ":"), default=bytes.hex).encode()).hexdigest()
