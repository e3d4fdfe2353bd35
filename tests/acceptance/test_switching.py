"""Moving traffic: nobody notices, and nobody is left behind."""

from pathlib import Path

import pytest

from guardian.core.model import Environment, Split
from guardian.demo.application import Fault
from guardian.demo.report import connection_failures, failed
from guardian.demo.stage import RefusedError
from guardian.demo.traffic import Traffic
from tests.acceptance.conftest import BLUE, GREEN, Story, Tell, left_behind, now


async def test_switches_and_rollbacks_under_load_lose_nothing(tell: Tell, either_binary: Path) -> None:
    """Twenty-five times there and back over kept-alive and new connections: no failed request, none on the wrong side."""
    story = await tell(binary=either_binary)
    traffic = await story.traffic(rate=200)
    alone: list[tuple[Environment, float, float]] = []
    for _ in range(25):
        await story.switch()
        alone.append(await _alone(story, traffic, abandoned=BLUE))
        await story.order("rollback", reason="next")
        await story.until("rolled back")
        alone.append(await _alone(story, traffic, abandoned=GREEN))
    await traffic.stop()
    assert connection_failures(traffic.answers) == 0
    assert not [answer for answer in traffic.answers if failed(answer)]
    strays = [answer for side, since, until in alone for answer in left_behind(traffic, side, since) if answer.sent < until]
    assert strays == []


async def _alone(story: Story, traffic: Traffic, abandoned: Environment) -> tuple[Environment, float, float]:
    """The side that was abandoned, and the time from its acknowledged end to the next order."""
    since = now()
    await story.seen(traffic, 5)
    return abandoned, since, now()


async def test_a_healthy_release_is_verified_and_written_down(tell: Tell) -> None:
    """Under load a short watch ends verified; only then the file names the new side."""
    story = await tell(watch="10s")
    traffic = await story.traffic()
    await story.seen(traffic, 100)
    await story.switch()
    assert story.on_disk == "web 0\n"
    assert (await story.until("verified", "unverified", "rolled back"))["phase"] == "verified"
    await story.until_live(Split.all_on(GREEN))
    assert story.on_disk == "web 10000\n"


async def test_a_watch_without_traffic_proves_nothing(tell: Tell) -> None:
    """It ends unverified, the file keeps naming the old side, and a person's word changes that."""
    story = await tell(watch="2s")
    await story.switch()
    assert (await story.until("unverified", "verified"))["phase"] == "unverified"
    assert story.on_disk == "web 0\n"
    view = await story.order("promote", reason="looked at it")
    assert view["safe"] == "green"
    await story.until_on_disk("web 10000\n")


async def test_a_slice_is_judged_beside_the_other_side(tell: Tell) -> None:
    """20 % of the traffic; a bad slice is taken back by comparison with what the baseline does at the same time."""
    story = await tell()
    traffic = await story.traffic()
    await story.switch(share=2000)
    await story.until_live(Split.giving(GREEN, 2000))
    await story.seen(traffic, 200)
    sides = {answer.environment for answer in traffic.answers[-150:]}
    assert sides == {BLUE, GREEN}
    await story.fail(GREEN, Fault(errors=0.5))
    deployment = await story.until("rolled back")
    assert deployment["rollback"]["rule"] == "server-errors"
    assert (await story.explanation(deployment["id"]))["identical"]
    assert story.on_disk == "web 0\n"


async def test_a_side_without_a_healthy_server_gets_nothing(tell: Tell) -> None:
    """The order is refused with a sentence, and nothing was moved."""
    story = await tell()
    await story.stage.applications[GREEN].end()
    await story.until_unable("web_green")
    with pytest.raises(RefusedError, match="web_green has no healthy server"):
        await story.order("switch")
    assert await story.live() == {Split.all_on(BLUE)}
