"""A store that forgets everything at its end and fails when it is told to; held to ``tests/contract/test_store.py``."""

import json
import math
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from guardian.core.ledger import ChatOrder
from guardian.core.ports import JournalEntry, KeptLetter, StoreError


def _copy(value: dict[str, Any]) -> dict[str, Any]:
    """``value`` as it comes back from a record."""
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise StoreError(f"no record can hold this ({error!r})") from error


def _place(kept: KeptLetter) -> tuple[str, str]:
    return kept.letter["channel"], kept.letter["key"]


class MemoryStore:
    """The ``Store`` in memory."""

    def __init__(self) -> None:
        self._entries: list[JournalEntry] = []
        self._services: dict[str, dict[str, Any]] = {}
        self._deployments: dict[str, dict[str, Any]] = {}
        self._evidence: dict[str, dict[str, dict[str, Any]]] = {}
        self._letters: dict[tuple[str, str], KeptLetter] = {}
        self.chat_orders: dict[str, ChatOrder] = {}
        self._tokens: dict[str, dict[str, Any]] = {}
        self._alerts: list[dict[str, Any]] = []
        self._failures = 0.0

    def fail(self, writes: float = math.inf) -> None:
        """Refuse so many of the next writes; without a number, all until :meth:`heal`."""
        self._failures = writes

    def heal(self) -> None:
        """Take writes again."""
        self._failures = 0

    def services(self) -> dict[str, dict[str, Any]]:
        """As the protocol says."""
        return {name: _copy(state) for name, state in self._services.items()}

    def before_append(self) -> None:
        """What a disk that is slow, or full, does with an entry first; this one does nothing."""

    def append(
        self,
        service: str,
        deployment: str | None,
        at: float,
        event: dict[str, Any],
        state: dict[str, Any],
        letters: Sequence[KeptLetter] = (),
    ) -> JournalEntry:
        """As the protocol says."""
        self.before_append()
        entry = JournalEntry(len(self._entries) + 1, float(at), service, deployment, _copy(event))
        state = _copy(state)
        try:
            kept = {_place(each): replace(each, letter=_copy(each.letter)) for each in letters}
            current = state["deployment"]
            identifier = current and {name: current[name] for name in ("id", "phase", "requested_at", "ended_at")}["id"]
        except KeyError as error:
            raise StoreError(f"the state lacks {error}") from error
        self._write()
        self._entries.append(entry)
        self._services[service] = state
        if identifier:
            self._deployments[identifier] = {**current, "service": service}
        if deployment and deployment != identifier:
            self._deployments.pop(deployment, None)
            self._evidence.pop(deployment, None)
            self._letters = {place: each for place, each in self._letters.items() if each.letter["deployment"] != deployment}
        self._letters |= kept
        return self._entry(entry)

    def journal(
        self, service: str | None = None, deployment: str | None = None, after: int = 0, limit: int = 1000
    ) -> list[JournalEntry]:
        """As the protocol says."""
        found = [
            self._entry(entry)
            for entry in self._entries[after:]
            if service in (None, entry.service) and deployment in (None, entry.deployment)
        ]
        return found[:limit]

    def save_evidence(self, deployment: str, rule: str, evidence: dict[str, Any]) -> None:
        """As the protocol says."""
        kept = _copy(evidence)
        if deployment not in self._deployments:
            raise StoreError(f"there is no deployment {deployment}")
        self._write()
        self._evidence.setdefault(deployment, {})[rule] = kept

    def evidence(self, deployment: str) -> dict[str, dict[str, Any]]:
        """As the protocol says."""
        return _copy(self._evidence.get(deployment, {}))

    def tokens(self) -> list[dict[str, Any]]:
        """As the protocol says."""
        return [_copy(token) for token in self._tokens.values()]

    def save_token(self, token: dict[str, Any], at: float, event: dict[str, Any]) -> JournalEntry:
        """As the protocol says."""
        entry, kept = JournalEntry(len(self._entries) + 1, float(at), "", None, _copy(event)), _copy(token)
        self._write()
        self._entries.append(entry)
        self._tokens.pop(token["id"], None)
        self._tokens[token["id"]] = kept
        return self._entry(entry)

    def deployments(self, service: str | None = None, limit: int = 20, among: Collection[str] = ()) -> list[dict[str, Any]]:
        """As the protocol says."""
        newest = (each for each in reversed(self._deployments.values()) if not among or each["service"] in among)
        return [_copy(deployment) for deployment in newest if service in (None, deployment["service"])][:limit]

    def deployment(self, identifier: str) -> dict[str, Any] | None:
        """As the protocol says."""
        return _copy(self._deployments[identifier]) if identifier in self._deployments else None

    def letters(self) -> list[KeptLetter]:
        """As the protocol says."""
        return [replace(each, letter=_copy(each.letter)) for each in self._letters.values()]

    def mark_letter(self, letter: KeptLetter) -> None:
        """As the protocol says."""
        self._write()
        if _place(letter) in self._letters:
            self._letters[_place(letter)] = replace(letter, letter=_copy(letter.letter))

    def remove_letter(self, channel: str, key: str) -> None:
        """As the protocol says."""
        self._write()
        self._letters.pop((channel, key), None)

    def alerts(self) -> list[dict[str, Any]]:
        """As the protocol says."""
        return [_copy(each) for each in self._alerts]

    def keep_alerts(self, alerts: Sequence[dict[str, Any]]) -> None:
        """As the protocol says."""
        kept = [_copy(each) for each in alerts]
        if not all({"sender", "fingerprint"} <= each.keys() for each in kept):
            raise StoreError("an alert lacks what tells it from others")
        self._write()
        self._alerts = kept

    def keep_order(self, order: ChatOrder) -> bool:
        """As the protocol says."""
        self._write()
        if order.key in self.chat_orders:
            return False
        self.chat_orders[order.key] = order
        return True

    def settle_order(self, key: str, outcome: str) -> None:
        """As the protocol says."""
        self._write()
        if key in self.chat_orders:
            self.chat_orders[key] = replace(self.chat_orders[key], outcome=outcome)

    def open_orders(self) -> list[ChatOrder]:
        """As the protocol says."""
        return sorted((order for order in self.chat_orders.values() if not order.outcome), key=lambda order: order.at)

    def _write(self) -> None:
        if self._failures > 0:
            self._failures -= 1
            raise StoreError("the store was told to fail")

    def _entry(self, entry: JournalEntry) -> JournalEntry:
        return JournalEntry(entry.number, entry.at, entry.service, entry.deployment, _copy(entry.event))
