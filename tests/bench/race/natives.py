"""The entrants that need no Prometheus: guardian, and the two fuses that HAProxy has of its own."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from guardian.balancers.haproxy.adoption import adopt
from guardian.balancers.haproxy.document import parse
from guardian.balancers.haproxy.routes import Unfit
from guardian.core.model import Routing, Service, Way
from guardian.core.shield import Shield
from guardian.demo.stage import GuardianProcess
from tests.bench.race.crew import SLOW
from tests.bench.race.entrant import Entrants, Fragment, Ground, Lane, nothing
from tests.bench.race.layout import configuration

RULES = Path(__file__).parents[3] / "rules" / "web.yaml"
PATIENCE = 90.0
START_PATIENCE = 90.0
PAUSE = 0.02
IN_USE = "currently in use"
"""What HAProxy says of an entry that requests under way still count in: they end soon."""
SETTINGS = """\
state_dir: state
rules: rules
haproxy:
  socket: {ground.socket}
  master_socket: {ground.master}
  map: {map}
{files}api:
  socket: api.sock
services:
"""
SERVICE = """\
  {lane.name}:
    blue: {lane.blue}
    green: {lane.green}
{own}"""


def starter_rules(service: str) -> str:
    """The rules to start with, for ``service``, with a limit of latency three times what a good day has, as they say to set it."""
    text = RULES.read_text()
    for old, new in (("service: web\n", f"service: {service}\n"), ("above: 1s\n", f"above: {SLOW * 1000:.0f}ms\n")):
        if text.count(old) != 1:
            raise ValueError(f"{RULES}: {old.strip()!r} stands there {text.count(old)} times, not once")
        text = text.replace(old, new)
    return text


@dataclass(frozen=True, slots=True)
class Kind:
    """How guardian is set."""

    name: str
    title: str
    way: Way = Way.RUNTIME
    shield: bool = True

    @property
    def lines(self) -> str:
        """Of each service in guardian.yaml, where they differ from what guardian does by default."""
        if self.way is Way.RELOAD:
            return "    routing: {way: reload}\n"
        return "" if self.shield else "    shield: off\n"


class Guardian:
    """guardian with the rules to start with."""

    looks_every = 0.05
    slow = False

    def __init__(self, kind: Kind) -> None:
        self.name, self.title = kind.name, kind.title
        self.reloads = kind.way is Way.RELOAD
        self._kind = kind
        self._ground: Ground | None = None
        self._process: GuardianProcess | None = None

    def configuration(self, ground: Ground) -> str:
        """As ``guardian haproxy adopt`` writes it."""
        text = configuration(ground, nothing)
        for lane in ground.lanes:
            document = parse([(str(ground.config), text.encode())])
            shield = Shield() if self._kind.shield and not self.reloads else None
            service = Service(lane.name, lane.blue, lane.green, routing=Routing(self._kind.way), shield=shield)
            plan = adopt(document, service, ground.map)
            if isinstance(plan, Unfit):
                raise ValueError("\n".join(plan.sentences))  # noqa: TRY004  the text of the race does not fit
            text = document.apply(plan.edits).files[0].data.decode()
        return text

    async def start(self, ground: Ground) -> None:
        """Write what it reads, and start it."""
        files = f"  files: [{ground.config}]\n" if self.reloads else ""
        services = "".join(SERVICE.format(lane=lane, own=self._kind.lines) for lane in ground.lanes)
        (ground.directory / "guardian.yaml").write_text(SETTINGS.format(ground=ground, map=ground.map, files=files) + services)
        rules = ground.directory / "rules"
        rules.mkdir()
        for lane in ground.lanes:
            (rules / f"{lane.name}.yaml").write_text(starter_rules(lane.name))
        ground.directory.chmod(0o700)
        self._ground, self._process = ground, GuardianProcess(ground.directory)
        process = await self._process.spawn()
        deadline = time.monotonic() + START_PATIENCE
        while not await self._ready():
            if process.returncode is not None or time.monotonic() > deadline:
                raise RuntimeError(f"guardian did not come up:\n{self._process.log.read_text()}")
            await asyncio.sleep(PAUSE)

    async def stop(self) -> None:
        """End it."""
        if self._process:
            await self._process.end(signal.SIGTERM)

    async def release(self, lanes: Sequence[Lane]) -> None:
        """``guardian switch``; it refuses while HAProxy's check has not found green healthy."""
        async with self._client() as client:
            for lane in lanes:
                await self._order(client, lane, "switch")
            for lane in lanes:
                await self._until(client, lane, "watching")

    async def rearm(self, lanes: Sequence[Lane]) -> None:
        """Roll back what no rule did, and unlatch."""
        async with self._client() as client:
            for lane in lanes:
                view = await self._view(client, lane)
                if (view["deployment"] or {}).get("phase") in {"watching", "shifting", "switching"}:
                    await self._order(client, lane, "rollback")
            for lane in lanes:
                view = await self._until(client, lane, "rolled back", "verified", "unverified", "aborted")
                if view["latched"]:
                    await self._order(client, lane, "unlatch")

    async def refresh(self) -> None:
        """Nothing is left of an incident that was unlatched."""

    def pids(self) -> Sequence[int]:
        """The daemon."""
        return (self._process.pid,) if self._process else ()

    async def lose_metrics(self) -> bool:
        """It needs no Prometheus."""
        return False

    async def _ready(self) -> bool:
        with contextlib.suppress(httpx.TransportError):
            async with self._client() as client:
                return bool((await client.get("/readyz")).is_success)
        return False

    def _client(self) -> Any:
        if self._process is None:
            raise RuntimeError("guardian is not running")
        return self._process.client()

    async def _order(self, client: httpx.AsyncClient, lane: Lane, order: str) -> None:
        given = {} if order == "switch" else {"reason": "the race"}
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = await client.post(f"/v1/services/{lane.name}/{order}", json=given)
            if answer.is_success:
                return
            if time.monotonic() > deadline:
                raise RuntimeError(f"{lane.name}: {order}: {answer.text}")
            await asyncio.sleep(0.2)

    async def _view(self, client: httpx.AsyncClient, lane: Lane) -> dict[str, Any]:
        answer = await client.get(f"/v1/services/{lane.name}")
        view: dict[str, Any] = answer.raise_for_status().json()
        return view

    async def _until(self, client: httpx.AsyncClient, lane: Lane, *phases: str) -> dict[str, Any]:
        """Until its deployment is in one of ``phases``; one that was taken back meanwhile is past ``watching``."""
        async with asyncio.timeout(PATIENCE):
            while True:
                view = await self._view(client, lane)
                deployment = view["deployment"]
                if deployment is None or deployment["phase"] in {*phases, "rolled back"}:
                    return view
                await asyncio.sleep(PAUSE)


