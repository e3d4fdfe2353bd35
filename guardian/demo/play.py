"""The demonstration: a good release that is verified, a bad one that is taken back, and the figures of both."""

import asyncio
import contextlib
import json
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from guardian.core.model import Environment, Split
from guardian.core.words import demo as words
from guardian.core.words.demo import Outcome
from guardian.demo.application import Fault
from guardian.demo.frame import Frame, Lane, Moment, Tone
from guardian.demo.haproxy import debian_binary, wheel_binary
from guardian.demo.report import Badness, connection_failures, harm, stale
from guardian.demo.stage import SERVICE, RefusedError, Setting, Stage
from guardian.demo.traffic import Load, Traffic
from guardian.demo.view import View, view_for

RATE = 300.0
"""Requests per second."""
WATCH = "15s"
SETTLE = 8.0
"""Seconds of ordinary traffic before the first release: the past that it is compared with."""
HEALTHY = 10.0
"""Seconds within which a freshly deployed version must pass HAProxy's health check."""
CALM = 3.0
"""Seconds that the bad release behaves well, and that the end is looked at."""
REDRAW = 0.25
INTERVAL = 0.5
"""Seconds in each column of the graphs."""
COLUMNS = 60
SLOW = 0.25
"""Seconds from which an answer counts as bad in the demonstration of a slow release."""

FAULTS = {
    "errors": Fault(errors=1.0),
    "partial": Fault(errors=0.05),
    "latency": Fault(delay=0.5),
    "down": Fault(refuse=True),
}

RULES = f"""\
service: {SERVICE.name}
rules:
  - name: server-errors
    summary: The new environment answers with more 5xx than it may
    source: haproxy
    ratio: responses_5xx / responses
    test: sequential
    limit: 1%
    against: baseline
    on_no_data: hold
    action: rollback
  - name: unreachable
    summary: HAProxy cannot reach the servers of the new environment, or they break off their answers
    source: haproxy
    ratio: unreached + response_errors / sessions
    test: sequential
    limit: 1%
    against: baseline
    floor: 1%
    on_no_data: hold
    action: rollback
  - name: slow
    summary: The new environment takes longer to answer than it may
    source: haproxy
    value: latency
    above: 100ms
    every: 100ms
    window: 300ms
    for: 2 of 3
    min_requests: 10
    on_no_data: hold
    action: rollback
"""


@dataclass(slots=True)
class Scene:
    """What the view shows beside the figures."""

    act: str = ""
    versions: dict[Environment, str] = field(default_factory=lambda: dict.fromkeys(Environment, "v1"))
    phase: str = "steady"
    sentence: str = ""
    tone: Tone = Tone.PLAIN
    live: Split = field(default_factory=lambda: Split.all_on(Environment.BLUE))
    moments: list[Moment] = field(default_factory=list)


