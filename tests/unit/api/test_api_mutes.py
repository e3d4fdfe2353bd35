"""Muting a rule over HTTP: bounded, with a reason, recorded, and loud."""

import os
import pwd

import httpx
import pytest

from guardian.app.codec import state_from_record
from guardian.core.model import Environment, Split
from tests.doubles.house import House

MUTE, UNMUTE = "/v1/services/web/mute", "/v1/services/web/unmute"
GIVEN = {"rule": "server-errors", "seconds": 7200, "reason": "a known bug"}
ME = pwd.getpwuid(os.getuid()).pw_name


async def test_a_mute_is_shown_everywhere_and_survives(house: House, client: httpx.AsyncClient) -> None:
    """In the service, in the metrics, in the journal, and in what a restart begins with; lifted, it is gone from all."""
    mutes = (await client.post(MUTE, json=GIVEN)).json()["mutes"]
    assert [(each["rule"], each["by"], each["reason"]) for each in mutes] == [("server-errors", ME, "a known bug")]
    assert mutes[0]["until"] - mutes[0]["since"] == pytest.approx(7200)
    assert mutes[0]["says"].startswith("muted until ")
    assert (await client.get("/v1/services/web")).json()["mutes"] == mutes
    gauge = 'guardian_rule_muted_until_timestamp_seconds{rule="server-errors",service="web"}'
    assert gauge in (await client.get("/metrics")).text
    assert [entry.event["kind"] for entry in house.store.journal()][-1] == "muted"
    assert state_from_record(house.store.services()["web"]).mutes == house.state.mutes
    lifted = await client.post(UNMUTE, json={"rule": "server-errors", "reason": "mended"})
    assert lifted.json()["mutes"] == []
    assert gauge not in (await client.get("/metrics")).text
    assert [entry.event["kind"] for entry in house.store.journal()][-1] == "unmuted"


@pytest.mark.parametrize(
    ("given", "status", "says"),
    [
        ({"rule": "server-eror"}, 404, "web has no rule `server-eror`; did you mean `server-errors`?"),
        ({"rule": "zzz"}, 404, "web has no rule `zzz`; it has `server-errors`"),
        ({"seconds": 86_460}, 409, "a mute lasts 24 h at the most, not 24.017 h"),
        ({"seconds": 1e300}, 422, "for a mute, up to 24 hours"),
        ({"seconds": 0}, 422, "for a mute, up to 24 hours"),
        ({"reason": ""}, 422, "text of up to 500 characters that says why"),
        ({"reason": " \u200b "}, 422, "text of up to 500 characters that says why"),
        ({"reason": None}, 422, "reason"),
        ({"rule": ""}, 422, "the name of a rule of the service"),
    ],
    ids=["misspelt", "unknown", "a day and a minute", "for ever", "no time", "no word", "no visible word", "null", "no rule"],
)
async def test_what_is_refused(house: House, client: httpx.AsyncClient, given: dict[str, object], status: int, says: str) -> None:
    """Each with its sentence; nothing is muted."""
    answer = await client.post(MUTE, json=GIVEN | given)
    assert answer.status_code == status
    assert says in answer.text
    assert house.state.mutes == ()


async def test_a_rule_that_is_not_muted_cannot_be_unmuted(client: httpx.AsyncClient) -> None:
    """The answer says which are."""
    await client.post(MUTE, json=GIVEN)
    answer = await client.post(UNMUTE, json={"rule": "latency"})
    assert answer.status_code == 409
    assert answer.json()["detail"] == "`latency` of web is not muted; nothing to do; muted there: `server-errors`"


async def test_a_mute_holds_back_no_rollback(house: House, client: httpx.AsyncClient) -> None:
    """The muted rule's breach moves nothing; a person's word does."""
    await client.post("/v1/services/web/switch")
    await house.confirm()
    await client.post(MUTE, json=GIVEN)
    await house.breach()
    assert house.state.live == Split.all_on(Environment.GREEN)
    assert (await client.post("/v1/services/web/rollback", json={"reason": "enough"})).status_code == 200
    assert house.state.live == Split.all_on(Environment.BLUE)
