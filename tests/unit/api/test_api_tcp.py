"""The door over TCP: TLS, tokens, limits, and who knocks without coming in."""

import asyncio
import os
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from guardian.api import connections, gate, limits
from guardian.api.door import Certificate, DoorUnusable, Tcp
from guardian.api.limits import Limiter, Rate
from guardian.api.serve import serve
from guardian.api.server import application
from guardian.demo.ports import free_port
from tests.doubles.door import Door, opened, self_signed
from tests.doubles.house import DEADLINE, client_of

SWITCH = "/v1/services/web/switch"


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    """A guardian that is served over TCP, without TLS."""
    async with opened(tmp_path / "api.sock") as door:
        yield door


@pytest.fixture
async def secured(tmp_path: Path) -> AsyncIterator[tuple[Door, Certificate]]:
    """A guardian that is served over TLS."""
    certificate, key = self_signed(tmp_path)
    shown = Certificate(certificate, key)
    async with opened(tmp_path / "api.sock", tcp=Tcp("127.0.0.1", free_port(), shown.context)) as door:
        yield Door(door.house, door.tokens, door.port, door.texts, certificate), shown


async def test_orders_come_through_tls(secured: tuple[Door, Certificate]) -> None:
    """A token over TLS does what its role may do; plain HTTP gets no answer at all."""
    door, _ = secured
    async with door.client("operator") as client:
        assert (await client.post(SWITCH)).status_code == 200
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{door.port}", timeout=DEADLINE, trust_env=False) as plain:
        with pytest.raises(httpx.TransportError):
            await plain.get("/healthz")


@pytest.mark.parametrize("version", [version for version in ssl.TLSVersion if "TLSv1" in version.name])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_old_versions_of_tls_are_refused(secured: tuple[Door, Certificate], version: ssl.TLSVersion) -> None:
    """1.2 and 1.3 are spoken, nothing older, whatever the client's own settings allow."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    spoken = version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", secured[0].port, ssl=context)
    except (ssl.SSLError, ConnectionResetError):
        assert not spoken
    else:
        writer.close()
        assert spoken


async def test_a_renewed_certificate_is_shown_without_a_restart(
    secured: tuple[Door, Certificate], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """New connections see the new one; half a renewal, and a file that is no certificate, change nothing."""
    door, shown = secured
    (tmp_path / "new").mkdir()
    certificate, key = self_signed(tmp_path / "new")

    async def seen() -> str:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        _, writer = await asyncio.open_connection("127.0.0.1", door.port, ssl=context)
        found = ssl.DER_cert_to_PEM_cert(writer.get_extra_info("ssl_object").getpeercert(binary_form=True))
        writer.close()
        return found

    old = await seen()
    certificate.replace(tmp_path / "certificate.pem")
    await shown.look()
    assert "cannot be used" in caplog.text
    assert await seen() == old
    key.replace(tmp_path / "certificate.key")
    await shown.look()
    assert await seen() == (tmp_path / "certificate.pem").read_text() != old


def test_a_certificate_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    """No file, no certificate, somebody else's key, an encrypted key: a sentence, and no question at a terminal."""
    certificate, key = self_signed(tmp_path)
    _, other = self_signed(tmp_path, "other")
    encrypted = tmp_path / "encrypted.key"
    os.system(f"openssl ec -aes128 -passout pass:x -in {key} -out {encrypted} 2>/dev/null")
    (tmp_path / "nothing.pem").write_text("nothing")
    for files in ((tmp_path / "none.pem", None), (tmp_path / "nothing.pem", key), (certificate, other), (certificate, encrypted)):
        with pytest.raises(DoorUnusable, match="cannot be used as the API's certificate"):
            Certificate(*files)


async def test_a_port_that_is_taken_is_told(door: Door, tmp_path: Path) -> None:
    """The sentence names the address and who to ask."""
    app = application(door.house.orders, door.house.gauges)
    with pytest.raises(DoorUnusable, match=rf"127.0.0.1:{door.port} cannot be listened on: .*ss -ltnp"):
        await serve(app, tmp_path / "other.sock", 0o660, None, Tcp("127.0.0.1", door.port, None))


