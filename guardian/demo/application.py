"""A little application that can be made to misbehave: a real HTTP/1.1 server with a fault to switch on.

It runs inside another program or as its own: ``python -m guardian.demo.application --environment green --version v2``.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import time
from dataclasses import asdict, dataclass, fields
from http import HTTPStatus
from typing import Self

from guardian.core.model import Environment
from guardian.demo.connection import Connection
from guardian.demo.ports import bound
from guardian.demo.wire import Reply, Request

LOOPBACK = "127.0.0.1"
HEALTH = "/health"
FAULT = "/_fault"
METHODS = ("GET", "HEAD", "POST")
LATENCY = 0.002
"""Seconds that an answer takes by default: the median of a log-normal distribution, as answers of real servers have."""
SPREAD = 0.25
"""The shape of that distribution: the 99th percentile lies 1.8 times above the median."""
LONGEST_DELAY = 3600


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with an application. The default is nothing.

    ``errors`` and ``delay`` leave ``/health`` alone: they are the faults that health checks let through.
    """

    errors: float = 0.0
    """The share of requests answered with 500, 0 to 1."""
    delay: float = 0.0
    """Seconds that every answer takes longer, 0 to 3,600."""
    refuse: bool = False
    """Down: nobody listens, and the connections that were open are reset."""
    hang: bool = False
    """Connections are accepted and requests read, but no answer ever comes."""
    cut: bool = False
    """Answers break off in the middle of their body, and their connection ends, as when a process dies while it answers."""

    def __post_init__(self) -> None:
        """Refuse what cannot be carried out with ``ValueError``."""
        if not 0 <= self.errors <= 1:
            raise ValueError(f"errors must be a share from 0 to 1, not {self.errors}")
        if not 0 <= self.delay <= LONGEST_DELAY:
            raise ValueError(f"delay must be 0 to {LONGEST_DELAY} seconds, not {self.delay}")

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        """The fault that a JSON object describes; ``ValueError`` says what is wrong with any other text."""
        record = json.loads(text)
        kinds = {field.name: type(field.default) for field in fields(cls)}
        if not isinstance(record, dict) or not record.keys() <= kinds.keys():
            raise ValueError(f"a fault is a JSON object with any of {', '.join(kinds)}")
        for name, value in record.items():
            if isinstance(value, bool) is not (kinds[name] is bool) or not isinstance(value, int | float):
                raise ValueError(f"{name} must be {'true or false' if kinds[name] is bool else 'a number'}, not {value!r}")
        return cls(**record)


