"""The little application: honest answers, and faults on demand."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict

import httpx
import pytest

from guardian.core.model import Environment
from guardian.demo.application import LONGEST_DELAY, Application, Fault
from guardian.demo.wire import BODY_LIMIT

HOST = "127.0.0.1"
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
HEALTH = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture
async def application() -> AsyncIterator[Application]:
    """A healthy green application that answers at once."""
    async with Application(Environment.GREEN, "v2", latency=0) as running:
        yield running


async def answer_on(reader: asyncio.StreamReader) -> tuple[str, bytes]:
    """The head and body of the next answer."""
    async with asyncio.timeout(10):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.split("content-length: ")[1].split("\r\n")[0])
        return head, await reader.readexactly(length)


async def ask(port: int, request: bytes) -> tuple[str, bytes]:
    """One request over a connection of its own."""
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        writer.write(request)
        return await answer_on(reader)
    finally:
        writer.close()


async def statuses(application: Application, count: int) -> list[str]:
    """The statuses of ``count`` requests over one connection."""
    reader, writer = await asyncio.open_connection(HOST, application.port)
    writer.write(GET * count)
    try:
        return [(await answer_on(reader))[0].split(" ")[1] for _ in range(count)]
    finally:
        writer.close()


async def control(application: Application, fault: str) -> httpx.Response:
    """Set a fault as another process would."""
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.put(f"http://{HOST}:{application.control_port}/_fault", content=fault)


async def test_answers_say_where_they_come_from(application: Application) -> None:
    """An answer names its environment, its version and the request that it answers."""
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"http://{HOST}:{application.port}/", headers={"X-Request-Id": "abc"})
    assert answer.status_code == 200
    assert (answer.headers["x-environment"], answer.headers["x-version"], answer.headers["x-request-id"]) == ("green", "v2", "abc")


async def test_pipelined_requests_are_answered_in_order() -> None:
    """Requests sent at once over one connection come back one after the other, although each takes its time."""
    async with Application(Environment.BLUE, "v1", latency=0.001) as application:
        reader, writer = await asyncio.open_connection(HOST, application.port)
        for number in range(20):
            writer.write(b"POST / HTTP/1.1\r\nX-Request-Id: %d\r\nContent-Length: 2\r\n\r\nhi" % number)
        heads = [(await answer_on(reader))[0] for _ in range(20)]
        writer.close()
    assert [f"x-request-id: {number}\r\n" in head for number, head in enumerate(heads)] == [True] * 20


async def test_a_flood_of_pipelined_requests_is_all_answered(application: Application) -> None:
    """A client that sends far ahead is slowed down, and not forgotten."""
    assert await statuses(application, 5000) == ["200"] * 5000


async def test_a_client_that_closed_its_side_still_gets_the_answer(application: Application) -> None:
    """Half-closing after the last request is no hanging up; the connection ends after the answer."""
    reader, writer = await asyncio.open_connection(HOST, application.port)
    writer.write(GET)
    writer.write_eof()
    head, _ = await answer_on(reader)
    assert head.startswith("http/1.1 200 ")
    assert await asyncio.wait_for(reader.read(), 10) == b""
    writer.close()


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        (b"DELETE / HTTP/1.1\r\n\r\n", "405"),
        (b"nonsense\r\n\r\n", "400"),
        (b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (BODY_LIMIT + 1), "413"),
    ],
)
async def test_says_what_it_does_not_serve(application: Application, request_text: bytes, status: str) -> None:
    """A request that is not served gets the status that says why."""
    assert (await ask(application.port, request_text))[0].startswith(f"http/1.1 {status} ")


async def test_errors_spare_the_health_check(application: Application) -> None:
    """A release that fails every request still looks healthy to the balancer."""
    application.fault = Fault(errors=1.0)
    assert (await ask(application.port, GET))[0].startswith("http/1.1 500 ")
    assert (await ask(application.port, HEALTH))[0].startswith("http/1.1 200 ")


async def test_fails_the_share_that_was_asked_for(application: Application) -> None:
    """With a tenth of errors, about a tenth of the answers are 500, and the others 200."""
    application.fault = Fault(errors=0.1)
    answers = await statuses(application, 1000)
    assert set(answers) == {"200", "500"}
    assert 60 < answers.count("500") < 140


async def test_delay_holds_answers_back_but_not_the_health_check(application: Application) -> None:
    """A slow release answers its health check at once, and its requests later."""
    application.fault = Fault(delay=LONGEST_DELAY)
    reader, writer = await asyncio.open_connection(HOST, application.port)
    writer.write(GET)
    assert (await ask(application.port, HEALTH))[0].startswith("http/1.1 200 ")
    application.fault = Fault()
    assert (await ask(application.port, GET))[0].startswith("http/1.1 200 ")
    assert not reader._buffer
    writer.close()


async def test_hang_never_answers(application: Application) -> None:
    """A hanging application takes connections and answers nothing, also not later; new requests are answered when it is over."""
    application.fault = Fault(hang=True)
    reader, writer = await asyncio.open_connection(HOST, application.port)
    writer.write(HEALTH)
    assert (await control(application, "{}")).status_code == 200
    assert (await ask(application.port, GET))[0].startswith("http/1.1 200 ")
    assert not reader._buffer
    writer.close()


async def test_an_answer_is_cut_in_its_middle(application: Application) -> None:
    """Its head promises more than comes, and the connection ends."""
    application.fault = Fault(cut=True)
    reader, writer = await asyncio.open_connection(HOST, application.port)
    writer.write(GET)
    head, _, body = (await reader.read()).decode().lower().partition("\r\n\r\n")
    assert head.startswith("http/1.1 200 ")
    assert 0 < len(body) < int(head.partition("content-length: ")[2].split("\r\n")[0])
    writer.close()


async def test_down_resets_connections_and_comes_back_on_the_same_port(
    application: Application, eventually: Callable[[Callable[[], bool]], Awaitable[None]]
) -> None:
    """While it is down nobody listens and open connections are reset; afterwards it serves on the port that it had."""
    reader, writer = await asyncio.open_connection(HOST, application.port)
    writer.write(GET)
    await answer_on(reader)
    application.fault = Fault(refuse=True)
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(reader.readexactly(1), 10)
    writer.close()
    with pytest.raises(ConnectionRefusedError):
        await ask(application.port, GET)
    port = application.port
    assert (await control(application, "{}")).status_code == 200
    await eventually(lambda: port in listening())
    assert (await ask(port, GET))[0].startswith("http/1.1 200 ")


async def test_nobody_takes_the_port_of_an_application_that_is_down(
    application: Application, eventually: Callable[[Callable[[], bool]], Awaitable[None]]
) -> None:
    """The port stays the application's while nobody listens on it: it must come back where HAProxy looks for it."""
    application.fault = Fault(refuse=True)
    await eventually(lambda: application.port not in listening())
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind((HOST, application.port))


