"""What the configuration says of each environment's backend, without what must differ: names, addresses, the environment itself."""

import re
from collections.abc import Iterator, Mapping

from guardian.balancers.haproxy.document import Document, Section
from guardian.core.model import Environment, Service

_OWN_KEYWORDS = frozenset({"server", "server-template"})
ADDRESS = 2
"""Words of a server's line before its options: the keyword, its name; its address stands third."""


def likeness(document: Document, service: Service) -> Mapping[Environment, tuple[str, ...]]:
    """The lines of both backends, in their order; empty where one of them is in no file."""
    found = {environment: _section(document, service.backend(environment)) for environment in (Environment.BLUE, Environment.GREEN)}
    return {
        environment: tuple(_lines(section, service, environment)) for environment, section in found.items() if section is not None
    }


def _section(document: Document, backend: str) -> Section | None:
    return next((section for section in document.proxies("backend", "listen") if section.name == backend), None)


def _lines(section: Section, service: Service, environment: Environment) -> Iterator[str]:
    number = 0
    for statement in section.statements:
        if statement.owner or not statement.keyword:
            continue
        given = [word.value if word.value is not None else "?" for word in statement.words]
        if statement.keyword in _OWN_KEYWORDS:
            number += 1
            yield f"server {number}: {_neutral(' '.join(given[ADDRESS + 1 :]), service, environment) or 'no options'}"
        else:
            yield _neutral(" ".join(given), service, environment)


def _neutral(text: str, service: Service, environment: Environment) -> str:
    """``text`` with the names of one side replaced by what stands for them on both."""
    backend, side = re.escape(service.backend(environment)), re.escape(environment.value)
    text = re.sub(rf"(?<![\w.-]){backend}(?![\w.-])", "$backend", text)
    return re.sub(rf"(?<![\w.-]){side}(?![\w.-])", "$environment", text)
