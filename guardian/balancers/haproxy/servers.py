"""The servers of a backend: where each is reached, and how it stands, from ``show servers state`` and ``show stat``."""

import csv
from collections.abc import Iterator, Mapping

from guardian.core.ports import BalancerGone, BalancerUnfit, Server
from guardian.core.words import balancer as words

SERVERS_ONLY = 4
"""``show stat`` answers with rows of this type."""


def questions(backend: str) -> tuple[str, str]:
    """The commands that ask for the servers of ``backend``, whose name is safe."""
    return f"show servers state {backend}", f"show stat {backend} {SERVERS_ONLY} -1"


def servers(backend: str, state: str, stat: str) -> tuple[Server, ...]:
    """What the answers say. :class:`BalancerUnfit` for an unknown backend, :class:`BalancerGone` for answers of another shape."""
    if "Can't find backend" in state or not stat.startswith("# "):
        raise BalancerUnfit(words.unknown_backend(backend))
    seen = {row["svname"]: row for row in csv.DictReader(stat.removeprefix("# ").splitlines())}
    try:
        return tuple(_server(row, seen[row["srv_name"]]) for row in _states(state))
    except (KeyError, ValueError, TypeError) as error:
        raise BalancerGone(words.garbled("show servers state")) from error


def _states(state: str) -> Iterator[Mapping[str, str]]:
    """Each row below the version and the names of the columns."""
    _, header, *rows = state.strip().splitlines()
    names = header.removeprefix("# ").split()
    for row in rows:
        if row.strip():
            yield dict(zip(names, row.split(), strict=False))


def _server(row: Mapping[str, str], seen: Mapping[str, str]) -> Server:
    weight, status = int(seen["weight"] or 0), seen["status"]
    active = int(seen["act"] or 0) + int(seen["bck"] or 0)
    up = active > 0 and weight > 0 and not status.startswith(("DOWN", "MAINT", "DRAIN", "NOLB"))
    fqdn = row.get("srv_fqdn", "-")
    address = row["srv_addr"] if row["srv_addr"] != "-" else fqdn
    return Server(row["srv_name"], address, int(row["srv_port"]), status, up, weight, int(seen["slim"] or 0))
