"""The entrants that people would build: Prometheus, Alertmanager, a webhook and a script, all as Debian packages them."""

import asyncio
import contextlib
import random
import re
import shutil
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from guardian.demo.ports import LOOPBACK, free_port
from tests.bench.race import monitoring
from tests.bench.race.entrant import Entrants, Fragment, Ground, Lane, nothing
from tests.bench.race.layout import configuration
from tests.bench.race.monitoring import SETTINGS, Ports, Setting

WARM_UP = 12.0
"""Seconds. Prometheus knows its Alertmanager some five seconds after its start; who is released earlier is handicapped."""
PATIENCE = 60.0
PAUSE = 0.05
GROUP_INTERVAL = 1.0
"""Seconds, in the fast settings."""
TARGETS = 2
"""HAProxy and the applications."""
PROGRAMS = ("prometheus", "prometheus-alertmanager", "webhook", "socat")
"""Each in the Debian package of its name."""


class Running:
    """One program of the chain."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Its process, while it runs."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self, *command: str) -> None:
        """Start it; what it says goes to its log."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    async def end(self) -> None:
        """End it at once."""
        process, self._process = self._process, None
        if process:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def said(self) -> str:
        """Its last words."""
        return self._log.read_text()[-2000:]


@dataclass(frozen=True, slots=True)
class Chain:
    """The programs of one entrant on one ground."""

    ports: Ports
    prometheus: Running
    alertmanager: Running
    webhook: Running

    @property
    def programs(self) -> tuple[Running, ...]:
        """All of them."""
        return self.prometheus, self.alertmanager, self.webhook


