"""The client against a server that breaks every promise of HTTP, byte for byte."""

import asyncio
import contextlib
import threading
import time
import traceback
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from guardian.core.access import Access
from guardian.metrics.answer import Busy, SourceDown, SourceError, Value
from guardian.metrics.line import Line
from guardian.metrics.question import Range
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
from tests.metrics.servers import Connect, Eventually, answered

GOOD = Value(1.0, 1000.0, {"job": "web"})
HALF = b'HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{"status":'
SHORT = 0.3
"""Seconds after which a query is given up, where that is what the test is about."""


async def test_a_query_is_posted_as_a_form_on_a_kept_connection(connect: Connect) -> None:
    """The query is not in the URL, however long; the server is told its time, and one connection serves all."""
    async with StandIn(number()) as server:
        client = connect(f"{server.url}/prefix/")
        long = " + ".join(["x"] * 20_000)
        assert await client.instant("up == 1", at=12.3456) == GOOD
        assert await client.instant(long) == GOOD
        assert server.connections == 1
    first, second = server.requests
    assert (first.method, first.target) == ("POST", "/prefix/api/v1/query")
    timeout = first.form.pop("timeout")
    assert first.form == {"query": "up == 1", "time": "12.346"}
    assert timeout.endswith("ms")
    assert 0 < int(timeout[:-2]) <= 8000
    assert second.form["query"] == long
    assert "time" not in second.form


async def test_a_range_is_asked_for_to_the_millisecond(connect: Connect) -> None:
    """Times that the client's library would round to seconds, and so behind a cutover, arrive as they were meant."""
    async with StandIn(result("matrix", [{"metric": {}, "values": [[100.6, "1"], [101.1, "2"]]}])) as server:
        steps = await connect(server.url).range("x", 100.6, 101.1, 0.5)
    assert [step.answer for step in steps] == [Value(1.0, 100.6, {}), Value(2.0, 101.1, {})]
    request = server.requests[0]
    assert request.target == "/api/v1/query_range"
    assert {name: request.form[name] for name in ("start", "end", "step")} == {
        "start": "100.600",
        "end": "101.100",
        "step": "0.500",
    }


async def test_a_range_without_steps_or_with_too_many_is_never_asked(connect: Connect) -> None:
    """The end before the start is a mistake of the caller's; more steps than Prometheus answers are told with their number."""
    async with StandIn(number()) as server:
        client = connect(server.url)
        with pytest.raises(ValueError, match="no step"):
            await client.range("x", 10, 9, 1)
        with pytest.raises(SourceError, match="the range has 11,001 steps, and Prometheus answers at most 11,000"):
            await client.range("x", 0, 11_000, 1)
    assert server.requests == []


@pytest.mark.parametrize(
    ("behave", "sentence"),
    [
        (answer(b"down", "503 Service Unavailable", "Retry-After: 1"), "HTTP 503 Service Unavailable"),
        (answer(b"slow down", "429 Too Many Requests"), "HTTP 429 Too Many Requests"),
        (answer(b"<html>Sign in</html>"), "a web page"),
        (answer(b'{"status":"success"}'), "there is no result in it"),
        (answer(b'{"status":"error","errorType":"execution","error":"boom"}'), "Prometheus answers execution: boom"),
        (result("vector", [], warnings=["a store is down"]), "Prometheus warns: a store is down"),
        (result("string", [1, "x"]), "the query gives a string"),
        (answer(b"", "302 Found", "Location: /login?next=x"), "redirects to /login,"),
        (answer(b"\x1f\x8b\x08\x00", "200 OK", "Content-Encoding: gzip"), "it is not JSON"),
        (broken_off(b"", Reset), "Connection reset by peer"),
        (broken_off(HALF, Reset), "Connection reset by peer"),
        (broken_off(b"", HangUp), "Remote end closed connection without response"),
        (broken_off(HALF, HangUp), "broke off its answer, or does not speak HTTP"),
        (trickle(b"SSH-2.0-OpenSSH\r\n"), "broke off its answer, or does not speak HTTP"),
        (flood, "the answer is larger than 262,144 bytes"),
    ],
)
async def test_each_misbehaviour_is_an_error_after_one_try(connect: Connect, behave: Behaviour, sentence: str) -> None:
    """Nothing is asked twice, nothing is followed, and each has its sentence."""
    async with StandIn(behave) as server:
        with pytest.raises(SourceError) as caught:
            await connect(server.url).instant("up")
    assert sentence in str(caught.value)
    assert len(server.requests) == 1


async def test_the_client_recovers_from_each_misbehaviour(connect: Connect) -> None:
    """After any of them the next query, on the same client, is answered."""
    async with StandIn(number()) as server:
        client = connect(server.url, connections=1, timeout=5.0)
        for behave in (broken_off(b"HTTP/1.1 200", Reset), broken_off(HALF, HangUp), flood, answer(b"x", "500 Oops")):
            server.behave = behave
            with pytest.raises(SourceError):
                await client.instant("up")
            server.behave = number()
            assert await client.instant("up") == GOOD


