"""Guardian's marked block: it sends one environment its share of what a rule of the user would send to the other.

It stands before the rule that it goes with and needs nothing else in its section: its condition looks green's share up in the
map, once a request, keeps it in a variable and draws against it. So HTTP and TCP are the same, no ``http-request allow`` or
``tcp-request content accept`` above can skip it, only requests that the user's rule would take pay for it, and HAProxy finds no
rule after another that it would have to warn of.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from guardian.balancers.haproxy.condition import ALWAYS, Alternatives
from guardian.balancers.haproxy.runtime import safe_name, safe_path
from guardian.core.model import BASIS_POINTS, Environment, Service


@dataclass(frozen=True, slots=True)
class Diversion:
    """What the block goes with: a rule of the user that sends a service's traffic."""

    live: Environment = Environment.BLUE
    """The environment that the rule names. The block sends the other one its share and leaves the rest to the rule."""
    condition: Alternatives = ALWAYS
    """The condition of the rule."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How the lines around the block are written."""

    indent: str = "    "
    end: str = "\n"


def block(service: Service, map_path: Path, diversion: Diversion = Diversion(), layout: Layout = Layout()) -> str:
    """The block of ``service``, by default for a frontend that sends everything to blue; without the last line's end.

    ``map_path`` is the map with green's share in basis points under the service's name; a service that it does not name is all on
    blue. :class:`~guardian.core.ports.BalancerUnfit` for names and paths that cannot stand in a configuration.
    """
    name, backend = safe_name(service.name), safe_name(service.backend(diversion.live.other))
    lines = (
        f"# >>> guardian {name}  (managed: change guardian.yaml, then `guardian haproxy adopt`)",
        *(f"use_backend {backend} if {tests}" for tests in _conditions(name, safe_path(map_path), diversion)),
        f"# <<< guardian {name}",
    )
    return layout.end.join(layout.indent + line for line in lines)


def _conditions(name: str, map_path: Path, diversion: Diversion) -> Iterator[str]:
    """The condition of one rule for each alternative.

    With several alternatives the first rule draws for all, whatever it then says of the request: a draw in each would give a
    request that fits two of them a second chance.
    """
    share, slot = f"txn.guardian_share_{_variable(name)}", f"txn.guardian_slot_{_variable(name)}"
    look_up = f"{{ str({name}),map_str_int({map_path},0),set-var({share}) -m found }}"
    draw = f"rand({BASIS_POINTS}),sub({share})"
    chosen = "lt 0" if diversion.live is Environment.BLUE else "ge 0"
    first, *others = (" ".join(tests) for tests in diversion.condition)
    if not others:
        yield f"{first} {look_up} {{ {draw} {chosen} }}".lstrip()
        return
    yield f"{look_up} {{ {draw},set-var({slot}) -m int {chosen} }} {first}"
    yield from (f"{{ var({slot}) -m int {chosen} }} {tests}" for tests in others)


def _variable(name: str) -> str:
    """``name`` as part of a variable's name, which may have letters, digits, ``_`` and ``.``: another one for each service."""
    return re.sub(r"[.:-]", lambda match: f".{ord(match[0]):x}", name)
