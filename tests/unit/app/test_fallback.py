"""Noticing that the balancer has left an environment by itself."""

from dataclasses import replace

import pytest

from guardian.app.fallback import Fallbacks
from guardian.core.deployment import Phase
from guardian.core.model import Environment, Routing, Split
from guardian.core.ports import BalancerGone
from tests.unit.app.conftest import WEB, Rig


def fallbacks(rig: Rig, *, allowed: bool = True) -> Fallbacks:
    """What looks after the rig's service."""
    service = replace(WEB, routing=Routing(fallback=allowed))
    return Fallbacks({"web": service}, rig.balancer, rig.decider.state, rig.decider.submit, rig.clock)


async def test_a_candidate_without_a_server_is_taken_back(rig: Rig) -> None:
    """With the reason, to every worker."""
    await rig.switch()
    await rig.until_phase(Phase.WATCHING)
    rig.balancer.servers_up["web_green"] = 0
    await fallbacks(rig).look()
    await rig.until_phase(Phase.ROLLED_BACK)
    assert rig.balancer.workers[0].splits["web"] == Split.all_on(Environment.BLUE)
    assert any("the balancer itself sends its traffic to blue" in sentence for sentence in rig.sentences)
    assert rig.state.latch


@pytest.mark.parametrize("down", [("web_green", "web_blue"), ("web_blue",), ()])
async def test_nothing_is_done_where_the_balancer_did_nothing(rig: Rig, down: tuple[str, ...]) -> None:
    """With both down there is nowhere to go, and the idle side carries nothing."""
    await rig.switch()
    await rig.until_phase(Phase.WATCHING)
    rig.balancer.servers_up |= dict.fromkeys(down, 0)
    await fallbacks(rig).look()
    assert rig.phase is Phase.WATCHING


async def test_a_service_that_does_not_allow_it_is_left_to_its_rules(rig: Rig) -> None:
    """So is one that is asked of a balancer that does not answer."""
    await rig.switch()
    await rig.until_phase(Phase.WATCHING)
    rig.balancer.servers_up["web_green"] = 0
    await fallbacks(rig, allowed=False).look()
    rig.balancer.failures["health"] = BalancerGone("gone")
    await fallbacks(rig).look()
    assert rig.phase is Phase.WATCHING


async def test_before_any_deployment_there_is_nothing_to_take_back(rig: Rig) -> None:
    """The side that was met when guardian came has no other behind it."""
    rig.balancer.servers_up["web_blue"] = 0
    await fallbacks(rig).look()
    assert rig.state.deployment is None
