"""A drill on the live balancer: a rollback rehearsed under traffic, and what is left behind by a switch."""

import re

import pytest

from guardian.core.model import Split
from guardian.demo.report import failed
from guardian.demo.stage import RefusedError
from tests.acceptance.conftest import BLUE, PATIENCE, Tell
from tests.waiting import eventually


async def test_a_drill_goes_there_and_back_under_traffic(tell: Tell) -> None:
    """Nobody notices, both ways are confirmed by every worker, and the status remembers it."""
    story = await tell()
    traffic = await story.traffic()
    await story.seen(traffic, 20)
    view = await story.allowed("drill")
    assert view["drill"]["there"] > 0
    assert view["drill"]["back"] > 0
    assert await story.live() == {Split.all_on(BLUE)}
    assert view["deployment"] is None
    await story.seen(traffic, 20)
    await traffic.stop()
    assert not [answer for answer in traffic.answers if failed(answer)]
    assert "drill passed" in story.log


async def test_a_release_on_trial_is_not_disturbed_by_a_drill(tell: Tell) -> None:
    """The order is refused with a sentence."""
    story = await tell()
    await story.switch()
    with pytest.raises(RefusedError, match="web-1"):
        await story.order("drill")
    assert (await story.service())["drill"] is None


async def test_readiness_names_the_balancer(tell: Tell) -> None:
    """Version and abilities, found out and not assumed."""
    story = await tell()

    async def told() -> bool:
        readiness = (await story.service())["rollback"]
        return readiness is not None and readiness["balancer"] is not None

    await eventually(told, PATIENCE)
    balancer = (await story.service())["rollback"]["balancer"]
    assert re.match(r"[2-9]\.\d+\.\d+", balancer["version"])
    assert any("master socket" in ability for ability in balancer["abilities"])
