"""How moments are written for people."""

import datetime as dt


def moment(at: float) -> str:
    """A moment, in the same words on every machine: ``2026-11-26 14:32 UTC``."""
    return dt.datetime.fromtimestamp(at, dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
