"""The verification of an environment before it has traffic, and between two steps: health, smoke checks, a load, commands.

All parts are done, also after one has failed: one run shows everything that is wrong. Only a balancer that cannot be asked, and a
server that HAProxy does not use, end it early, since then nothing else could be trusted.
"""

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from guardian.core.model import Environment, Service
from guardian.core.ports import Balancer, BalancerError, Server, StageResult
from guardian.core.smoke import exceeded, named, unmet
from guardian.core.stages import Check, Load, Through, Verify, filled
from guardian.core.words import smoke as words
from guardian.core.words import testers as tester_words
from guardian.stages.command import CommandWork
from guardian.stages.http import NoAnswer, Request, ask, client
from guardian.stages.lines import Kept, Progress
from guardian.stages.load import LoadFailed, LoadJob, measured

if TYPE_CHECKING:
    import httpx

LOOK_EVERY = 0.5
"""Seconds between two looks at servers that are not up yet."""

COUNTED_LOOKS, COUNTED_PAUSE = 40, 0.05
"""How often, and every how many seconds, a backend is asked whether it has counted a request that was answered."""


@dataclass
class _Found:
    """What was found so far."""

    wrong: list[str] = field(default_factory=list)
    good: list[str] = field(default_factory=list)
    """One phrase a part, for the summary."""
    lines: list[str] = field(default_factory=list)
    passed: int = 0


@dataclass(frozen=True, slots=True)
class _To:
    """Where a check is sent."""

    base: str
    name: str
    headers: Mapping[str, str] = field(default_factory=dict)


class VerifyWork:
    """One verification of one environment."""

    def __init__(self, verify: Verify, balancer: Balancer, service: Service, values: Mapping[str, str]) -> None:
        """``values``: what the variables of the job stand for."""
        self._verify, self._balancer, self._service, self._values = verify, balancer, service, values
        self._environment = Environment(values["environment"])
        self._backend = service.backend(self._environment)

    async def run(self, progress: Progress) -> StageResult:
        """Verify, and say what was found."""
        found = _Found()
        try:
            servers = await self._healthy(found, progress)
            if servers:
                await self._try_out(servers, found, progress)
        except BalancerError as error:
            found.wrong.append(words.balancer_silent(str(error)))
        lines = Kept()
        for line in (*found.wrong, *found.lines):
            lines.say(line)
        details = {"lines": lines.lines}
        if found.wrong:
            with contextlib.suppress(BalancerError):  # or nobody asks it for anything anyway
                await self._balancer.dismiss(self._service.name)
            return StageResult(ok=False, summary=words.failed(self._environment, found.wrong, found.passed), details=details)
        return StageResult(ok=True, summary=words.passed(self._environment, found.good), details=details)

    async def _healthy(self, found: _Found, progress: Progress) -> tuple[Server, ...]:
        """The servers to try out; none where one of them is not up in time, or there is none."""
        until = time.monotonic() + self._verify.settle
        told = ""
        while True:
            servers = await self._balancer.servers(self._backend)
            down = [words.server_down(server.name, server.status) for server in servers if not server.up]
            if not servers:
                found.wrong.append(words.no_servers(self._backend))
            if not down or not self._verify.health:
                if servers and not down:
                    found.good.append(words.servers_up(len(servers)))
                    found.passed += 1
                return servers
            if (rest := until - time.monotonic()) <= 0:
                found.wrong += down
                return ()
            if told != (told := "; ".join(down)):
                progress(words.waits_for(down, rest))
            await asyncio.sleep(min(LOOK_EVERY, rest))

    async def _try_out(self, servers: Sequence[Server], found: _Found, progress: Progress) -> None:
        async with client() as http:
            before = found.passed
            for check in self._verify.checks:
                await self._check(http, check, servers, found, progress)
            if found.passed > before:
                found.good.append(words.checks_passed(found.passed - before))
        if self._verify.load:
            await self._burst(self._verify.load, servers, found, progress)
        for command in self._verify.commands:
            result = await CommandWork(command, self._values).run(progress)
            found.lines += result.details.get("failures", ())
            found.lines += result.details.get("lines", ())
            (found.good if result.ok else found.wrong).append(result.summary)
            found.passed += result.ok

    async def _check(
        self, http: "httpx.AsyncClient", check: Check, servers: Sequence[Server], found: _Found, progress: Progress
    ) -> None:
        if check.through is not Through.BALANCER:
            for server in servers:
                await self._ask(http, check, _To(self._base(server), server.name), found, progress)
        if check.through is not Through.SERVERS:
            testers = await self._balancer.admit(self._service.name, self._environment)
            entrance = self._verify.entrance
            before, wrong = await self._requests(), len(found.wrong)
            await self._ask(http, check, _To(entrance, tester_words.through(entrance), testers), found, progress)
            if len(found.wrong) == wrong and not await self._counts_more(before):
                found.wrong.append(words.check_failed(named(check), entrance, (tester_words.other_side(self._backend),)))

    async def _counts_more(self, before: int) -> bool:
        """Whether the backend has counted a request since: it does when the request ends, maybe after its answer has come."""
        for _ in range(COUNTED_LOOKS):
            if await self._requests() > before:
                return True
            await asyncio.sleep(COUNTED_PAUSE)
        return False

    async def _requests(self) -> int:
        return (await self._balancer.snapshot((self._backend,))).backends[self._backend].requests

    async def _ask(self, http: "httpx.AsyncClient", check: Check, to: _To, found: _Found, progress: Progress) -> None:
        own = {name: filled(value, self._values) for name, value in check.headers}
        headers = {**dict(self._host()), **own, **to.headers}
        limit = check.expect.within
        request = Request(f"{to.base}{filled(check.path, self._values)}", check.method, headers, limit)
        try:
            answer = await ask(http, request)
            wrong = unmet(answer, check.expect, self._values)
            took = answer.seconds
        except NoAnswer as error:
            wrong, took = (words.no_answer(str(error), limit),), limit
        if wrong:
            said = words.check_failed(named(check), to.name, wrong)
            found.wrong.append(said)
        else:
            said = words.check_passed(named(check), to.name, took)
            found.lines.append(said)
            found.passed += 1
        progress(said)

    async def _burst(self, load: Load, servers: Sequence[Server], found: _Found, progress: Progress) -> None:
        progress(words.load_begins(load.rate * load.seconds, load.seconds))
        urls = tuple(f"{self._base(server)}{filled(load.path, self._values)}" for server in servers)
        job = LoadJob(urls, load.rate, load.seconds, load.at_once, load.timeout, self._host())
        try:
            came = await measured(job)
        except LoadFailed as error:
            found.wrong.append(words.load_broke(str(error)))
            return
        said = words.load_passed(came.sent, came.failed, came.quantile(load.quantile), load.quantile)
        found.lines.append(said)
        progress(said)
        if wrong := exceeded(came, load):
            found.wrong.append(words.load_failed(wrong))
        else:
            found.good.append(said)
            found.passed += 1

    def _host(self) -> tuple[tuple[str, str], ...]:
        return (("Host", self._verify.host),) if self._verify.host else ()

    def _base(self, server: Server) -> str:
        address = f"[{server.address}]" if ":" in server.address else server.address
        return f"{'https' if self._verify.tls else 'http'}://{address}:{server.port}"
