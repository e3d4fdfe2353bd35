"""HTTP/1.1 as bytes (RFC 9112), as much of it as the little applications need."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus

HEAD_LIMIT = 16_384
"""Bytes of a request line with its headers."""
BODY_LIMIT = 1_048_576
"""Bytes of a request's body."""

_REQUEST_LINE = re.compile(r"([A-Z]+) (\S+) (HTTP/1\.[01])")
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*")


class WireError(Exception):
    """The peer sent something that is not a request, or not one that is served. Raised where bytes become a request."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


@dataclass(frozen=True, slots=True)
class Request:
    """One request. Names of headers are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    keep_alive: bool


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered, and how many seconds later."""

    status: HTTPStatus
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    after: float = 0.0
    cut: bool = False
    """Whether half of the body is all that comes of it."""


def take_request(buffer: bytearray) -> Request | None:
    """Take the first request off ``buffer``; ``None`` while it is incomplete. :class:`WireError` when it never will be one."""
    end = buffer.find(b"\r\n\r\n")
    if end > HEAD_LIMIT or (end < 0 and len(buffer) > HEAD_LIMIT):
        raise WireError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
    if end < 0:
        return None
    first, *lines = buffer[:end].decode("latin-1").split("\r\n")
    start = _REQUEST_LINE.fullmatch(first)
    if start is None:
        raise WireError(HTTPStatus.BAD_REQUEST)
    headers = _headers(lines)
    body = end + 4
    after = body + _body_length(headers)
    if len(buffer) < after:
        return None
    request = Request(start[1], start[2], headers, bytes(buffer[body:after]), _keep_alive(start[3], headers))
    del buffer[:after]
    return request


def render(request: Request | None, reply: Reply) -> bytes:
    """The bytes of ``reply`` to ``request``; ``None`` is a request that could not be read, after which the connection ends."""
    keep_alive = request is not None and request.keep_alive
    headers = {
        "Date": formatdate(usegmt=True),
        "Content-Length": str(len(reply.body)),
        "Connection": "keep-alive" if keep_alive else "close",
        **reply.headers,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    sent = reply.body[: len(reply.body) // 2] if reply.cut else reply.body
    body = b"" if request is not None and request.method == "HEAD" else sent
    return f"HTTP/1.1 {reply.status.value} {reply.status.phrase}\r\n{head}\r\n".encode("latin-1") + body


def _headers(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        header = _HEADER.fullmatch(line)
        if header is None:
            raise WireError(HTTPStatus.BAD_REQUEST)
        name, value = header[1].lower(), header[2]
        if name == "content-length" and headers.get(name, value) != value:
            raise WireError(HTTPStatus.BAD_REQUEST)
        headers[name] = value
    return headers


def _body_length(headers: Mapping[str, str]) -> int:
    if "transfer-encoding" in headers:
        raise WireError(HTTPStatus.NOT_IMPLEMENTED)
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()):
        raise WireError(HTTPStatus.BAD_REQUEST)
    if len(length) > len(str(BODY_LIMIT)) or int(length) > BODY_LIMIT:
        raise WireError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return int(length)


def _keep_alive(version: str, headers: Mapping[str, str]) -> bool:
    wishes = {wish.strip() for wish in headers.get("connection", "").lower().split(",")}
    return "keep-alive" in wishes if version == "HTTP/1.0" else "close" not in wishes
