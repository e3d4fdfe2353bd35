"""The stand-in for a Sentry does what the tests of its clients rely on."""

import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.doubles.prometheus import answer
from tests.doubles.sentry import KEY, PROJECT, RELEASES, TOKEN, Malformed, SentryStandIn, items

ENVELOPE = (
    b'{"event_id":"9ec79c33ec9942ab8353589fcb2e04dc"}\n'
    b'{"type":"event","length":27,"content_type":"application/json"}\n{"message":"two\\nlines?"} \n'
    b'{"type":"check_in"}\n{"status":"ok"}\n'
)


@pytest.fixture
async def sentry() -> AsyncIterator[SentryStandIn]:
    """The stand-in."""
    async with SentryStandIn() as sentry:
        yield sentry


@pytest.fixture
async def client(sentry: SentryStandIn, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx.AsyncClient]:
    """A client of it."""
    async with httpx.AsyncClient(base_url=sentry.server.url, trust_env=False) as client:
        yield client


async def post(client: httpx.AsyncClient, body: bytes, **headers: str) -> int:
    """The status of what answers an envelope."""
    auth = {"x-sentry-auth": f"Sentry sentry_key={KEY}, sentry_version=7"}
    answered = await client.post(f"/api/{PROJECT}/envelope/", content=body, headers={**auth, **headers})
    return answered.status_code


async def test_it_takes_envelopes_plain_and_zipped(sentry: SentryStandIn, client: httpx.AsyncClient) -> None:
    """Items with a length and without one."""
    assert await post(client, ENVELOPE) == 200
    assert await post(client, gzip.compress(ENVELOPE), **{"content-encoding": "gzip"}) == 200
    assert sentry.of("event") == [{"message": "two\nlines?"}] * 2
    assert sentry.of("check_in") == [{"status": "ok"}] * 2


@pytest.mark.parametrize(
    "body", [b"", b"no json\n", b'{}\n{"length": 1}\n1\n', b'{}\n{"type":"event"}\nno json\n', b"{}\n[]\n{}\n"]
)
async def test_what_is_no_envelope_is_refused(sentry: SentryStandIn, client: httpx.AsyncClient, body: bytes) -> None:
    """400, and nothing is kept."""
    with pytest.raises(Malformed):
        items(body)
    assert await post(client, body) == 400
    assert sentry.received == []


async def test_strangers_are_refused(client: httpx.AsyncClient) -> None:
    """Another key, another token."""
    assert await post(client, ENVELOPE, **{"x-sentry-auth": "Sentry sentry_key=another"}) == 403
    assert (await client.post(RELEASES, json={}, headers={"authorization": "Bearer another"})).status_code == 401


async def test_releases_are_kept_once_and_markers_as_often_as_they_come(sentry: SentryStandIn, client: httpx.AsyncClient) -> None:
    """As Sentry documents it: 201 and 208 for a release, 201 for each marker, 400 for an unknown project, 404 for a release."""
    headers = {"authorization": f"Bearer {TOKEN}"}

    async def ask(method: str, path: str, body: Any = None) -> tuple[int, Any]:
        answered = await client.request(method, path, content=None if body is None else json.dumps(body), headers=headers)
        return answered.status_code, answered.json()

    release = {"version": "4.2/b", "projects": ["shop"]}
    assert [(await ask("POST", RELEASES, release))[0] for _ in range(2)] == [201, 208]
    assert (await ask("POST", RELEASES, {"version": "1", "projects": ["other"]}))[0] == 400
    marker = {"environment": "production", "name": "web-1"}
    assert [(await ask("POST", f"{RELEASES}4.2%2Fb/deploys/", marker))[0] for _ in range(2)] == [201, 201]
    assert await ask("GET", f"{RELEASES}4.2%2Fb/deploys/") == (200, [marker, marker])
    assert (await ask("GET", f"{RELEASES}5/deploys/"))[0] == 404
    assert sentry.releases == {"4.2/b": ["shop"]}


async def test_it_misbehaves_as_it_is_told(sentry: SentryStandIn, client: httpx.AsyncClient) -> None:
    """Until it is not any more."""
    sentry.fault = answer(b"", "429 Too Many Requests", "Retry-After: 60")
    assert await post(client, ENVELOPE) == 429
    sentry.fault = None
    assert await post(client, ENVELOPE) == 200
