"""Requests and answers as bytes."""

from http import HTTPStatus

import pytest

from guardian.demo.client import LostError, Received, read_answer
from guardian.demo.wire import BODY_LIMIT, HEAD_LIMIT, Reply, Request, WireError, render, take_request

GET = b"GET /path HTTP/1.1\r\nHost: a\r\nX-Request-Id:  7 \r\n\r\n"


def test_takes_one_request_and_leaves_the_next() -> None:
    """A pipelined request stays in the buffer, whole, until it is asked for."""
    buffer = bytearray(b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc" + GET)
    first, second = take_request(buffer), take_request(buffer)
    assert first is not None
    assert second is not None
    assert (first.method, first.body) == ("POST", b"abc")
    assert (second.method, second.path, second.headers["x-request-id"]) == ("GET", "/path", "7")
    assert not buffer


@pytest.mark.parametrize("missing", range(1, 60, 7))
def test_waits_for_the_rest(missing: int) -> None:
    """A request of which any part is still to come is neither taken nor refused."""
    whole = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n" + b"x" * 20
    buffer = bytearray(whole[:-missing])
    assert take_request(buffer) is None
    assert bytes(buffer) == whole[:-missing]


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (b"GET /\r\n\r\n", HTTPStatus.BAD_REQUEST),
        (b"GET / HTTP/2.0\r\n\r\n", HTTPStatus.BAD_REQUEST),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", HTTPStatus.BAD_REQUEST),
        (b"GET / HTTP/1.1\r\nName : value\r\n\r\n", HTTPStatus.BAD_REQUEST),
        (b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", HTTPStatus.BAD_REQUEST),
        (b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", HTTPStatus.BAD_REQUEST),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", HTTPStatus.NOT_IMPLEMENTED),
        (f"GET / HTTP/1.1\r\nContent-Length: {BODY_LIMIT + 1}\r\n\r\n".encode(), HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
        (b"GET / HTTP/1.1\r\nContent-Length: " + b"9" * 9999 + b"\r\n\r\n", HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
        (b"G" * (HEAD_LIMIT + 1), HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE),
    ],
)
def test_refuses_what_is_no_request(text: bytes, status: HTTPStatus) -> None:
    """What can never become a request that is served is refused at once, with the status that says why."""
    with pytest.raises(WireError) as caught:
        take_request(bytearray(text))
    assert caught.value.status is status


@pytest.mark.parametrize(
    ("head", "keep_alive"),
    [
        ("HTTP/1.1\r\n", True),
        ("HTTP/1.1\r\nConnection: Close\r\n", False),
        ("HTTP/1.0\r\n", False),
        ("HTTP/1.0\r\nConnection: Keep-Alive\r\n", True),
    ],
)
def test_knows_who_wants_to_go_on(head: str, keep_alive: bool) -> None:  # noqa: FBT001  a parameter of the table above
    """HTTP/1.1 keeps a connection unless told otherwise, HTTP/1.0 only when asked."""
    request = take_request(bytearray(f"GET / {head}\r\n".encode()))
    assert request is not None
    assert request.keep_alive is keep_alive
    assert (b"Connection: keep-alive" in render(request, Reply(HTTPStatus.OK))) is keep_alive


def test_head_has_the_length_but_not_the_body() -> None:
    """An answer to HEAD differs from one to GET by its body alone."""
    answers = [render(Request(method, "/", {}, b"", keep_alive=True), Reply(HTTPStatus.OK, b"four")) for method in ("GET", "HEAD")]
    assert answers[0].endswith(b"\r\n\r\nfour")
    assert answers[1].endswith(b"\r\n\r\n")
    assert all(b"Content-Length: 4\r\n" in answer for answer in answers)


def test_reads_an_answer_with_a_length() -> None:
    """The names of headers are read whatever their case; nothing is read before the body is complete."""
    text = b"HTTP/1.1 500 Oops\r\nX-Environment: green\r\ncontent-LENGTH: 2\r\nX-Request-ID: 5\r\n\r\nab"
    assert read_answer(bytearray(text[:-1]), ended=False) is None
    received = read_answer(bytearray(text), ended=False)
    assert received is not None
    assert (received.status, received.environment, received.identifier, received.last) == (500, "green", b"5", False)


def test_reads_an_answer_that_ends_with_its_connection() -> None:
    """The balancer's own error pages may have no length; nobody signs them."""
    text = bytearray(b"HTTP/1.0 503 Unavailable\r\nConnection: close\r\n\r\n<html>")
    assert read_answer(text, ended=False) is None
    assert read_answer(text, ended=True) == Received(503, None, None, last=True)


@pytest.mark.parametrize(
    ("text", "ended", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Len", True, "closed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfour", True, "closed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nfour", False, "malformed"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", False, "malformed"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", False, "malformed"),
    ],
)
def test_says_why_an_answer_is_none(text: bytes, ended: bool, reason: str) -> None:  # noqa: FBT001  a parameter of the table above
    """An answer that was cut and one that makes no sense are told apart."""
    with pytest.raises(LostError) as caught:
        read_answer(bytearray(text), ended=ended)
    assert caught.value.reason == reason
    assert not caught.value.silent
