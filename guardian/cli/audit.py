"""The audit log from the database itself, or from an export: proved entry by entry, and written out line by line."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from guardian.config.faults import ConfigFaults
from guardian.config.settings import load_settings
from guardian.core.ports import StoreError
from guardian.core.words import access as words
from guardian.records.seal import Chain
from guardian.records.store import SqlStore


def verify(config: Path, exported: Path | None, head: str | None) -> int:
    """Say whether the chain is whole; 0 if it is, and holds ``head`` if that is given."""
    if exported is not None:
        return _judge(_lines(exported), head, 0)
    with _store(config) as store:
        return _judge(store.chain(), head, store.verify() or 0)


def export(config: Path, after: int) -> None:
    """Print every entry with a number above ``after``."""
    with _store(config) as store:
        for row in store.chain(after):
            click.echo(json.dumps(row))


def _judge(rows: Iterator[dict[str, Any]], head: str | None, broken: int) -> int:
    chain, newest, entries, found = Chain(), 0.0, 0, head is None
    for row in rows:
        if not entries and row["number"] > 1:
            chain = Chain(row["number"] - 1, row["previous_hash"])  # an export need not begin at the beginning
        if not chain.take(row):
            broken = broken or chain.number + 1
            break
        newest, entries, found = row["at"], entries + 1, found or chain.head == head
    if broken:
        click.echo(words.chain_broken(broken), err=True)
    elif not found:
        click.echo(words.head_missing(head or ""), err=True)
    else:
        click.echo(words.chain_whole(entries, chain.head, f"{datetime.fromtimestamp(newest, UTC):%Y-%m-%d %H:%M:%S} UTC"))
    return 1 if broken or not found else 0


def _lines(exported: Path) -> Iterator[dict[str, Any]]:
    """The entries in a file. ``click.ClickException`` with a sentence where it cannot be read, or a line is none."""
    number = 0
    try:
        with exported.open() as file:
            for line in file:
                number += 1  # counted by hand, because it is told when reading fails
                yield _entry(line)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise click.ClickException(words.no_export(str(exported), number)) from error
    except OSError as error:
        raise click.ClickException(f"{exported}: {error}") from error


def _entry(line: str) -> dict[str, Any]:
    row = json.loads(line)
    kinds = {"number": int, "at": float, "previous_hash": str, "hash": str}
    if any(type(row[key]) is not kind for key, kind in kinds.items()):
        raise TypeError(line)
    return dict(row)


@contextmanager
def _store(config: Path) -> Iterator[SqlStore]:
    try:
        with closing(SqlStore(load_settings(config).state_dir, reading=True)) as store:
            yield store
    except ConfigFaults as faults:
        raise click.ClickException(str(faults)) from faults
    except StoreError as error:
        raise click.ClickException(str(error)) from error
