"""The ground: one HAProxy, the applications of every lane in one process, and nobody who watches them yet."""

import asyncio
import contextlib
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx

from guardian.balancers.haproxy.balancer import Endpoints
from guardian.core.model import Environment
from guardian.demo.haproxy import HAProxyProcess, Site
from guardian.demo.ports import LOOPBACK, free_port
from guardian.demo.stage import PATIENCE, SERVICE, Process
from tests.bench.race.crew import Trouble, order
from tests.bench.race.entrant import Entrant, Ground, Lane
from tests.bench.race.layout import witnessed

RELOAD = """\
#!/bin/sh
# As ExecReload of Debian's haproxy.service.
{binary} -W -c -q -f {config} && kill -USR2 "$(cat {pid})"
"""


@dataclass(frozen=True, slots=True)
class Plot(Site):
    """The site of a race: its configuration is the entrant's."""

    text: str = ""

    def configuration(self, endpoints: Endpoints, port: int) -> str:
        """The text of haproxy.cfg."""
        return self.text


class CrewProcess(Process):
    """The applications in a process of their own."""

    def __init__(self, names: Sequence[str], log: Path) -> None:
        super().__init__("-m", "tests.bench.race.crew", *names, log=log)
        self.port = 0
        self.ports: dict[tuple[str, Environment], int] = {}
        self._client = httpx.AsyncClient(trust_env=False, timeout=PATIENCE)

    async def run(self) -> None:
        """Start, and learn the ports."""
        process = await self.spawn()
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            told = json.loads(await process.stdout.readline())
        self.port = told["port"]
        self.ports = {(lane, Environment(environment)): port for lane, environment, port in told["applications"]}

    async def trouble(self, lanes: Iterable[Lane], environment: Environment, trouble: Trouble) -> float:
        """Have something go wrong in one environment of ``lanes`` from now on. When that began, on the host's monotonic clock."""
        began: list[float] = await self._ask("fault", order([lane.name for lane in lanes], environment, trouble))
        return max(began, default=time.monotonic())

    async def forget(self) -> None:
        """What was seen so far is of no more interest."""
        await self._ask("forget", None)

    async def seen(self, lane: Lane, environment: Environment = Environment.GREEN) -> list[tuple[float, float, bool]]:
        """Of each request to one application: when it came, when it was answered, and whether badly."""
        told: dict[str, list[tuple[float, float, bool]]] = await self._ask(f"seen/{lane.name}", None)
        return told[environment]

    async def _ask(self, path: str, body: Any) -> Any:
        answer = await self._client.put(f"http://{LOOPBACK}:{self.port}/{path}", json=body)
        return answer.raise_for_status().json()

    async def close(self) -> None:
        """End it."""
        await self._client.aclose()
        await self.end()


class Field:
    """HAProxy and the applications of one entrant's race, from ``async with`` to its end; the entrant itself begins later."""

    def __init__(self, directory: Path, binary: Path, lanes: int, entrant: Entrant) -> None:
        self._directory, self._binary, self._number, self._entrant = directory, binary, lanes, entrant
        self.crew = CrewProcess([f"web{number}" for number in range(lanes)], directory / "crew.log")
        self._ends = contextlib.AsyncExitStack()
        self.ground: Ground
        self.haproxy: HAProxyProcess

    async def __aenter__(self) -> Self:
        """Start both. ``RuntimeError`` with HAProxy's own words when it does not come up."""
        async with contextlib.AsyncExitStack() as ends:
            ends.push_async_callback(self.crew.close)
            await self.crew.run()
            names = sorted({lane for lane, _ in self.crew.ports}, key=lambda name: int(name.removeprefix("web")))
            ports = {(name, environment): self.crew.ports[name, environment] for name in names for environment in Environment}
            taken: set[int] = set()
            lanes = tuple(Lane(name, _port(taken), ports[name, Environment.BLUE], ports[name, Environment.GREEN]) for name in names)
            self.ground = Ground(self._directory, self._binary, lanes, _port(taken), self.crew.port)
            self.ground.map.touch()
            plot = Plot(self._directory, SERVICE, (), (), text=witnessed(self.ground, self._entrant.configuration(self.ground)))
            self.haproxy = await ends.enter_async_context(HAProxyProcess(self._binary, plot))
            pid = self._directory / "haproxy.pid"
            pid.write_text(f"{self.haproxy.pid}\n")
            self.ground.reload.write_text(RELOAD.format(binary=self._binary, config=self.ground.config, pid=pid))
            self.ground.reload.chmod(0o755)
            self._ends = ends.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        """End both."""
        await self._ends.aclose()


def _port(taken: set[int]) -> int:
    while (port := free_port()) in taken:
        pass
    taken.add(port)
    return port
