"""Guardian's marked block: it sends one environment its share of what a rule of the user would send to the other.

It stands before the rule that it goes with and needs nothing else in its section: its condition has green's share looked up, once a
request, in the map or in a variable of the process; keeps it in one of the request; and draws against it. So HTTP and TCP are the
same, no ``http-request allow`` or ``tcp-request content accept`` above can skip it, only requests that the user's rule would take
pay for it, and HAProxy finds no rule after another that it would have to warn of.
"""

import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from guardian.balancers.haproxy import trial
from guardian.balancers.haproxy.condition import ALWAYS, Alternatives
from guardian.balancers.haproxy.runtime import as_variable, safe_name, safe_path
from guardian.balancers.haproxy.testers import CODES, sample
from guardian.core.model import BASIS_POINTS, Environment, Holding, Preview, Service, Split, Sticky, Way

_FALLBACK = re.compile(r"use_backend \S+ if \{ nbsrv\(\S+\) eq 0 \} \{ nbsrv\(\S+\) gt 0 \}")


@dataclass(frozen=True, slots=True)
class Diversion:
    """What the block goes with: a rule of the user that sends a service's traffic."""

    live: Environment = Environment.BLUE
    """The environment that the rule names. The block sends the other one its share and leaves the rest to the rule."""
    condition: Alternatives = ALWAYS
    """The condition of the rule."""


@dataclass(frozen=True, slots=True)
class Written:
    """What stands in the configuration itself for a service that is routed by reload."""

    split: Split
    generation: int = 0
    """Another one for each writing of guardian; 0 when it was adopted."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How the lines around the block are written."""

    indent: str = "    "
    end: str = "\n"


def block(
    service: Service,
    map_path: Path,
    diversion: Diversion = Diversion(),
    layout: Layout = Layout(),
) -> str:
    """The block of ``service``, by default for a frontend that sends everything to blue; without the last line's end.

    ``map_path`` is the map with green's share in basis points under the service's name; a service that it does not name is all on
    blue. Where the service is routed by reload, the share is the one of its :func:`declaration`.
    :class:`~guardian.core.ports.BalancerUnfit` for names and paths that cannot stand in a configuration.
    """
    name, other = safe_name(service.name), diversion.live.other
    draw = _Draw(service, _share(service, map_path), map_path)
    ways = [_Way(trial.backend(service, one), one, test) for one in (other, diversion.live) for test in trial.tests(service, one)]
    rules = list(draw.rules([*ways, _Way(safe_name(service.backend(other)), other)], diversion.condition))
    if service.routing.fallback:
        rules = list(_with_fallback(service, diversion, rules))
    if service.routing.testers:
        rules = list(_with_testers(service, service.routing.testers, map_path, diversion, rules))
    return marked(name, [f"use_backend {backend} if {tests}" for backend, tests in rules], layout)


def declaration(service: Service, written: Written, layout: Layout = Layout()) -> str:
    """The block of a service that is routed by reload for the ``global`` section, where its split is written out; as :func:`block`.

    HAProxy keeps both values in variables of the process, where they can be read from each worker: which split it has, and which
    writing of guardian its configuration is.
    """
    name = safe_name(service.name)
    lines = [
        f"set-var {split_variable(name)} int({written.split.green})",
        f"set-var {generation_variable(name)} int({written.generation})",
    ]
    return marked(name, lines, layout)


def marked(name: str, lines: Sequence[str], layout: Layout) -> str:
    """``lines`` between the marks of the service called ``name``; without the last line's end."""
    first = f"# >>> guardian {name}  (managed: change guardian.yaml, then `guardian haproxy adopt`)"
    return layout.end.join(layout.indent + line for line in (first, *lines, f"# <<< guardian {name}"))


def belongs(line: str) -> bool:
    """Whether a line between the marks is one that a block may have, of this or an earlier version of guardian."""
    return (
        any(word in line for word in ("txn.guardian_", "proc.guardian_", "{ fe_name guardian_"))
        or _FALLBACK.match(line.strip()) is not None
    )


def share_variable(service: str) -> str:
    """The variable of a request or connection that holds green's share."""
    return f"txn.guardian_share_{as_variable(service)}"


def split_variable(service: str) -> str:
    """The variable of the process that holds green's share of a service that is routed by reload."""
    return f"proc.guardian_share_{as_variable(service)}"


def generation_variable(service: str) -> str:
    """The variable of the process that holds the number of guardian's writing."""
    return f"proc.guardian_gen_{as_variable(service)}"


def _share(service: Service, map_path: Path) -> str:
    """The sample that gives green's share."""
    if service.routing.way is Way.RUNTIME:
        return f"str({service.name}),map_str_int({safe_path(map_path)},0)"
    return f"var({split_variable(service.name)})"


@dataclass(frozen=True, slots=True)
class _Way:
    """Where requests go that are drawn for an environment."""

    backend: str
    environment: Environment
    test: str = ""
    """What must hold of them besides."""

    @property
    def chosen(self) -> str:
        """What the difference of slot and share is when they are drawn for it."""
        return "lt 0" if self.environment is Environment.GREEN else "ge 0"


