"""The map file: the split of each service that a starting HAProxy reads. Old or new at every instant, never torn, never neither."""

import os
import re
import threading
from collections.abc import Mapping
from pathlib import Path

from guardian.balancers.haproxy.atomic import replace
from guardian.balancers.haproxy.trial import key
from guardian.core.model import BASIS_POINTS, Split
from guardian.core.ports import BalancerError, BalancerUnfit
from guardian.core.words import balancer as words

PATIENCE = 5.0
"""Seconds that a call may take; a write waits as long for an earlier one. Only a disk that does not answer needs so long."""
ROOM = 65_536
"""Bytes beside the file's own that must be free, or a write is expected to fail before long."""
_SHARE = re.compile(r"[0-9]{1,5}")


def split_of(where: str, service: str, value: str) -> Split:
    """The split that ``value`` stands for in a map; :class:`BalancerUnfit`, naming ``where`` it was found, for anything else."""
    if not _SHARE.fullmatch(value) or int(value) > BASIS_POINTS:
        raise BalancerUnfit(words.map_value(where, service, value))
    return Split(int(value))


class MapFile:
    """The file at ``path``: a line ``service share`` per service, another for what is on trial; all others are kept. Blocking."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn = threading.Lock()

    def read(self, service: str) -> Split | None:
        """What the file says of ``service``; ``None`` without such a line or file. :class:`BalancerUnfit` if it cannot say."""
        try:
            lines = self._content().split(b"\n")
        except OSError as error:
            raise BalancerUnfit(words.map_unreadable(self._path, error.strerror or str(error))) from error
        for line in lines:
            if _key(line) == service.encode():
                value = line.split(None, 1)[1:] or [b""]
                return split_of(str(self._path), service, value[0].strip().decode("ascii", "replace"))
        return None

    def write(self, service: str, split: Split, trial: int = 0) -> None:
        """Make the file say ``split`` of ``service``, and which environment is on trial, where that was ever said.

        :class:`BalancerError` says what stands in the file when that failed: mostly the old split, but the new one when the
        directory alone could not be synced.
        """
        if not self._turn.acquire(timeout=PATIENCE):
            raise BalancerError(words.disk_silent(PATIENCE))
        try:
            content, marked = self._content(), key(service)
            known = any(_key(line) == marked.encode() for line in content.split(b"\n"))
            entries = {service: split.green} | ({marked: trial} if trial or known else {})
            replace(self._path, _with(content, entries))
        except OSError as error:
            raise BalancerError(self._what_stands(service, split, error.strerror or str(error))) from error
        finally:
            self._turn.release()

    def check(self) -> None:
        """:class:`BalancerError` says why :meth:`write` would fail now. Nothing is written."""
        directory = self._path.parent
        try:
            disk = os.statvfs(directory)
            size = len(self._content())
        except OSError as error:
            raise BalancerError(words.map_not_writable(self._path, error.strerror or str(error))) from error
        if disk.f_flag & os.ST_RDONLY:
            raise BalancerError(words.map_not_writable(self._path, words.read_only(directory)))
        if not os.access(directory, os.W_OK | os.X_OK):
            raise BalancerError(words.map_not_writable(self._path, words.no_permission(directory)))
        free = disk.f_bavail * disk.f_frsize
        if free < size + ROOM or (disk.f_files and not disk.f_favail):
            raise BalancerError(words.map_not_writable(self._path, words.disk_full(directory, free)))

    def _what_stands(self, service: str, ordered: Split, reason: str) -> str:
        try:
            stands = self.read(service)
        except BalancerUnfit:
            return words.map_unsure(self._path, reason)
        if stands == ordered:
            return words.map_not_durable(self._path, reason, ordered)
        return words.map_not_written(self._path, reason, stands)

    def _content(self) -> bytes:
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return b""


def _key(line: bytes) -> bytes | None:
    """The service that a line is about, read as HAProxy does; ``None`` for comments and blank lines."""
    words_of_line = line.split(None, 1)
    return None if not words_of_line or words_of_line[0].startswith(b"#") else words_of_line[0]


def _with(content: bytes, entries: Mapping[str, int]) -> bytes:
    """``content`` with one line for each of ``entries``, where its first one stood, and every other line as it was."""
    wanted = {name.encode(): f"{name} {value}\n".encode() for name, value in entries.items()}
    left, lines = dict(wanted), []
    # Not splitlines: to HAProxy a carriage return is no end of a line.
    for line in content.removesuffix(b"\n").split(b"\n") if content else ():
        name = _key(line)
        if name not in wanted:
            lines.append(line + b"\n")
        elif name in left:
            lines.append(left.pop(name))
    return b"".join([*lines, *left.values()])
