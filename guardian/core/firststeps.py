"""The first configuration, from what HAProxy has: which backends look like two environments of one service."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from guardian.core.model import NAME

_COLOUR = re.compile(r"(?<![a-z])(blue|green)(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two backends that are called alike but for their colours."""

    service: str
    blue: str
    green: str


def pairs(backends: Iterable[str]) -> list[Pair]:
    """The pairs among ``backends``: ``web_blue`` and ``web_green`` are the service ``web``."""
    known = list(dict.fromkeys(backends))
    found: dict[str, Pair] = {}
    for blue in known:
        for match in _COLOUR.finditer(blue):
            if match[1].lower() != "blue":
                continue
            green = f"{blue[: match.start()]}{_alike(match[1])}{blue[match.end() :]}"
            service = _service(blue, match.start(), match.end())
            if green in known and NAME.fullmatch(service):
                found.setdefault(service, Pair(service, blue, green))
    return list(found.values())


def _alike(colour: str) -> str:
    return "GREEN" if colour.isupper() else "Green" if colour.istitle() else "green"


def _service(backend: str, start: int, end: int) -> str:
    """What is left of a name without its colour, and without what joined the two."""
    before, after = backend[:start].rstrip("_-.:"), backend[end:].lstrip("_-.:")
    return "-".join(part for part in (before, after) if part) or "web"


def settings(found: Iterable[Pair], socket: str, map_file: str, haproxy_files: Iterable[str]) -> str:
    """The text of a ``guardian.yaml`` for these services."""
    services = "".join(f"  {pair.service}:\n    blue: {pair.blue}\n    green: {pair.green}\n    watch: 10m\n" for pair in found)
    files = ", ".join(haproxy_files)
    return f"""\
# Written by `guardian init`. What else can stand here, and what it means: /usr/share/doc/guardian/guardian.yaml
state_dir: /var/lib/guardian
rules: rules
haproxy:
  socket: {socket}
  map: {map_file}
  files: [{files}]
api:
  socket: /run/guardian/api.sock
  group: guardian
  mode: 0660
services:
{services}"""
