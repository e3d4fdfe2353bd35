"""The notation of series that users of promtool know, ``0+1x10 _ NaN stale`` (Prometheus' documentation, "Unit testing for rules").

``a+bxn`` is ``a`` and ``n`` further values, each larger by ``b``; ``a-bxn`` falls; ``axn`` repeats ``a``; ``_`` is no sample,
``_xn`` that many; ``stale`` ends a series until its next sample.
"""

import math
import re
import struct
from dataclasses import dataclass
from typing import Literal, TypeAlias

from guardian.config.fields import Misfit
from guardian.core.words import rehearsal as words
from guardian.core.words import rule_faults

STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
"""Prometheus' staleness marker: a NaN with a payload of its own (``model/value/value.go``). Other NaNs are numbers."""
MOST_VALUES = 100_000
LONGEST_NAME = 10_000
"""Characters of a series' name with its labels."""

_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|Inf|NaN)"
_WORD = re.compile(
    rf"(?P<first>{_NUMBER}|_)(?:(?P<step>[+-](?:[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?))?x(?P<times>[0-9]{{1,6}}))?"
)
_LABEL = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(,|$)')
_SERIES = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?:\{(.*)\})?")

Values: TypeAlias = tuple[float | None, ...]
"""One value for each interval; ``None`` where there is no sample."""
Counts: TypeAlias = tuple[float, ...]
"""Values of HAProxy, one for each interval."""
FAIL: Literal["fail"] = "fail"
Results: TypeAlias = tuple[float | Literal["fail"] | None, ...]
"""What a command gives in each interval; ``None`` for nothing to judge, :data:`FAIL` where it does not get that far."""


@dataclass(frozen=True, slots=True)
class Name:
    """A series' name and labels."""

    labels: tuple[tuple[str, str], ...]
    """With ``__name__``, by name."""


def read_values(text: str) -> Values:
    """The values that ``text`` stands for. :class:`Misfit` with a sentence where a word has no meaning."""
    found: list[float | None] = []
    for word in text.split():
        found += _word(word)
        if len(found) > MOST_VALUES:
            raise Misfit(words.too_many_values(MOST_VALUES))
    return tuple(found)


def read_counts(text: str) -> Counts:
    """Values of HAProxy, of which each moment has one. :class:`Misfit` as for :func:`read_values`."""
    found = read_values(text)
    counts = tuple(value for value in found if value is not None and 0 <= value < math.inf)
    if not counts or len(counts) < len(found):
        raise Misfit(words.no_counts(text))
    return counts


def read_results(text: str) -> Results:
    """What a command gives. :class:`Misfit` as for :func:`read_values`."""
    found: list[float | Literal["fail"] | None] = []
    for word in text.split():
        found += [FAIL] if word == FAIL else _word(word)
        if len(found) > MOST_VALUES:
            raise Misfit(words.too_many_values(MOST_VALUES))
    if not found or any(isinstance(value, float) and not math.isfinite(value) for value in found):
        raise Misfit(words.no_results(text))
    return tuple(found)


def _word(word: str) -> list[float | None]:
    if word == "stale":
        return [STALE]
    parts = _WORD.fullmatch(word)
    if not parts:
        raise Misfit(words.no_value(word))
    times = int(parts["times"] or 0)
    if times > MOST_VALUES:
        raise Misfit(words.too_many_values(MOST_VALUES))
    if parts["first"] == "_":
        if parts["step"]:
            raise Misfit(words.no_value(word))
        return [None] * max(times, 1)  # `_x3` is three gaps, where `1x3` is four ones
    first, step = float(parts["first"]), float(parts["step"] or 0)
    return [first + step * index for index in range(times + 1)]


def read_name(text: str) -> Name:
    """The series that ``text`` names, as ``http_requests_total{env="green"}``. :class:`Misfit` where it names none."""
    if len(text) > LONGEST_NAME:
        raise Misfit(rule_faults.text_too_long(len(text), LONGEST_NAME))
    parts = _SERIES.fullmatch(text.strip())
    if not parts:
        raise Misfit(words.no_series(text))
    labels, rest = {"__name__": parts[1]}, (parts[2] or "").strip()
    while rest:
        label = _LABEL.match(rest)
        if not label or label[1] in labels:
            raise Misfit(words.no_series(text))
        labels[label[1]] = re.sub(r"\\(.)", lambda escape: {"n": "\n"}.get(escape[1], escape[1]), label[2])
        rest = rest[label.end() :].strip()
    return Name(tuple(sorted(labels.items())))