@dataclass(frozen=True, slots=True)
class _Draw:
    """How one side is chosen."""

    service: Service
    share: str
    map_path: Path

    def rules(self, ways: Sequence[_Way], alternatives: Alternatives) -> Iterator[tuple[str, str]]:
        """One rule for each way and alternative: its backend, and its condition.

        With several alternatives the first rule draws for all, whatever it then says of the request: a draw in each would give a
        request that fits two of them a second chance.
        """
        first = True
        for way in ways:
            for tests in (" ".join(alternative) for alternative in alternatives):
                drawn = self._drawn(way, first=first, once=len(ways) * len(alternatives) == 1)
                order = (drawn, way.test, tests) if first and len(alternatives) > 1 else (tests, drawn, way.test)
                yield way.backend, " ".join(filter(None, order if first else (drawn, way.test, tests)))
                first = False

    def _drawn(self, way: _Way, *, first: bool, once: bool) -> str:
        """The tests that a request is drawn for the environment of ``way``; the first rule looks up and draws for all."""
        share, slot = share_variable(self.service.name), f"txn.guardian_slot_{as_variable(self.service.name)}"
        sticky = self.service.routing.sticky
        again = f"{{ var({slot}),sub({share}) {way.chosen} }}" if sticky else f"{{ var({slot}) -m int {way.chosen} }}"
        if not first:
            return again
        look_up = f"{{ {self.share},set-var({share}) -m found }}"
        if self.service.shield:
            look_up = f"{look_up} {trial.look_up(self.service, self.map_path)}"
        if sticky:
            return f"{look_up} {_keyed(self.service.name, sticky, slot)} {again}"
        draw = f"rand({BASIS_POINTS}),sub({share})"
        return f"{look_up} {{ {draw} {way.chosen} }}" if once else f"{look_up} {{ {draw},set-var({slot}) -m int {way.chosen} }}"


def _keyed(name: str, sticky: Sticky, slot: str) -> str:
    """Two tests that always hold, and leave in ``slot`` the visitor's own slot, or a drawn one for a visitor who cannot be told.

    The slot is a hash of what the visitor is recognised by, so that it never changes and a growing share only ever adds slots; its
    seed is the service's, or the same visitors would be the first of every service. Whom nothing is known of is drawn anew each
    time and not held by address: behind a proxy few addresses stand for all, and one of them can be more than the share allows.
    The second test, of a hash that is never below 0, is there for its variable, and is denied so that it holds without one, too.
    """
    key = {Holding.COOKIE: f"req.cook({sticky.name})", Holding.HEADER: f"req.hdr({sticky.name},1)", Holding.SOURCE: "src"}[
        sticky.by
    ]
    hashed = f"{key},xxh32({zlib.crc32(name.encode())}),mod({BASIS_POINTS})"
    return f"{{ rand({BASIS_POINTS}),set-var({slot}) -m found }} !{{ {hashed},set-var({slot}) -m int lt 0 }}"


def _with_fallback(service: Service, diversion: Diversion, rules: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """``rules``, with what makes HAProxy leave an environment that has no usable server, while the other has one.

    No rule may name the backend of the user's own rule, which in a ``listen`` can be the ``listen`` itself. So the other one takes
    all when that backend is down, and takes its share when it is up itself, or when both are down and nothing can be won. The
    shield finds an environment that is down by itself.
    """
    live, other = (f"nbsrv({safe_name(service.backend(one))})" for one in (diversion.live, diversion.live.other))
    backend = safe_name(service.backend(diversion.live.other))
    for tests in diversion.condition:
        yield backend, " ".join([f"{{ {live} eq 0 }} {{ {other} gt 0 }}", *tests])
    yield from (rule for rule in rules if rule[0] != backend)
    for guard in (f"{{ {other} gt 0 }}", f"{{ {live} eq 0 }}"):
        yield from ((backend, f"{guard} {tests}") for where, tests in rules if where == backend)


def _with_testers(
    service: Service, testers: Preview, map_path: Path, diversion: Diversion, rules: Sequence[tuple[str, str]]
) -> Iterator[tuple[str, str]]:
    """``rules``, behind those for testers of the other environment, and never for those of the live one.

    The first rule looks up what the request's secret opens, once; a request without one opens nothing.
    """
    code, backend = f"txn.guardian_tester_{as_variable(service.name)}", safe_name(service.backend(diversion.live.other))
    looked_up = f"{{ {sample(service, testers, safe_path(map_path))},set-var({code}) -m int eq {CODES[diversion.live.other]} }}"
    known = f"{{ var({code}) -m int eq {CODES[diversion.live.other]} }}"
    for number, tests in enumerate(diversion.condition):
        yield backend, " ".join([known if number else looked_up, *tests])
    yield from ((where, f"!{{ var({code}) -m int eq {CODES[diversion.live]} }} {tests}") for where, tests in rules)
