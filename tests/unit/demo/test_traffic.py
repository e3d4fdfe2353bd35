"""The load generator, against real servers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

import pytest

from guardian.core.model import Environment
from guardian.demo.application import Application, Fault
from guardian.demo.report import Answer
from guardian.demo.traffic import HOST, Load, Traffic

Eventually: TypeAlias = Callable[[Callable[[], bool]], Awaitable[None]]
Serve: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

BLUE, GREEN = Environment.BLUE, Environment.GREEN
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@asynccontextmanager
async def scripted(serve: Serve) -> AsyncIterator[int]:
    """A server that does what ``serve`` does with each connection, and its port."""

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connection, HOST, 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_every_request_is_recorded_with_its_origin(eventually: Eventually) -> None:
    """Answers carry the environment that gave them, their status, and times in order; none is lost."""
    async with Application(GREEN, "v2", latency=0) as application, Traffic(application.port, Load(rate=500)) as traffic:
        await eventually(lambda: len(traffic.answers) >= 100)
        application.fault = Fault(errors=1.0)
        await eventually(lambda: traffic.answers[-1].status == 500)
    assert {(answer.environment, answer.error) for answer in traffic.answers} == {(GREEN, None)}
    assert {answer.status for answer in traffic.answers} == {200, 500}
    assert all(answer.begun <= answer.sent <= answer.done for answer in traffic.answers)
    assert len(traffic.answers) == traffic._sent


async def test_requests_leave_on_schedule_whatever_becomes_of_the_others(eventually: Eventually) -> None:
    """With no answer at all, requests go on leaving, more than there are connections, and each ends by its timeout."""
    async with Application(GREEN, "v2") as application:
        application.fault = Fault(hang=True)
        async with Traffic(application.port, Load(rate=500, connections=2, timeout=0.3)) as traffic:
            await eventually(lambda: len(traffic._exchanges) > 50)
            waiting = traffic.waiting_since
            await eventually(lambda: len(traffic.answers) > 50)
    assert {(answer.environment, answer.status, answer.error) for answer in traffic.answers} == {(None, 0, "timeout")}
    assert all(answer.latency >= 0.3 for answer in traffic.answers)
    assert waiting is not None
    assert waiting in {answer.begun for answer in traffic.answers}
    assert traffic.waiting_since is None


async def test_tells_how_late_requests_left(eventually: Eventually) -> None:
    """Lateness is known once something was sent, is never negative, and its figures are in order."""
    async with Application(GREEN, "v2") as application:
        traffic = Traffic(application.port, Load(rate=500))
        assert traffic.lateness is None
        async with traffic:
            await eventually(lambda: len(traffic.answers) > 20)
    late = traffic.lateness
    assert late is not None
    assert 0 <= late.p50 <= late.p99 <= late.longest


@pytest.mark.parametrize(("share", "fresh"), [(0.0, {True, False}), (1.0, {True})])
async def test_some_requests_take_a_new_connection(eventually: Eventually, share: float, fresh: set[bool]) -> None:
    """Connections are reused, but for the share of requests that brings its own."""
    load = Load(rate=100, new_connection_share=share)
    async with Application(GREEN, "v2", latency=0) as application, Traffic(application.port, load) as traffic:
        await eventually(lambda: len(traffic.answers) >= 60)
    assert {answer.fresh_connection for answer in traffic.answers} == fresh


@pytest.mark.parametrize(("share", "methods"), [(0.0, {"GET"}), (0.5, {"GET", "POST"}), (1.0, {"POST"})])
async def test_some_requests_are_posts(eventually: Eventually, share: float, methods: set[str]) -> None:
    """As many as the load says, answered like the others; each on a connection of its own."""
    load = Load(rate=100, new_connection_share=0.0, posts=share)  # more, a busy host cannot keep up with, and what waits grows
    async with Application(GREEN, "v2", latency=0) as application, Traffic(application.port, load) as traffic:
        await eventually(lambda: len(traffic.answers) >= 60)
    assert {answer.method for answer in traffic.answers} == methods
    assert {answer.status for answer in traffic.answers} == {200}
    assert all(answer.fresh_connection for answer in traffic.answers if answer.method == "POST")


def test_the_same_seed_gives_the_same_schedule() -> None:
    """Two runs with one seed send at the same intervals; another seed sends at others."""
    schedules = [Traffic(1, Load(rate=100, seed=seed)) for seed in (1, 1, 2)]
    intervals = [[schedule._pause() for _ in range(5)] for schedule in schedules]
    assert intervals[0] == intervals[1] != intervals[2]


async def test_a_refused_connection_is_a_failure(eventually: Eventually) -> None:
    """Where nobody listens, every request is recorded as refused."""
    async with Application(GREEN, "v2") as application:
        application.fault = Fault(refuse=True)
        async with Traffic(application.port, Load(rate=200)) as traffic:
            await eventually(lambda: bool(traffic.answers) and traffic.answers[-1].error == "refused")
    assert traffic.answers[-1].environment is None
    assert traffic.answers[-1].status == 0


async def test_a_reset_request_is_a_failure(eventually: Eventually) -> None:
    """A request cut on a connection of its own is not repeated: the client saw it fail."""
    async with Application(GREEN, "v2") as application:
        application.fault = Fault(hang=True)
        async with Traffic(application.port, Load(rate=200, new_connection_share=1.0)) as traffic:
            await eventually(lambda: len(traffic._exchanges) > 10)
            application.fault = Fault(refuse=True)
            await eventually(lambda: any(answer.error == "reset" for answer in traffic.answers))
    assert traffic.reused_closed == 0


async def test_repeats_a_request_that_crossed_the_end_of_a_kept_connection(eventually: Eventually) -> None:
    """A reused connection closed before any byte of the answer costs a repetition on a new one, and no failure."""

    async def close_on_second(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await reader.readuntil(b"\r\n\r\n")

    async with scripted(close_on_second) as port, Traffic(port, Load(rate=200, new_connection_share=0)) as traffic:
        await eventually(lambda: traffic.reused_closed >= 5)
    assert {(answer.status, answer.error) for answer in traffic.answers} == {(200, None)}
    assert sum(answer.fresh_connection for answer in traffic.answers) >= traffic.reused_closed


async def test_replaces_a_kept_connection_that_was_closed_while_idle(eventually: Eventually) -> None:
    """A connection that the server ends between requests is replaced before anything is sent on it."""

    async def close_after_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)

    async with scripted(close_after_answer) as port, Traffic(port, Load(rate=100, new_connection_share=0)) as traffic:
        await eventually(lambda: traffic.idle_closed >= 5)
    assert {(answer.status, answer.error) for answer in traffic.answers} == {(200, None)}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", "closed"),
        (b"", "closed"),
        (b"hello\r\n\r\n", "malformed"),
        (b"HTTP/1.1 200 OK\r\nX-Request-Id: other\r\nContent-Length: 0\r\n\r\n", "mismatched"),
    ],
)
async def test_a_useless_answer_is_a_failure(eventually: Eventually, text: bytes, error: str) -> None:
    """What was cut, makes no sense, or answers another request is recorded as what it is, without an origin."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(text)

    async with scripted(answer) as port, Traffic(port, Load(rate=100)) as traffic:
        await eventually(lambda: bool(traffic.answers))
    assert {(found.environment, found.status, found.error) for found in traffic.answers} == {(None, 0, error)}


