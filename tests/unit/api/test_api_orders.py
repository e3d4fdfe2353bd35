"""Orders and questions over HTTP."""

import asyncio
import os
import pwd
import sqlite3
from contextlib import closing
from pathlib import Path

import httpx

from guardian.app.evidence import checked, explained
from guardian.core.deployment import Phase
from guardian.core.model import Environment, Split
from guardian.core.verdicts import Verdict
from guardian.records.store import SqlStore
from tests.doubles.house import DEADLINE, House, client_of

SWITCH = "/v1/services/web/switch"
ROLLBACK = "/v1/services/web/rollback"
UNKNOWN = [
    ("GET", "/v1/services/nope"),
    ("GET", "/v1/services/we%00b%0a%1b[31m"),
    ("GET", "/v1/services/%ff"),
    ("POST", "/v1/services/nope/switch"),
    ("POST", "/v1/services/nope/rollback"),
    ("POST", "/v1/services/nope/promote"),
    ("GET", "/v1/deployments?service=nope"),
    ("GET", "/v1/deployments/nope"),
    ("GET", "/v1/deployments/%00"),
    ("GET", "/v1/deployments/nope/explanation"),
    ("GET", "/v1/deployments/nope/evidence"),
]
ME = pwd.getpwuid(os.getuid()).pw_name


async def test_a_switch_without_words_moves_everything_to_the_idle_side(house: House, client: httpx.AsyncClient) -> None:
    """An empty order is the commonest one: all traffic, to the environment that is not the safe side."""
    answer = await client.post(SWITCH)
    assert answer.status_code == 200
    assert answer.json()["deployment"]["target"] == "green"
    assert house.state.live == Split.all_on(Environment.GREEN)


async def test_a_switch_says_where_to_how_much_and_why(house: House, client: httpx.AsyncClient) -> None:
    """Environment, share and reason arrive as they were sent, and the caller's user name with them."""
    answer = await client.post(SWITCH, json={"to": "green", "share": 500, "reason": "release 1.2"})
    deployment = answer.json()["deployment"]
    assert house.state.live == Split(500)
    assert (deployment["requested_by"], deployment["reason"]) == (ME, "release 1.2")


async def test_an_order_that_cannot_be_followed_is_a_conflict(house: House, client: httpx.AsyncClient) -> None:
    """What the program refuses is answered with its sentence, and nothing has changed."""
    await client.post(SWITCH)
    before = house.state
    answer = await client.post(SWITCH, json={"share": 500})
    assert answer.status_code == 409
    assert answer.json()["detail"].startswith("web-1 is cutting over: one change of web at a time")
    assert house.state == before


async def test_a_rollback_needs_no_words(house: House, client: httpx.AsyncClient) -> None:
    """``curl -X POST …/rollback`` takes the traffic back."""
    await client.post(SWITCH)
    await house.confirm()
    answer = await client.post(ROLLBACK)
    assert answer.json()["deployment"]["phase"] == "rolling back"
    assert house.state.live == Split.all_on(Environment.BLUE)


async def test_a_rollback_onto_a_dead_side_needs_force(house: House, client: httpx.AsyncClient) -> None:
    """An unhealthy target stops a rollback, unless it is forced."""
    await client.post(SWITCH)
    await house.confirm()
    house.balancer.servers_up["web_blue"] = 0
    assert (await client.post(ROLLBACK)).status_code == 409
    assert (await client.post(ROLLBACK, json={"force": True})).status_code == 200


async def test_promote_makes_an_unverified_release_the_safe_side(house: House, client: httpx.AsyncClient) -> None:
    """A person may vouch for what a watch could not verify."""
    await client.post(SWITCH)
    await house.confirm()
    await house.end_watch(enough=False)
    answer = await client.post("/v1/services/web/promote", json={"reason": "seen with my own eyes"})
    assert answer.json()["safe"] == "green"


async def test_unlatch_wants_a_reason(house: House, client: httpx.AsyncClient) -> None:
    """After an automatic rollback the service moves forward only once somebody has said why."""
    await client.post(SWITCH)
    await house.confirm()
    await house.breach()
    for body in (None, {}, {"reason": ""}, {"reason": " \n\t "}):
        assert (await client.post("/v1/services/web/unlatch", json=body)).status_code == 422
    assert house.state.latch
    answer = await client.post("/v1/services/web/unlatch", json={"reason": "fixed in 1.3"})
    assert (answer.status_code, answer.json()["latched"]) == (200, "")


async def test_reasons_are_recorded_without_control_characters(house: House, client: httpx.AsyncClient) -> None:
    """What could repaint somebody's terminal or break a log line is gone before it is recorded."""
    await client.post(SWITCH, json={"reason": "a\x00b\x1b[31mc\nd\u202ee\u200b f\u00a0g ü"})
    assert house.state.deployment is not None
    assert house.state.deployment.reason == "a b [31mc d e f g ü"


async def test_services_are_listed_and_shown(house: House, client: httpx.AsyncClient) -> None:
    """The list and the single view say the same."""
    listed = (await client.get("/v1/services")).json()
    shown = (await client.get("/v1/services/web")).json()
    assert listed == [shown]
    assert (shown["split"], shown["safe"], shown["deployment"], shown["rollback"]) == ("blue", "blue", None, None)


