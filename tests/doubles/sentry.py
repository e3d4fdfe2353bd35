"""A Sentry on loopback: it takes envelopes as the SDK sends them, and releases and deploys over its REST API."""

import gzip
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import unquote

from tests.doubles.prometheus import Behaviour, Request, StandIn, answer

KEY, PROJECT = "0a" * 16, "42"
TOKEN = "sntryu_0123456789abcdef"
ORGANIZATION, KNOWN = "acme", "shop"
RELEASES = f"/api/0/organizations/{ORGANIZATION}/releases/"


@dataclass(frozen=True, slots=True)
class Item:
    """One item of an envelope."""

    kind: str
    content: Any


class Malformed(Exception):
    """No envelope."""


def items(body: bytes) -> list[Item]:
    """The items of an envelope: a header line, then for each item a header line and its content."""
    _, _, rest = body.partition(b"\n")
    found = []
    try:
        json.loads(body.partition(b"\n")[0])
        while rest.strip():
            line, _, rest = rest.partition(b"\n")
            header = json.loads(line)
            if "length" in header:
                content, rest = rest[: header["length"]], rest[header["length"] :].removeprefix(b"\n")
            else:
                content, _, rest = rest.partition(b"\n")
            found.append(Item(header["type"], json.loads(content)))
    except (ValueError, KeyError, TypeError) as error:
        raise Malformed from error
    return found


@dataclass
class SentryStandIn:
    """The server, from ``async with`` to its end. ``fault`` is how it behaves instead, while it is set."""

    fault: Behaviour | None = None
    received: list[Item] = field(default_factory=list)
    releases: dict[str, list[str]] = field(default_factory=dict)
    """Projects of each release."""
    deploys: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Markers of each release, in order."""

    def __post_init__(self) -> None:
        self.server = StandIn(self._behave)

    async def __aenter__(self) -> Self:
        """Listen."""
        await self.server.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Hang up."""
        await self.server.__aexit__()

    @property
    def dsn(self) -> str:
        """What the SDK is given."""
        return f"{self.server.url.replace('://', f'://{KEY}@')}/{PROJECT}"

    def of(self, kind: str) -> list[Any]:
        """What was received of one kind: ``event``, ``check_in``."""
        return [item.content for item in self.received if item.kind == kind]

    async def _behave(self, request: Request) -> AsyncIterator[bytes]:
        behave = self.fault or self._answer(request)
        async for part in behave(request):
            yield part

    def _answer(self, request: Request) -> Behaviour:
        if request.target == f"/api/{PROJECT}/envelope/":
            return self._envelope(request)
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return answer(b'{"detail": "Invalid token"}', "401 Unauthorized")
        if request.target == RELEASES and request.method == "POST":
            return self._release(json.loads(request.body))
        version, _, rest = request.target.removeprefix(RELEASES).partition("/")
        version = unquote(version)
        if rest != "deploys/" or version not in self.releases:
            return answer(b'{"detail": "The requested resource does not exist"}', "404 Not Found")
        if request.method == "POST":
            self.deploys.setdefault(version, []).append(json.loads(request.body))
            return answer(request.body, "201 Created")
        return answer(json.dumps(self.deploys.get(version, [])).encode())

    def _envelope(self, request: Request) -> Behaviour:
        if f"sentry_key={KEY}" not in request.headers.get("x-sentry-auth", ""):
            return answer(b'{"detail": "bad sentry key"}', "403 Forbidden")
        zipped = request.headers.get("content-encoding") == "gzip"
        try:
            self.received += items(gzip.decompress(request.body) if zipped else request.body)
        except (Malformed, OSError):
            return answer(b'{"detail": "bad envelope"}', "400 Bad Request")
        return answer(b'{"id": "fc6d8c0c43fc4630ad850ee518f1b9d0"}')

    def _release(self, body: dict[str, Any]) -> Behaviour:
        if not set(body["projects"]) <= {KNOWN}:
            return answer(b'{"projects": ["Invalid project slugs"]}', "400 Bad Request")
        new = body["version"] not in self.releases
        self.releases.setdefault(body["version"], body["projects"])
        return answer(json.dumps(body).encode(), "201 Created" if new else "208 Already Reported")
