"""A good release on trial while its Prometheus has a bad day: nothing is read as health, and nothing is taken back.

Each day is played with the real poller, judges, watcher and client; only the server misbehaves, on the wire or in the flesh.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Gauge, start_http_server

from guardian.app.poll import Poller
from guardian.core.access import Access
from guardian.core.deployment import Phase
from guardian.core.model import Environment
from guardian.core.rules import Direction, Lack, Query, Rule, Source, Threshold
from guardian.core.verdicts import Finding
from guardian.metrics.circuit import Patience
from guardian.metrics.source import PrometheusSource
from tests.doubles.prometheus import (
    Behaviour,
    HangUp,
    Request,
    Reset,
    StandIn,
    answer,
    broken_off,
    flood,
    hang,
    number,
    result,
    trickle,
)
from tests.metrics.servers import RealPrometheus, free_address
from tests.unit.app.conftest import Rig, server_errors

GREEN = Environment.GREEN
HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n{"
HOUR = 3600.0
NEITHER = {Finding.FAILED, Finding.NO_DATA}


def good(value: str = "0.2", apart: float = 0.0, *headers: str) -> Behaviour:
    """What a healthy server answers for the moment asked for, or one ``apart`` from it."""

    async def behave(request: Request) -> AsyncIterator[bytes]:
        async for part in number(value, float(request.form["time"]) + apart, *headers)(request):
            yield part

    return behave


def dated(apart: float) -> str:
    """The header of a server whose clock is ``apart``."""
    return time.strftime("Date: %a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + apart))


SERIES = [{"metric": {"instance": str(each)}, "value": [1000.0, "0.2"]} for each in range(2)]
DAYS: dict[str, Callable[[], Behaviour]] = {
    "hangs": lambda: hang,
    "trickles": lambda: trickle(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b" "),
    "trickles its head": lambda: trickle(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
    "floods": lambda: flood,
    "answers 503": lambda: answer(b"", "503 Service Unavailable"),
    "answers 503 with a good body": lambda: answer(
        b'{"status":"success","data":{"resultType":"vector","result":[]}}', "503 Service Unavailable"
    ),
    "answers 429": lambda: answer(b"", "429 Too Many Requests", "Retry-After: 3600"),
    "answers 500": lambda: answer(b"panic", "500 Internal Server Error"),
    "asks for a login": lambda: answer(b"", "302 Found", "Location: https://login.example/"),
    "shows a web page": lambda: answer(b"<html>We are back soon</html>"),
    "breaks off": lambda: broken_off(HALF, HangUp),
    "resets": lambda: broken_off(HALF, Reset),
    "hangs up at once": lambda: broken_off(b"", HangUp),
    "loses the series": lambda: result("vector", []),
    "gives NaN": lambda: good("NaN"),
    "divides by zero": lambda: good("+Inf"),
    "finds a second series": lambda: result("vector", SERIES),
    "has only part of the data": lambda: result("vector", SERIES[:1], warnings=["a store is down"]),
    "lost its storage": lambda: answer(b'{"status":"error","errorType":"internal","error":"no tsdb"}', "500 Internal Server Error"),
    "is an hour behind": lambda: good("0.2", 0.0, dated(-HOUR)),
    "is an hour ahead": lambda: good("0.2", 0.0, dated(HOUR)),
    "answers with yesterday": lambda: good("0.2", -24 * HOUR),
    "answers with tomorrow": lambda: good("0.2", 24 * HOUR),
}


def slow_answers() -> Rule:
    """A rule with the defaults of a rule file: nothing in it says what a source that fails leads to."""
    test = Threshold(Direction.ABOVE, 0.8, needed=1, of=1, every=0.05, window=0.1)
    return Rule("p99", "Too slow", Source.PROMETHEUS, Query("latency"), test, Lack.HOLD)


class Day:
    """A release on trial by one rule of HAProxy, and one of the server at ``url``."""

    def __init__(self, url: str, timeout: float = 0.3) -> None:
        self.rig = Rig((server_errors(), slow_answers()))
        self._source = PrometheusSource(Access(url, timeout=timeout), Patience(failures=3, shortest=0.02, longest=0.1))
        self._poller = Poller({Source.PROMETHEUS: self._source}, self.rig.watcher, self.rig.gauges, self.rig.clock)
        self.seen: list[Finding] = []
        self.bad = 0
        """Of the fifty answers of green between two turns."""

    @asynccontextmanager
    async def running(self, watch_seconds: float = 600.0) -> AsyncIterator["Day"]:
        """From the cutover on."""
        async with self.rig.running():
            await self.rig.switch(watch_seconds=watch_seconds)
            await self.rig.until_looking()
            yield self
            await self._poller.aclose()
            await self._source.aclose()

    def finding(self, rule: str) -> Finding | None:
        """What a rule finds now."""
        return next((each.finding for each in self.rig.watcher.verdicts("web") if each.rule == rule), None)

    async def until(self, condition: Callable[[], bool], patience: float = 20.0) -> None:
        """Go on until it holds, with traffic, and note what the rule of the server finds."""
        async with asyncio.timeout(patience):
            while not condition():
                self.rig.answer(GREEN, good=50 - self.bad, bad=self.bad)
                await self._poller.turn()
                found = self.finding("p99")
                if found:
                    self.seen.append(found)
                await asyncio.sleep(0.01)

    async def until_found(self, finding: Finding) -> None:
        """Go on until the rule of the server finds that; a real one takes its time."""
        await self.until(lambda: self.finding("p99") is finding, 60)

    async def go_on(self, seconds: float = 0.2) -> None:
        """Some time passes."""
        end = time.monotonic() + seconds
        await self.until(lambda: time.monotonic() >= end)


@pytest.mark.parametrize("name", DAYS)
async def test_in_mid_watch(name: str) -> None:
    """From its first bad answer on the server is worth nothing, HAProxy's rule goes on, and good answers end it."""
    async with StandIn(good()) as server, Day(server.url).running() as day:
        await day.until(lambda: day.finding("p99") is Finding.HEALTHY)
        server.behave = DAYS[name]()
        await day.until(lambda: day.finding("p99") in NEITHER)
        day.seen.clear()
        await day.go_on()
        assert set(day.seen) <= NEITHER
        assert day.finding("server-errors") is Finding.HEALTHY
        assert day.rig.phase is Phase.WATCHING
        server.behave = good()
        await day.until(lambda: day.finding("p99") is Finding.HEALTHY)


