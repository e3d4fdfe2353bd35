"""Works out how a configuration lets guardian route a service, and how it is without guardian again. Pure: edits, no files."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from guardian.balancers.haproxy import conversion, literal, routes, shielding, syntax, trial
from guardian.balancers.haproxy.block import Diversion, Layout, Written, belongs, block, declaration, marked
from guardian.balancers.haproxy.conversion import Conversion, Source
from guardian.balancers.haproxy.document import Block, Document, Edit, File, Section, Statement
from guardian.balancers.haproxy.routes import Obstacle, Route, Unfit
from guardian.balancers.haproxy.runtime import safe_name, safe_path
from guardian.balancers.haproxy.trial import Surroundings
from guardian.core.model import Holding, Service, Split, Way
from guardian.core.ports import BalancerUnfit
from guardian.core.words import adoption as words
from guardian.core.words import shield as shield_words
from guardian.core.words import testers

_ENTRANCES = ("frontend", "listen")
_HOLDERS = ("backend", "listen")


@dataclass(frozen=True, slots=True)
class Adoption:
    """How a service is adopted."""

    edits: tuple[Edit, ...]
    """What :meth:`Document.apply` takes; empty when the document is as it should be."""
    explanation: tuple[str, ...]
    advice: tuple[str, ...]
    """What would be better otherwise, and is the user's to change."""
    changes: tuple[str, ...]
    """Those sentences of the explanation that tell of a difference."""
    split: Split
    """What HAProxy must find when it first reads the blocks, so that nothing moves: in the map, or in the blocks themselves."""


def adopt(document: Document, service: Service, map_path: Path, split: Split | None = None) -> Adoption | Unfit:
    """Put a block beside every rule that sends the traffic of ``service``; blocks that stand there are brought up to date.

    ``map_path`` is the map as HAProxy is to read it. A split that stands in the blocks already is kept; ``split`` is what the map
    says, and where neither is known, all is on the environment that the rules name.
    """
    survey = _survey(document, service)
    for faults in (_faults(document, service, map_path), survey.faults(service)):
        if sentences := tuple(faults):
            return Unfit(sentences)
    live = survey.routes[0].environment
    written = Written(literal.read(document, service) or split or Split.all_on(live), literal.generation(document, service))
    advice = list(survey.advice(document, service))
    plan = _Plan(document, service, map_path, survey.routes, written)
    if service.shield and (unshielded := next(_unshielded(document, service, survey, plan), "")):
        advice.insert(0, shield_words.unshielded(service.name, unshielded))
        plan = replace(plan, service=replace(service, shield=None))
    if sentences := tuple(plan.faults()):
        return Unfit(sentences)
    edits, told, changes = plan.edits()
    if not any(one.service == service.name for one in document.blocks):
        told.insert(0, _first(service, map_path, service.backend(live), written.split))
    return Adoption(edits, (*told, *survey.left_alone()), tuple(advice), changes, written.split)


def _unshielded(document: Document, service: Service, survey: "_Survey", plan: "_Plan") -> Iterator[str]:
    """Why ``service`` cannot be shielded; it can be adopted all the same."""
    yield from shielding.obstacles(document, service, survey.chosen())
    yield from plan.faults()


def _first(service: Service, map_path: Path, backend: str, split: Split) -> str:
    """What being adopted means."""
    if service.routing.way is Way.RELOAD:
        return words.block_decides(service.name, backend, split.green)
    return words.map_decides(service.name, map_path, backend, split.green)


def removal(document: Document, service: str) -> Conversion | Unfit:
    """Take every block of ``service`` out: what is left is what the user wrote, byte for byte."""
    faults = tuple(_damages(document, service))
    if faults:
        return Unfit(faults)
    blocks = [one for one in document.blocks if one.service == service]
    told = [words.block_removed(_place(one)) for one in blocks] or [words.not_adopted(service)]
    return Conversion(tuple(Edit(one.file, one.first, one.end, "") for one in blocks), tuple(told))


