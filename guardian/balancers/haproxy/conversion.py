"""Makes two backends of a section that is not yet two, and the old section of them again. Pure: edits, no files.

A backend with the servers of both environments becomes a backend for each; a ``listen`` becomes a frontend and the backends that
its servers are for. What stood there is kept in comments between marks of its own, line by line with all bytes, and a digest of all
that stands between the marks is in the first one: so it can be put back exactly, and is not where somebody has changed it since.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from guardian.balancers.haproxy import keywords
from guardian.balancers.haproxy.document import Document, Edit, Section, Span, Statement
from guardian.balancers.haproxy.keywords import Side
from guardian.balancers.haproxy.routes import Unfit, serves_itself
from guardian.core.model import Environment, Service
from guardian.core.words import conversion as words

_KEPT = "# | "
_HOLDERS = ("backend", "listen")
_SERVERS = ("server", "server-template")
_RULES = ("use_backend", "default_backend")
_OPENS = re.compile(r"# >>> converted by guardian for (\S+): ([0-9]{1,6}) lines? kept, ([0-9a-f]{16})(?![^ \r\n])")
_CLOSES = "# <<< converted by guardian for"
_DIGITS = 16
_SERVER = re.compile(r"(\s*\S+\s+\S+\s+\S+)([^#\r\n]*)")
_HELD_OUT = re.compile(r"[ \t]+(?:weight[ \t]+0|backup|disabled)(?![^ \t])")


@dataclass(frozen=True, slots=True)
class Conversion:
    """What changes, and the sentences that explain it."""

    edits: tuple[Edit, ...]
    explanation: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """A section that holds what should be backends of its own, and the environment of each of its servers."""

    section: Section
    servers: dict[Statement, Environment | None]

    def live(self) -> Environment | None:
        """The environment that is not held out by ``weight 0``, ``backup`` or ``disabled``; ``None`` where that is not just one."""
        found = {one for one in self.servers.values() if one}
        serving = [one for one in found if len(found) == 1 or not self.holds_out(one)]
        return serving[0] if len(serving) == 1 else None

    def holds_out(self, environment: Environment) -> bool:
        """Whether none of the servers of ``environment`` takes its turn."""
        return all(server.text != _serving(server.text) for server, side in self.servers.items() if side is environment)


def convert(document: Document, service: Service) -> Conversion | Unfit:
    """Make the backends that ``service`` lacks, where one section holds what they should; no edits where none does."""
    source = find(document, service)
    if source is None:
        return Conversion((), (words.nothing_to_convert(service.name),))
    faults = tuple(_faults(document, source))
    live = source.live()
    if faults or live is None:
        return Unfit(faults or (words.both_serve(source.section.heading.where, source.section.title),))
    plan = _Plan(service, source, live)
    made = [f"backend {service.backend(one)}" for one in plan.environments]
    if source.section.kind == "listen":
        made.insert(0, f"frontend {source.section.name}")
    told = [words.converted(source.section.heading.where, source.section.title, made, service.backend(live))]
    if any("backup" in [word.value for word in server.words[3:]] for server in source.servers) and not service.routing.fallback:
        told.append(words.fallback_lost(service.name))
    return Conversion((plan.section_edit(), *plan.rule_edits(document)), tuple(told))


def converted(document: Document) -> Iterator[str]:
    """The services for which something was converted."""
    return (name for name, *_ in _regions(document))


def restore(document: Document, service: str) -> Conversion | Unfit:
    """Put back what stood where ``service`` was converted; its blocks, and those of other services there, must be out already."""
    edits, told, faults = [], [], []
    for name, span, count, digest in _regions(document):
        if name != service:
            continue
        lines, where = span.file.lines[span.first + 1 : span.end - 1], f"{span.file.path}:{span.first + 1}"
        if _digest(count, "".join(lines)) != digest:
            faults.append(words.changed_since(where, service))
        kept = "".join(line.removeprefix(_KEPT) for line in lines[:count])
        edits.append(Edit(span.file, span.first, span.end, kept))
        told.append(words.put_back(where))
    return Unfit(tuple(faults)) if faults else Conversion(tuple(edits), tuple(told))


def find(document: Document, service: Service) -> Source | None:
    """The section that holds what should be backends of ``service``."""
    return _mixed(document, service) or _lone(document, service)


def _mixed(document: Document, service: Service) -> Source | None:
    """The section whose servers are called after both environments, while a backend of the service is missing."""
    present = {section.name for section in document.proxies(*_HOLDERS)}
    lacking = {one for one in Environment if service.backend(one) not in present}
    for section in document.proxies(*_HOLDERS) if lacking else ():
        servers = "".join(server.text for server in section.find(*_SERVERS)).lower()
        if not all(one in servers for one in Environment) or (section.kind == "listen" and not serves_itself(section)):
            continue
        source = _by_name(section)
        own = {one for one in Environment if service.backend(one) == section.name}
        if lacking | own == set(source.servers.values()) - {None} == set(Environment):
            return source
    return None


def _lone(document: Document, service: Service) -> Source | None:
    """The one ``listen`` that may serve the environment whose backend is missing."""
    present = {section.name for section in document.proxies(*_HOLDERS)}
    missing = [one for one in Environment if service.backend(one) not in present]
    found = [
        section
        for section in document.proxies("listen")
        if serves_itself(section)
        and (not service.routing.frontends or section.name in service.routing.frontends)
        and any(section.find(*_SERVERS))
        and section.name not in {service.blue, service.green}
    ]
    if len(missing) != 1 or len(found) != 1 or missing[0].other in _by_name(found[0]).servers.values():
        return None
    return Source(found[0], dict.fromkeys(found[0].find(*_SERVERS), missing[0]))


def _by_name(section: Section) -> Source:
    def environment(server: Statement) -> Environment | None:
        named = [one for one in Environment if one in (server.argument(1) or "").lower()]
        return named[0] if len(named) == 1 else None

    return Source(section, {server: environment(server) for server in section.find(*_SERVERS)})


def _faults(document: Document, source: Source) -> Iterator[str]:
    section, heading = source.section, source.section.heading
    rules = list(_rules(document, source))
    touched = [
        Span(heading.file, heading.line, section.end),
        *(Span(one.file, one.line, one.line + 1) for one in rules),
    ]
    owned = [*document.blocks, *(span for _, span, *_ in _regions(document))]
    if any(_overlap(touched[0], span) for span in document.conditionals):
        yield words.conditional_section(heading.where, section.title)
    if any(_overlap(span, other) for span in touched for other in owned):
        yield words.blocks_inside(heading.where, section.title)
    for one in (section.statements[-1], *rules):
        if not one.text.endswith("\n"):
            yield words.no_line_end(one.where)
    if section.name is None or heading.words[1].raw != section.name:
        yield words.unreadable_name(heading.where, section.kind)
    for server in (server for server, side in source.servers.items() if side is None):
        yield words.unknown_side(server.where, server.argument(1) or server.keyword)
    for statement in section.statements if section.kind == "listen" else ():
        if keywords.side(statement) is None:
            yield words.unknown_keyword(statement.where, statement.keyword)


def _regions(document: Document) -> Iterator[tuple[str, Span, int, str]]:
    """What was converted: for which service, where, how many lines of it are kept, and the digest of all between the marks."""
    for file in document.files:
        for first, line in enumerate(file.lines):
            if line.startswith("#") and (mark := _OPENS.match(line)):
                closing = f"{_CLOSES} {mark[1]}"
                ends = (at + 1 for at in range(first, len(file.lines)) if file.lines[at].rstrip() == closing)
                yield mark[1], Span(file, first, next(ends, len(file.lines))), int(mark[2]), mark[3]


def _marked(span: Span, service: Service, text: str) -> Edit:
    """``text`` in the place of ``span``, with what stood there kept above it."""
    lines = span.file.lines[span.first : span.end]
    inner, end = "".join(_KEPT + line for line in lines) + text, _line_end(lines[0])
    opens = words.mark(service.name, len(lines), _digest(len(lines), inner))
    return Edit(span.file, span.first, span.end, f"{opens}{end}{inner}{_CLOSES} {service.name}{end}")


def _digest(kept: int, text: str) -> str:
    return hashlib.sha256(f"{kept} {text}".encode("utf-8", "surrogateescape")).hexdigest()[:_DIGITS]


def _line_end(line: str) -> str:
    return "\r\n" if line.endswith("\r\n") else "\n"


def _said(statement: Statement, keyword: str, name: str) -> str:
    """The line of ``statement`` with other first two words."""
    return re.sub(r"^([ \t]*)\S+([ \t]+)\S+", rf"\g<1>{keyword}\g<2>{name}", statement.text, count=1)


def _rules(document: Document, source: Source) -> Iterator[Statement]:
    """The rules that send traffic to the section, where that is a backend."""
    for section in document.proxies("frontend", "listen", "defaults") if source.section.kind == "backend" else ():
        for rule in section.find(*_RULES):
            if rule.argument(1) == source.section.name and not rule.owner:
                yield rule


def _serving(server: str) -> str:
    """The line of a server, without what holds it out."""
    return _SERVER.sub(lambda match: match[1] + _HELD_OUT.sub("", match[2]), server, count=1)


def _overlap(one: Span, other: Span) -> bool:
    return one.file is other.file and one.first < other.end and other.first < one.end


@dataclass(frozen=True, slots=True)
class _Plan:
    """The sections as they will be."""

    service: Service
    source: Source
    live: Environment

    @property
    def environments(self) -> list[Environment]:
        """Those that get a backend, the one that serves first."""
        both = self.live.other in self.source.servers.values()
        return [self.live, self.live.other] if both else [self.live]

    def section_edit(self) -> Edit:
        """The section, taken apart."""
        section, heading = self.source.section, self.source.section.heading
        end = section.statements[-1].line + 1
        texts = [self._backend(one, end) for one in self.environments]
        if section.kind == "listen":
            texts.insert(0, self._frontend(end))
        return _marked(Span(heading.file, heading.line, end), self.service, _line_end(heading.text).join(texts))

    def rule_edits(self, document: Document) -> Iterator[Edit]:
        """The rules that name the section, which are to name the backend that serves."""
        name = self.service.backend(self.live)
        for rule in _rules(document, self.source):
            if name != self.source.section.name:
                yield _marked(Span(rule.file, rule.line, rule.line + 1), self.service, _said(rule, rule.keyword, name))

    def _frontend(self, end: int) -> str:
        heading = self.source.section.heading
        first = next(self.source.section.find("bind"))
        indent = first.text[: len(first.text) - len(first.text.lstrip())]
        default = f"{indent}default_backend {self.service.backend(self.live)}{_line_end(heading.text)}"
        return _said(heading, "frontend", str(self.source.section.name)) + self._lines(end, {Side.FRONT, Side.BOTH}, None) + default

    def _backend(self, environment: Environment, end: int) -> str:
        heading = _said(self.source.section.heading, "backend", self.service.backend(environment))
        sides = {Side.BACK, Side.BOTH} if self.source.section.kind == "listen" else set(Side)
        return heading + self._lines(end, sides, environment)

    def _lines(self, end: int, sides: set[Side], environment: Environment | None) -> str:
        """The lines that belong to a new section; comments stay with the first of them, or with both backends."""
        section = self.source.section
        dropped = {one.line for one in section.statements if section.kind == "listen" and keywords.side(one) not in sides}
        dropped |= {one.line for one, side in self.source.servers.items() if side is not environment}
        held_out = environment is not None and len(self.environments) > 1 and self.source.holds_out(environment)
        servers = {one.line for one, side in self.source.servers.items() if side is environment} if held_out else set()
        spoken = {one.line for one in section.statements}
        comments = section.kind == "backend" or environment is None
        kept = [line for line in range(section.heading.line + 1, end) if line not in dropped and (comments or line in spoken)]
        lines = section.heading.file.lines
        return "".join(_serving(lines[line]) if line in servers else lines[line] for line in kept)
