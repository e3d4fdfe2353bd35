"""What HAProxy does not do, or not answer, and what to do about it."""

from collections.abc import Sequence
from pathlib import Path

from guardian.core.model import Split
from guardian.core.words.figures import seconds, share

NAMED = 3
"""How many servers a sentence names before it breaks off."""


def unsafe_name(name: str) -> str:
    """A name that must not reach a HAProxy socket."""
    return f"{name!r} cannot be a name in HAProxy: use 1 to 64 letters, digits, '_', '.', ':' or '-', a letter or digit first"


def unsafe_path(path: Path) -> str:
    """A map file whose path must not reach a HAProxy socket or its configuration."""
    return f"{str(path)!r} cannot be the map file: use an absolute path of letters, digits and '/', '_', '.', ':', '@', '+', '-'"


def unknown_service(service: str) -> str:
    """A service that the configuration does not name."""
    return f"{service!r} is not among the configured services"


def socket_forbidden(path: Path) -> str:
    """The socket's file mode keeps guardian out."""
    return f"guardian may not open HAProxy's socket {path}: give it a group of which guardian is a member, with `mode 660 group …`"


def socket_gone(path: Path, reason: str) -> str:
    """Nobody is at the socket."""
    return f"HAProxy does not answer on {path}: {reason}"


def socket_silent(path: Path, patience: float) -> str:
    """Somebody is at the socket, and says nothing."""
    return f"no HAProxy worker in service answered on {path} within {seconds(patience)}: frozen, overloaded or being replaced"


def still_asked() -> str:
    """One of several instances has not answered yet, and the others do not wait for it."""
    return "its HAProxy does not answer"


def socket_closed() -> str:
    """HAProxy ended the connection in mid-answer."""
    return "the connection was closed before the answer was complete"


def garbled(what: str) -> str:
    """An answer that is not what HAProxy says."""
    return f"HAProxy's answer to {what} was cut short or is not understood"


def unknown_backend(backend: str) -> str:
    """HAProxy runs without this backend."""
    return f"HAProxy has no backend {backend}: correct its name in guardian.yaml, or add it to haproxy.cfg and reload"


def missing_column(column: str) -> str:
    """Statistics of a HAProxy that guardian does not know."""
    return f"HAProxy's `show stat` has no column {column}: guardian needs HAProxy 2.4 or later"


def no_server_up(states: Sequence[tuple[str, str, str]]) -> str:
    """Why an environment cannot take traffic: each server, its state and its weight."""
    if not states:
        return "the backend has no servers"
    few = ", ".join(f"{server} {state}" + (" with weight 0" if weight == "0" else "") for server, state, weight in states[:NAMED])
    return f"0 of {len(states)} servers up: {few}" + (", …" if len(states) > NAMED else "")


def map_unknown(path: Path, block: str) -> str:
    """HAProxy runs without guardian's block."""
    return (
        f"HAProxy does not use the map {path}: put this block into each frontend of the service, before its other use_backend "
        f"lines, and reload HAProxy:\n{block}"
    )


def map_value(where: str, service: str, value: str) -> str:
    """A share that is not one."""
    return (
        f"{where} has {value!r} for {service}, not green's share as a whole number from 0 to 10000: correct it, or remove the line"
    )


def map_unreadable(path: Path, reason: str) -> str:
    """The map file is there and cannot be read."""
    return f"the map file {path} cannot be read: {reason}"


def map_not_written(path: Path, reason: str, stands: Split | None) -> str:
    """The map file keeps what it said."""
    says = "names no split for this service" if stands is None else f"still gives green {share(stands.green)}"
    return f"the map file {path} could not be written: {reason}; it is whole and {says}"


def map_not_writable(path: Path, reason: str) -> str:
    """Readiness: the map file could not be written if it had to be."""
    return f"the map file {path} could not be written now: {reason}"


def read_only(directory: Path) -> str:
    """A file system that takes nothing."""
    return f"the file system of {directory} is mounted read-only"


