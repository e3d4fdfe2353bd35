"""Who may use which endpoint: all with all roles, over the unix socket and over TCP. One that is not in the table fails."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from guardian.api.server import Unguarded, application, endpoints
from guardian.core.people import Role
from tests.doubles.door import Door, opened
from tests.doubles.house import DEADLINE, House

VIEWER, OPERATOR, APPROVER, ADMIN = Role
ANYBODY = None
ALERTS = "alerts"
"""What an operator may send, and a token for alerts."""

TABLE: dict[tuple[str, str], Role | str | None] = {
    ("GET", "/healthz"): ANYBODY,
    ("GET", "/readyz"): VIEWER,
    ("GET", "/metrics"): VIEWER,
    ("GET", "/openapi.json"): VIEWER,
    ("GET", "/v1/me"): VIEWER,
    ("GET", "/v1/services"): VIEWER,
    ("GET", "/v1/services/{service}"): VIEWER,
    ("GET", "/v1/rules"): VIEWER,
    ("GET", "/v1/deployments"): VIEWER,
    ("GET", "/v1/deployments/{deployment}"): VIEWER,
    ("GET", "/v1/deployments/{deployment}/explanation"): VIEWER,
    ("GET", "/v1/deployments/{deployment}/evidence"): VIEWER,
    ("GET", "/v1/notes"): VIEWER,
    ("GET", "/v1/deployments/{deployment}/note"): VIEWER,
    ("POST", "/v1/deployments/{deployment}/note"): OPERATOR,
    ("GET", "/v1/events"): VIEWER,
    ("POST", "/v1/services/{service}/switch"): OPERATOR,
    ("POST", "/v1/services/{service}/rollback"): OPERATOR,
    ("POST", "/v1/services/{service}/promote"): OPERATOR,
    ("POST", "/v1/services/{service}/unlatch"): OPERATOR,
    ("POST", "/v1/services/{service}/drill"): OPERATOR,
    ("POST", "/v1/services/{service}/parity"): OPERATOR,
    ("POST", "/v1/services/{service}/deploy"): OPERATOR,
    ("GET", "/v1/services/{service}/queue"): VIEWER,
    ("POST", "/v1/services/{service}/pause"): OPERATOR,
    ("POST", "/v1/services/{service}/resume"): OPERATOR,
    ("POST", "/v1/services/{service}/abort"): OPERATOR,
    ("POST", "/v1/services/{service}/freeze"): OPERATOR,
    ("POST", "/v1/services/{service}/unfreeze"): OPERATOR,
    ("POST", "/v1/services/{service}/mute"): OPERATOR,
    ("POST", "/v1/services/{service}/unmute"): OPERATOR,
    ("POST", "/v1/deployments/{deployment}/approve"): APPROVER,
    ("POST", "/v1/deployments/{deployment}/reject"): OPERATOR,
    ("POST", "/v1/rules/reload"): OPERATOR,
    ("GET", "/v1/alerts"): VIEWER,
    ("POST", "/v1/alerts/sentry"): ANYBODY,
    ("POST", "/v1/alerts/{sender}"): ALERTS,
    ("GET", "/v1/tokens"): ADMIN,
    ("POST", "/v1/tokens"): ADMIN,
    ("POST", "/v1/tokens/{token}/revoke"): ADMIN,
}
"""The least role that each endpoint takes."""
HOLDERS = (None, "alerts", *map(str, Role))
FOR_ALL_SERVICES = {
    *(("POST", "/v1/rules/reload"), ("GET", "/v1/alerts"), ("GET", "/metrics")),
    *(key for key, needed in TABLE.items() if needed is ADMIN),
}
"""What a token for one service does not open, whatever its role."""
CALL = """
import http.client, json, os, socket, sys
os.chdir(sys.argv[1])
os.setgroups(json.loads(sys.argv[2])), os.setgid(54_321), os.setuid(54_321)
answers = []
for method, path in json.loads(sys.stdin.read()):
    connection = http.client.HTTPConnection("guardian")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect("api.sock")
    connection.request(method, path)
    answer = connection.getresponse()
    endless = path == "/v1/events" and answer.status == 200
    answers.append([answer.status, "" if endless else answer.read().decode(errors="replace")])
    connection.close()
print(json.dumps(answers))
"""


def admitted(needed: Role | str | None, holder: str | None) -> bool:
    """What the table means."""
    if needed is ANYBODY:
        return True
    if holder in (None, "alerts"):
        return needed == ALERTS and holder == "alerts"
    return Role(holder).covers(OPERATOR if needed == ALERTS else Role(needed))


def filled(path: str) -> str:
    """A path with names in it; the deployment and the token are not there, and who is admitted is told so."""
    return (
        path.replace("{service}", "web")
        .replace("{deployment}", "web-99")
        .replace("{token}", "nothing")
        .replace("{sender}", "zabbix")
    )


async def asked(door: Door, holder: str | None, method: str, path: str) -> int:
    """The status of the answer."""
    async with door.client(holder) as client, client.stream(method, path) as answer:
        return answer.status_code


def test_every_endpoint_is_in_the_table() -> None:
    """Whoever adds an endpoint says here who may use it."""
    house = House()
    app = application(house.orders, house.gauges)
    found = {(method, route.path) for route in endpoints(app) for method in route.methods}
    assert found == set(TABLE)


def test_an_endpoint_that_says_nothing_is_not_served(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program with an unguarded endpoint does not start."""
    house = House()
    monkeypatch.setattr("guardian.api.server.needs", lambda route: None if route.path == "/metrics" else object())
    with pytest.raises(Unguarded, match="/metrics"):
        application(house.orders, house.gauges)


