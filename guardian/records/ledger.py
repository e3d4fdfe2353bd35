"""The orders of a chat: recorded before they are carried out, so that each is carried out once, and none is lost."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from guardian.core.ledger import ChatOrder
from guardian.records import schema
from guardian.records.seal import seal


def keep(connection: Connection, order: ChatOrder) -> bool:
    """Record ``order``; ``False`` where its key is known."""
    orders = schema.chat_orders
    if connection.scalar(select(orders.c.key).where(orders.c.key == order.key)) is not None:
        return False
    connection.execute(insert(orders).values(seal(asdict(order))))
    return True


def settle(connection: Connection, key: str, outcome: str) -> None:
    """Record what became of an order."""
    orders = schema.chat_orders
    row = connection.execute(select(orders).where(orders.c.key == key)).mappings().first()
    if row is not None:
        kept = {name: value for name, value in row.items() if name != "hash"}
        connection.execute(update(orders).where(orders.c.key == key).values(seal({**kept, "outcome": outcome})))


def forget(connection: Connection, before: float) -> None:
    """Forget the orders given before ``before`` whose outcome is known."""
    orders = schema.chat_orders
    connection.execute(delete(orders).where(orders.c.at < before, orders.c.outcome != ""))


def order_of(row: dict[str, Any]) -> ChatOrder:
    """The order in a row."""
    return ChatOrder(**{name: value for name, value in row.items() if name != "hash"})