def _place(span: Block) -> str:
    return f"{span.file.path}:{span.first + 1}"


def _damages(document: Document, service: str | None = None) -> Iterator[str]:
    """What is wrong with the marks of ``service``; of all services by default, since a block without an end may hide any rule."""
    for damage in document.damages:
        if service in {None, damage.service}:
            yield (words.unclosed_block if damage.opens else words.unopened_block)(damage.where, damage.service)
    for one in document.blocks:
        inner = "".join(one.file.lines[one.first + 1 : one.end - 1])
        if one.digest and service in {None, one.service} and shielding.digest(inner) != one.digest:
            yield shield_words.sections_changed(_place(one), one.service)
        for line in () if one.digest else range(one.first + 1, one.end - 1):
            text = one.file.lines[line]
            if service in {None, one.service} and text.strip() and not belongs(text):
                yield words.invaded_block(f"{one.file.path}:{line + 1}", one.service)


def _faults(document: Document, service: Service, map_path: Path) -> Iterator[str]:
    """What is wrong before any rule is looked at."""
    yield from _damages(document)
    try:
        safe_path(map_path)
        for name in (service.name, service.blue, service.green):
            safe_name(name)
    except BalancerUnfit as unfit:
        yield str(unfit)
    known = [section.name for section in document.proxies(*_ENTRANCES) if section.name]
    for name in service.routing.frontends:
        if name not in known:
            yield words.unknown_frontend(name, known)
    if service.routing.way is Way.RELOAD and len(literal.shares(document, service)) > 1:
        yield words.splits_differ(service.name, sorted(literal.shares(document, service)))
    if service.blue == service.green:
        yield words.same_backend(service.name, service.blue)
    else:
        yield from _backend_faults(document, service)


def _backend_faults(document: Document, service: Service) -> Iterator[str]:
    holders = {section.name: section for section in document.proxies(*_HOLDERS)}
    missing = [backend for backend in (service.blue, service.green) if backend not in holders]
    source = conversion.find(document, service) if missing else None
    if source:
        yield _convertible(service, source, missing)
        return
    unnamed = holders.get(None)
    for backend in missing:
        yield words.no_backend(backend, unnamed.heading.where if unnamed else None)
    sections = [holders[backend] for backend in (service.blue, service.green) if backend in holders]
    for section in sections:
        if section.heading.depth:
            yield words.conditional_backend(section.heading.where, section.title)
    modes = [mode for section in sections if (mode := section.mode)]
    if len(modes) > 1 and modes[0] != modes[1]:
        yield words.modes_differ(service.blue, modes[0], service.green, modes[1])


def _convertible(service: Service, source: Source, missing: list[str]) -> str:
    servers = [server.argument(1) or "" for server in source.servers]
    if len(set(source.servers.values())) == 1:
        return words.lone_listen(source.section.title, service.name, *missing)
    return words.mixed_backend(source.section.title, servers, service.name, service.blue, service.green)