async def test_a_range_may_be_larger_than_an_instant_and_is_bounded_too(connect: Connect) -> None:
    """Half a megabyte is read for a range; a flood is not."""
    points = [[float(each), "1." + "0" * 40] for each in range(10_000)]
    async with StandIn(result("matrix", [{"metric": {}, "values": points}])) as server:
        client = connect(server.url)
        assert len(await client.range("x", 0, 9_999, 1)) == 10_000
        server.behave = flood
        with pytest.raises(SourceError, match="the answer is larger than 4,194,304 bytes"):
            await client.range("x", 0, 9, 1)


@pytest.mark.parametrize(
    "behave",
    [
        hang,
        trickle(b""),
        trickle(b"HTTP/1.1 200 OK\r\nX-Long: "),
        trickle(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n{"),
        trickle(b"HTTP/1.0 200 OK\r\n\r\n{"),
        trickle(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
    ],
)
async def test_a_server_that_takes_its_time_is_cut_off_at_the_deadline(
    connect: Connect, eventually: Eventually, behave: Behaviour
) -> None:
    """Silence and every kind of trickle end with the deadline, the connection is closed, and its thread is free again."""
    async with StandIn(behave) as server:
        client = connect(server.url, connections=1, timeout=SHORT)
        for _ in range(2):
            with pytest.raises(SourceDown, match=rf"at {server.url} did not answer within 0.30 s; the query was given up"):
                await client.instant("up")
            await eventually(lambda: not server.connected)
        server.behave = number()
        assert await answered(client) == GOOD


async def test_threads_do_not_pile_up_behind_a_server_that_hangs(connect: Connect, eventually: Eventually) -> None:
    """Of a hundred queries to a server that hangs, no more than the bound are sent at once, and none leaves a thread at work."""
    async with StandIn(hang) as server:
        client = connect(server.url, connections=3, timeout=SHORT)
        outcomes = await asyncio.gather(*(client.instant("up") for _ in range(100)), return_exceptions=True)
        reasons = [str(outcome) for outcome in outcomes if isinstance(outcome, SourceDown | Busy)]
        assert len(reasons) == 100
        never_sent = f"all 3 connections to Prometheus at {server.url} were busy for 0.30 s, and the query was never sent"
        assert any(reason.startswith(never_sent) for reason in reasons)
        assert server.busiest <= 3
        await eventually(lambda: not server.connected)
        threads = [thread for thread in threading.enumerate() if thread.name.startswith("prometheus")]
        assert len(threads) <= 3


async def test_hundreds_of_queries_share_a_few_connections(connect: Connect) -> None:
    """All are answered, over no more connections than the bound."""
    async with StandIn(number()) as server:
        client = connect(server.url, connections=4, timeout=30.0)
        assert await asyncio.gather(*(client.instant("up") for _ in range(300))) == [GOOD] * 300
        assert server.connections <= 4
        assert server.busiest <= 4


async def test_a_slow_server_delays_no_query_to_another(connect: Connect, eventually: Eventually) -> None:
    """While all connections to one server hang, the other answers as ever."""
    async with StandIn(hang) as slow, StandIn(number()) as quick:
        stuck = [asyncio.ensure_future(connect(slow.url, connections=8).instant("up")) for _ in range(8)]
        await eventually(lambda: slow.busy == 8)
        assert await connect(quick.url).instant("up") == GOOD
        assert not any(each.done() for each in stuck)
        for each in stuck:
            each.cancel()
        await asyncio.gather(*stuck, return_exceptions=True)


async def test_a_caller_that_is_cancelled_frees_its_connection(connect: Connect, eventually: Eventually) -> None:
    """The query is cut on the wire, and the line takes the next one."""
    async with StandIn(hang) as server:
        client = connect(server.url, connections=1)
        asked = asyncio.ensure_future(client.instant("up"))
        await eventually(lambda: server.busy == 1)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        await eventually(lambda: not server.connected)
        server.behave = number()
        assert await client.instant("up") == GOOD


async def test_a_query_that_is_cut_before_it_is_connected_ends_when_it_is() -> None:
    """A thread that was still on its way to the server does not begin to wait for an answer that nobody wants."""
    async with StandIn(hang) as server:
        line = Line(Access(server.url))
        line.cut()
        with pytest.raises(SourceDown, match="does not answer"):
            await asyncio.to_thread(line.ask, Range.of("up", 0, 1, 1), time.monotonic() + 60)
        line.close()


async def test_closing_cuts_what_is_under_way(connect: Connect, eventually: Eventually) -> None:
    """A client that is closed hangs up on its server, and whoever waited gets an error."""
    async with StandIn(hang) as server:
        client = connect(server.url)
        asked = asyncio.ensure_future(client.instant("up"))
        await eventually(lambda: server.busy == 1)
        await client.close()
        with pytest.raises(SourceDown):
            await asked
        await eventually(lambda: not server.connected)


async def test_nobody_at_the_address_is_said_at_once(connect: Connect) -> None:
    """A port where nobody listens is an error with the system's word for it, not a retry."""
    async with StandIn(number()) as server:
        pass
    with pytest.raises(SourceDown, match=f"Prometheus at {server.url} does not answer: Connection refused"):
        await connect(server.url).instant("up")


async def test_a_value_of_another_time_is_not_taken_for_new(connect: Connect) -> None:
    """A server whose clock is behind gives no data, one that is ahead an error; a moment asked for is compared with itself."""
    async with StandIn(number(at=1000.0)) as server:
        answered = await connect(server.url, now=lambda: 1030.0).instant("up", oldest=29.0)
        assert "the value is 30 s old" in repr(answered)
        with pytest.raises(SourceError, match="dated 50 s from now"):
            await connect(server.url, now=lambda: 950.0).instant("up", oldest=29.0)
        assert await connect(server.url, now=lambda: 1010.0).instant("up", oldest=29.0) == GOOD
        assert await connect(server.url, now=lambda: 5000.0).instant("up", at=1001.0, oldest=29.0) == GOOD


async def test_a_server_whose_clock_was_changed_is_found_out(connect: Connect) -> None:
    """Although it answers for the moment asked for, its own clock shows that it cannot know that moment."""
    async with StandIn(number("1", 1000.0, "Date: Thu, 01 Jan 1970 00:15:00 GMT")) as server:
        client = connect(server.url, now=lambda: 1001.0)
        with pytest.raises(SourceError, match="the server's clock is 1 min 41 s behind guardian's"):
            await client.instant("up", at=1000.0, oldest=60.0)
        assert await client.instant("up", at=1000.0) == GOOD


async def test_the_token_is_sent_and_renewed_with_its_file(connect: Connect, tmp_path: Path) -> None:
    """A token that was rotated is used from the next query on."""
    file = tmp_path / "token"
    async with StandIn(number()) as server:
        client = connect(server.url, bearer_token_file=file)
        for token in ("first", "second"):
            file.write_text(f"{token}\n")
            await client.instant("up")
        file.unlink()
        with pytest.raises(SourceDown, match="token cannot be read"):
            await client.instant("up")
    assert [request.headers["authorization"] for request in server.requests] == ["Bearer first", "Bearer second"]


async def test_a_user_and_password_are_sent(connect: Connect, tmp_path: Path) -> None:
    """Basic authentication with the password of the file; without a login no header is sent at all."""
    file = tmp_path / "password"
    file.write_text("secret\n")
    async with StandIn(number()) as server:
        await connect(server.url, username="guardian", password_file=file).instant("up")
        await connect(server.url).instant("up")
    assert server.requests[0].headers["authorization"] == "Basic Z3VhcmRpYW46c2VjcmV0"
    assert "authorization" not in server.requests[1].headers


@pytest.mark.parametrize(
    "behave",
    [
        answer(b'{"status":"error","errorType":"bad_data","error":"bad token t0psecret"}', "400 Bad Request"),
        answer(b"t0psecret", "401 Unauthorized"),
        answer(b"", "302 Found", "Location: http://sso/t0psecret?token=t0psecret"),
        result("vector", [], warnings=["Bearer t0psecret"]),
        broken_off(b"t0psecret 200 OK\r\nX-Echo: t0psecret\r\n", HangUp),
        hang,
    ],
)
async def test_no_exception_knows_the_token(connect: Connect, tmp_path: Path, behave: Behaviour) -> None:
    """Neither message nor traceback, causes included, repeats the secret, whatever the server does with it."""
    file = tmp_path / "token"
    file.write_text("t0psecret")
    async with StandIn(behave) as server:
        client = connect(server.url, bearer_token_file=file, timeout=SHORT)
        with pytest.raises(SourceError) as caught:
            await client.instant("up")
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value.__context__) + repr(vars(client))
    assert "t0psecret" not in shown


async def test_the_environment_has_no_say(connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a proxy nor a .netrc of the shell that started guardian comes between it and its Prometheus."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login eve password stolen\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    async with StandIn(number()) as server:
        assert await connect(server.url).instant("up") == GOOD
    assert "authorization" not in server.requests[0].headers


async def echo(request: Request) -> AsyncIterator[bytes]:
    """The query itself as the answer, in two pieces."""
    async for part in result("scalar", [1, request.form["query"]])(request):
        yield part[:60]
        await asyncio.sleep(0)
        yield part[60:]


async def test_everybody_gets_the_answer_to_their_own_query(connect: Connect) -> None:
    """Queries that are cut at any moment and queries that are answered share the connections, and none are mixed up."""
    async with StandIn(echo) as server:
        client = connect(server.url, connections=2)

        async def ask(number: int) -> None:
            patience = 0.001 * (number % 7) if number % 3 else None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    assert await client.instant(str(number)) == Value(float(number), 1.0, {})
                    answered.append(number)

        answered: list[int] = []
        await asyncio.gather(*(ask(number) for number in range(150)))
        assert set(range(0, 150, 3)) <= set(answered)