class Prometheus:
    """Prometheus and what follows it, in one setting and with one way to move traffic."""

    def __init__(self, setting: Setting, *, reloads: bool, warm_up: float = WARM_UP) -> None:
        way = "reload" if reloads else "map"
        self.name, self.title = f"prometheus-{setting.name}-{way}", f"{setting.title}, {way}"
        self.looks_every, self.slow, self.reloads = setting.period, setting.slow, reloads
        self._setting, self._warm_up = setting, warm_up + 2 * setting.period
        self._ground: Ground | None = None
        self._chain: Chain | None = None

    def configuration(self, ground: Ground) -> str:
        """The backend of each service stands in its frontend, or in the map."""
        if self.reloads:
            return configuration(ground, nothing)
        ground.map.write_text("".join(f"{lane.name} blue\n" for lane in ground.lanes))

        def fragment(lane: Lane) -> Fragment:
            return monitoring.by_map(ground, lane)

        return configuration(ground, fragment)

    async def start(self, ground: Ground) -> None:
        """Write the script, and start the programs. ``RuntimeError`` when they do not come up, or are not installed."""
        if missing := [name for name in PROGRAMS if not shutil.which(name)]:
            raise RuntimeError(f"Debian's {' and '.join(missing)} must be installed")
        self._ground = ground
        template = monitoring.RELOAD_SCRIPT if self.reloads else monitoring.MAP_SCRIPT
        self._script.write_text(template.format(ground=ground, name=self._script.name))
        self._script.chmod(0o755)
        (ground.directory / "hooks.json").write_text(monitoring.hooks(self._script))
        await self._begin()

    async def stop(self) -> None:
        """End every program."""
        chain, self._chain = self._chain, None
        for program in chain.programs if chain else ():
            await program.end()

    async def release(self, lanes: Sequence[Lane]) -> None:
        """Run the script by hand."""
        await self._flip("green", lanes)

    async def rearm(self, lanes: Sequence[Lane]) -> None:
        """Run it for those services that no alert has brought back; and wait until the alerts have resolved, where that is soon.

        An alert that comes again before Alertmanager has seen its end is not told a second time.
        """
        if stray := [lane for lane in lanes if self._on_green(lane)]:
            await self._flip("blue", stray)
        if self._setting.slow or self._chain is None or self._chain.prometheus.pid is None:
            return
        async with self._client() as client:
            await self._until(lambda: self._calm(client, lanes))
        await asyncio.sleep(2 * GROUP_INTERVAL)

    async def refresh(self) -> None:
        """An Alertmanager that has told of nothing, and new phases of scrapes and evaluations; nothing while a release is on trial.

        An Alertmanager that went on would remember its groups: half a minute in the fast settings, minutes in the common one, where
        Prometheus besides repeats for a quarter of an hour that an alert is over. There all starts anew.
        """
        if any(map(self._on_green, self.ground.lanes)):
            return
        if self._setting.slow or self._chain is None or self._chain.prometheus.pid is None:
            await self.stop()
            await self._begin()
            return
        async with self._client() as client:
            await self._until(lambda: self._calm(client, self.ground.lanes))
            await self._chain.alertmanager.end()
            await self._start_alertmanager(self._chain)
            run = self._write()
            (await client.post(f"{self._prometheus}/-/reload")).raise_for_status()
            await self._ready(client, run)

    def pids(self) -> Sequence[int]:
        """Those of the programs that run."""
        return tuple(program.pid for program in self._chain.programs if program.pid) if self._chain else ()

    async def lose_metrics(self) -> bool:
        """Prometheus dies, and Alertmanager with it."""
        if self._chain:
            await self._chain.prometheus.end()
            await self._chain.alertmanager.end()
        return True

    @property
    def ground(self) -> Ground:
        """Where it runs. ``RuntimeError`` before it does."""
        if self._ground is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._ground

    @property
    def _script(self) -> Path:
        return self.ground.directory / "flip.sh"

    @property
    def _prometheus(self) -> str:
        return f"http://{LOOPBACK}:{self._chain.ports.prometheus if self._chain else 0}"

    @property
    def _alertmanager(self) -> str:
        return f"http://{LOOPBACK}:{self._chain.ports.alertmanager if self._chain else 0}"

    async def _begin(self) -> None:
        """Start all three with nothing remembered, and wait until they know one another."""
        directory, began = self.ground.directory, time.monotonic()
        programs = (Running(directory / f"{name}.log") for name in ("prometheus", "alertmanager", "webhook"))
        chain = self._chain = Chain(Ports(*_free_ports(3)), *programs)
        run = self._write()
        (directory / "alertmanager.yml").write_text(monitoring.alertmanager(self._setting, chain.ports))
        shutil.rmtree(directory / "prometheus", ignore_errors=True)
        hooks = ("-hooks", str(directory / "hooks.json"), "-ip", LOOPBACK, "-port", str(chain.ports.webhook))
        await chain.webhook.start("webhook", *hooks, "-verbose")
        await self._start_alertmanager(chain)
        await chain.prometheus.start(
            *("prometheus", f"--config.file={directory}/prometheus.yml", f"--storage.tsdb.path={directory}/prometheus"),
            *(f"--web.listen-address={LOOPBACK}:{chain.ports.prometheus}", "--web.enable-lifecycle"),
        )
        async with self._client() as client:
            await self._ready(client, run)
        await asyncio.sleep(max(0.0, began + self._warm_up - time.monotonic()))

    async def _start_alertmanager(self, chain: Chain) -> None:
        """With nothing remembered."""
        directory = self.ground.directory
        shutil.rmtree(directory / "alertmanager", ignore_errors=True)
        await chain.alertmanager.start(
            *("prometheus-alertmanager", f"--config.file={directory}/alertmanager.yml", f"--storage.path={directory}/alertmanager"),
            *(f"--web.listen-address={LOOPBACK}:{chain.ports.alertmanager}", "--cluster.listen-address="),
        )

    def _write(self) -> str:
        """The files of Prometheus, with a name in them that no run had before."""
        assert self._chain
        directory, run = self.ground.directory, f"{random.getrandbits(32):08x}"
        (directory / "rules.yml").write_text(monitoring.rules(self.ground.lanes, self._setting, run))
        (directory / "prometheus.yml").write_text(monitoring.prometheus(self.ground, self._setting, self._chain.ports, run))
        return run

    async def _flip(self, side: str, lanes: Sequence[Lane]) -> None:
        """Run the script for all ``lanes``, and wait until HAProxy does what it says."""
        before = await self._worker() if self.reloads else ""
        process = await asyncio.create_subprocess_exec(str(self._script), side, *(lane.name for lane in lanes))
        async with asyncio.timeout(PATIENCE):
            if code := await process.wait():
                raise RuntimeError(f"{self._script} ended with {code}")
            while self.reloads:
                if await self._worker() not in {before, ""}:
                    return
                await asyncio.sleep(PAUSE)

    def _on_green(self, lane: Lane) -> bool:
        if not self.reloads:
            return f"{lane.name} green" in self.ground.map.read_text().splitlines()
        section = rf"^frontend {lane.name}$.*?^ *default_backend (\S+)$"
        found = re.search(section, self.ground.config.read_text(), re.MULTILINE | re.DOTALL)
        return found is not None and found[1] == lane.green

    async def _worker(self) -> str:
        """The process id of HAProxy's worker in service; empty while none answers."""
        try:
            reader, writer = await asyncio.open_unix_connection(self.ground.socket)
        except OSError:
            return ""
        writer.write(b"show info\n")
        said = (await reader.read()).decode()
        writer.close()
        return next((line for line in said.splitlines() if line.startswith("Pid:")), "")

    @staticmethod
    def _client() -> httpx.AsyncClient:
        return httpx.AsyncClient(trust_env=False, timeout=PATIENCE)

    async def _until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """``RuntimeError`` with the programs' last words when it does not come true."""
        assert self._chain
        try:
            async with asyncio.timeout(PATIENCE + 4 * self._setting.period):
                while True:
                    if await _true(condition):
                        return
                    await asyncio.sleep(PAUSE)
        except TimeoutError as error:
            raise RuntimeError("\n".join(program.said() for program in self._chain.programs)) from error

    async def _ready(self, client: httpx.AsyncClient, run: str) -> None:
        """Wait until Prometheus does what it read: it learns targets and Alertmanagers every five seconds, also after a reload."""
        await self._until(lambda: self._knows_its_alertmanager(client))
        await self._until(lambda: self._scraped_and_evaluated(client, run))

    async def _knows_its_alertmanager(self, client: httpx.AsyncClient) -> bool:
        known = (await client.get(f"{self._prometheus}/api/v1/alertmanagers")).raise_for_status().json()
        ready = await client.get(f"{self._alertmanager}/-/ready")
        return ready.is_success and bool(known["data"]["activeAlertmanagers"])

    async def _scraped_and_evaluated(self, client: httpx.AsyncClient, run: str) -> bool:
        """All targets of this run answered, and every one of its groups was evaluated."""
        targets = (await client.get(f"{self._prometheus}/api/v1/targets")).raise_for_status().json()["data"]["activeTargets"]
        groups = (await client.get(f"{self._prometheus}/api/v1/rules")).raise_for_status().json()["data"]["groups"]
        scraped = [target for target in targets if target["health"] == "up" and target["labels"]["run"] == run]
        evaluated = [group for group in groups if group["name"].endswith(run) and not group["lastEvaluation"].startswith("0001")]
        return len(scraped) == TARGETS and len(evaluated) == len(self.ground.lanes)

    async def _calm(self, client: httpx.AsyncClient, lanes: Sequence[Lane]) -> bool:
        """Every alert of ``lanes`` is over."""
        names = {lane.name for lane in lanes}
        alerts = (await client.get(f"{self._prometheus}/api/v1/alerts")).raise_for_status().json()["data"]["alerts"]
        return not any(alert["labels"]["service"] in names for alert in alerts)


async def _true(condition: Callable[[], Awaitable[bool]]) -> bool:
    """Programs that do not answer yet have nothing to say."""
    try:
        return await condition()
    except httpx.HTTPError:
        return False


def _free_ports(number: int) -> Iterable[int]:
    found: set[int] = set()
    while len(found) < number:
        found.add(free_port())
    return found


def _made(setting: Setting, *, reloads: bool) -> Callable[[], Prometheus]:
    return lambda: Prometheus(setting, reloads=reloads)


ENTRANTS: Entrants = {
    made().name: made for made in (_made(setting, reloads=reloads) for setting in SETTINGS for reloads in (True, False))
}