@dataclass(frozen=True, slots=True)
class _Survey:
    """The rules of a document that have to do with a service."""

    sections: list[Section]
    """The frontends and listens to look at."""
    routes: list[Route]
    obstacles: list[Obstacle]
    others: list[Route]
    """The routes in other frontends and listens."""

    def faults(self, service: Service) -> Iterator[str]:
        """Rules that guardian cannot go with."""
        yield from (one.sentence for one in self.obstacles)
        if not self.routes and not self.obstacles:
            dynamic = [rule.where for section in self.sections for rule in routes.dynamic(section)]
            yield words.no_route(service.name, service.blue, service.green, dynamic)
        for one in self.routes:
            if one.environment is not self.routes[0].environment:
                first = self.routes[0]
                backends = service.backend(first.environment), service.backend(one.environment)
                yield words.routes_disagree(first.rule.where, backends[0], one.rule.where, backends[1])
                break
        sticky = service.routing.sticky
        for section in self.chosen() if sticky and sticky.by is not Holding.SOURCE else ():
            if section.mode != "http":
                yield words.sticky_needs_http(section.heading.where, section.title)
        for section in self.chosen() if service.routing.testers else ():
            if section.mode != "http":
                yield testers.needs_http(section.heading.where, section.title)

    def chosen(self) -> list[Section]:
        """The sections that get blocks."""
        return list({one.section: None for one in self.routes})

    def left_alone(self) -> Iterator[str]:
        """What is told of the other frontends."""
        return (words.left_alone(one.rule.where, one.section.title) for one in self.others)

    def advice(self, document: Document, service: Service) -> Iterator[str]:
        """What the user had better change."""
        for section in self.sections:
            for rule in routes.dynamic(section):
                yield words.dynamic_rule(rule.where, service.blue, service.green)
        sections = self.chosen()
        tcp = [section.title for section in sections if section.mode == "tcp"]
        if tcp:
            yield words.open_connections(tcp)
        closing = [section.title for section in sections if section.mode != "tcp" and not _keeps_idle(section)]
        if closing:
            yield words.idle_close(closing)
        for backend in document.proxies(*_HOLDERS) if service.routing.fallback else ():
            if routes.environment_of(service, backend.name) and not _checked(backend):
                yield words.unchecked(backend.heading.where, backend.title)
        if not any(True for section in document.proxies("global") for _ in section.find("hard-stop-after")):
            yield words.hard_stop()


def _survey(document: Document, service: Service) -> _Survey:
    frontends = service.routing.frontends
    found = {section: list(routes.find(document, service, section)) for section in document.proxies(*_ENTRANCES)}
    chosen = [section for section in found if not frontends or section.name in frontends]
    taken = [one for section in chosen for one in found.pop(section)]
    return _Survey(
        chosen,
        [one for one in taken if isinstance(one, Route)],
        [one for one in taken if isinstance(one, Obstacle)],
        [one for left in found.values() for one in left if isinstance(one, Route)],
    )


def _keeps_idle(section: Section) -> bool:
    def option(statement: Statement) -> bool:
        number = 1 if statement.keyword == "option" else 2
        return statement.keyword in {"option", "no", "default"} and statement.argument(number) == "idle-close-on-response"

    return all(one is not None and one.keyword == "option" for one in section.deciding(option))