def no_permission(directory: Path) -> str:
    """A directory that is not guardian's."""
    return f"guardian may not create files in {directory}: give that directory to guardian's user"


def disk_full(directory: Path, free: int) -> str:
    """Too little room for another copy of the file."""
    return f"{free:,} bytes, or no inode, are free on the disk of {directory}: make room"


def queue_stays(backend: str, queued: int, reason: str) -> str:
    """Waiting requests that cannot be given to the other environment."""
    return (
        f"{queued} requests wait for a server of {backend} and cannot be given to the other side: {reason.rstrip('.')}; they are "
        "served there, or answered with 503 after `timeout queue`"
    )


def no_word_of_it() -> str:
    """Why waiting requests stay: HAProxy says nothing."""
    return "HAProxy says nothing of it"


def no_stand_in(backend: str) -> str:
    """Servers whose place no server added at run time can take."""
    return f"not all running servers of {backend} are spoken to without TLS, at an address"


def not_cut(backend: str) -> str:
    """The stats socket may not close connections."""
    return f"guardian may not close connections to {backend}: give the stats socket `level admin`"


def map_not_durable(path: Path, reason: str, stands: Split) -> str:
    """The map file has been replaced, and nobody knows whether it survives a power cut."""
    return (
        f"the map file {path} gives green {share(stands.green)} as ordered, but may not survive a power cut: {reason}; "
        "it must be written again"
    )


def map_unsure(path: Path, reason: str) -> str:
    """Writing failed, and reading afterwards too."""
    return (
        f"the map file {path} could not be written: {reason}; it is whole, but cannot be read now: it has the old split or the new"
    )


def disk_silent(patience: float) -> str:
    """Reading or writing a split has not come back from the disk."""
    return f"the disk did not answer within {seconds(patience)}; the file is whole and has the old split or the new"


def worker_absent(pid: int) -> str:
    """One worker cannot be asked."""
    return f"HAProxy's process {pid} cannot be asked"


def lingering_unknown(service: str, worker: str, split: Split, reason: str) -> str:
    """The current worker answers; whether others linger cannot be found out."""
    return (
        f"{service}: HAProxy's worker {worker} gives green {share(split.green)}, but whether older workers still serve cannot be "
        f"found out: {reason}"
    )


def workers_silent(service: str, split: Split, pids: Sequence[int], patience: float) -> str:
    """Lingering workers that hang: what they do is not known."""
    return (
        f"{service}: green's share is {share(split.green)} in every worker that answers, but HAProxy's {_processes(pids)} did not "
        f"confirm it within {seconds(patience)}: requests on old connections there may still go where they went; "
        "end the process if it hangs"
    )


def workers_unsettled(service: str, split: Split, pids: Sequence[int], patience: float) -> str:
    """Workers that could not be told, or do not keep to it."""
    who = f"HAProxy's {_processes(pids)}" if pids else "the worker in service, which the master does not list,"
    return (
        f"{service}: {who} did not confirm green's share of {share(split.green)} within {seconds(patience)}: "
        "ending, not ready yet, or started before guardian's block was loaded; or something else sets the share"
    )


def change_unanswered(service: str, split: Split, patience: float) -> str:
    """HAProxy says what it was told last, and may still do what it was told before."""
    return (
        f"{service}: HAProxy gives green {share(split.green)}, but has not answered an earlier change within {seconds(patience)} "
        "and may still carry it out"
    )


def no_binary(version: str, remedy: str) -> str:
    """The demonstration finds no HAProxy to start."""
    return f"there is no HAProxy {version} here: {remedy}"


def haproxy_failed(binary: Path, output: str) -> str:
    """The demonstration's HAProxy ended, or never answered."""
    return f"{binary} does not run as it should: {output or 'it printed nothing'}"


def _processes(pids: Sequence[int]) -> str:
    listed = ", ".join(map(str, pids))
    return f"process {listed}" if len(pids) == 1 else f"processes {listed}"
