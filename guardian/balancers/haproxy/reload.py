"""Reloading HAProxy, and believing it only when a new worker says which writing it has read, and takes connections.

HAProxy up to 2.6 answers a reload with nothing; up to 3.0 its master refuses connections while it reads; a configuration that
passes ``-c`` may fail to bind, and then the old worker goes on after two seconds. So the answer of 2.7 and later, and the
master's own count of failures, only shorten the wait: what counts is the variable that a new worker has from its configuration.
"""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from guardian.balancers.haproxy import binds, process
from guardian.balancers.haproxy.block import Written, generation_variable, split_variable
from guardian.balancers.haproxy.document import Document
from guardian.balancers.haproxy.held import Held
from guardian.balancers.haproxy.master import Master
from guardian.balancers.haproxy.runtime import Runtime, Worker, safe_name
from guardian.core.model import Service
from guardian.core.ports import BalancerError, BalancerGone, BalancerUnfit
from guardian.core.words import reload as words

PATIENCE = 60.0
"""Seconds that a reload may take: HAProxy reads its maps and certificates in it."""
AGAIN = 2.0
"""Seconds without a new worker after which the order is given again: one that falls into another reload can be lost."""
QUIET = 1.0
"""Seconds without a further worker after which an order that was given twice is taken to have been followed for the last time."""
PAUSE = 0.02
PROBE_SECONDS = 2.0
MOST_PROBES = 4
"""Addresses that are tried for one service."""
HEAD = b"HEAD / HTTP/1.1\r\nHost: guardian\r\nUser-Agent: guardian\r\nConnection: close\r\n\r\n"
_VALUE = re.compile(r"type=sint value=<(\d{1,20})>")
_FAILURE = "Success=0"


@dataclass(frozen=True, slots=True)
class Proof:
    """What a worker must say to be believed."""

    service: Service
    written: Written

    def commands(self) -> tuple[str, ...]:
        """What it is asked."""
        return tuple(f"get var {variable(self.service.name)}" for variable in (split_variable, generation_variable))

    def holds(self, texts: Iterable[str]) -> bool:
        """Whether its answers are those of this writing."""
        return _VALUE.findall("\n".join(texts)) == [str(self.written.split.green), str(self.written.generation)]