def _checked(backend: Section) -> bool:
    """Whether HAProxy can find a server of ``backend`` down."""
    servers = [
        *backend.find("server", "server-template"),
        *filter(None, backend.deciding(lambda one: one.keyword == "default-server")),
    ]
    return any(word.value in {"check", "agent-check", "track"} for server in servers for word in server.words)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A block as it should be: before a line of a file, counted from 0."""

    file: File
    line: int
    where: str
    title: str
    text: str
    """With the last line's end."""
    added: str
    """The sentence for a block that is new."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """The blocks as they should be, against those that stand in the document."""

    document: Document
    service: Service
    map_path: Path
    routes: list[Route]
    written: Written

    def faults(self) -> Iterator[str]:
        """What keeps a block from its place."""
        if self.service.routing.way is Way.RELOAD and _global(self.document) is None:
            yield words.no_global(self.service.name)
        for wanted in self._wanted():
            if wanted.line == len(wanted.file.lines) and not wanted.file.lines[-1].endswith("\n"):
                yield words.no_final_newline(wanted.file.path)
            count = max(len(syntax.words(line)) for line in wanted.text.split("\n"))
            if count > syntax.MOST_WORDS:
                yield words.too_many_words(wanted.where, count, syntax.MOST_WORDS)

    def edits(self) -> tuple[tuple[Edit, ...], list[str], tuple[str, ...]]:
        """The edits, a sentence for each block, and those for blocks that differ."""
        edits, told, changes = [], [], []
        stale = [one for one in self.document.blocks if one.service == self.service.name]
        for wanted in self._wanted():
            file, first, end = wanted.file, wanted.line, wanted.line
            for one in [one for one in stale if one.file is file and wanted.line in {one.first, one.end}]:
                first, end = one.first, one.end
                stale.remove(one)
            old = "".join(file.lines[first:end])
            told.append(_sentence(wanted, old))
            if old != wanted.text:
                changes.append(told[-1])
                edits.append(Edit(file, first, end, wanted.text))
        edits += [Edit(one.file, one.first, one.end, "") for one in stale]
        dropped = [words.block_dropped(_place(one)) for one in stale]
        return tuple(edits), [*told, *dropped], (*changes, *dropped)

    def _wanted(self) -> Iterator[_Wanted]:
        section = _global(self.document)
        if section and self.service.routing.way is Way.RELOAD:
            file, line = section.heading.file, _declared_at(self.document, section, self.service)
            where = f"{file.path}:{line + 1}"
            layout = _layout(section, section.heading)
            text = declaration(self.service, self.written, layout) + layout.end
            yield _Wanted(file, line, where, section.title, text, words.declaration_added(where, self.service.name))
        if self.service.shield and (spot := shielding.spot(self.document, self.service)):
            around = shielding.surroundings(self.document, self.service)
            text = shielding.text(self.service, self.map_path, around, _line_end(spot.file), closing=spot.closing)
            where = f"{spot.file.path}:{spot.line + 1}"
            added = shield_words.sections_added(where, self.service.name)
            yield _Wanted(spot.file, spot.line, where, "the configuration", text, added)
            yield from self._patience(around)
        for route in self.routes:
            layout, title = _layout(route.section, route.anchor), route.section.title
            text = block(self.service, self.map_path, Diversion(route.environment, route.condition), layout) + layout.end
            names = self.service.backend(route.environment), self.service.backend(route.environment.other)
            added = words.block_added(route.rule.where, title, *names)
            yield _Wanted(route.section.heading.file, route.line, route.rule.where, title, text, added)

    def _patience(self, around: Surroundings) -> Iterator[_Wanted]:
        """What the backends of a shielded service get: right under their headings, above every rule that could end the request."""
        taken = [(route.section.heading.file, route.line) for route in self.routes]
        for environment, section in shielding.backends(self.document, self.service).items():
            file, line = section.heading.file, section.heading.line + 1
            if (file, line) in taken:  # a `listen` without a rule of its own: behind what stands first in it
                line = next((one.line + 1 for one in section.statements if not one.owner and not one.depth), line)
            layout = _layout(section, section.heading)
            text = (
                marked(self.service.name, [trial.patience(self.service, environment, self.map_path, around)], layout) + layout.end
            )
            where = f"{file.path}:{line + 1}"
            yield _Wanted(file, line, where, section.title, text, shield_words.patience_added(where, section.title))


def _sentence(wanted: _Wanted, old: str) -> str:
    if old:
        return (words.block_stands if old == wanted.text else words.block_replaced)(wanted.where, wanted.title)
    return wanted.added


def _layout(section: Section, anchor: Statement) -> Layout:
    text, lines = anchor.text, anchor.file.lines
    indent = text[: len(text) - len(text.lstrip(" \t"))]
    if anchor is section.heading:
        indent += "    "
    return Layout(indent, "\r\n" if (text if text.endswith("\n") else lines[0]).endswith("\r\n") else "\n")


def _line_end(file: File) -> str:
    return "\r\n" if file.lines and file.lines[0].endswith("\r\n") else "\n"


def _global(document: Document) -> Section | None:
    """The section that takes the declarations: the first that is there whatever a condition says."""
    return next((section for section in document.proxies("global") if not section.heading.depth), None)


def _declared_at(document: Document, section: Section, service: Service) -> int:
    """Where the declaration stands, or else right under the heading: none of several services moves another's."""
    for one in document.blocks:
        inside = one.file is section.heading.file and section.heading.line < one.first < section.end
        conditional = any(span.file is one.file and span.first <= one.first < span.end for span in document.conditionals)
        if one.service == service.name and inside and not conditional:
            return one.first
    return section.heading.line + 1
