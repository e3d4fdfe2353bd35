"""How the database of an older guardian becomes one of this: a chain of revisions, each in a file of ``versions/``.

A new table or column is written down twice: in :mod:`guardian.records.schema`, from which new databases are made, and as the next
file ``versions/schema_NNNN_what.py``, whose ``revision`` is ``"NNNN"`` and whose ``down_revision`` is the one before. A test holds
both against one another. The number of the newest file is the number of the schema; every database carries its own.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Column, Connection, MetaData, PrimaryKeyConstraint, String, Table, delete, insert, update

from guardian.records import schema

if TYPE_CHECKING:
    from alembic.config import Config

VERSIONS = Path(__file__).parent / "versions"
FILE = re.compile(r"schema_(?P<number>[0-9]{4})_[a-z0-9_]+\.py")
FIRST = 1
"""The schema of databases that carry no mark of Alembic: they were made before there was a second one."""

_MARK = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""Alembic's own table, as it would make it."""


def newest(versions: Path = VERSIONS) -> int:
    """The number of the schema that this guardian reads and writes."""
    return max(int(found["number"]) for path in versions.iterdir() if (found := FILE.fullmatch(path.name)))


def name(number: int) -> str:
    """The revision that makes schema ``number``."""
    return f"{number:04}"


def mark(connection: Connection, number: int) -> None:
    """Write down that the database has schema ``number``, where Alembic looks for it."""
    _MARK.create(connection, checkfirst=True)
    connection.execute(delete(_MARK))
    connection.execute(insert(_MARK).values(version_num=name(number)))


def migrate(connection: Connection, found: int, versions: Path = VERSIONS) -> None:
    """Take a database from schema ``found`` to the newest, inside the transaction of ``connection``.

    Whatever a revision raises comes through, and the caller rolls back.
    """
    from alembic import command  # noqa: PLC0415  heavy, and needed once in the life of a database

    if found == FIRST:
        mark(connection, FIRST)
    command.upgrade(_config(connection, versions), name(newest(versions)))
    connection.execute(update(schema.meta).values(schema=newest(versions)))


def _config(connection: Connection, versions: Path) -> "Config":
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    for option, path in (("script_location", Path(__file__).parent), ("version_locations", versions)):
        config.set_main_option(option, str(path).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = connection
    return config
