"""The rules of a configuration that send a service's traffic, and where a block must stand to go with each of them.

A request goes where the first ``use_backend`` that fits sends it, wherever that stands in its section, and otherwise where the last
``default_backend`` does, the section's own or that of its ``defaults``; a ``listen`` without one serves it by itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from guardian.balancers.haproxy import condition, syntax
from guardian.balancers.haproxy.condition import ALWAYS, Alternatives
from guardian.balancers.haproxy.document import Document, Section, Statement
from guardian.core.model import Environment, Service
from guardian.core.words import adoption as words

_BEFORE_RULES = ("bind",)
_IN_ORDER = ("use_backend", "http-request", "tcp-request", "redirect", "monitor", "quic-initial")
"""HAProxy warns of such a rule after a ``use_backend``, and with ``zero-warning`` it then refuses to start."""


@dataclass(frozen=True, slots=True)
class Route:
    """A rule that sends traffic to one environment of the service, and the place of the block that goes with it."""

    section: Section
    rule: Statement
    """The ``use_backend`` or ``default_backend``; the heading of a ``listen`` that serves by itself."""
    environment: Environment
    condition: Alternatives
    anchor: Statement
    """The line that the block stands beside and is indented like."""
    line: int
    """The block stands before this line of the section's file, counted from 0."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A rule that guardian cannot put a block beside."""

    sentence: str


@dataclass(frozen=True, slots=True)
class Unfit:
    """Why it cannot be done as the document is; each sentence says what to change."""

    sentences: tuple[str, ...]


def serves_itself(section: Section) -> bool:
    """Whether ``section`` is a ``listen`` whose clients come to its own servers by default."""
    defaults = section.deciding(lambda one: one.keyword == "default_backend")
    return section.kind == "listen" and any(section.find("bind")) and defaults == [None]


def find(document: Document, service: Service, section: Section) -> Iterator[Route | Obstacle]:
    """The routes of ``service`` in ``section``, a ``frontend`` or ``listen``."""
    for rule in section.find("use_backend"):
        environment = environment_of(service, rule.argument(1))
        if environment and not rule.owner:
            yield _switched(section, rule, environment)
    yield from _defaulted(document, service, section)


def environment_of(service: Service, backend: str | None) -> Environment | None:
    """The environment that ``backend`` serves, if it is one of the service's."""
    return next((one for one in Environment if service.backend(one) == backend), None)


def dynamic(section: Section) -> Iterator[Statement]:
    """The rules whose backend is only known to a running HAProxy: a format (``%[…]``) or an environment variable."""
    for rule in section.find("use_backend", "default_backend"):
        backend = next(islice(syntax.read(rule.text), 1, None), None)
        if backend and (backend.value is None or "%" in backend.value):
            yield rule


def _switched(section: Section, rule: Statement, environment: Environment) -> Route | Obstacle:
    if rule.depth:
        return Obstacle(words.conditional_rule(rule.where))
    read = rule.words
    alternatives = condition.read(read[2:]) if read else None
    if alternatives is None:
        return Obstacle(words.unreadable_condition(rule.where))
    return Route(section, rule, environment, alternatives, rule, rule.line)


def _defaulted(document: Document, service: Service, section: Section) -> Iterator[Route | Obstacle]:
    candidates = section.deciding(lambda one: one.keyword == "default_backend")
    itself = section.name if section.kind == "listen" and any(section.find("bind")) else None
    found = [environment_of(service, one.argument(1) if one else itself) for one in candidates]
    environment = next(filter(None, found), None)
    if environment is None:
        return
    rule = next(filter(None, candidates), section.heading)
    place = _place(document, section, rule)
    if len(candidates) > 1 or section.heading.depth or place is None:
        yield Obstacle(words.conditional_rule(rule.where))
        return
    unknown = next(dynamic(section), None)
    if unknown:
        yield Obstacle(words.default_of_dynamic_rule(unknown.where, rule.where, service.backend(environment)))
        return
    yield Route(section, rule, environment, ALWAYS, *place)


def _place(document: Document, section: Section, rule: Statement) -> tuple[Statement, int] | None:
    """After all rules that must come first, and directly before ``rule`` where it stands after them; ``None`` inside ``.if``."""
    own = rule in section.find("default_backend")
    before = [one for one in section.find(*_IN_ORDER, *(() if own else _BEFORE_RULES)) if not one.owner]
    last = before[-1] if before else section.heading
    if own and rule.line > last.line:
        return rule, rule.line
    around = (span.end for span in document.conditionals if span.file is last.file and span.first <= last.line < span.end)
    line = next(around, last.line + 1)
    return (last, line) if line <= section.end else None
