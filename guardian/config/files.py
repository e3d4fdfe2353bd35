"""Reading one file's bytes, whoever wrote it: bounded, never waiting, never through a link to elsewhere."""

import os
import stat
from pathlib import Path

from guardian.core.words import faults as words

MOST_BYTES = 1 << 20


class Unreadable(Exception):
    """A file or directory that is not read. The message is a sentence for people. Arises at the file system."""


def read_file(path: Path, within: Path | None = None) -> bytes:
    """The bytes of the regular file at ``path``, at most :data:`MOST_BYTES`.

    With ``within``, a symbolic link may not lead out of that directory. Everything else is refused with :class:`Unreadable`.
    """
    try:
        real = os.path.realpath(path, strict=True)
        if within is not None and not Path(real).is_relative_to(os.path.realpath(within)):
            raise Unreadable(words.leads_out(real))
        data = _read_regular(real)
    except OSError as error:
        raise Unreadable(words.unreadable(error.strerror or str(error))) from error
    if len(data) > MOST_BYTES:
        raise Unreadable(words.too_large(MOST_BYTES))
    return data


def _read_regular(path: str) -> bytes:
    # A pipe that nobody writes to must not hold up the reader, and what was resolved must be what is opened.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Unreadable(words.not_a_file())
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(MOST_BYTES + 1)
    finally:
        os.close(descriptor)


def list_files(directory: Path) -> list[Path]:
    """The entries of ``directory`` by name, without hidden ones. :class:`Unreadable` where it cannot be listed."""
    try:
        return sorted(entry for entry in directory.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise Unreadable(words.unreadable(error.strerror or str(error))) from error


def stamp(path: Path, deepest: int = 4) -> tuple[tuple[str, int, int, int], ...]:
    """Something that changes when the file at ``path`` does, or any ``*.yaml`` in the directory there, links followed.

    What cannot be looked at is left out: whoever reads it next will say so.
    """
    if deepest and path.is_dir():
        found = sorted(entry for entry in _entries(path) if not entry.name.startswith("."))
        return tuple(one for entry in found for one in stamp(entry, deepest - 1) if entry.suffix == ".yaml" or entry.is_dir())
    try:
        status = path.stat()
    except OSError:
        return ()
    return ((str(path), status.st_ino, status.st_mtime_ns, status.st_size),)


def _entries(directory: Path) -> list[Path]:
    try:
        return list(directory.iterdir())
    except OSError:
        return []
