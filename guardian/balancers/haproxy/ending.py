"""What an abandoned environment still has when nothing is routed to it any more: waiting requests, and connections that are open.

Requests that wait for a server stay with their backend, whatever the map says. They are given to the other environment by servers
that stand in for it: added to the abandoned backend, where each takes its part of the queue, and put into maintenance by commands
that are sent with the first, in one piece. HAProxy up to 2.6 may stop amid them where guardian dies within that millisecond (3.2
does not): so whatever has stood in is put into maintenance once more before it is removed. Measured on HAProxy 2.6.12 and 2.8.25:
all waiting requests were answered by the other side within 10 ms; on 2.4.30 they went on waiting. A server takes waiting requests
when it comes out of maintenance; on 2.8 only the second time. What a stand-in cannot have is told by nobody at run time: servers
that are spoken to with TLS are left alone, and those with ``send-proxy`` or ``proto h2`` must not be queued for (``maxconn``) where
this matters.

Streams are closed by ``shutdown sessions server``: WebSockets, TCP sessions and requests under way, never idle connections of
clients, which go by the map at their next request. A worker that has been replaced refuses that command, and ``add server`` too
("Proxy is disabled", both versions): there each stream is closed by its own identifier, waiting ones with a 502, and nothing can
be moved. An identifier is an address: one that was freed and taken again within the millisecond since it was listed would close
another stream of that worker, which has no new clients.
"""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count

from guardian.balancers.haproxy.held import Held
from guardian.balancers.haproxy.master import Master, WorkerGone, WorkerSilent
from guardian.balancers.haproxy.runtime import EXPERIMENTAL, Answers, Runtime, safe_name
from guardian.core.model import Environment, Service
from guardian.core.ports import BalancerError, Left
from guardian.core.words import balancer as words

STAND_IN = "guardian-"
"""How the names of stand-ins begin."""
MOST_STAND_INS = 8
"""So many share a queue at most: more would not fit into one message."""
ROUNDS = 5
"""How often the workers are listed again because another one has come."""
RUNNING = "2"
"""``srv_op_state`` of a server that takes traffic."""

Ask = Callable[..., Awaitable[Answers]]
_DENIED, _REPLACED = "Permission denied", "Proxy is disabled"
_STREAM = re.compile(r"^(0x[0-9a-f]+): .*? be=(\S+) ", re.MULTILINE)
AT_ONCE = 100
"""Streams that one message closes; it must fit into HAProxy's buffer."""
_ADDRESS = re.compile(r"[0-9a-fA-F.:]+")
_PORT = re.compile(r"[0-9]{1,5}")


@dataclass(frozen=True, slots=True)
class _Backend:
    """A backend as one worker sees it."""

    queued: int
    streams: Mapping[str, int]
    """Open streams by server, stand-ins too."""
    stopped: bool = False
    """Whether HAProxy tells nothing of its servers, as 2.4 in a worker that has been replaced: its streams are counted as one."""

    @property
    def stand_ins(self) -> list[str]:
        """The servers that stood in, and could not be removed yet."""
        return [server for server in self.streams if server.startswith(STAND_IN)]

    def new_names(self, backend: str) -> Iterator[str]:
        """Names for stand-ins that nobody has."""
        return (f"{backend}/{STAND_IN}{number}" for number in count() if f"{STAND_IN}{number}" not in self.streams)

    @property
    def servers(self) -> list[str]:
        """The servers of the backend's own."""
        return [server for server in self.streams if not server.startswith(STAND_IN)]

    @property
    def open(self) -> int:
        """Streams that are open at those."""
        return sum(self.streams[server] for server in self.servers)


class Leaver:
    """Deals with the abandoned side in every worker that can be reached."""

    def __init__(self, runtime: Runtime, lingering: Master | Held) -> None:
        self._runtime, self._others = runtime, lingering

    async def leave(self, service: Service, environment: Environment, *, cut: bool) -> Left:
        """Give waiting requests to the other side, and with ``cut`` close what is open; again and again, until nothing is left.

        A worker that is replaced meanwhile is asked once more as one that lingers. :class:`BalancerGone` when the worker in
        service, or the list of workers, cannot be had. What lingering workers say no word about is left out: what they route was
        settled before.
        """
        found: dict[int, Left] = {}
        for _ in range(ROUNDS):
            current = (await self._runtime.ask()).worker.pid
            new = {current, *await self._others.workers()} - found.keys()
            if not new:
                break
            leaving = [_Leaving(self._asking(pid, current), service, environment).leave(cut=cut) for pid in sorted(new)]
            for pid, left in zip(sorted(new), await asyncio.gather(*leaving, return_exceptions=True), strict=True):
                if isinstance(left, Left):
                    found[pid] = left
                elif not isinstance(left, WorkerGone | WorkerSilent):
                    raise left
        return _sum(found.values())

    def _asking(self, pid: int, current: int) -> Ask:
        return partial(self._others.ask, pid) if pid != current else partial(self._ask_current, pid)

    async def _ask_current(self, pid: int, *commands: str) -> Answers:
        answers = await self._runtime.ask(*commands)
        if answers.worker.pid != pid:
            raise WorkerGone(words.worker_absent(pid))
        return answers


def _sum(found: Iterable[Left]) -> Left:
    queued = opened = moved = cut = standing = 0
    trouble = ""
    for left in found:
        queued, opened, moved = queued + left.queued, opened + left.open, moved + left.moved
        cut, standing, trouble = cut + left.cut, standing + left.standing, trouble or left.trouble
    return Left(queued, opened, moved, cut, standing, trouble)


