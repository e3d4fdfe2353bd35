"""Releases that misbehave are taken back, whatever else goes wrong at the same time."""

import asyncio

import pytest

from guardian.core.model import Split, Way
from guardian.demo.application import Fault
from guardian.demo.stage import RefusedError
from tests.acceptance.conftest import BLUE, GREEN, PATIENCE, Tell, left_behind, now

FAULTS = {
    "fails outright": Fault(errors=1.0),
    "fails sometimes": Fault(errors=0.1),
    "is slow": Fault(delay=0.5),
    "hangs": Fault(hang=True),
    "is gone": Fault(refuse=True),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_a_release_that(tell: Tell, fault: Fault) -> None:
    """It is taken back and latched, no later request reaches it, and the evidence gives the same verdict again."""
    story = await tell()
    traffic = await story.traffic()
    await story.switch()
    await story.seen(traffic, 100)
    await story.fail(GREEN, fault)
    deployment = await story.until("rolled back")
    acknowledged = now()
    assert deployment["rollback"]["cause"] == "rule"
    assert (await story.explanation(deployment["id"]))["identical"]
    with pytest.raises(RefusedError, match="latched"):
        await story.order("switch")
    await story.seen(traffic, 50)
    assert left_behind(traffic, GREEN, acknowledged) == []
    await story.order("unlatch", reason="repaired")
    assert not (await story.service())["latched"]


async def test_both_sides_bad_the_traffic_is_held(tell: Tell) -> None:
    """No ping-pong: stuck and told; when the fallback is healthy again the one rollback comes to its end."""
    story = await tell()
    traffic, clients = await story.traffic(), await story.witnesses()
    await story.switch()
    clients.abandoned(BLUE)
    await story.seen(traffic, 50)
    clients.fails(GREEN)
    await story.fail(BLUE, Fault(refuse=True))
    await story.until_unable("web_blue")
    await story.fail(GREEN, Fault(errors=1.0))
    await story.until("stuck")
    assert await story.live() == {Split.all_on(GREEN)}
    assert "STUCK" in story.log
    await clients.seen(50, PATIENCE)
    clients.may_return()
    await story.fail(BLUE, Fault())
    deployment = await story.until("rolled back")
    await story.until_live(Split.all_on(BLUE))
    clients.abandoned(GREEN)
    clients.mended()
    await clients.seen(50, PATIENCE)
    journal = (await story.client.get(f"/v1/deployments/{deployment['id']}")).json()["journal"]
    assert [entry["event"]["kind"] for entry in journal].count("breached") == 1


async def test_force_sends_the_traffic_to_a_side_without_a_healthy_server(tell: Tell) -> None:
    """A person may know better: refused without, done with."""
    story = await tell()
    await story.switch()
    await story.fail(BLUE, Fault(refuse=True))
    await story.until_unable("web_blue")
    with pytest.raises(RefusedError, match="--force"):
        await story.order("rollback", reason="back")
    await story.order("rollback", reason="back", force=True)
    await story.until("rolled back")
    assert await story.live() == {Split.all_on(BLUE)}


async def test_a_hand_at_the_socket_is_followed(tell: Tell) -> None:
    """Somebody sets the map in mid-watch: guardian does not fight, and says who decided."""
    story = await tell()
    await story.switch()
    endpoints = story.stage.haproxy.endpoints
    reader, writer = await asyncio.open_unix_connection(endpoints.socket)
    writer.write(f"set map {endpoints.map} web 0\n".encode())
    await reader.read()
    writer.close()
    await writer.wait_closed()
    deployment = await story.until("rolled back")
    assert deployment["rollback"]["cause"] == "by hand"
    assert await story.live() == {Split.all_on(BLUE)}


@pytest.mark.parametrize("way", Way)
async def test_what_haproxy_does_by_itself_becomes_a_rollback(tell: Tell, way: Way) -> None:
    """The release dies outright: HAProxy answers from the other side, and guardian makes that official, and latches."""
    story = await tell(way=way, fallback=True)
    traffic = await story.traffic()
    await story.seen(traffic, 50)
    await story.switch()
    await story.stage.applications[GREEN].end()
    deployment = await story.until("rolled back")
    assert deployment["rollback"]["cause"] in {"unable", "rule"}
    await story.until_live(Split.all_on(BLUE))
    acknowledged = now()
    assert (await story.service())["latched"]
    await story.seen(traffic, 50)
    assert left_behind(traffic, GREEN, acknowledged) == []