async def test_the_balancers_own_page_is_an_answer_of_nobody(eventually: Eventually) -> None:
    """An error page that nobody signed is a bad answer, and no failed connection."""

    async def unavailable(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 503 Service Unavailable\r\nConnection: close\r\n\r\n<html>")

    async with scripted(unavailable) as port, Traffic(port, Load(rate=100)) as traffic:
        await eventually(lambda: bool(traffic.answers))
    assert {(found.environment, found.status, found.error) for found in traffic.answers} == {(None, 503, None)}


async def test_the_window_holds_the_newest_answers_only() -> None:
    """Answers older than the window do not count in it."""
    now = asyncio.get_running_loop().time()
    traffic = Traffic(1, Load(rate=1))
    traffic.answers += [
        Answer(done - 0.01, done - 0.01, done, origin, status, None, fresh_connection=False)
        for done, origin, status in [(now - 9, GREEN, 500), (now - 2, BLUE, 200), (now - 1, GREEN, 200), (now - 0.5, GREEN, 500)]
    ]
    found = traffic.window(5)
    assert {origin: (summary.count, summary.errors) for origin, summary in found.items()} == {BLUE: (1, 0), GREEN: (2, 1)}


async def test_an_interruption_ends_everything_at_once(eventually: Eventually) -> None:
    """When the program around it fails, requests under way are dropped rather than waited for."""
    async with Application(GREEN, "v2") as application, asyncio.timeout(20):
        application.fault = Fault(hang=True)
        traffic = Traffic(application.port, Load(rate=500, timeout=3600))

        async def interrupted() -> None:
            async with traffic:
                await eventually(lambda: len(traffic._exchanges) > 5)
                raise KeyError

        with pytest.raises(KeyError):
            await interrupted()
    assert not traffic._exchanges
    assert not traffic.answers
