"""A bad release behind the shield: guardian takes it back as quickly as ever, and users of idempotent requests never saw it."""

from pathlib import Path

import pytest

from guardian.core.model import Split
from guardian.demo.application import Fault
from guardian.demo.report import connection_failures
from tests.acceptance.conftest import BLUE, GREEN, PATIENCE, Tell, left_behind, now
from tests.waiting import eventually

FAULTS = {
    "fails outright": Fault(errors=1.0),
    "fails sometimes": Fault(errors=0.1),
    "hangs": Fault(hang=True),
    "is gone": Fault(refuse=True),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_nobody_sees_a_release_that(tell: Tell, fault: Fault, either_binary: Path) -> None:
    """Not one answer is bad, the release is taken back all the same, and what was saved is counted and told."""
    story = await tell(binary=either_binary, shield=True)
    traffic = await story.traffic()
    await story.switch()
    await story.seen(traffic, 100)
    await story.fail(GREEN, fault)
    deployment = await story.until("rolled back")
    acknowledged = now()
    await story.seen(traffic, 50)
    assert deployment["rollback"]["cause"] == "rule"
    assert [answer for answer in traffic.answers if answer.status != 200] == []
    assert connection_failures(traffic.answers) == 0
    assert left_behind(traffic, GREEN, acknowledged) == []

    async def told() -> bool:
        return "answered by blue" in story.log

    await eventually(told, PATIENCE)
    shielded = (await story.service())["shielded"]
    assert shielded["tried"] >= shielded["saved"] > 0
    assert (shielded["lost"], shielded["plain"]) == (0, 0)
    assert (await story.service())["deployment"]["shielded"] == shielded
    metrics = (await story.client.get("/metrics")).text
    assert f'guardian_shield_requests{{outcome="saved",service="web"}} {float(shielded["saved"])}' in metrics


async def test_a_dead_haproxy_comes_back_with_the_safe_side(tell: Tell) -> None:
    """Killed in mid-trial: what it serves again is good, and the release is judged, and taken back, as if nothing had been."""
    story = await tell(shield=True)
    traffic = await story.traffic()
    await story.switch()
    await story.seen(traffic, 50)
    await story.stage.haproxy.kill()
    await story.fail(GREEN, Fault(errors=1.0))
    await story.stage.haproxy.start()
    await story.until("rolled back")
    await story.until_live(Split.all_on(BLUE))
    await story.seen(traffic, 50)
    assert [answer for answer in traffic.answers if answer.status >= 400] == []


async def test_a_good_release_is_verified_and_goes_the_plain_way(tell: Tell) -> None:
    """After its promotion the map names the other side as the one that would be on trial, and nothing was saved."""
    story = await tell(shield=True, watch="10s")
    traffic = await story.traffic()
    await story.switch()
    assert (await story.until("verified"))["phase"] == "verified"
    await story.until_on_disk("web 10000\nweb/trial 1\n")
    await story.seen(traffic, 100)
    assert [answer for answer in traffic.answers if answer.status != 200] == []
    assert await story.live() == {Split.all_on(GREEN)}
    assert (await story.service())["shielded"] is None


async def test_a_dead_guardian_leaves_the_shield_up(tell: Tell) -> None:
    """Killed in mid-trial: HAProxy goes on saving, a reload comes up with the safe side, and the next guardian takes over."""
    story = await tell(shield=True)
    traffic = await story.traffic()
    await story.switch()
    await story.seen(traffic, 50)
    await story.stage.guardian.end(9)
    await story.fail(GREEN, Fault(errors=1.0))
    await story.seen(traffic, 100)
    await story.stage.haproxy.reload()
    await story.until_live(Split.all_on(BLUE))
    await story.seen(traffic, 50)
    await story.restart_guardian()
    await story.until("rolled back", "watching", "unverified", "verified")
    await story.until("rolled back")
    assert [answer for answer in traffic.answers if answer.status != 200] == []
