"""The outbox: letters that wait to be delivered, in the same transaction as the journal entries that they tell of."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from guardian.core.ports import KeptLetter
from guardian.records import schema
from guardian.records.seal import canonical, seal


def letter_rows(letters: Sequence[KeptLetter]) -> list[dict[str, Any]]:
    """The columns of ``letters``, but for the entry that they tell of. Errors of Python's own for what is no letter."""
    return [
        {
            "channel": each.letter["channel"],
            "key": each.letter["key"],
            "deployment": each.letter["deployment"],
            "body": canonical(each.letter),
            "unsure": int(each.unsure),
            "reference": each.reference,
            "settled": int(each.settled),
        }
        for each in letters
    ]


def post(connection: Connection, entry: int, rows: Sequence[dict[str, Any]]) -> None:
    """Keep ``rows``, which tell of the journal's ``entry``; a row that is kept already keeps its place in the line."""
    outbox = schema.outbox
    for place, row in enumerate(rows):
        same = (outbox.c.channel == row["channel"], outbox.c.key == row["key"])
        kept = connection.execute(select(outbox.c.entry, outbox.c.place).where(*same)).first()
        if kept:
            connection.execute(update(outbox).where(*same).values(seal({**row, "entry": kept.entry, "place": kept.place})))
        else:
            connection.execute(insert(outbox).values(seal({**row, "entry": entry, "place": place})))


def mark(connection: Connection, letter: KeptLetter) -> None:
    """Keep what has become of ``letter``."""
    outbox, (row,) = schema.outbox, letter_rows([letter])
    same = (outbox.c.channel == row["channel"], outbox.c.key == row["key"])
    kept = connection.execute(select(outbox.c.entry, outbox.c.place).where(*same)).first()
    if kept:
        connection.execute(update(outbox).where(*same).values(seal({**row, "entry": kept.entry, "place": kept.place})))


def remove(connection: Connection, channel: str, key: str) -> None:
    """Forget a letter."""
    outbox = schema.outbox
    connection.execute(delete(outbox).where(outbox.c.channel == channel, outbox.c.key == key))


def kept_letter(row: dict[str, Any]) -> KeptLetter:
    """The letter in a row of the outbox."""
    return KeptLetter(json.loads(row["body"]), bool(row["unsure"]), row["reference"], bool(row["settled"]))
