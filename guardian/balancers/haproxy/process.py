"""How the HAProxy that runs was started, as ``/proc`` shows it: a configuration is checked as it will be read. Blocking."""

import contextlib
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from guardian.balancers.haproxy.runtime import Worker
from guardian.core.ports import BalancerUnfit
from guardian.core.words import reload as words

PROC = Path("/proc")
_WITH_VALUE = frozenset("CfLmnNpSx")
_KEPT = frozenset("CLmnN")
"""Options with a value that change how a configuration is read."""
_INTERNAL = re.compile(
    r"HAPROXY_(STARTUPLOGS_FD|MWORKER_\w+|PROCESSES|CFGFILES|MASTER_CLI|CLI|LOCALPEER)|NOTIFY_SOCKET|WATCHDOG_\w+"
)
"""What the master tells itself over a reload, and systemd tells it: none of it is for a check."""
_PARENT = re.compile(r"^PPid:\s+(\d+)$", re.MULTILINE)
_IDS = re.compile(r"^(Uid|Gid|Groups):\s+(.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Invocation:
    """A program, and how it is run on a configuration."""

    binary: Path
    files: tuple[Path, ...] = ()
    """Each ``-f``, absolute; files or directories."""
    options: tuple[str, ...] = ()
    environment: Mapping[str, str] | None = None
    """``None``: guardian's own."""
    directory: Path | None = None
    user: int | None = None
    """``None``: guardian's own."""
    group: int | None = None
    groups: tuple[int, ...] = ()
    master_socket: Path | None = None
    """Where the master listens, if it does."""


def invocation(master: int) -> Invocation:
    """How process ``master`` was started. :class:`BalancerUnfit` where guardian may not see it, or it is none."""
    place = PROC / str(master)
    try:
        binary = place / "exe"
        os.stat(binary)  # noqa: PTH116  the link may be of a file that a package upgrade has removed, and runs all the same
        arguments = place.joinpath("cmdline").read_bytes().decode("utf-8", "surrogateescape").split("\0")[1:-1]
        entries = place.joinpath("environ").read_bytes().decode("utf-8", "surrogateescape").split("\0")
        directory = Path(os.readlink(place / "cwd"))  # noqa: PTH115  kept as it is: resolving it would follow links once more
        ids = dict(_IDS.findall(place.joinpath("status").read_text()))
    except OSError as error:
        raise BalancerUnfit(words.process_hidden(master, error.strerror or str(error))) from error
    given = list(_options(arguments))
    for option, value in given:
        if option == "-C":
            directory /= value
    options = tuple(word for option, value in given if option[1] in _KEPT for word in (option, value))
    flags = tuple(one for one in arguments if one in {"-W", "-Ws"} or (one.startswith("-d") and one not in {"-d", "-db"}))
    environment = dict(entry.split("=", 1) for entry in entries if "=" in entry and not _INTERNAL.match(entry))
    user, group = int(ids["Uid"].split()[1]), int(ids["Gid"].split()[1])
    other = user != os.geteuid()
    masters = [Path(value.partition(",")[0].removeprefix("unix@")) for option, value in given if option == "-S"]
    return Invocation(
        binary,
        tuple(directory / value for option, value in given if option == "-f"),
        (*flags, *options),
        environment,
        directory,
        user if other else None,
        group if other else None,
        tuple(map(int, ids["Groups"].split())) if other else (),
        next((path for path in masters if path.is_absolute()), None),
    )


def _options(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The options that have a value; files after ``--`` as ``-f``."""
    rest = iter(arguments)
    for one in rest:
        if one == "--":
            yield from (("-f", file) for file in rest)
        elif len(one) == 2 and one[0] == "-" and one[1] in _WITH_VALUE:  # noqa: PLR2004  a dash and a letter
            yield one, next(rest, "")


def parent(worker: int) -> int:
    """The master of process ``worker``. :class:`BalancerUnfit` where guardian may not see it, or it has none."""
    try:
        found = _PARENT.search((PROC / str(worker) / "status").read_text())
        master = int(found[1]) if found else 0
        if not master or (PROC / str(master) / "comm").read_text() != (PROC / str(worker) / "comm").read_text():
            raise BalancerUnfit(words.no_master(worker))
    except OSError as error:
        raise BalancerUnfit(words.process_hidden(worker, error.strerror or str(error))) from error
    return master


def started(worker: Worker) -> float:
    """When the process of ``worker`` had begun, in seconds since the epoch: to the clock tick, or to the second by HAProxy's word.

    HAProxy up to 3.0 has read its configuration by then, later ones read it afterwards.
    """
    try:
        fields = (PROC / str(worker.pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return worker.born + 1.0
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return booted + (int(fields[19]) + 1) / os.sysconf("SC_CLK_TCK")


def sockets(pids: Sequence[int]) -> frozenset[int] | None:
    """The inodes of the sockets that these processes have open; ``None`` where guardian may not see them."""
    found = set()
    for pid in pids:
        try:
            for descriptor in (PROC / str(pid) / "fd").iterdir():
                with contextlib.suppress(FileNotFoundError):  # closed since it was listed
                    link = os.readlink(descriptor)  # noqa: PTH115  no path, a name of the kernel's
                    if link.startswith("socket:["):
                        found.add(int(link[8:-1]))
        except FileNotFoundError:
            continue  # ended since it was listed
        except OSError:
            return None
    return frozenset(found)
