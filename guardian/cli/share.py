"""Shares of the traffic as people write them."""

import re

import click

from guardian.core.model import BASIS_POINTS
from guardian.core.words import shell
from guardian.core.words.drill import LARGEST_SHARE

_PERCENT = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,2}))? ?%")


def basis_points(text: str) -> int:
    """``5%`` or ``0.25%``; a bare number is refused, for it may be meant as a percentage or as a fraction.

    ``click.BadParameter`` for what is no share.
    """
    return _between(text, 1, BASIS_POINTS)


def tiny_share(text: str) -> int:
    """``0%`` to ``1%``, for a drill; ``click.BadParameter`` as above."""
    return _between(text, 0, LARGEST_SHARE)


def _between(text: str, least: int, most: int) -> int:
    parts = _PERCENT.fullmatch(text)
    share = int(parts[1]) * 100 + int((parts[2] or "").ljust(2, "0")) if parts else -1
    if not least <= share <= most:
        raise click.BadParameter(shell.misfit_share(text))
    return share
