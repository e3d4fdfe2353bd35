"""The applications of all lanes in one process: each on a port of its own, each with a fault to switch on, and each a witness.

They write down when each request came and whether it was failed, which no client sees where another environment answers instead.
One more port answers for all: ``PUT /fault``, ``POST /forget``, ``GET /seen/LANE`` and, for those who scrape, ``GET /metrics``.
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from http import HTTPStatus
from typing import Any, Self

from guardian.core.model import Environment
from guardian.demo.application import HEALTH, Application, Fault
from guardian.demo.connection import Connection
from guardian.demo.wire import Reply, Request

LATENCY = 0.02
"""Seconds that an answer takes on a good day, in the middle of all."""
SLOW = 3 * LATENCY
"""An answer that takes longer is a bad one where latency is the fault; on a good day 1 in 180,000 does."""
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Those of Prometheus' client libraries."""
SEED = 11


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with an application, and how it comes about."""

    fault: Fault = field(default_factory=Fault)
    over: float = 0.0
    """Seconds in which errors and delay grow from none to those of ``fault``, evenly; 0 at once."""
    clump: int = 1
    """Errors come so many at a time, one request after the other, at the same rate on average."""

    def at(self, age: float) -> Fault:
        """The fault ``age`` seconds after it began."""
        if age >= self.over:
            return self.fault
        share = age / self.over
        return replace(self.fault, errors=self.fault.errors * share, delay=self.fault.delay * share)


class Witness(Application):
    """An application that remembers what it was asked and how it answered."""

    def __init__(self, environment: Environment, seed: int) -> None:
        super().__init__(environment, "v1", latency=LATENCY, seed=seed)
        self.seen: list[tuple[float, float, bool]] = []
        """Of each request: when it came, when its answer was due, and whether that is a bad one."""
        self.codes: Counter[int] = Counter()
        self.buckets = [0] * (len(BUCKETS) + 1)
        self.total = 0.0
        self._trouble = Trouble()
        self._began = 0.0
        self._clump = 0

    def take(self, trouble: Trouble) -> float:
        """Have ``trouble`` from now on. When that began."""
        self._trouble, self._began, self._clump = trouble, time.monotonic(), 0
        self.fault = trouble.at(0.0)
        return self._began

    def _serve(self, request: Request) -> Reply | None:
        if request.path == HEALTH:
            return super()._serve(request)
        now = time.monotonic()
        self._fault = self._present(now)
        reply = super()._serve(request)
        if reply is not None:
            code, took = int(reply.status), reply.after
            self.codes[code] += 1
            self.buckets[bisect_left(BUCKETS, took)] += 1
            self.total += took
            self.seen.append((now, now + took, code >= HTTPStatus.INTERNAL_SERVER_ERROR or took > SLOW))
        return reply

    def _present(self, now: float) -> Fault:
        trouble = self._trouble
        fault = trouble.at(now - self._began) if trouble.over else trouble.fault
        if trouble.clump == 1:
            return fault
        if not self._clump and self._random.random() < fault.errors / trouble.clump:
            self._clump = trouble.clump
        self._clump, failing = max(0, self._clump - 1), self._clump > 0
        return replace(fault, errors=float(failing))


class Crew:
    """The applications of all lanes, and the port that answers for all."""

    def __init__(self, lanes: Iterable[str]) -> None:
        self.applications = {
            (lane, environment): Witness(environment, seed=SEED + number)
            for number, (lane, environment) in enumerate((lane, environment) for lane in lanes for environment in Environment)
        }
        self._ends = contextlib.AsyncExitStack()
        self._callers: set[Connection] = set()

    async def __aenter__(self) -> Self:
        """Listen on all ports."""
        async with contextlib.AsyncExitStack() as ends:
            for application in self.applications.values():
                await ends.enter_async_context(application)
            loop = asyncio.get_running_loop()
            server = await loop.create_server(lambda: Connection(self._answer, self._callers), host="127.0.0.1", port=0)
            ends.callback(server.close)
            self.port = server.sockets[0].getsockname()[1]
            self._ends = ends.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self._ends.aclose()

    def _answer(self, request: Request) -> Reply:
        path = request.path.partition("?")[0]
        if path == "/metrics":
            return Reply(HTTPStatus.OK, self.metrics().encode(), {"Content-Type": "text/plain; version=0.0.4"})
        if path == "/fault":
            given = json.loads(request.body)
            trouble = Trouble(Fault(**given["fault"]), given["over"], given["clump"])
            began = [self.applications[lane, Environment(given["environment"])].take(trouble) for lane in given["lanes"]]
            return _json(began)
        if path == "/forget":
            for application in self.applications.values():
                application.seen.clear()
            return _json(None)
        lane = path.removeprefix("/seen/")
        return _json({environment.value: self.applications[lane, environment].seen for environment in Environment})

    def metrics(self) -> str:
        """The page for Prometheus."""
        lines = ["# TYPE http_requests_total counter"]
        for (lane, environment), one in self.applications.items():
            names = f'lane="{lane}",environment="{environment}"'
            lines += [f'http_requests_total{{{names},code="{code}"}} {number}' for code, number in sorted(one.codes.items())]
        lines.append("# TYPE http_request_duration_seconds histogram")
        for (lane, environment), one in self.applications.items():
            names, below = f'lane="{lane}",environment="{environment}"', 0
            for limit, number in zip((*BUCKETS, "+Inf"), one.buckets, strict=True):
                below += number
                lines.append(f'http_request_duration_seconds_bucket{{{names},le="{limit}"}} {below}')
            lines.append(f"http_request_duration_seconds_sum{{{names}}} {one.total:.6f}")
            lines.append(f"http_request_duration_seconds_count{{{names}}} {below}")
        return "\n".join(lines) + "\n"


def order(lanes: Iterable[str], environment: Environment, trouble: Trouble) -> dict[str, Any]:
    """The body of ``PUT /fault``."""
    return {"lanes": list(lanes), "environment": environment, **asdict(trouble)}


def _json(value: Any) -> Reply:
    return Reply(HTTPStatus.OK, json.dumps(value).encode(), {"Content-Type": "application/json"})


async def serve(crew: Crew) -> None:
    """Serve until SIGTERM or the end of standard input; the first line of output says all ports."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_reader(0, lambda: None if os.read(0, 4096) else stop.set())
    async with crew:
        ports = [[lane, environment, one.port] for (lane, environment), one in crew.applications.items()]
        sys.stdout.write(json.dumps({"port": crew.port, "applications": ports}) + "\n")
        sys.stdout.flush()
        await stop.wait()


def main() -> None:
    """Run the applications of the lanes that are named."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("lanes", nargs="+")
    asyncio.run(serve(Crew(parser.parse_args().lanes)))


if __name__ == "__main__":
    main()
