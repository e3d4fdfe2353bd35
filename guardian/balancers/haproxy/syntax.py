"""How HAProxy reads one line of its configuration: words, quotes, escapes, comments.

Follows ``parse_line()`` of HAProxy's ``src/tools.c``, which is the same for this purpose from 2.4 to 3.5. Lines are never put
together again from what is read here: they keep their own text, and so does each word.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

MOST_WORDS = 64
"""HAProxy refuses a line of more words (``MAX_LINE_ARGS``)."""

_LEADING = r"[ \t\v\f\r]*+"
_GAP = r"[ \t\v\f][ \t\v\f\r]*+"
_VARIABLE = r"\$\{[A-Za-z_.][A-Za-z0-9_]*(?:\[\*\])?(?:-[^}\n\0]*)?\}"
_BACKSLASH = r"\\(?!x(?![0-9A-Fa-f]{2}))"
_DOUBLE = rf'"(?:{_VARIABLE}|\\["\\]|{_BACKSLASH}|[^"\\\r\n\0])*+"'
_SINGLE = r"'[^'\r\n\0]*'"
_PIECE = rf"(?:{_DOUBLE}|{_SINGLE}|\\[ \\#'\"]|{_BACKSLASH}|[^ \t\v\f\r\n\0\"'#\\]++)"
_FIRST = re.compile(rf"{_LEADING}([^ \t\v\f\r\n\0\"'#\\]*)([\"'\\]?)")
_WORD = re.compile(rf"{_LEADING}({_PIECE}++)({_GAP})?")
_READABLE = re.compile(rf"{_LEADING}(?:{_PIECE}|{_GAP})*+(?![\"'\\])")
_QUOTED = re.compile(r"[\"'\\]")
_PART = re.compile(rf"{_DOUBLE}|{_SINGLE}|(?:\\[ \\#'\"]|[^\"'])++")
_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{2}|[ \\#'\"tnr])")
_CONTROL = {"t": "\t", "n": "\n", "r": "\r"}


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a line."""

    raw: str
    """As it is written, with its quotes and escapes."""
    value: str | None
    """As HAProxy understands it; ``None`` where that depends on an environment variable."""


def keyword(line: str) -> str:
    """The first word of ``line`` as HAProxy understands it; empty for a blank line, a comment, and what cannot be read."""
    match = _FIRST.match(line)
    assert match  # noqa: S101  every part of the expression may be empty
    if not match[2]:
        return match[1]
    first = next(read(line), None)
    return first.value or "" if first and _READABLE.match(line) else ""


def words(line: str) -> tuple[Word, ...]:
    r"""The words of ``line``, up to its comment or to an empty word, which ends the words for HAProxy as well.

    None for a line with an unmatched quote or a bad ``\x``, which HAProxy refuses.
    """
    return tuple(read(line)) if _READABLE.match(line) else ()


def read(line: str) -> Iterator[Word]:
    """The words of ``line`` one after the other, as :func:`words` has them, up to what HAProxy refuses."""
    position = 0
    while match := _WORD.match(line, position):
        value = _value(match[1])
        if value == "":
            return
        yield Word(match[1], value)
        if not match[2]:
            return
        position = match.end()


def _value(raw: str) -> str | None:
    if not _QUOTED.search(raw):
        return raw
    value = ""
    for part in _PART.findall(raw):
        if part[0] == "'":
            value += part[1:-1]
        elif part[0] != '"':
            value += _unescape(part)
        elif "$" in re.sub(r"\\.", "", part):
            return None
        else:
            value += _unescape(part[1:-1].replace("\\$", "$"))
    return value


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda match: chr(int(match[1][1:], 16)) if match[1][0] == "x" else _CONTROL.get(match[1], match[1]), text)
