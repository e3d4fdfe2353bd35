"""What an answer must be like, and what it was: judged without asking anybody."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from guardian.core.stages import Check, Expectation, Load, filled
from guardian.core.words import smoke as words

LARGEST_BODY = 1 << 20
"""Bytes of a body that are read; the rest of a longer one is not looked at."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer."""

    status: int
    headers: Mapping[str, str]
    """By name in small letters."""
    body: bytes
    seconds: float
    """Until the body was complete."""


@dataclass(frozen=True, slots=True)
class Burst:
    """What came of a load."""

    sent: int
    failed: int
    """Without an answer in time, or with one of 500 and above."""
    skipped: int
    """Not sent, since too many were still open: nobody waited for them, so they count as failed."""
    latencies: tuple[float, ...] = field(default=(), repr=False)
    """Seconds of each answer below 500, sorted."""

    def quantile(self, share: float) -> float | None:
        """The latency that ``share`` of the answers did not exceed; ``None`` without one."""
        if not self.latencies:
            return None
        return self.latencies[min(len(self.latencies) - 1, int(share * len(self.latencies)))]


def unmet(answer: Answer, expected: Expectation, values: Mapping[str, str]) -> tuple[str, ...]:
    """Which expectations the answer does not meet, as sentences; empty where it meets all."""
    return tuple(_unmet(answer, expected, values))


def _unmet(answer: Answer, expected: Expectation, values: Mapping[str, str]) -> Iterator[str]:
    if answer.status not in expected.status:
        yield words.wrong_status(answer.status, expected.status)
    if answer.seconds > expected.within:
        yield words.too_slow(answer.seconds, expected.within)
    for name, text in expected.headers:
        wanted, found = filled(text, values), answer.headers.get(name.lower())
        if found != wanted:
            yield words.wrong_header(name, found, wanted)
    text = answer.body.decode("utf-8", "replace")
    if expected.body and not re.search(filled_pattern(expected.body, values), text):
        yield words.body_without(expected.body, text)
    if expected.json:
        yield from _json_unmet(text, expected.json, values)


def filled_pattern(pattern: str, values: Mapping[str, str]) -> str:
    """A regular expression with its variables replaced by what finds exactly their values. A ``$`` of its own is written ``$$``."""
    return filled(pattern, {name: re.escape(value) for name, value in values.items()})


def _json_unmet(text: str, wanted: tuple[tuple[str, str], ...], values: Mapping[str, str]) -> Iterator[str]:
    try:
        document = json.loads(text)
    except ValueError:
        yield words.no_json(text)
        return
    for path, plain in wanted:
        expected = filled(plain, values)
        found, node = _at(document, path)
        if not found:
            yield words.nothing_at(path)
        elif expected not in {_written(node), node if isinstance(node, str) else None}:
            yield words.wrong_json(path, _written(node), expected)


def _at(node: Any, path: str) -> tuple[bool, Any]:
    for part in path.split("."):
        if isinstance(node, dict) and part in node:
            node = node[part]
        elif isinstance(node, list) and part.isdecimal() and int(part) < len(node):
            node = node[int(part)]
        else:
            return False, None
    return True, node


def _written(node: Any) -> str:
    return json.dumps(node, ensure_ascii=False)


def exceeded(burst: Burst, load: Load) -> tuple[str, ...]:
    """Which bounds a load exceeded, as sentences; empty where it kept to all. Without an answer nothing is proved."""
    asked = burst.sent + burst.skipped
    bad = burst.failed + burst.skipped
    found = []
    if asked == 0 or (bad and bad > load.errors * asked):
        found.append(words.too_many_errors(bad, asked, load.errors))
    latency = burst.quantile(load.quantile)
    if load.latency is not None and (latency is None or latency > load.latency):
        found.append(words.too_high_latency(latency, load.quantile, load.latency))
    return tuple(found)


def named(check: Check) -> str:
    """What people call a check."""
    return check.name or f"{check.method} {check.path}"
