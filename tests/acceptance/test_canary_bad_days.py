"""Bad days in the middle of a canary."""

import pytest

from guardian.core.model import Split
from guardian.demo.application import Fault
from guardian.demo.stage import RefusedError
from tests.acceptance.conftest import BLUE, GREEN, Tell, now

RELEASE = """\
    strategy:
      steps: [5% for 10m, 100%]
"""


@pytest.mark.timeout(240)
async def test_the_active_side_dies_in_mid_canary(tell: Tell) -> None:
    """Nothing is moved onto a dead side, a rollback is refused with the reason, and one word brings all traffic to the other."""
    story = await tell(release=RELEASE)
    traffic, clients = await story.traffic(100), await story.witnesses()
    await story.order("switch")
    await story.until("baking")
    await story.seen(traffic, 100)
    clients.fails(None)
    await story.fail(BLUE, Fault(refuse=True))
    await story.until_unable("web_blue")
    assert await story.live() == {Split.giving(GREEN, 500)}
    with pytest.raises(RefusedError, match="healthy server"):
        await story.order("rollback")
    assert (await story.service())["deployment"]["phase"] == "baking"
    await story.order("promote", reason="blue is dead")
    await story.until_live(Split.all_on(GREEN))
    clients.abandoned(BLUE)
    clients.mended()
    await story.until("watching", "verified", "unverified")
    moved = now()
    await story.seen(traffic, 300)
    assert {answer.status for answer in traffic.answers if answer.begun > moved} == {200}
