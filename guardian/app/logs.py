"""How guardian logs: one sentence per event, stable keys for those who search, and no secret, whoever wrote it."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Literal

from guardian.app.journald import JournalHandler, connected
from guardian.core.scrub import scrubbed

KEYS = ("service", "deployment", "phase", "verdict", "rule", "job")
"""The keys that a record may carry beside its sentence."""


class TextFormatter(logging.Formatter):
    """``2026-01-31T03:00:00.123Z WARNING sentence  service=web deployment=web-7``."""

    def format(self, record: logging.LogRecord) -> str:
        """One record as one line, with its traceback below it where it has one."""
        keys = " ".join(f"{key}={value}" for key, value in _keys(record).items())
        line = f"{_time(record)} {record.levelname:7} {record.getMessage()}" + (f"  {keys}" if keys else "")
        return scrubbed(f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line)


class JsonFormatter(logging.Formatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        """One record as one JSON object."""
        fields = {"time": _time(record), "level": record.levelname.lower(), "message": record.getMessage(), "logger": record.name}
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return json.dumps({key: scrubbed(value) for key, value in (fields | _keys(record)).items()}, ensure_ascii=False)


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _keys(record: logging.LogRecord) -> dict[str, str]:
    known = {key: getattr(record, key, None) for key in KEYS}
    return {key: str(value) for key, value in known.items() if value is not None}


def log(style: Literal["text", "json"], level: str) -> None:
    """Send all log records from ``level`` on to standard error, or with their fields to the journal where that is read by it.

    Other programs' chatter only from warning on.
    """
    handler: logging.Handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if style == "json" else TextFormatter())
    if style == "text" and connected():
        handler = JournalHandler(KEYS)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("guardian").setLevel(level.upper())
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)  # what becomes of jobs, the schedule tells in a sentence
