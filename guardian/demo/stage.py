"""Two applications, a HAProxy and a guardian, all real, each a process of its own, and all gone afterwards."""

import asyncio
import contextlib
import itertools
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

import httpx

from guardian.core.model import Environment, Routing, Service, Way
from guardian.core.shield import Shield
from guardian.demo.application import FAULT, LOOPBACK, Fault
from guardian.demo.haproxy import HAProxyProcess, Site

PATIENCE = 15.0
"""Seconds that a process may take to come up, or to end when it is asked to."""
START_PATIENCE = 60.0
"""Seconds that guardian may take until a rollback would work, on a host that is busy with other things."""
PAUSE = 0.05

SERVICE = Service("web", "web_blue", "web_green")

SETTINGS = """\
state_dir: state
rules: rules
haproxy:
  socket: {endpoints.socket}
  master_socket: {endpoints.master_socket}
  map: {endpoints.map}
  look_every: {look_every}
  files: [{files}]
api:
  socket: api.sock
{api}{further}services:
  {service.name}:
    blue: {service.blue}
    green: {service.green}
    watch: {watch}
    routing: {{way: {service.routing.way}, fallback: {fallback}}}
    shield: {shield}
{release}"""


class RefusedError(Exception):
    """Guardian refused an order; the message is its sentence."""


class Process:
    """A program of ours as a child process, in a group of its own: Ctrl-C reaches only whoever started it."""

    def __init__(self, *arguments: str, log: Path) -> None:
        self._arguments = arguments
        self.log = log
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """The process id. ``RuntimeError`` while it does not run."""
        if self._process is None:
            raise RuntimeError(f"{self._arguments[1]} is not running")
        return self._process.pid

    async def spawn(self) -> asyncio.subprocess.Process:
        """Start it. What it says on standard error goes to its log."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *self._arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        return self._process

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int | None:
        """Send it a signal and wait for its end; what hangs is killed. Its exit code, or ``None`` when it was not running."""
        process, self._process = self._process, None
        if process is None:
            return None
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        try:
            async with asyncio.timeout(PATIENCE):
                await process.communicate()
        except TimeoutError:
            process.kill()
            await process.communicate()
        return process.returncode


class ApplicationProcess(Process):
    """One environment's application. It keeps its port when another version takes its place."""

    def __init__(self, environment: Environment, log: Path) -> None:
        super().__init__("-m", "guardian.demo.application", log=log)
        self.environment = environment
        self.port = 0
        self._control_port = 0

    async def run(self, version: str) -> None:
        """Start ``version``, in the place of the one that runs."""
        await self.end()
        self._arguments = (
            *("-m", "guardian.demo.application"),
            *("--environment", self.environment, "--version", version, "--port", str(self.port)),
        )
        process = await self.spawn()
        assert process.stdout is not None  # noqa: S101  it was asked for
        async with asyncio.timeout(PATIENCE):
            ports = json.loads(await process.stdout.readline())
        self.port, self._control_port = ports["port"], ports["control_port"]

    async def fail(self, fault: Fault) -> float:
        """Let it fail from now on. When that began, on the monotonic clock that all processes share."""
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as client:
            answer = await client.put(f"http://{LOOPBACK}:{self._control_port}{FAULT}", json=asdict(fault))
            answer.raise_for_status()
            return float(answer.json()["began"] or 0.0)


class HostProcess(Process):
    """One host of an environment, which runs whatever version is brought to it."""

    BAD = "v3"
    """The version that fails half of its users, and passes its health check."""

    def __init__(self, environment: Environment, number: int, base: Path) -> None:
        self.environment, self.directory = environment, base / f"{environment}-{number}"
        arguments = ("--environment", environment, "--directory", str(self.directory), "--bad", self.BAD)
        log = base / f"{environment}-{number}.log"
        super().__init__("-m", "guardian.demo.host", "serve", *arguments, log=log)

    async def run(self, version: str) -> int:
        """Start with ``version``. The port, which stays the same."""
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "version").write_text(version)
        process = await self.spawn()
        assert process.stdout is not None  # noqa: S101  it was asked for
        async with asyncio.timeout(PATIENCE):
            port: int = json.loads(await process.stdout.readline())["port"]
        return port


