"""Whether a configuration lets a service be shielded, where the sections for it go, and what they must respect. Pure.

The hop between frontend and backend carries the request, its client's address and nothing else. A backend that asks for more would
be told something wrong there, so its service is not shielded, and the sentence says which line it is.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from guardian.balancers.haproxy import trial
from guardian.balancers.haproxy.document import Document, File, Section, Statement
from guardian.balancers.haproxy.trial import Surroundings
from guardian.core.model import Environment, Service
from guardian.core.words import shield as words

_PROXIES = ("frontend", "listen", "backend")
_NOT_CARRIED = re.compile(
    r"\b(?:ssl_[a-z_]+|fc_[a-z_]+|sc[0-9]?_[a-z_0-9]+|fe_[a-z_]+|capture\.[a-z.]+|unique-id|so_[a-z_]+|send-proxy-v2-ssl[a-z-]*)\b"
)
"""Samples of the client's connection, of counters that a frontend tracks, and of the frontend itself."""
_ASKED = re.compile(r"(?<!set-)\bvar\(((?:txn|sess|req)\.[A-Za-z0-9_.]+)\)")
_SET = re.compile(r"\bset-var(?:-fmt)?\(((?:txn|sess|req)\.[A-Za-z0-9_.]+)")
_TRACKED = re.compile(r"track-sc[0-9]+")
_BY_NAME = re.compile(r"\b(?:be_name|be_id|srv_name|srv_id)\b")
_TIME = re.compile(r"([0-9]{1,9})(us|ms|s|m|h|d)?")
_SECONDS = {"us": 1e-6, "ms": 1e-3, None: 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Spot:
    """Where the sections go: before a line of a file, counted from 0."""

    file: File
    line: int
    closing: bool
    """Whether who writes sections below had no defaults, and must go on without any."""


def obstacles(document: Document, service: Service, entrances: Sequence[Section]) -> Iterator[str]:
    """Why ``service``, whose traffic comes in at ``entrances``, cannot be shielded."""
    holders = backends(document, service)
    for section in (*entrances, *holders.values()):
        if section.mode != "http":
            yield words.not_http(section.heading.where, section.title)
    for section in holders.values():
        yield from _asked_for(section)
    for section in entrances:
        for statement in _inherited(section):
            if found := _BY_NAME.search(statement.text):
                yield words.names_the_backend(statement.where, found[0])
    tracked = {word for section in entrances for word, _ in _tracked(section)}
    for section in holders.values():
        yield from (words.tracked_twice(statement.where, word) for word, statement in _tracked(section) if word in tracked)
    taken = {section.name for section in document.proxies(*_PROXIES, "defaults")}
    yield from (words.name_taken(name) for name in trial.names(service) if name in taken)
    if spot(document, service) is None:
        yield words.no_place(service.name)


def surroundings(document: Document, service: Service) -> Surroundings:
    """What the backends of ``service`` have of their own."""
    forwarding, patience = set(), []
    for environment, section in backends(document, service).items():
        if any(section.deciding(lambda one: _option(one) == "forwardfor")):
            forwarding.add(environment)
        seconds = [_seconds(one) for one in section.deciding(lambda one: (one.keyword, one.argument(1)) == ("timeout", "server"))]
        if known := [one for one in seconds if one]:
            patience.append((environment, min(known)))
    return Surroundings(frozenset(forwarding), tuple(patience))


def spot(document: Document, service: Service) -> Spot | None:
    """Where the sections of ``service`` stand or go; ``None`` where there is no place.

    The last ``defaults`` above a section are its own unless it names others. So these go above the first ones that the user wrote,
    where all of the user's sections are below; or to the end of a configuration that has none.
    """
    for one in document.blocks:
        if one.service == service.name and one.digest:
            return Spot(one.file, one.first, closing=_last_word(one.file.lines[one.first : one.end]) == "defaults")
    own = [section for section in document.sections if not section.heading.owner]
    first = next((number for number, section in enumerate(own) if section.kind == "defaults"), None)
    if first is None:
        return Spot(document.files[-1], len(document.files[-1].lines), closing=True) if document.files else None
    if own[first].heading.depth or any(section.kind in _PROXIES for section in own[:first]):
        return None
    file, line = own[first].heading.file, own[first].heading.line
    above = [section for section in own[:first] if section.heading.file is file]
    if above:
        last = above[-1].statements[-1] if above[-1].statements else above[-1].heading
        line = last.line + 1
    inside = any(span.file is file and span.first < line < span.end for span in document.conditionals)
    return None if inside else Spot(file, line, closing=False)


def backends(document: Document, service: Service) -> dict[Environment, Section]:
    """The sections whose servers are the environments of ``service``."""
    found = {section.name: section for section in document.proxies("backend", "listen")}
    names = {one: service.backend(one) for one in Environment}
    return {one: found[name] for one, name in names.items() if name in found}


def text(service: Service, map_path: Path, around: Surroundings, end: str, *, closing: bool) -> str:
    """The sections between their marks, with the line ``end`` after each."""
    inner = end.join([*trial.sections(service, map_path, around, closing=closing), ""])
    mark, managed = f"guardian {service.name} sections", "(managed: change guardian.yaml, then `guardian haproxy adopt`)"
    return f"# >>> {mark} {digest(inner)}  {managed}{end}{inner}# <<< {mark}{end}"


def digest(inner: str) -> str:
    """What is written into the first mark, so that a change by hand is seen and never lost."""
    return hashlib.sha256(inner.encode("utf-8", "surrogateescape")).hexdigest()[:_DIGITS]


def _asked_for(section: Section) -> Iterator[str]:
    """What a backend asks for, and the hop does not carry."""
    statements = list(_inherited(section))
    known = {name for statement in statements for name in _SET.findall(statement.text)}
    for statement in statements:
        text = " ".join(word.raw for word in statement.words)
        if found := _NOT_CARRIED.search(text):
            yield words.carries_too_little(statement.where, found[0])
        yield from (words.carries_too_little(statement.where, name) for name in _ASKED.findall(text) if name not in known)
        if (option := _option(statement)) in {"originalto", "forwarded"} or (option == "forwardfor" and "header" in text):
            yield words.another_forwarder(statement.where, text)


def _tracked(section: Section) -> Iterator[tuple[str, Statement]]:
    """The counters that a section has follow something."""
    for statement in _inherited(section):
        yield from ((word.raw, statement) for word in statement.words if _TRACKED.fullmatch(word.raw))


def _inherited(section: Section) -> Iterator[Statement]:
    """The user's statements in ``section``, and those in its ``defaults``."""
    yield from (one for one in section.statements if not one.owner)
    for parent in section.parents:
        yield from parent.statements


def _option(statement: Statement) -> str:
    return (statement.argument(1) or "") if statement.keyword == "option" else ""


def _seconds(statement: Statement | None) -> float | None:
    parts = _TIME.fullmatch((statement.argument(2) or "") if statement else "")
    return float(parts[1]) * _SECONDS[parts[2]] if parts else None


def _last_word(lines: Sequence[str]) -> str:
    """The last line of a block before its mark."""
    return lines[-2].strip() if len(lines) > 2 else ""  # noqa: PLR2004  both marks, and something between them