async def test_history_is_newest_first_and_bounded(house: House, client: httpx.AsyncClient) -> None:
    """Deployments are listed from the latest back, as many as were asked for."""
    for _ in range(3):
        await client.post(SWITCH)
        await house.fail_routing("socket gone")
        await house.confirm()
    listed = (await client.get("/v1/deployments", params={"service": "web", "limit": 2})).json()
    assert [(deployment["id"], deployment["phase"]) for deployment in listed] == [("web-3", "aborted"), ("web-2", "aborted")]


async def test_a_deployment_is_told_with_its_journal(house: House, client: httpx.AsyncClient) -> None:
    """Everything that happened to it, in order."""
    await client.post(SWITCH)
    await house.confirm()
    detail = (await client.get("/v1/deployments/web-1")).json()
    assert detail["deployment"]["phase"] == "watching"
    assert [entry["event"]["kind"] for entry in detail["journal"]] == ["switch requested", "routed"]


async def test_a_rollback_by_a_rule_is_explained(house: House, client: httpx.AsyncClient) -> None:
    """The recorded evidence leads to the recorded verdict again."""
    await client.post(SWITCH)
    await house.confirm()
    verdict = await house.breach()
    explanation = (await client.get("/v1/deployments/web-1/explanation")).json()
    assert explanation["identical"] is True
    (rule,) = explanation["rules"]
    assert rule["fired"] is True
    assert rule["recorded"] == rule["recomputed"]
    assert Verdict.from_record(rule["recorded"]) == verdict
    assert rule["last_looks"][0][1:] == [10, 10]


async def test_without_evidence_there_is_nothing_to_explain(house: House, client: httpx.AsyncClient) -> None:
    """A release that no rule watched is refused, with a sentence."""
    await client.post(SWITCH)
    await client.post(ROLLBACK)
    answer = await client.get("/v1/deployments/web-1/explanation")
    assert answer.status_code == 409
    assert "no evidence of web-1 is kept" in answer.json()["detail"]


async def test_a_rule_without_evidence_is_refused(house: House, client: httpx.AsyncClient) -> None:
    """The sentence names those that have some."""
    await client.post(SWITCH)
    await house.confirm()
    await house.breach()
    answer = await client.get("/v1/deployments/web-1/explanation", params={"rule": "other"})
    assert answer.status_code == 409
    assert answer.json()["detail"].endswith("there is that of `server-errors`")


async def test_the_evidence_of_a_deployment_can_be_taken_along(house: House, client: httpx.AsyncClient) -> None:
    """A bundle explains itself without the daemon: the same verdict."""
    await client.post(SWITCH)
    await house.confirm()
    verdict = await house.breach()
    bundle = checked((await client.get("/v1/deployments/web-1/evidence")).content)
    assert explained(bundle).rules[0].recomputed == verdict


async def test_what_does_not_exist_is_not_found(client: httpx.AsyncClient) -> None:
    """Unknown services and deployments are 404 with a sentence, however they are spelled."""
    for method, path in UNKNOWN:
        answer = await client.request(method, path)
        assert answer.status_code == 404, path
        assert answer.json()["detail"].startswith(("there is no service", "there is no deployment")), path


async def test_a_store_that_refuses_stops_what_goes_forward_and_nothing_else(house: House, client: httpx.AsyncClient) -> None:
    """What cannot be recorded is not begun; a rollback is carried out all the same."""
    await client.post(SWITCH)
    await house.confirm()
    await house.end_watch(enough=False)
    house.store.fail()
    assert (await client.post("/v1/services/web/promote")).status_code == 409
    assert (await client.post(ROLLBACK)).status_code == 200
    assert house.state.deployment is not None
    assert house.state.deployment.phase is Phase.ROLLING_BACK
    house.store.heal()


async def test_a_record_that_cannot_be_read_is_unavailable(socket: Path, tmp_path: Path) -> None:
    """Trouble of the store is 503 with its sentence, and no traceback."""
    with closing(SqlStore(tmp_path)) as store:
        async with House(store).open(socket) as house, client_of(socket) as client:
            await client.post(SWITCH)
            await house.confirm()
            with closing(sqlite3.connect(tmp_path / "guardian.db", isolation_level=None)) as database:
                database.execute("UPDATE deployments SET phase = 'verified'")
            for question in ("/v1/deployments", "/v1/deployments/web-1", "/v1/deployments/web-1/explanation"):
                answer = await client.get(question)
                assert answer.status_code == 503
                assert "is damaged" in answer.json()["detail"]
            assert (await client.post(ROLLBACK)).status_code == 200


async def test_environments_are_compared_once_at_a_time(house: House, client: httpx.AsyncClient) -> None:
    """The program that tells facts may take long: who asks again meanwhile is told so, and starts no second one."""
    begun, ended = asyncio.Event(), asyncio.Event()

    async def compare(_service: str) -> None:
        assert not begun.is_set()
        begun.set()
        await ended.wait()

    house.stages.comparing = compare
    async with asyncio.timeout(DEADLINE):
        first = asyncio.create_task(client.post("/v1/services/web/parity"))
        await begun.wait()
        again = await client.post("/v1/services/web/parity")
        assert again.status_code == 409
        assert "are being compared just now" in again.json()["detail"]
        ended.set()
        assert "has no `stages: parity:`" in (await first).json()["detail"]
        begun.clear()
        assert "has no `stages: parity:`" in (await client.post("/v1/services/web/parity")).json()["detail"]
