"""How text from a file is repeated to people."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

LONGEST_QUOTE = 48
"""Characters of the file that a sentence repeats at the most."""


def visible(text: str) -> str:
    """``text`` on one line, with every character that cannot be seen or encoded spelled out."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else character.encode("unicode_escape").decode() for character in text)


def clipped(text: str) -> str:
    """``text``, visible and short."""
    return visible(text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 1] + "…")


def quoted(text: str) -> str:
    """``text`` as something that stands in a file."""
    return f"`{clipped(text)}`"


def listed(names: Sequence[str], last: str = "and") -> str:
    """Names in backticks: ```a`, `b` and `c```."""
    *most, end = [f"`{name}`" for name in names]
    return f"{', '.join(most)} {last} {end}" if most else end


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that ``name`` was probably meant to be."""
    return next(iter(get_close_matches(name, known, n=1)), None)
