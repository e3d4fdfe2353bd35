"""Shares of the traffic as people write them."""

import re

import click

from guardian.core.model import BASIS_POINTS
from guardian.core.words import shell

_PERCENT = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,2}))? ?%")


def basis_points(text: str) -> int:
    """``5%`` or ``0.25%``; a bare number is refused, for it may be meant as a percentage or as a fraction.

    ``click.BadParameter`` for what is no share.
    """
    parts = _PERCENT.fullmatch(text)
    share = int(parts[1]) * 100 + int((parts[2] or "").ljust(2, "0")) if parts else 0
    if not 0 < share <= BASIS_POINTS:
        raise click.BadParameter(shell.misfit_share(text))
    return share