class GuardianProcess(Process):
    """The daemon, and a client of its API."""

    def __init__(self, directory: Path) -> None:
        super().__init__("-m", "guardian.cli", "run", "--config", str(directory / "guardian.yaml"), log=directory / "guardian.log")
        self.socket = directory / "api.sock"
        self._http: httpx.AsyncClient | None = None

    async def start(self, patience: float = START_PATIENCE) -> None:
        """Start, and return when a rollback would work. ``RuntimeError`` with the daemon's own words when it does not come up."""
        process = await self.spawn()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while process.returncode is None:
                    with contextlib.suppress(httpx.TransportError):
                        async with self.client() as client:
                            if (await client.get("/readyz")).is_success:
                                return
                    await asyncio.sleep(PAUSE)
        await self.end(signal.SIGKILL)
        raise RuntimeError(f"guardian did not come up:\n{self.log.read_text()}")

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        """A client of the daemon's API."""
        # A kept connection is given up before the daemon does it: neither then speaks into the other's closing.
        transport = httpx.AsyncHTTPTransport(uds=str(self.socket), limits=httpx.Limits(keepalive_expiry=1.0))
        async with httpx.AsyncClient(transport=transport, base_url="http://guardian", timeout=PATIENCE) as client:
            yield client

    async def service(self, client: httpx.AsyncClient) -> dict[str, Any]:
        """The service as guardian sees it."""
        answer = await client.get(f"/v1/services/{SERVICE.name}")
        view: dict[str, Any] = answer.raise_for_status().json()
        return view

    async def order(self, client: httpx.AsyncClient, order: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """The service after an order. :class:`RefusedError` when guardian will not."""
        answer = await client.post(f"/v1/services/{SERVICE.name}/{order}", json=dict(given))
        view: dict[str, Any] = answer.json()
        if answer.is_error:
            raise RefusedError(view["detail"])
        return view

    async def until(self, client: httpx.AsyncClient, *phases: str, patience: float = PATIENCE) -> dict[str, Any]:
        """The service once its latest deployment is in one of ``phases``. ``TimeoutError`` when that takes too long."""
        async with asyncio.timeout(patience):
            while True:
                view = await self.service(client)
                if view["deployment"] and view["deployment"]["phase"] in phases:
                    return view
                await asyncio.sleep(PAUSE)


@dataclass(frozen=True, slots=True)
class Setting:
    """What is played, and where."""

    directory: Path
    """An empty directory with a path of at most 80 characters."""
    binary: Path
    """The HAProxy to use."""
    rules: str
    """The text of the rule file."""
    watch: str = "10m"
    look_every: str = "50ms"
    api: str = ""
    """Further lines of the section ``api``."""
    further: str = ""
    """Further sections of ``guardian.yaml``."""
    way: Way = Way.RUNTIME
    release: str = ""
    """Further lines of the service: its stages and its strategy."""
    fallback: bool = False
    hosts: int = 0
    """Hosts of each environment to which versions can be brought, in place of an application that is restarted; 0 for that."""
    shield: bool = False
    """Whether the other environment answers what a release on trial fails."""


class Stage:
    """Two applications, HAProxy and guardian, from ``async with`` to its end."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        directory = setting.directory
        self.applications = {
            environment: ApplicationProcess(environment, directory / f"{environment}.log") for environment in Environment
        }
        self.hosts: list[HostProcess] = []
        routing = Routing(setting.way, fallback=setting.fallback)
        self.service = replace(SERVICE, routing=routing, shield=Shield() if setting.shield else None)
        self.guardian = GuardianProcess(directory)
        self._haproxy: HAProxyProcess | None = None
        self._ends = contextlib.AsyncExitStack()

    @property
    def haproxy(self) -> HAProxyProcess:
        """The balancer."""
        if self._haproxy is None:
            raise RuntimeError("the stage is not set")
        return self._haproxy

    async def __aenter__(self) -> Self:
        """Start all of it, guardian last. ``RuntimeError`` with the words of whatever does not come up."""
        directory = self._setting.directory
        async with contextlib.AsyncExitStack() as ends:
            servers = await (self._hosts(ends) if self._setting.hosts else self._applications(ends))
            site = Site(directory, self.service, servers[Environment.BLUE], servers[Environment.GREEN])
            self._haproxy = await ends.enter_async_context(HAProxyProcess(self._setting.binary, site))
            (directory / "rules").mkdir()
            (directory / "rules" / "web.yaml").write_text(self._setting.rules)
            (directory / "guardian.yaml").write_text(
                SETTINGS.format(
                    endpoints=self._haproxy.endpoints,
                    service=self.service,
                    fallback=str(self._setting.fallback).lower(),
                    shield="on" if self._setting.shield else "off",
                    files=", ".join(map(str, self._haproxy.endpoints.files)),
                    watch=self._setting.watch,
                    look_every=self._setting.look_every,
                    api=self._setting.api,
                    further=self._setting.further,
                    release=self._setting.release,
                )
            )
            os.chmod(directory, 0o700)  # noqa: PTH101  # sockets lie in it
            ends.push_async_callback(self.guardian.end)
            await self.guardian.start()
            self._ends = ends.pop_all()
        return self

    async def _applications(self, ends: contextlib.AsyncExitStack) -> dict[Environment, list[str]]:
        for application in self.applications.values():
            ends.push_async_callback(application.end)
            await application.run("v1")
        return {environment: [f"{LOOPBACK}:{one.port}"] for environment, one in self.applications.items()}

    async def _hosts(self, ends: contextlib.AsyncExitStack) -> dict[Environment, list[str]]:
        servers: dict[Environment, list[str]] = {environment: [] for environment in Environment}
        for environment, number in itertools.product(Environment, range(1, self._setting.hosts + 1)):
            host = HostProcess(environment, number, self._setting.directory / "hosts")
            (self._setting.directory / "hosts").mkdir(exist_ok=True)
            self.hosts.append(host)
            ends.push_async_callback(host.end)
            servers[environment].append(f"{LOOPBACK}:{await host.run('v1')}")
        return servers

    async def __aexit__(self, *_: object) -> None:
        """End every process."""
        await self._ends.aclose()
