"""Times as people write them on the command line."""

import re

import click

from guardian.core.words import shell

_TIME = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(text: str) -> float:
    """``15s`` or ``2m``; a bare number is refused, as in every file. ``click.BadParameter`` for what is no time."""
    parts = _TIME.fullmatch(text)
    if not parts or not float(parts[1]):
        raise click.BadParameter(shell.misfit_time(text))
    return float(parts[1]) * _UNITS[parts[2]]