class Play:
    """One performance on a stage that is set."""

    def __init__(self, stage: Stage, traffic: Traffic, client: httpx.AsyncClient, view: View, began: float) -> None:
        self._stage, self._traffic, self._client, self._view, self._began = stage, traffic, client, view, began
        self._scene = Scene()
        self._graphs = {environment: (deque[float](maxlen=COLUMNS), deque[float](maxlen=COLUMNS)) for environment in Environment}
        self._interval = 0

    async def perform(self, fault: str) -> Outcome:
        """Play both releases; ``fault`` is one of :data:`FAULTS`."""
        async with beside(self._draw(), self._listen()):
            self._act(words.act_steady(RATE))
            await asyncio.sleep(SETTLE)
            await self._release(Environment.GREEN, "v2", words.act_good())
            done = await self._stage.guardian.until(self._client, "verified", "unverified", "rolled back", patience=60.0)
            healthy = done["deployment"]["phase"]
            await asyncio.sleep(CALM / 2)
            await self._release(Environment.BLUE, "v3", words.act_bad(fault))
            await asyncio.sleep(CALM)
            # Until here nothing may have happened: a rollback before the fault would be a false alarm as well.
            calm = (await self._stage.guardian.service(self._client))["deployment"]["phase"] == "watching"
            began = await self._stage.applications[Environment.BLUE].fail(FAULTS[fault])
            self._say(words.fault_begins(fault), Tone.BAD)
            done = await self._stage.guardian.until(self._client, "verified", "unverified", "rolled back", "stuck", patience=60.0)
            acknowledged = time.monotonic()
            await asyncio.sleep(CALM)
            shielded = (await self._stage.guardian.service(self._client))["shielded"]
        outcome = self._outcome(fault, healthy if calm else "rolled back", done["deployment"], began, acknowledged)
        if shielded is None:
            return outcome
        return replace(outcome, saved=(shielded["tried"], shielded["saved"], shielded["lost"], shielded["plain"]))

    async def _release(self, environment: Environment, version: str, act: str) -> None:
        self._act(act)
        await self._stage.applications[environment].run(version)
        self._scene.versions[environment] = version
        self._say(words.deployed(version, environment), Tone.PLAIN)
        await self._switch(version)

    async def _switch(self, version: str) -> None:
        """Order the switch; guardian refuses it until HAProxy's health check has seen the new version."""
        async with asyncio.timeout(HEALTHY):
            while True:
                try:
                    await self._stage.guardian.order(self._client, "switch", {"reason": version})
                except RefusedError:
                    await asyncio.sleep(REDRAW)
                else:
                    return

    def _outcome(self, fault: str, healthy: str, deployment: dict[str, Any], began: float, acknowledged: float) -> Outcome:
        answers = self._traffic.answers
        badness = Badness(slower_than=SLOW) if fault == "latency" else Badness()
        done = harm((answer for answer in answers if answer.done >= began), (Environment.BLUE,), badness)
        rollback = deployment["rollback"] or {}
        return Outcome(
            fault=fault,
            healthy_phase=healthy,
            bad_phase=deployment["phase"],
            first_bad=done.first - began if done else None,
            harm_seconds=done.seconds if done else None,
            bad_answers=done.served if done else 0,
            decided=rollback.get("seconds"),
            stale=len(stale(answers, Environment.BLUE, acknowledged)),
            failed_connections=connection_failures(answers),
            requests=len(answers),
            rule=rollback.get("rule") or "",
            reason=rollback.get("reason") or "",
        )

    # What is shown.

    def _act(self, act: str) -> None:
        self._scene.act = act
        self._say(act, Tone.PLAIN)

    def _say(self, text: str, tone: Tone) -> None:
        self._scene.moments.append(Moment(time.monotonic() - self._began, text, tone))

    async def _listen(self) -> None:
        """Follow guardian's announcements."""
        async with self._client.stream("GET", "/v1/events", timeout=None) as events:
            async for line in events.aiter_lines():
                if line.strip():
                    self._hear(json.loads(line))

    def _hear(self, news: dict[str, Any]) -> None:
        tone = {"critical": Tone.BAD, "warning": Tone.BAD}.get(news["severity"], Tone.PLAIN)
        if news["phase"] in ("verified", "rolled back"):
            tone = Tone.GOOD
        self._scene.tone, self._scene.sentence = tone, news["sentence"]
        self._scene.phase = news["phase"] or self._scene.phase
        self._say(news["sentence"], tone)

    async def _draw(self) -> None:
        while True:
            view = await self._stage.guardian.service(self._client)
            green = next(side["share"] for side in view["environments"] if side["name"] == Environment.GREEN)
            self._scene.live = Split(green)
            self._view.show(self._frame())
            await asyncio.sleep(REDRAW)

    def _frame(self) -> Frame:
        scene, elapsed = self._scene, time.monotonic() - self._began
        self._plot(elapsed)
        lanes = {environment: self._lane(environment) for environment in Environment}
        return Frame(
            elapsed=elapsed,
            act=scene.act,
            phase=scene.phase,
            sentence=scene.sentence,
            split=scene.live,
            blue=lanes[Environment.BLUE],
            green=lanes[Environment.GREEN],
            connection_failures=connection_failures(self._traffic.answers),
            timeline=tuple(scene.moments),
            tone=scene.tone,
        )

    def _plot(self, elapsed: float) -> None:
        while self._interval < int(elapsed / INTERVAL):
            self._interval += 1
            window = self._traffic.window(INTERVAL)
            for environment, (requests, errors) in self._graphs.items():
                seen = window.get(environment)
                requests.append(seen.count / INTERVAL if seen else 0.0)
                errors.append(seen.errors / INTERVAL if seen else 0.0)

    def _lane(self, environment: Environment) -> Lane:
        seen = self._traffic.window(1.0).get(environment)
        requests, errors = self._graphs[environment]
        lane = Lane(
            environment=environment,
            version=self._scene.versions[environment],
            role=words.role(has_traffic=self._scene.live.share(environment) > 0),
            rate=0.0,
            error_share=None,
            p50=None,
            p99=None,
            requests=tuple(requests),
            errors=tuple(errors),
        )
        if seen is None or not seen.count:
            return lane
        return replace(lane, rate=float(seen.count), error_share=seen.errors / seen.count, p50=seen.p50, p99=seen.p99)


@contextlib.asynccontextmanager
async def beside(*works: Any) -> AsyncIterator[None]:
    """Do ``works`` until the body ends; the failure of one ends the body."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work) for work in works]
        yield
        for task in tasks:
            task.cancel()


def available_binary() -> Path:
    """The HAProxy of the distribution; where there is none, that of PyPI."""
    try:
        return debian_binary()
    except FileNotFoundError:
        return wheel_binary()


async def perform(fault: str, view: View, *, shield: bool = False) -> Outcome:
    """Set the stage, play, and take everything down again."""
    with tempfile.TemporaryDirectory(prefix="guardian-demo-") as directory:
        setting = Setting(Path(directory), available_binary(), RULES, WATCH, shield=shield)
        async with (
            Stage(setting) as stage,
            stage.guardian.client() as client,
            Traffic(stage.haproxy.port, Load(RATE)) as traffic,
        ):
            with view:
                return await Play(stage, traffic, client, view, time.monotonic()).perform(fault)


def main(fault: str, *, plain: bool, shield: bool = False, out: Callable[[], Console] = Console) -> int:
    """Play to the end; 0 when guardian did what it promises, 1 when not, 130 after Ctrl-C."""
    console = out()
    try:
        outcome = asyncio.run(perform(fault, view_for(console, plain=plain), shield=shield))
    except KeyboardInterrupt:
        console.print(words.interrupted(), markup=False, highlight=False)
        return 130
    for line in words.summary(outcome):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return 0 if outcome.good else 1