class Reloader:
    """Reloads one HAProxy: through its master socket where there is one, else by ``unit`` through systemd, else by a signal."""

    def __init__(self, runtime: Runtime, others: Master | Held, unit: str = "") -> None:
        self._runtime, self._others, self._unit = runtime, others, unit

    async def master(self) -> int:
        """The pid of the master process. Errors of :class:`BalancerError`'s family."""
        if isinstance(self._others, Master):
            return (await self._others.status()).pid
        return await asyncio.to_thread(process.parent, (await self.current()).pid)

    async def current(self) -> Worker:
        """The worker in service."""
        return (await self._runtime.ask()).worker

    async def workers(self) -> frozenset[int]:
        """The pids of all workers that are known of."""
        return await self._others.workers() | {(await self.current()).pid}

    async def reload(self, proof: Proof) -> Worker:
        """Have the configuration read, and return the new worker that proves it; :class:`BalancerError` says why there is none."""
        before, failed = await self.workers(), await self._failed()
        began, ordered, orders = time.monotonic(), -AGAIN, 0
        while (waited := time.monotonic() - began) < PATIENCE:
            if waited - ordered >= AGAIN:
                ordered, orders = waited, orders + 1
                await self._order()
            if worker := await self._proved(proof, before):
                return worker if orders == 1 else await self._last(worker)
            if failed is not None and (now := await self._failed()) is not None and now > failed:
                raise BalancerError(words.counted_failure())
            await asyncio.sleep(PAUSE)
        raise BalancerError(words.no_new_worker(PATIENCE))

    async def _last(self, worker: Worker) -> Worker:
        """The worker that no other one replaces for a while: until then each of them must read what this one has read."""
        since = time.monotonic()
        while time.monotonic() - since < QUIET:
            await asyncio.sleep(PAUSE)
            with contextlib.suppress(BalancerGone):
                now = (await self._runtime.look()).worker
                if now != worker:
                    worker, since = now, time.monotonic()
        return worker

    async def answers(self, document: Document, service: Service) -> None:
        """Make a request on the service's own addresses; :class:`BalancerError` where the new worker takes none of them."""
        marked = {(block.file, block.first) for block in document.blocks if block.service == service.name}
        for section in document.proxies("frontend", "listen"):
            lines = range(section.heading.line, section.end)
            if not section.name or not any(file is section.heading.file and first in lines for file, first in marked):
                continue
            targets = [Target(one.listener, one.plain and section.mode == "http") for one in binds.binds(section)][:MOST_PROBES]
            if targets and not await self._taken(safe_name(section.name), targets):
                raise BalancerError(words.no_answer([f"{one.listener.address}:{one.listener.port}" for one in targets]))

    async def _taken(self, frontend: str, targets: "Sequence[Target]") -> bool:
        """Whether the worker in service has taken a connection at ``frontend``: that of anybody, or else ours."""
        until = time.monotonic() + PROBE_SECONDS
        while not await self._connections(frontend):
            if time.monotonic() > until:
                return False
            await asyncio.gather(*map(_request, targets))
            await asyncio.sleep(PAUSE)
        return True

    async def _connections(self, frontend: str) -> int:
        header, _, row = (await self._runtime.ask(f"show stat {frontend} 1 -1")).texts[0].partition("\n")
        counted = dict(zip(header.split(","), row.split(","), strict=False)).get("conn_tot", "")
        return int(counted) if counted.isdecimal() else 0

    async def _order(self) -> None:
        if isinstance(self._others, Master):
            # 2.6 hangs up, and a reload by somebody else shuts the door: the worker will tell.
            with contextlib.suppress(BalancerGone):
                said = await self._others.reload(PATIENCE)
                if said.startswith(_FAILURE):
                    raise BalancerError(words.said_no(said.removeprefix(_FAILURE).strip().removeprefix("--")))
        elif self._unit:
            await _systemctl(self._unit)
        else:
            try:
                os.kill(await self.master(), signal.SIGUSR2)
            except OSError as error:
                raise BalancerUnfit(words.not_reloadable(error.strerror or str(error))) from error

    async def _failed(self) -> int | None:
        """How many reloads have come to nothing; ``None`` where nobody counts, or the master does not answer just now."""
        if isinstance(self._others, Master):
            with contextlib.suppress(BalancerGone):
                return (await self._others.status()).failed
        return None

    async def _proved(self, proof: Proof, before: frozenset[int]) -> Worker | None:
        with contextlib.suppress(BalancerGone):
            # Looked at on the kept connection: a worker of another reload, in between, is held there and can be told afterwards.
            answers = await self._runtime.look(*proof.commands())
            if answers.worker.pid not in before and proof.holds(answers.texts):
                return answers.worker
        return None


async def _systemctl(unit: str) -> None:
    program = shutil.which("systemctl") or "systemctl"
    try:
        done = await asyncio.create_subprocess_exec(program, "reload", unit, stderr=asyncio.subprocess.PIPE)
        async with asyncio.timeout(PATIENCE):
            _, said = await done.communicate()
    except (OSError, TimeoutError) as error:
        raise BalancerError(words.not_reloadable(str(error) or words.systemd_silent())) from error
    if done.returncode:
        raise BalancerError(words.not_reloadable(said.decode("utf-8", "replace")))


@dataclass(frozen=True, slots=True)
class Target:
    """Where the new worker must take connections."""

    listener: binds.Listener
    plain: bool
    """Whether a request in clear text is understood there."""


async def _request(target: Target) -> None:
    """A request, or a bare connection; what comes of it is seen in the worker's own count."""
    address = target.listener.address
    host = ("::1" if address.version == 6 else "127.0.0.1") if address.is_unspecified else str(address)  # noqa: PLR2004  IPv6
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(PROBE_SECONDS):
            reader, writer = await asyncio.open_connection(host, target.listener.port)
            try:
                if target.plain:
                    writer.write(HEAD)
                    await reader.read(1)
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