class Application:
    """One environment's application on 127.0.0.1, from ``async with`` to its end.

    Every answer names its origin in ``X-Environment`` and ``X-Version``, and returns the request's ``X-Request-Id``. The fault is
    set here, or from another process by ``PUT /_fault`` on a port of its own: that port answers while the application itself is
    down, and no traffic through the balancer can reach it.
    """

    def __init__(self, environment: Environment, version: str, *, port: int = 0, latency: float = LATENCY, seed: int = 0) -> None:
        self.environment = environment
        self.version = version
        self.port = port
        self.control_port = 0
        self.fault_began: float | None = None
        """When the present fault was set, on the monotonic clock that all processes of a host share; ``None`` without one."""
        self._latency = latency
        self._random = random.Random(seed)
        self._fault = Fault()
        self._changed = asyncio.Event()
        self._ending = False
        self._connections: set[Connection] = set()
        self._ends = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Listen. ``OSError`` when the port is taken."""
        async with contextlib.AsyncExitStack() as stack:
            # This socket never listens. It keeps the port for us while the application is down.
            port = stack.enter_context(bound(self.port))
            self.port = port.getsockname()[1]
            control = stack.enter_context(bound(0))
            self.control_port = control.getsockname()[1]
            controllers: set[Connection] = set()
            stack.callback(_reset, controllers)
            loop = asyncio.get_running_loop()
            controller = await loop.create_server(lambda: Connection(self._control, controllers), sock=control)
            stack.callback(controller.close)
            keeper = asyncio.create_task(self._keep(await self._listen()))
            stack.push_async_callback(self._end, keeper)
            self._ends = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening and end every connection."""
        await self._ends.aclose()
        # A connection that was reset gives up its socket in the loop's next round.
        await asyncio.sleep(0)

    @property
    def fault(self) -> Fault:
        """What is wrong at present."""
        return self._fault

    @fault.setter
    def fault(self, fault: Fault) -> None:
        self._fault = fault
        self.fault_began = None if fault == Fault() else time.monotonic()
        self._changed.set()

    async def _end(self, keeper: asyncio.Task[None]) -> None:
        self._ending = True
        self._changed.set()
        await keeper

    async def _keep(self, server: asyncio.Server | None) -> None:
        """Listen or refuse, as the fault says: the one task that opens and closes the port."""
        while not self._ending:
            await self._changed.wait()
            self._changed.clear()
            refuse = self._fault.refuse or self._ending
            if refuse and server is not None:
                server.close()
                server = None
            elif not refuse and server is None:
                server = await self._listen()
            if refuse:
                _reset(self._connections)

    async def _listen(self) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        return await loop.create_server(lambda: Connection(self._serve, self._connections), sock=bound(self.port), backlog=1024)

    def _serve(self, request: Request) -> Reply | None:
        fault = self._fault
        if fault.refuse:
            # This connection was being accepted at the moment the port was closed.
            asyncio.get_running_loop().call_soon(_reset, self._connections)
        if fault.refuse or fault.hang:
            return None
        status, after = HTTPStatus.OK, 0.0
        if request.path != HEALTH:
            after = self._latency * self._random.lognormvariate(0, SPREAD) + fault.delay
            if self._random.random() < fault.errors:
                status = HTTPStatus.INTERNAL_SERVER_ERROR
        if request.method not in METHODS:
            status = HTTPStatus.METHOD_NOT_ALLOWED
        body = f"{status.value} from {self.environment} {self.version}\n"
        return Reply(status, body.encode(), self._headers(request), after, cut=fault.cut)

    def _headers(self, request: Request) -> dict[str, str]:
        headers = {
            "Content-Type": "text/plain",
            "Allow": ", ".join(METHODS),
            "X-Environment": self.environment.value,
            "X-Version": self.version,
        }
        if identifier := request.headers.get("x-request-id"):
            headers["X-Request-Id"] = identifier
        return headers

    def _control(self, request: Request) -> Reply:
        if request.path != FAULT:
            return Reply(HTTPStatus.NOT_FOUND)
        if request.method == "PUT":
            try:
                self.fault = Fault.from_json(request.body)
            except ValueError as error:
                return Reply(HTTPStatus.BAD_REQUEST, f"{error}\n".encode(), {"Content-Type": "text/plain"})
        state = json.dumps({"fault": asdict(self._fault), "began": self.fault_began})
        return Reply(HTTPStatus.OK, state.encode(), {"Content-Type": "application/json"})


def _reset(connections: set[Connection]) -> None:
    for connection in tuple(connections):
        connection.reset()


async def serve(application: Application) -> None:
    """Serve until SIGTERM, SIGINT, or the end of standard input: whoever started this and dies takes it along."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    # What cannot be waited for, a file or /dev/null, says nothing about whoever started this.
    with contextlib.suppress(PermissionError):
        loop.add_reader(0, lambda: None if os.read(0, 4096) else stop.set())
    async with application:
        print(json.dumps({"port": application.port, "control_port": application.control_port}), flush=True)
        await stop.wait()


def main() -> None:
    """Run one application as a process of its own; its first line of output is a JSON object with its two ports."""
    parser = argparse.ArgumentParser(prog="python -m guardian.demo.application", description=serve.__doc__)
    parser.add_argument("--environment", type=Environment, choices=list(Environment), required=True)
    parser.add_argument("--version", default="v1")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free one")
    given = parser.parse_args()
    asyncio.run(serve(Application(given.environment, given.version, port=given.port)))


if __name__ == "__main__":
    main()
