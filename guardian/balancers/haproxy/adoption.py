"""Works out how a configuration lets guardian route a service, and how it is without guardian again. Pure: edits, no files."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from guardian.balancers.haproxy import routes, syntax
from guardian.balancers.haproxy.block import Diversion, Layout, block
from guardian.balancers.haproxy.document import Block, Document, Edit, Section, Statement
from guardian.balancers.haproxy.routes import Obstacle, Route
from guardian.balancers.haproxy.runtime import safe_name, safe_path
from guardian.core.model import Environment, Service, Split
from guardian.core.ports import BalancerUnfit
from guardian.core.words import adoption as words

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
    live: Environment
    """Where the document sends the service without guardian: what the map must say when HAProxy first reads the blocks."""


@dataclass(frozen=True, slots=True)
class Removal:
    """How a service is taken out again."""

    edits: tuple[Edit, ...]
    explanation: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unfit:
    """Why it cannot be done as the document is; each sentence says what to change."""

    sentences: tuple[str, ...]


def adopt(document: Document, service: Service, map_path: Path, frontends: Collection[str] = ()) -> Adoption | Unfit:
    """Put a block beside every rule that sends the traffic of ``service``; blocks that stand there are brought up to date.

    ``map_path`` is the map as HAProxy is to read it. ``frontends`` names the only frontends and listens to look at; none means all.
    """
    survey = _survey(document, service, frontends)
    plan = _Plan(document, service, map_path, survey.routes)
    for faults in (_faults(document, service, map_path, frontends), survey.faults(service), plan.faults()):
        if sentences := tuple(faults):
            return Unfit(sentences)
    live = survey.routes[0].environment
    edits, told = plan.edits()
    if not any(one.service == service.name for one in document.blocks):
        told.insert(0, words.map_decides(service.name, map_path, service.backend(live), Split.all_on(live).green))
    return Adoption(edits, (*told, *survey.left_alone()), tuple(survey.advice(document, service)), live)


def removal(document: Document, service: Service) -> Removal | Unfit:
    """Take every block of ``service`` out: what is left is what the user wrote, byte for byte."""
    faults = tuple(_damages(document, service.name))
    if faults:
        return Unfit(faults)
    blocks = [one for one in document.blocks if one.service == service.name]
    told = [words.block_removed(_place(one)) for one in blocks] or [words.not_adopted(service.name)]
    return Removal(tuple(Edit(one.file, one.first, one.end, "") for one in blocks), tuple(told))


def _place(span: Block) -> str:
    return f"{span.file.path}:{span.first + 1}"


def _damages(document: Document, service: str | None = None) -> Iterator[str]:
    """What is wrong with the marks of ``service``; of all services by default, since a block without an end may hide any rule."""
    for damage in document.damages:
        if service in {None, damage.service}:
            yield (words.unclosed_block if damage.opens else words.unopened_block)(damage.where, damage.service)
    for one in document.blocks:
        for line in range(one.first + 1, one.end - 1):
            text = one.file.lines[line]
            if service in {None, one.service} and text.strip() and "txn.guardian_" not in text:
                yield words.invaded_block(f"{one.file.path}:{line + 1}", one.service)


def _faults(document: Document, service: Service, map_path: Path, frontends: Collection[str]) -> Iterator[str]:
    """What is wrong before any rule is looked at."""
    yield from _damages(document)
    try:
        safe_path(map_path)
        for name in (service.name, service.blue, service.green):
            safe_name(name)
    except BalancerUnfit as unfit:
        yield str(unfit)
    known = [section.name for section in document.proxies(*_ENTRANCES) if section.name]
    for name in frontends:
        if name not in known:
            yield words.unknown_frontend(name, known)
    if service.blue == service.green:
        yield words.same_backend(service.name, service.blue)
    else:
        yield from _backend_faults(document, service)


def _backend_faults(document: Document, service: Service) -> Iterator[str]:
    holders = {section.name: section for section in document.proxies(*_HOLDERS)}
    missing = [backend for backend in (service.blue, service.green) if backend not in holders]
    mixed = _mixed(document, service) if len(missing) == len(Environment) else None
    if mixed:
        yield mixed
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


def _mixed(document: Document, service: Service) -> str | None:
    """Whether one section has servers that are called after both environments."""
    for section in document.proxies(*_HOLDERS):
        servers = [server.argument(1) or "" for server in section.find("server", "server-template")]
        if all(any(environment in server.lower() for server in servers) for environment in Environment):
            return words.mixed_backend(section.title, servers, service.blue, service.green)
    return None


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
                return

    def left_alone(self) -> Iterator[str]:
        """What is told of the other frontends."""
        return (words.left_alone(one.rule.where, one.section.title) for one in self.others)

    def advice(self, document: Document, service: Service) -> Iterator[str]:
        """What the user had better change."""
        for section in self.sections:
            for rule in routes.dynamic(section):
                yield words.dynamic_rule(rule.where, service.blue, service.green)
        sections = list({one.section: None for one in self.routes})
        tcp = [section.title for section in sections if section.mode == "tcp"]
        if tcp:
            yield words.open_connections(tcp)
        closing = [section.title for section in sections if section.mode != "tcp" and not _keeps_idle(section)]
        if closing:
            yield words.idle_close(closing)
        if not any(True for section in document.proxies("global") for _ in section.find("hard-stop-after")):
            yield words.hard_stop()


def _survey(document: Document, service: Service, frontends: Collection[str]) -> _Survey:
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


@dataclass(frozen=True, slots=True)
class _Plan:
    """The blocks as they should be, against those that stand in the document."""

    document: Document
    service: Service
    map_path: Path
    routes: list[Route]

    def faults(self) -> Iterator[str]:
        """What keeps a block from its place."""
        for route in self.routes:
            file = route.section.heading.file
            if route.line == len(file.lines) and not file.lines[-1].endswith("\n"):
                yield words.no_final_newline(file.path)
            count = max(len(syntax.words(line)) for line in self._text(route).split("\n"))
            if count > syntax.MOST_WORDS:
                yield words.too_many_words(route.rule.where, count, syntax.MOST_WORDS)

    def edits(self) -> tuple[tuple[Edit, ...], list[str]]:
        """The edits, and a sentence for each block."""
        edits, told = [], []
        stale = [one for one in self.document.blocks if one.service == self.service.name]
        for route in self.routes:
            file, first, end = route.section.heading.file, route.line, route.line
            for one in [one for one in stale if one.file is file and route.line in {one.first, one.end}]:
                first, end = one.first, one.end
                stale.remove(one)
            old, text = "".join(file.lines[first:end]), self._text(route)
            told.append(self._sentence(route, old, text))
            if old != text:
                edits.append(Edit(file, first, end, text))
        edits += [Edit(one.file, one.first, one.end, "") for one in stale]
        return tuple(edits), [*told, *(words.block_dropped(_place(one)) for one in stale)]

    def _sentence(self, route: Route, old: str, text: str) -> str:
        where, title = route.rule.where, route.section.title
        if old:
            return words.block_stands(where, title) if old == text else words.block_replaced(where, title)
        return words.block_added(
            where, title, self.service.backend(route.environment), self.service.backend(route.environment.other)
        )

    def _text(self, route: Route) -> str:
        anchor, lines = route.anchor.text, route.anchor.file.lines
        indent = anchor[: len(anchor) - len(anchor.lstrip(" \t"))]
        if route.anchor is route.section.heading:
            indent += "    "
        end = "\r\n" if (anchor if anchor.endswith("\n") else lines[0]).endswith("\r\n") else "\n"
        return block(self.service, self.map_path, Diversion(route.environment, route.condition), Layout(indent, end)) + end