class Native:
    """What both fuses of HAProxy share: a map says which service is released; no process of their own, no reload."""

    looks_every = 0.0
    slow = False
    reloads = False
    name = ""
    title = ""

    def __init__(self) -> None:
        self._ground: Ground | None = None

    def configuration(self, ground: Ground) -> str:
        """The map and the lines of the fuse."""
        ground.map.write_text("".join(f"{lane.name} blue\n" for lane in ground.lanes))
        return configuration(ground, lambda lane: self._fragment(ground, lane), sections=self._sections())

    async def start(self, ground: Ground) -> None:
        """HAProxy is all there is."""
        self._ground = ground

    async def stop(self) -> None:
        """Nothing was started."""

    async def release(self, lanes: Sequence[Lane]) -> None:
        """``set map``."""
        await self._tell(*(f"set map {self._map} {lane.name} green" for lane in lanes))

    async def rearm(self, lanes: Sequence[Lane]) -> None:
        """``set map``, and the fuse as new."""
        await self._tell(*(f"set map {self._map} {lane.name} blue" for lane in lanes), *map(self._renewed, lanes))

    async def refresh(self) -> None:
        """Nothing is kept."""

    def pids(self) -> Sequence[int]:
        """It works within HAProxy."""
        return ()

    async def lose_metrics(self) -> bool:
        """It needs no Prometheus."""
        return False

    @property
    def _map(self) -> Path:
        return self._ground.map if self._ground else Path()

    def _fragment(self, ground: Ground, lane: Lane) -> Fragment:
        raise NotImplementedError

    def _sections(self) -> Sequence[str]:
        return ()

    def _renewed(self, lane: Lane) -> str:
        raise NotImplementedError

    async def _tell(self, *commands: str) -> None:
        for command in commands:
            deadline = time.monotonic() + PATIENCE
            while said := await self._said(command):
                if IN_USE not in said or time.monotonic() > deadline:
                    raise RuntimeError(f"{command}: {said}")
                await asyncio.sleep(PAUSE)

    async def _said(self, command: str) -> str:
        assert self._ground
        reader, writer = await asyncio.open_unix_connection(self._ground.socket)
        writer.write(f"{command}\n".encode())
        said = (await reader.read()).decode().strip()
        writer.close()
        return said


class Observe(Native):
    """``observe layer7``: ten errors one after the other mark the server down, and the service goes where one is up."""

    name = "observe"
    title = "HAProxy observe layer7, error-limit 10, map"

    def _fragment(self, ground: Ground, lane: Lane) -> Fragment:
        released = f"{{ str({lane.name}),map({ground.map}) -m str green }}"
        return Fragment(
            frontend=(f"use_backend {lane.green} if {released} {{ nbsrv({lane.green}) gt 0 }}",),
            # The next health check would take back a server that fails its users only: nothing but a person does.
            server="rise 10000 downinter 1h observe layer7 error-limit 10 on-error mark-down",
        )

    def _renewed(self, lane: Lane) -> str:
        return f"set server {lane.green}/green1 health up"


class Fuse(Native):
    """A stick table counts the failures of the last ten seconds; more than five of them blow it, for good."""

    name = "fuse"
    title = "HAProxy stick-table fuse, > 5 failures in 10 s, map"

    def _fragment(self, ground: Ground, lane: Lane) -> Fragment:
        released = f"{{ str({lane.name}),map({ground.map}) -m str green }}"
        whole = f"{{ str({lane.name}),table_gpt0(fuses) eq 0 }} {{ str({lane.name}),table_http_fail_rate(fuses) le 5 }}"
        return Fragment(
            frontend=(f"use_backend {lane.green} if {released} {whole} {{ nbsrv({lane.green}) gt 0 }}",),
            green=(
                f"http-request track-sc0 str({lane.name}) table fuses",
                "http-request sc-set-gpt0(0) 1 if { sc0_http_fail_rate(fuses) gt 5 }",
                "http-response sc-set-gpt0(0) 1 if { sc0_http_fail_rate(fuses) gt 5 }",
            ),
        )

    def _sections(self) -> Sequence[str]:
        return ("backend fuses", "    stick-table type string len 32 size 1k expire 1h store http_fail_rate(10s),gpt0")

    def _renewed(self, lane: Lane) -> str:
        return f"clear table fuses key {lane.name}"


KINDS = (
    Kind("guardian", "guardian, default settings (shield on), map"),
    Kind("guardian-bare", "guardian without its shield, map", shield=False),
    Kind("guardian-reload", "guardian, reload", way=Way.RELOAD),
)
ENTRANTS: Entrants = {
    **{kind.name: (lambda kind=kind: Guardian(replace(kind))) for kind in KINDS},
    "observe": Observe,
    "fuse": Fuse,
}
