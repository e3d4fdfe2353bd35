"""What takes part in the race, and the ground on which it is run: the interface between the arena and its entrants.

Every entrant gets the same HAProxy, the same configuration but for its own lines, the same applications and the same traffic. The
ground has several lanes: services of their own behind the one HAProxy, each with its own traffic, fault and judgement, so that
twenty releases of a slow entrant can go wrong abreast, each at its own moment.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Lane:
    """One service: a frontend, two backends of one server each, two applications."""

    name: str
    """Also the name of its frontend."""
    port: int
    """Where its users connect, on 127.0.0.1."""
    blue_port: int
    green_port: int
    """Where its applications listen."""

    @property
    def blue(self) -> str:
        """The name of the backend that serves before a release, and again after a rollback."""
        return f"{self.name}_blue"

    @property
    def green(self) -> str:
        """The name of the backend with the release. Its one server is called ``green1``, blue's ``blue1``."""
        return f"{self.name}_green"


@dataclass(frozen=True, slots=True)
class Fragment:
    """What an entrant adds to one lane's part of haproxy.cfg: lines without indentation."""

    frontend: tuple[str, ...] = ()
    """Before ``default_backend``."""
    default: str = ""
    """The ``default_backend``, where it is not blue's."""
    blue: tuple[str, ...] = ()
    green: tuple[str, ...] = ()
    """In the backends, before the servers."""
    server: str = ""
    """Further words on the line of green's server."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Where files lie, what is started, and which ports are whose. The paths are known before anything runs."""

    directory: Path
    """An empty directory with a short path, for whatever the entrant writes as well."""
    binary: Path
    """The HAProxy."""
    lanes: tuple[Lane, ...]
    exporter_port: int
    """HAProxy's own Prometheus exporter: ``http://127.0.0.1:PORT/metrics``, as it comes, and ``?scope=backend`` as people do."""
    application_port: int
    """The applications' own metrics, all on one page: ``http_request_duration_seconds_bucket{lane=,environment=,le=}``, ``_count``,
    ``_sum`` and ``http_requests_total{lane=,environment=,code=}`` at ``http://127.0.0.1:PORT/metrics``."""

    @property
    def config(self) -> Path:
        """The configuration that HAProxy runs."""
        return self.directory / "haproxy.cfg"

    @property
    def map(self) -> Path:
        """A map file for entrants that route by one; empty at first. A configuration need not use it."""
        return self.directory / "live.map"

    @property
    def socket(self) -> Path:
        """The admin stats socket."""
        return self.directory / "stats.sock"

    @property
    def master(self) -> Path:
        """The master's socket."""
        return self.directory / "master.sock"

    @property
    def reload(self) -> Path:
        """A script that does what Debian's unit does: ``haproxy -c``, then USR2 to the master, for which it does not wait."""
        return self.directory / "reload.sh"


class Entrant(Protocol):
    """One way to have bad releases taken back. Everything it starts is ended by :meth:`stop`, whatever happened."""

    @property
    def name(self) -> str:
        """Short, unique, for the command line and the raw data: ``prometheus-1s-map``."""

    @property
    def title(self) -> str:
        """As in the table, with its settings: "Prometheus + Alertmanager, 1 s / 1 s / 0 / 0, map"."""

    @property
    def looks_every(self) -> float:
        """Seconds between two of its looks, 0 where it sees each answer. Faults begin at a random phase of at least this."""

    @property
    def slow(self) -> bool:
        """Whether its rollbacks take minutes: it then gets patience of minutes, and all its runs abreast."""

    @property
    def reloads(self) -> bool:
        """Whether it moves traffic by reloading HAProxy: the arena then spaces its faults further apart, one reload at a time."""

    def configuration(self, ground: Ground) -> str:
        """The text of haproxy.cfg, all traffic on blue: what ``layout.configuration`` makes of the entrant's lines."""

    async def start(self, ground: Ground) -> None:
        """Begin, beside a HAProxy that runs; return when a release may be ordered (discovery and first scrapes are over)."""

    async def stop(self) -> None:
        """End every process of its own."""

    async def release(self, lanes: Sequence[Lane]) -> None:
        """Move the traffic of ``lanes`` to green, by the same flip that it goes back by (all of them in one), and be armed."""

    async def rearm(self, lanes: Sequence[Lane]) -> None:
        """What its users do before the next release, rolled back or not: all of ``lanes`` is on blue and may be released."""

    async def refresh(self) -> None:
        """Forget earlier incidents, as if the next release were the first for hours; not called before a second incident."""

    def pids(self) -> Sequence[int]:
        """Its processes, whose CPU seconds and memory are measured, with those of their children that have ended."""

    async def lose_metrics(self) -> bool:
        """Have its metric store die for good, as in the run with Prometheus dead; ``False`` where it needs none."""


def nothing(_lane: Lane) -> Fragment:
    """The fragment of an entrant that adds nothing."""
    return Fragment()


Entrants = Mapping[str, Callable[[], Entrant]]
"""By name, each made anew for a session. ``prometheus.py`` has its own as ``ENTRANTS: Entrants``."""
