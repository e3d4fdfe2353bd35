"""Keeping the balancer at what is intended: reloads are mended, hands are followed."""

from guardian.core.deployment import Phase
from guardian.core.model import Environment, Split
from guardian.core.ports import BalancerGone
from tests.unit.app.conftest import Rig

BLUE, GREEN = Split.all_on(Environment.BLUE), Split.all_on(Environment.GREEN)


async def test_a_split_lost_in_a_reload_is_restored(rig: Rig) -> None:
    """A new worker read the safe side from the file; the watch is still good, so it gets the candidate back."""
    await rig.switch()
    await rig.until_phase(Phase.WATCHING)
    await rig.actor.idle()
    rig.balancer.reload()
    assert rig.balancer.workers[0].splits["web"] == BLUE
    await rig.reconcile()
    assert rig.balancer.workers[0].splits["web"] == GREEN
    assert rig.phase is Phase.WATCHING


async def test_a_worker_that_lingers_with_the_old_split_is_mended(rig: Rig) -> None:
    """Nobody set its map by hand: it was told by nobody."""
    await rig.switch()
    await rig.until_phase(Phase.WATCHING)
    await rig.actor.idle()
    rig.balancer.reload(linger=True)
    rig.balancer.workers[0].splits["web"] = GREEN
    rig.balancer.workers[1].splits["web"] = BLUE
    await rig.reconcile()
    assert {worker.splits["web"] for worker in rig.balancer.workers} == {GREEN}


async def test_a_hand_at_the_socket_is_followed(rig: Rig) -> None:
    """The worker that had confirmed ours has another split: a person put it there, and the deployment is over."""
    await rig.switch()
    await rig.until_phase(Phase.WATCHING)
    await rig.actor.idle()
    rig.balancer.workers[0].splits["web"] = BLUE
    await rig.reconcile()
    await rig.until_phase(Phase.ROLLED_BACK)
    assert rig.state.live == BLUE
    assert any("somebody at the balancer" in sentence for sentence in rig.sentences)


async def test_a_hand_is_known_for_one_also_after_a_quiet_reload(rig: Rig) -> None:
    """A new worker that is right is remembered, so that a later hand on it is not taken for a reload."""
    rig.balancer.reload()
    await rig.reconcile()
    rig.balancer.workers[0].splits["web"] = GREEN
    await rig.reconcile()
    assert rig.state.live == GREEN


async def test_a_file_that_was_edited_is_put_right(rig: Rig) -> None:
    """The file names the safe side, whatever somebody wrote into it."""
    rig.balancer.disk["web"] = GREEN
    await rig.reconcile()
    assert rig.balancer.disk["web"] == BLUE


async def test_a_balancer_that_does_not_answer_changes_nothing(rig: Rig) -> None:
    """What cannot be read is no drift."""
    rig.balancer.failures["read"] = BalancerGone("down")
    before = rig.state
    assert not await rig.reconcile()
    assert rig.state == before
    assert rig.balancer.calls == []


async def test_a_right_balancer_is_left_alone(rig: Rig) -> None:
    """Nothing is written and nothing is routed where nothing differs."""
    assert await rig.reconcile()
    assert rig.balancer.calls == []