def listening() -> set[int]:
    """The ports of this host on which somebody listens over IPv4."""
    with open("/proc/net/tcp", encoding="ascii") as table:  # noqa: PTH123  a file of the kernel
        rows = [line.split() for line in table][1:]
    return {int(row[1].split(":")[1], 16) for row in rows if row[3] == "0A"}


async def test_another_process_sets_the_fault(application: Application) -> None:
    """A fault set over the control port takes effect, and says when it began on the clock that both sides share."""
    before = time.monotonic()
    answer = (await control(application, '{"errors": 1, "delay": 0.001}')).json()
    assert application.fault == Fault(errors=1, delay=0.001)
    assert before < answer["began"] < time.monotonic()
    assert (await ask(application.port, GET))[0].startswith("http/1.1 500 ")
    assert (await control(application, "{}")).json() == {"fault": asdict(Fault()), "began": None}


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("[]", "JSON object"),
        ("{", "Expecting"),
        ('{"error": 1}', "errors, delay, refuse, hang"),
        ('{"errors": 1.5}', "0 to 1"),
        ('{"errors": NaN}', "0 to 1"),
        ('{"errors": true}', "a number"),
        ('{"delay": -1}', "0 to 3600"),
        ('{"refuse": 1}', "true or false"),
    ],
)
async def test_refuses_an_impossible_fault(application: Application, text: str, word: str) -> None:
    """A fault that cannot be carried out is refused with a sentence, and changes nothing."""
    answer = await control(application, text)
    assert answer.status_code == 400
    assert word in answer.text
    assert application.fault == Fault()


async def test_traffic_cannot_set_a_fault(application: Application) -> None:
    """What comes through the balancer does not reach the control port, and the control port serves nothing else."""
    assert (await ask(application.port, b"PUT /_fault HTTP/1.1\r\nContent-Length: 12\r\n\r\n" + b'{"errors":1}'))[0].startswith(
        "http/1.1 405 "
    )
    assert application.fault == Fault()
    assert (await ask(application.control_port, GET))[0].startswith("http/1.1 404 ")


async def test_a_taken_port_is_said(application: Application) -> None:
    """Two applications on one port: the second says so, and leaves nothing open."""
    with pytest.raises(OSError, match="in use"):
        async with Application(Environment.BLUE, "v1", port=application.port):
            pass


@pytest.mark.parametrize("ending", ["stdin", "SIGTERM"])
def test_runs_as_a_process_of_its_own(ending: str) -> None:
    """As a process it prints its ports, serves, and ends when asked, or when whoever started it is gone."""
    command = [sys.executable, "-m", "guardian.demo.application", "--environment", "blue", "--version", "v7"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        port = json.loads(process.stdout.readline())["port"]
        answer = httpx.get(f"http://{HOST}:{port}/", trust_env=False)
        if ending == "stdin":
            process.stdin.close()
        else:
            process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert (answer.headers["x-environment"], answer.headers["x-version"]) == ("blue", "v7")