@pytest.mark.parametrize(
    "header", [None, "Bearer", "Bearer nonsense", "Basic Z2RuOg==", "Bearer gdn_000000000000_" + "A" * 43, "Bearer \xff", "gdn_x"]
)
async def test_without_a_valid_token_nothing_is_answered(door: Door, header: str | None) -> None:
    """401, whatever stands there; only whether guardian runs is told."""
    async with door.client() as client:
        headers = {"authorization": header.encode("latin-1")} if header else {}
        answer = await client.get("/v1/services", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert ("takes a token" in answer.json()["detail"]) is (header is None)
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.post(SWITCH, json={"reason": "x"})).status_code == 401
    assert door.house.state.deployment is None


async def test_a_token_that_was_revoked_or_has_expired_opens_nothing(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, also on a connection that is open."""
    async with door.client("operator") as operator, door.client("admin") as admin, door.client("viewer") as viewer:
        assert (await operator.get("/v1/services")).status_code == 200
        assert (await admin.post("/v1/tokens/operator/revoke")).status_code == 200
        assert (await operator.get("/v1/services")).status_code == 401
        assert (await admin.post("/v1/tokens/nothing/revoke")).status_code == 404
        monkeypatch.setattr(door.house.clock, "now", lambda: time.time() + 86_500)
        assert (await viewer.get("/v1/services")).status_code == 401


async def test_tokens_are_made_shown_once_and_listed_without_their_secrets(door: Door) -> None:
    """The answer to the making is the only place where a token stands; the journal says who made and who revoked it."""
    async with door.client("admin") as client:
        wish = {"name": "ci", "role": "operator", "services": ["web"], "days": 30}
        made = (await client.post("/v1/tokens", json=wish)).json()
        assert (await client.post("/v1/tokens", json=wish)).status_code == 409
        assert (
            (await client.post("/v1/tokens", json={"name": "x", "services": ["wbe"]}))
            .json()["detail"]
            .startswith("guardian guards no")
        )
        assert (await client.post("/v1/tokens", json={"name": "x", "role": "admin", "scope": "alerts"})).status_code == 409
        for unfit in ({"name": "two words"}, {"name": "x", "role": "king"}, {"name": "x", "days": 0}, {"name": "x", "days": 731}):
            assert (await client.post("/v1/tokens", json=unfit)).status_code == 422
        listed = await client.get("/v1/tokens")
        await client.post(f"/v1/tokens/{made['about']['id']}/revoke")
    secret = made["token"].split("_", 2)[2]
    assert secret not in listed.text
    assert [each["name"] for each in listed.json()][-1] == "ci"
    kept = repr([door.house.store.tokens(), door.house.store.journal()])
    assert secret not in kept
    events = [(entry.event["kind"], entry.event["name"], entry.event["by"]) for entry in door.house.store.journal()[-2:]]
    assert events == [("token created", "ci", "token admin"), ("token revoked", "ci", "token admin")]


async def test_a_token_outlives_a_restart(door: Door, tmp_path: Path) -> None:
    """What was made, and what was revoked, is known to the next guardian on the same store."""
    await door.tokens.revoke("viewer", "test")
    again = type(door.tokens)(door.house.store, door.house.recorder, door.house.clock, ["web"])
    assert again.holder(door.texts["admin"]) == door.tokens.holder(door.texts["admin"]) is not None
    assert again.holder(door.texts["viewer"]) is None


async def test_a_revocation_that_cannot_be_recorded_holds_and_can_be_repeated(door: Door) -> None:
    """With a full disk the token is closed all the same, the caller is told, and the next attempt records it."""
    assert door.house.store is not None
    door.house.store.fail()  # type: ignore[attr-defined]  the double's
    async with door.client("admin") as client:
        assert (await client.post("/v1/tokens/viewer/revoke")).status_code == 503
        assert door.tokens.holder(door.texts["viewer"]) is None
        door.house.store.heal()  # type: ignore[attr-defined]
        which = next(view.id for view in door.tokens.views() if view.name == "viewer")
        assert (await client.post(f"/v1/tokens/{which}/revoke")).status_code == 200
    assert door.house.store.journal()[-1].event["kind"] == "token revoked"


async def test_who_asks_too_often_is_told_to_wait(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """429 with the time to wait; others are not held up by it, and a rollback has a limit of its own."""
    monkeypatch.setattr(gate, "PENALTY_SECONDS", 0.0)
    monkeypatch.setattr(gate, "time", SimpleNamespace(monotonic=lambda: 0.0))  # a busy host does not get so many through in time
    async with door.client("operator") as busy, door.client("admin") as other:
        orders = [await busy.post("/v1/services/web/promote") for _ in range(int(limits.ORDERS.burst) + 3)]
        assert {answer.status_code for answer in orders[:5]} == {409}
        refused = orders[-1]
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.json()["detail"].startswith("too many requests; try again in ")
        assert (await busy.post("/v1/services/web/rollback")).status_code == 409
        assert (await busy.get("/v1/services")).status_code == 200
        assert (await other.post("/v1/services/web/promote")).status_code == 409


async def test_who_guesses_tokens_is_slowed_down(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the same address a valid token is let in all the same."""
    monkeypatch.setattr(gate, "PENALTY_SECONDS", 0.0)
    async with door.client() as guesser, door.client("viewer") as viewer:
        statuses = [(await guesser.get("/v1/services")).status_code for _ in range(int(limits.FAILURES.burst) + 2)]
        assert statuses[-1] == 429
        assert (await viewer.get("/v1/services")).status_code == 200


async def test_a_body_that_trickles_is_given_up(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller that sends a byte now and then holds a place only for so long, and nothing is ordered."""
    monkeypatch.setattr(gate, "BODY_SECONDS", 0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    token = door.texts["operator"]
    head = f"POST {SWITCH} HTTP/1.1\r\nhost: g\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n"
    writer.write(f"{head}content-length: 100\r\n\r\n{{".encode())
    async with asyncio.timeout(DEADLINE):
        assert b" 400 " in await reader.readline()
    writer.close()
    assert door.house.state.deployment is None


async def test_handshakes_are_bounded_and_end(secured: tuple[Door, Certificate], monkeypatch: pytest.MonkeyPatch) -> None:
    """Who connects and says nothing is hung up on, one more than there is room for at once; others come in meanwhile."""
    door, _ = secured
    monkeypatch.setattr(connections, "MOST_HANDSHAKES", 3)
    monkeypatch.setattr(connections, "HANDSHAKE_SECONDS", 1.0)
    idle = [await asyncio.open_connection("127.0.0.1", door.port) for _ in range(3)]
    async with asyncio.timeout(DEADLINE):
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        with suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()
        for each, _ in idle:
            assert await each.read() == b""
        async with door.client("viewer") as client:
            assert (await client.get("/v1/services")).status_code == 200
    for _, each in idle:
        each.close()


def test_a_bucket_fills_again() -> None:
    """So many at once, then so many a second, never more than a bucketful; others have buckets of their own."""
    limiter = Limiter(Rate(burst=2, per_second=4))
    assert [limiter.take("a", 0.0) for _ in range(3)] == [0.0, 0.0, 0.25]
    assert limiter.take("b", 0.0) == 0.0
    assert limiter.take("a", 0.25) == 0.0
    assert limiter.take("a", 0.25) == 0.25
    assert [limiter.take("a", 1000.0) for _ in range(3)] == [0.0, 0.0, 0.25]


def test_buckets_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Addresses that come once are forgotten, those that asked longest ago first."""
    monkeypatch.setattr(limits, "MOST_BUCKETS", 2)
    limiter = Limiter(Rate(burst=1, per_second=0.001))
    assert [limiter.take(caller, 0.0) for caller in "abc"] == [0.0, 0.0, 0.0]
    assert limiter.take("c", 0.0) > 0
    assert limiter.take("a", 0.0) == 0.0


async def test_strangers_leave_connections_to_the_people_on_this_host(
    door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody can connect by TCP; whoever takes all connections there keeps nobody from the unix socket."""
    monkeypatch.setattr(connections, "MOST_BY_TCP", 2)
    idle = [await asyncio.open_connection("127.0.0.1", door.port) for _ in range(2)]
    async with asyncio.timeout(DEADLINE):
        reader, one_more = await asyncio.open_connection("127.0.0.1", door.port)
        assert await reader.read() == b""
        async with client_of(tmp_path / "api.sock") as client:
            assert (await client.post(SWITCH)).status_code == 200
    for writer in (one_more, *(each for _, each in idle)):
        writer.close()