@pytest.fixture
async def door(tmp_path: Path) -> Any:
    """A guardian that is served over TCP; nobody asks too often here."""
    async with opened(tmp_path / "api.sock") as door:
        yield door


@pytest.mark.parametrize("holder", HOLDERS)
async def test_over_tcp_each_role_may_do_what_the_table_says(
    tmp_path: Path, holder: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a token 401, with one of too low a role 403, otherwise an answer; nothing has changed after a refusal."""
    monkeypatch.setattr("guardian.api.gate.Limiter.take", lambda *_: 0.0)
    async with opened(tmp_path / "api.sock") as door:
        for (method, path), needed in TABLE.items():
            before = len(door.house.store.journal())
            status = await asked(door, holder, method, filled(path))
            if admitted(needed, holder):
                assert status not in (401, 403), (path, holder)
            else:
                assert status == (401 if holder is None else 403), (path, holder)
                assert len(door.house.store.journal()) == before


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else: run tests/run.sh as root")
@pytest.mark.parametrize("role", [None, *Role])
async def test_over_the_socket_each_group_may_do_what_the_table_says(tmp_path: Path, role: Role | None) -> None:
    """The kernel tells the groups of who calls, and the highest role among them counts."""
    tmp_path.chmod(0o711)  # noqa: ASYNC240  a test may wait for its own disk
    groups = {70_000 + each.rank: each for each in Role}
    own = [70_000 + each.rank for each in Role if role and role.covers(each)]
    calls = [(method, filled(path)) for method, path in TABLE]
    async with opened(tmp_path / "api.sock", groups):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", CALL, str(tmp_path), json.dumps([60_000, *own])),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(DEADLINE):
            said, _ = await process.communicate(json.dumps(calls).encode())
    for (status, text), ((_, path), needed) in zip(json.loads(said), TABLE.items(), strict=True):
        refused = not admitted(needed, role)
        assert (status == 403) is refused, (path, role, text)
        if refused and role is None:
            assert "is in no group that has a role" in text
        elif refused and needed == ALERTS:
            assert "may send no alerts" in text
        elif refused:
            assert f"has the role {role}; this takes" in text


async def test_a_token_for_one_service_opens_nothing_else(door: Door) -> None:
    """An administrator of another service sees and steers nothing of this one, and nothing that concerns all."""
    for method, path in TABLE:
        about_web = "{service}" in path or "{deployment}" in path
        status = await asked(door, "elsewhere", method, filled(path))
        assert (status == 403) is (about_web or (method, path) in FOR_ALL_SERVICES), path
    async with door.client("elsewhere") as client:
        assert (await client.get("/v1/services")).json() == []
        assert (await client.get("/v1/rules")).json()["services"] == []
        assert (await client.get("/v1/deployments", params={"service": "web"})).status_code == 403
        assert (await client.get("/readyz")).json() == {"ready": True, "faults": {}}
        assert (await client.get("/v1/me")).json() == {"name": "token elsewhere", "role": "admin", "services": ["shop"]}
        refusal = (await client.get("/v1/services/web")).json()["detail"]
    assert refusal == "token elsewhere may see and steer `shop` only, not `web`"


async def test_orders_carry_the_name_of_the_token(door: Door) -> None:
    """The journal says which token it was, in a way that no user of the host can be called."""
    async with door.client("operator") as client:
        assert (await client.post("/v1/services/web/switch")).status_code == 200
    assert door.house.state.deployment is not None
    assert door.house.state.deployment.requested_by == "token operator"


@pytest.mark.parametrize("order", ["switch", "deploy"])
async def test_breaking_the_glass_takes_an_approver(door: Door, order: str) -> None:
    """Over the API as in the chat: an operator's word does not stand for the people who were to be asked."""
    asked_for = {"reason": "fire", "break_glass": True, **({"version": "4.2"} if order == "deploy" else {})}
    async with door.client("operator") as client:
        answer = await client.post(f"/v1/services/web/{order}", json=asked_for)
        assert answer.status_code == 403
        assert answer.json()["detail"] == "token operator has the role operator; breaking the glass takes approver"
    assert door.house.state.deployment is None
    async with door.client("approver") as client:
        assert (await client.post(f"/v1/services/web/{order}", json=asked_for)).status_code != 403


async def test_a_token_for_one_service_has_its_history_among_many(door: Door) -> None:
    """However often others deployed since: what somebody may not see takes no place in what they are shown."""
    async with door.client("operator") as client:
        await client.post("/v1/services/web/switch")
    state = door.house.store.services()["web"]
    other = {**state, "deployment": {**state["deployment"], "id": "shop-1"}}
    door.house.store.append("shop", "shop-1", 1.0, {}, other)
    door.house.store.append("web", "web-2", 2.0, {}, {**state, "deployment": {**state["deployment"], "id": "web-2"}})
    async with door.client("elsewhere") as client:
        assert [each["id"] for each in (await client.get("/v1/deployments?limit=1")).json()] == ["shop-1"]
        assert [each["deployment"] for each in (await client.get("/v1/notes?limit=1")).json()] == ["shop-1"]
