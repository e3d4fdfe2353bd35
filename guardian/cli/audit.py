"""The audit log from the database itself, or from an export: proved entry by entry, and written out line by line."""

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import click

from guardian.config.faults import ConfigFaults
from guardian.config.settings import load_settings
from guardian.core.ports import StoreError
from guardian.core.words import access as words
from guardian.records.seal import Chain
from guardian.records.store import SqlStore


def verify(config: Path, exported: Sequence[Path], head: str | None) -> int:
    """Say whether the chain is whole; 0 if it is, and holds ``head`` if that is given."""
    tally = _Tally(head)
    if exported:
        return tally.say(_broken(chain.from_iterable(map(_lines, exported)), tally))
    with _store(config) as store:
        tally.archived = store.cut().number
        return tally.say(store.verify(tally.count))


def export(config: Path, after: int) -> None:
    """Print every entry with a number above ``after``."""
    with _store(config) as store:
        for row in store.chain(after):
            click.echo(json.dumps(row))


class _Tally:
    """Counts the entries that are as they were written."""

    def __init__(self, head: str | None) -> None:
        self.archived = 0
        self._entries, self._newest, self._last = 0, 0.0, ""
        self._head, self._found = head, head is None

    def count(self, row: Mapping[str, Any]) -> None:
        """One more."""
        self._entries, self._newest, self._last = self._entries + 1, row["at"], row["hash"]
        self._found = self._found or row["hash"] == self._head

    def say(self, broken: int | None) -> int:
        """What came out of it: the exit code."""
        if broken:
            click.echo(words.chain_broken(broken), err=True)
        elif not self._found:
            click.echo(words.head_missing(self._head or "", self.archived), err=True)
        else:
            newest = f"{datetime.fromtimestamp(self._newest, UTC):%Y-%m-%d %H:%M:%S} UTC"
            click.echo(words.chain_whole(self._entries, self._last, newest, self.archived))
        return 1 if broken or not self._found else 0


def _broken(rows: Iterator[dict[str, Any]], tally: _Tally) -> int | None:
    """The number of the first of ``rows`` that does not follow the one before; they need not begin at the beginning."""
    checked: Chain | None = None
    for row in rows:
        checked = checked or Chain(row["number"] - 1, row["previous_hash"])
        if not checked.take(row):
            return checked.number + 1
        tally.count(row)
    return None


def _lines(exported: Path) -> Iterator[dict[str, Any]]:
    """The entries in a file. ``click.ClickException`` with a sentence where it cannot be read, or a line is none."""
    number = 0
    try:
        with gzip.open(exported, "rt") if exported.suffix == ".gz" else exported.open() as file:
            for line in file:
                number += 1  # counted by hand, because it is told when reading fails
                yield _entry(line)
    except (ValueError, TypeError, KeyError, RecursionError, EOFError, zlib.error) as error:
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