@pytest.mark.parametrize("name", [*DAYS, "refuses"])
async def test_through_the_whole_watch(name: str) -> None:
    """It ends unverified: not by its server's silence good, and not taken back."""
    async with StandIn(DAYS.get(name, good)()) as server:
        url = f"http://{free_address()}" if name == "refuses" else server.url
        async with Day(url).running(watch_seconds=0.5) as day:
            await day.until(lambda: day.rig.phase is not Phase.WATCHING)
            deployment = day.rig.state.deployment
            assert deployment is not None
            assert (deployment.phase, deployment.rollback) == (Phase.UNVERIFIED, None)
            (conclusion,) = [each for each in deployment.conclusions if each.verdict.rule == "p99"]
            assert conclusion.verdict.finding in NEITHER
            assert set(day.seen) <= NEITHER


async def test_a_bad_release_is_taken_back_all_the_same() -> None:
    """The rule of HAProxy needs no Prometheus."""
    async with StandIn(hang) as server, Day(server.url).running() as day:
        await day.until(lambda: day.finding("p99") is Finding.FAILED)
        day.bad = 50
        await day.until(lambda: day.rig.phase is Phase.ROLLED_BACK)


async def test_an_alternating_server_is_no_breach() -> None:
    """Up and down ten times: what it says in between counts, and what it does not is no verdict."""
    async with StandIn(good()) as server, Day(server.url).running() as day:
        for _ in range(10):
            server.behave = good()
            await day.until(lambda: day.finding("p99") is Finding.HEALTHY)
            server.behave = answer(b"", "503 Service Unavailable")
            await day.until(lambda: day.finding("p99") is Finding.FAILED)
        assert Finding.BREACHED not in day.seen
        assert day.rig.phase is Phase.WATCHING


@pytest.fixture
def latency() -> Iterator[tuple[str, Callable[[], None]]]:
    """An application that exports its latency; its address, and what ends it."""
    registry = CollectorRegistry()
    Gauge("latency", "Seconds", registry=registry).set(0.2)
    address = free_address()
    host, port = address.split(":")
    server, thread = start_http_server(int(port), host, registry)

    def end() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    yield address, end
    if thread.is_alive():
        end()


async def test_a_real_server_is_frozen_loses_its_target_is_killed_and_restarted(
    tmp_path: Path, latency: tuple[str, Callable[[], None]]
) -> None:
    """One watch, one process, and the same release through all of it."""
    target, end = latency
    with RealPrometheus(tmp_path, target) as server:
        async with Day(server.url, timeout=1.0).running() as day:
            await day.until_found(Finding.HEALTHY)
            server.freeze()
            await day.until_found(Finding.FAILED)
            server.thaw()
            await day.until_found(Finding.HEALTHY)
            await asyncio.to_thread(end)
            await day.until_found(Finding.NO_DATA)
            server.stop()
            await day.until_found(Finding.FAILED)
            server.__enter__()
            await day.until_found(Finding.NO_DATA)
            day.seen.clear()
            await day.go_on()
            assert set(day.seen) == {Finding.NO_DATA}
            assert day.rig.phase is Phase.WATCHING
