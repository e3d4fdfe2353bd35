"""Log records to systemd's journal, with fields to search by: ``journalctl GUARDIAN_DEPLOYMENT=web-7``."""

import logging
import os
import socket
import struct
import sys
from collections.abc import Mapping
from contextlib import suppress

from guardian.core.scrub import scrubbed

SOCKET = "/run/systemd/journal/socket"
LARGEST = 131_072
"""Bytes of a datagram that any kernel takes."""
PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))


def connected(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether standard error leads to the journal: only then is it known that somebody reads there."""
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return environment.get("JOURNAL_STREAM", "") == f"{found.st_dev}:{found.st_ino}"


class JournalHandler(logging.Handler):
    """Sends records to the journal; one that it does not take goes to standard error."""

    def __init__(self, keys: tuple[str, ...], path: str = SOCKET) -> None:
        super().__init__()
        self._keys, self._path = keys, path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.settimeout(0.5)

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record."""
        text = scrubbed(self.format(record))
        fields = {
            "MESSAGE": text,
            "PRIORITY": str(next((priority for level, priority in PRIORITIES if record.levelno >= level), 7)),
            "SYSLOG_IDENTIFIER": "guardian",
            "LOGGER": record.name,
        }
        given = {key: getattr(record, key, None) for key in self._keys}
        fields |= {f"GUARDIAN_{key.upper()}": scrubbed(str(value)) for key, value in given.items() if value is not None}
        try:
            self._socket.sendto(b"".join(_field(name, value) for name, value in fields.items()), self._path)
        except OSError:
            with suppress(OSError, ValueError):
                print(text, file=sys.stderr)  # noqa: T201  the journal reads that, too, without the fields

    def close(self) -> None:
        """Give up the socket."""
        self._socket.close()
        super().close()


def _field(name: str, value: str) -> bytes:
    """One field as journald reads it: with its length, so that a value may hold anything."""
    data = value.encode(errors="backslashreplace")[:LARGEST]
    return b"%s\n%s%s\n" % (name.encode(), struct.pack("<Q", len(data)), data)