class _Leaving:
    """The abandoned side in one worker."""

    def __init__(self, ask: Ask, service: Service, environment: Environment) -> None:
        self._ask = ask
        self._backend, self._other = (safe_name(service.backend(side)) for side in (environment, environment.other))

    async def leave(self, *, cut: bool) -> Left:
        before, trouble = await self._look(), ""
        try:
            await self._remove(before.stand_ins)
            if before.queued:
                await self._move(before)
        except BalancerError as error:
            if isinstance(error, WorkerGone | WorkerSilent):
                raise
            trouble = str(error)
        closed = await self._cut(before) if cut else 0
        if not (before.queued or before.stand_ins or closed):
            return Left(0, before.open, trouble=trouble)
        try:
            after = await self._look()
        except (WorkerGone, WorkerSilent):  # its last client has left, and so has it
            return Left(cut=closed, trouble=trouble)
        moved = max(0, before.queued - after.queued) if before.queued and not trouble else 0
        return Left(after.queued, after.open, moved, closed, len(after.stand_ins), trouble)

    async def _look(self) -> _Backend:
        text = "".join((await self._ask(f"show stat {self._backend} 6 -1")).texts)
        rows = [row for row in _table(text, "# pxname", ",") if row["# pxname"] == self._backend]
        if not rows:
            return _Backend(0, {"": len(await self._streams())}, stopped=True)
        servers = {row["svname"]: _number(row["scur"]) for row in rows if row["svname"] != "BACKEND"}
        return _Backend(sum(_number(row["qcur"]) for row in rows), servers)

    async def _remove(self, stand_ins: Sequence[str]) -> None:
        """One that still serves what it took is refused by HAProxy, and removed the next time."""
        if stand_ins:
            names = [f"{self._backend}/{name}" for name in stand_ins]
            taken_out = (f"set server {name} state maint" for name in names)
            await self._ask(EXPERIMENTAL, *taken_out, *(f"del server {name}" for name in names))

    async def _move(self, backend: _Backend) -> None:
        """:class:`BalancerError` says why the requests must stay where they wait."""
        queued = backend.queued
        text = "".join((await self._ask(f"show servers state {self._other}")).texts)
        able = [row for row in _table(text, "# be_id", " ") if row["srv_op_state"] == RUNNING and row["srv_admin_state"] == "0"]
        plain = [row for row in able if row.get("srv_use_ssl") == "0" and _addressed(row)]
        if not plain or len(plain) < len(able):
            raise BalancerError(words.queue_stays(self._backend, queued, words.no_stand_in(self._other)))
        chosen = plain[:MOST_STAND_INS]
        part, said = -(-queued // len(chosen)), ""
        for row, name in zip(chosen, backend.new_names(self._backend), strict=False):
            said += "".join((await self._ask(*_stand_in(name, f"{row['srv_addr']}:{row['srv_port']}", part))).texts)
        if said.count("New server registered") < len(chosen):
            told = (line for line in said.splitlines() if line and not line.startswith("No such server"))
            reason = next(told, words.no_word_of_it())
            raise BalancerError(words.queue_stays(self._backend, queued, reason))

    async def _cut(self, backend: _Backend) -> int:
        if not (backend.open or backend.queued):
            return 0
        if backend.stopped:
            return await self._cut_each()
        said = await self._ask(*(f"shutdown sessions server {self._backend}/{safe_name(server)}" for server in backend.servers))
        text = "".join(said.texts)
        if _DENIED in text:
            raise BalancerError(words.not_cut(self._backend))
        return await self._cut_each() if _REPLACED in text else backend.open

    async def _cut_each(self) -> int:
        streams = await self._streams()
        for start in range(0, len(streams), AT_ONCE):
            # With its last stream the worker ends, and may take the answer with it.
            with contextlib.suppress(WorkerGone, WorkerSilent):
                await self._ask(*(f"shutdown session {stream}" for stream in streams[start : start + AT_ONCE]))
        return len(streams)

    async def _streams(self) -> list[str]:
        text = "".join((await self._ask("show sess")).texts)
        return [stream for stream, backend in _STREAM.findall(text) if backend == self._backend]


def _stand_in(name: str, address: str, part: int) -> Iterator[str]:
    """The commands by which a stand-in comes, takes its part and takes no more."""
    yield EXPERIMENTAL  # up to 2.5
    yield f"add server {name} {address} maxconn {part} pool-max-conn 0"
    yield f"enable server {name}"
    for state in ("maint", "ready", "maint"):
        yield f"set server {name} state {state}"


def _table(text: str, header: str, separator: str) -> Iterator[dict[str, str]]:
    """The rows under ``header`` in an answer that may hold other texts before and after."""
    _, found, rest = text.partition(header)
    names, *rows = (found + rest).splitlines() or [""]
    names = names.removeprefix("# ") if separator == " " else names
    columns = names.split(separator)
    for row in rows:
        fields = row.split(separator)
        if len(fields) >= len(columns):
            yield dict(zip(columns, fields, strict=False))


def _addressed(row: Mapping[str, str]) -> bool:
    return bool(_ADDRESS.fullmatch(row["srv_addr"]) and _PORT.fullmatch(row["srv_port"]))


def _number(field: str) -> int:
    return int(field) if field.isdecimal() else 0
