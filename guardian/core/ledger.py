"""Orders from a chat: recorded before they are acknowledged, and carried out once."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ChatOrder:
    """An order that somebody gave in a chat, as it is recorded before it is carried out."""

    key: str
    """The chat's own name of what was typed or clicked: the same when it is delivered again."""
    at: float
    by: str
    place: str
    """The chat's name of the channel where it was given, for the answer; empty where there is none."""
    text: str
    """As it is typed."""
    deployment: str = ""
    """The deployment that it was given about."""
    generation: int | None = None
    """The state of that deployment that whoever gave it saw; ``None`` where that does not matter."""
    outcome: str = ""
    """What became of it; empty while that is not known."""


class Ledger(Protocol):
    """The orders of a chat: each once, whatever is delivered twice or cut short. Durable when a call returns; blocking."""

    def keep_order(self, order: ChatOrder) -> bool:
        """Record ``order``; ``False`` where its key is known already. :class:`StoreError` when it did not happen."""

    def settle_order(self, key: str, outcome: str) -> None:
        """Record what became of an order. :class:`StoreError` as above."""

    def open_orders(self) -> list[ChatOrder]:
        """Orders whose outcome is not known, oldest first."""
