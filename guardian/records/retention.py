"""What is forgotten, and what goes into the archive: found by readers, taken out in slices that no other writer waits long for."""

import gzip
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, exists, func, or_, select

from guardian.records import schema
from guardian.records.seal import ORIGIN

KIND = "journal archived"
"""The event that says, in the chain itself, which entries leave the journal: no others may be missing at its beginning."""
FILE = 1000
"""Entries in one file of the archive; the journal is cut by whole files."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Where the journal begins: after entry ``number``, whose hash is ``head``."""

    number: int = 0
    head: str = ORIGIN


def cut_of(row: Mapping[str, Any]) -> Cut | None:
    """Up to which entry the journal was to be archived, if the journal's ``row`` says so."""
    if row["service"] or KIND not in row["event"]:
        return None
    event = json.loads(row["event"])
    return Cut(event["last"], event["head"]) if event["kind"] == KIND else None


def announced(connection: Connection) -> Cut:
    """The newest cut that the journal speaks of."""
    journal = schema.journal
    ours = select(journal).where(journal.c.service == "").order_by(journal.c.number.desc())
    for row in connection.execute(ours):
        if cut := cut_of(row._asdict()):
            return cut
    return Cut()


def archivable(connection: Connection, after: int, before: float) -> list[dict[str, Any]]:
    """The next entries for the archive: a whole file's, all from before ``before``; none where there are not so many."""
    journal = schema.journal
    query = select(journal).where(journal.c.number > after).order_by(journal.c.number).limit(FILE)
    rows = [row._asdict() for row in connection.execute(query)]
    return rows if len(rows) == FILE and all(row["at"] < before for row in rows) else []


def write(rows: Sequence[Mapping[str, Any]], directory: Path) -> Path:
    """The journal's ``rows``, as ``guardian audit export`` writes them, in a file of their own that is on disk now: its path."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / f"journal-{rows[0]['number']:09}-{rows[-1]['number']:09}.jsonl.gz"
    beside = path.with_name(f"{path.name}.new")
    beside.touch(mode=0o600)
    with beside.open("wb") as file:
        file.write(gzip.compress("".join(f"{json.dumps(row)}\n" for row in rows).encode(), mtime=0))
        file.flush()
        os.fsync(file.fileno())
    beside.rename(path)
    parent = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)
    return path


def pruned(connection: Connection, before: float, keep: int, most: int) -> list[str]:
    """Deployments that have evidence or cards, ended before ``before``, and are not among the newest ``keep`` of their service."""
    return _old(connection, before, keep, or_(*_belongings()), most)


def forgettable(connection: Connection, before: float, keep: int, most: int) -> list[str]:
    """The same, of those that have neither any more."""
    return _old(connection, before, keep, ~or_(*_belongings()), most)


def _belongings() -> tuple[ColumnElement[bool], ...]:
    mine = schema.deployments.c.id
    return tuple(exists().where(table.c.deployment == mine) for table in (schema.evidence, schema.outbox))


def _old(connection: Connection, before: float, keep: int, which: ColumnElement[bool], most: int) -> list[str]:
    deployments = schema.deployments
    age = func.row_number().over(partition_by=deployments.c.service, order_by=deployments.c.first_entry.desc())
    ranked = select(deployments.c.first_entry, deployments.c.ended_at, age.label("age")).subquery()  # all of it from one index
    old = select(ranked.c.first_entry).where(ranked.c.ended_at < before, ranked.c.age > keep)
    query = select(deployments.c.id).where(deployments.c.first_entry.in_(old), which)
    return list(connection.scalars(query.order_by(deployments.c.first_entry).limit(most)))


def prune(connection: Connection, deployments: Sequence[str]) -> int:
    """Forget the evidence and the cards of ``deployments``: how many records of evidence went."""
    connection.execute(delete(schema.outbox).where(schema.outbox.c.deployment.in_(deployments)))
    return connection.execute(delete(schema.evidence).where(schema.evidence.c.deployment.in_(deployments))).rowcount


def forget(connection: Connection, deployments: Sequence[str]) -> int:
    """Forget ``deployments`` themselves."""
    return connection.execute(delete(schema.deployments).where(schema.deployments.c.id.in_(deployments))).rowcount


def cut_to(connection: Connection, number: int) -> Cut:
    """Take the entries up to ``number`` out of the journal."""
    journal = schema.journal
    head = connection.scalar(select(journal.c.hash).where(journal.c.number == number))
    connection.execute(delete(journal).where(journal.c.number <= number))
    return Cut(number, str(head))
