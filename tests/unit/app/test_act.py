"""Carrying out: health first, newer before older, failure reported once, the disk never in the way of a rollback."""

import asyncio
import logging

import pytest

from guardian.app import act
from guardian.core.deployment import Phase
from guardian.core.events import RollbackOrdered
from guardian.core.model import Environment, Split
from guardian.core.ports import BalancerError, BalancerGone, Routed
from guardian.core.words.balancer import workers_silent
from tests.unit.app.conftest import Rig

BLUE, GREEN = Split.all_on(Environment.BLUE), Split.all_on(Environment.GREEN)


async def test_an_environment_without_a_healthy_server_gets_no_traffic(rig: Rig) -> None:
    """The deployment is aborted with the reason, and no worker ever had the new split."""
    rig.balancer.servers_up["web_green"] = 0
    await rig.switch()
    await rig.until_phase(Phase.ABORTED)
    assert ("route", "web 10000") not in rig.balancer.calls
    assert "web_green" in rig.sentences[-1]


async def test_a_balancer_that_does_not_answer_is_asked_again(rig: Rig) -> None:
    """A reload in the wrong moment costs a few attempts, not the switch."""
    rig.balancer.failures["route"] = BalancerGone("starting")
    await rig.switch()
    await rig.until(lambda: len([call for call in rig.balancer.calls if call[0] == "route"]) >= 2)
    del rig.balancer.failures["route"]
    await rig.until_phase(Phase.WATCHING)


async def test_a_cut_over_that_cannot_be_proved_is_taken_back(rig: Rig) -> None:
    """A worker that hangs spoils the proof: the traffic goes back, and nothing is latched for it."""
    rig.balancer.workers[0].hears = False
    await rig.switch()
    await rig.until_phase(Phase.STUCK)
    rig.balancer.workers[0].hears = True
    await rig.reconcile()
    await rig.until_phase(Phase.ABORTED)
    assert rig.balancer.workers[0].splits["web"] == BLUE
    assert rig.state.latch is None


async def test_a_rollback_supersedes_a_cut_over_that_hangs(rig: Rig) -> None:
    """The order of a person does not wait for the change before it."""
    hanging = asyncio.Event()
    route = rig.balancer.route

    async def slow(service: str, split: Split) -> Routed:
        if split == GREEN:
            hanging.set()
            await asyncio.Event().wait()
        return await route(service, split)

    rig.balancer.route = slow  # type: ignore[method-assign]
    await rig.switch()
    await hanging.wait()
    await rig.decider.submit("web", RollbackOrdered(rig.clock.now(), "bob", "changed my mind"))
    await rig.until_phase(Phase.ROLLED_BACK)
    assert rig.balancer.workers[0].splits["web"] == BLUE


async def test_a_file_that_cannot_be_written_does_not_stop_a_rollback(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """It is told once, and the traffic goes back."""
    await rig.switch()
    await rig.until_phase(Phase.WATCHING)
    rig.balancer.failures["store"] = BalancerError("no space left on the disk")
    with caplog.at_level(logging.ERROR):
        await rig.decider.submit("web", RollbackOrdered(rig.clock.now(), "bob", "no"))
        await rig.until_phase(Phase.ROLLED_BACK)
        for _ in range(3):
            rig.balancer.disk["web"] = GREEN
            await rig.reconcile()
    assert rig.balancer.workers[0].splits["web"] == BLUE
    assert [record.message for record in caplog.records if "no space left" in record.message].__len__() == 1


async def changed_beside_a_silent_disk(rig: Rig) -> asyncio.Event:
    """In a watch somebody has changed the file, and nothing that is written comes to its end; set once that has begun."""
    await rig.switch()
    await rig.until_phase(Phase.WATCHING)
    rig.balancer.disk["web"] = GREEN
    begun = asyncio.Event()

    async def silent(service: str, split: Split) -> None:
        begun.set()
        await asyncio.Event().wait()

    rig.balancer.store = silent  # type: ignore[method-assign]
    return begun


async def test_a_silent_disk_does_not_stop_a_rollback(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The traffic goes back while the file, which somebody has changed, is still being put right."""
    monkeypatch.setattr(act, "KEEP_DEADLINE", 3600.0)
    begun = await changed_beside_a_silent_disk(rig)
    putting_right = asyncio.create_task(rig.reconcile())
    await begun.wait()
    await rig.decider.submit("web", RollbackOrdered(rig.clock.now(), "bob", "no"))
    await rig.until_phase(Phase.ROLLED_BACK)
    await putting_right


async def test_a_file_that_takes_long_is_told_as_that_and_as_done(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Root's program has to start for it: nothing is said of a disk; once the file is right it is said, whoever wrote it."""
    monkeypatch.setattr(act, "KEEP_DEADLINE", 0.01)
    begun = await changed_beside_a_silent_disk(rig)
    with caplog.at_level(logging.INFO):
        await rig.reconcile()
        await begun.wait()
        await rig.actor.idle()
        told = [record for record in caplog.records if "takes longer than" in record.message]
        assert [(record.levelname, "disk" in record.message) for record in told] == [("WARNING", False)]
        rig.balancer.disk["web"] = BLUE  # the write has come to its end
        assert await rig.reconcile()
        assert await rig.reconcile()
    assert [record.message for record in caplog.records].count("web: the file names blue again") == 1


async def test_a_stuck_rollback_is_told_once_and_done_when_it_can_be(rig: Rig) -> None:
    """Both sides bad: the traffic is held, one sentence says so, and the first healthy server ends it."""
    await rig.switch()
    await rig.until_phase(Phase.WATCHING)
    rig.balancer.servers_up["web_blue"] = 0
    await rig.decider.submit("web", RollbackOrdered(rig.clock.now(), "bob", "no"))
    await rig.until_phase(Phase.STUCK)
    entries = len(rig.store.journal())
    for _ in range(3):
        await rig.reconcile()
    assert rig.balancer.workers[0].splits["web"] == GREEN
    assert len(rig.store.journal()) == entries
    assert sum("STUCK" in sentence for sentence in rig.sentences) == 1
    rig.balancer.servers_up["web_blue"] = 1
    await rig.reconcile()
    await rig.until_phase(Phase.ROLLED_BACK)


async def test_a_stuck_rollback_is_told_once_whatever_figures_its_reason_has(rig: Rig) -> None:
    """A worker that hangs is waited for a little longer or shorter each time: that is no news, for the journal or anybody."""
    await rig.switch()
    await rig.until_phase(Phase.WATCHING)
    for waited in (2.01, 2.02, 2.13):
        rig.balancer.failures["route"] = BalancerError(workers_silent("web", BLUE, [12, 345], waited))
        if rig.phase is Phase.WATCHING:
            await rig.decider.submit("web", RollbackOrdered(rig.clock.now(), "bob", "no"))
            await rig.until_phase(Phase.STUCK)
            entries = len(rig.store.journal())
        else:
            await rig.reconcile()
    assert len(rig.store.journal()) == entries
    assert sum("STUCK" in sentence for sentence in rig.sentences) == 1


async def test_force_sends_the_traffic_where_no_server_is_healthy(rig: Rig) -> None:
    """A person may know better."""
    await rig.switch()
    await rig.until_phase(Phase.WATCHING)
    rig.balancer.servers_up["web_blue"] = 0
    await rig.decider.submit("web", RollbackOrdered(rig.clock.now(), "bob", "no", force=True))
    await rig.until_phase(Phase.ROLLED_BACK)
    assert rig.balancer.workers[0].splits["web"] == BLUE
