"""Leaving nothing behind: begun after the proof, as configured, and begun again after a restart."""

from dataclasses import replace

from guardian.app.ending import Endings
from guardian.core.commands import End
from guardian.core.events import Ended, Event
from guardian.core.model import Ending, Environment, Routing, Split
from guardian.core.ports import BalancerError, Left
from tests.unit.app.conftest import WEB, Rig

BLUE = Environment.BLUE


async def ended(rig: Rig, routing: Routing) -> Ended:
    """How an ending of blue is reported."""
    reports: list[Event] = []

    async def report(_service: str, event: Event) -> None:
        reports.append(event)

    endings = Endings({"web": replace(WEB, routing=routing)}, rig.balancer, rig.clock, report)
    endings.begin("web", End(BLUE, 3, rig.clock.now()))
    await rig.until(lambda: bool(reports))
    await endings.aclose()
    assert isinstance(reports[0], Ended)
    return reports[0]


async def test_a_switch_leaves_nothing_waiting(rig: Rig) -> None:
    """After the proof, waiting requests are given away, and what stays open is told."""
    rig.balancer.left[BLUE] = Left(queued=3, open=2)
    await rig.switch()
    await rig.until(lambda: rig.state.ended == rig.state.generation)
    assert ("leave", "web blue") in rig.balancer.calls
    assert "web: left on blue: 3 waiting requests given to the other side, 2 connections still open there" in rig.sentences


async def test_connections_are_cut_after_their_grace(rig: Rig) -> None:
    """First what waits is moved, then what is open is closed."""
    rig.balancer.left[BLUE] = Left(queued=1, open=4)
    report = await ended(rig, Routing(ending=Ending.CUT, grace=0.05))
    assert (report.moved, report.cut, report.open) == (1, 4, 0)
    assert rig.clock.now() - report.at >= 0
    assert rig.balancer.calls == [("leave", "web blue"), ("leave", "web blue cut")]


async def test_draining_closes_nothing(rig: Rig) -> None:
    """They may finish what they are doing."""
    rig.balancer.left[BLUE] = Left(open=4)
    report = await ended(rig, Routing(ending=Ending.DRAIN))
    assert (report.cut, report.open) == (0, 4)
    assert ("leave", "web blue cut") not in rig.balancer.calls


async def test_what_cannot_be_done_is_told(rig: Rig) -> None:
    """A balancer that refuses is no reason to stop: the sentence says what stays."""
    rig.balancer.failures["leave"] = BalancerError("not allowed")
    assert (await ended(rig, Routing())).trouble == "not allowed"


async def ending(rig: Rig) -> None:
    """Leave blue with a grace that is not over, and wait until the ending has begun."""
    rig.actor._endings._services = {"web": replace(WEB, routing=Routing(ending=Ending.CUT, grace=3600))}
    rig.balancer.left[BLUE] = Left(open=4)
    await rig.switch()
    await rig.until(lambda: ("leave", "web blue") in rig.balancer.calls)
    await rig.actor.idle()


def under_way(rig: Rig) -> bool:
    """Whether something is still to be done about the abandoned side."""
    task = rig.actor._endings._tasks.get("web")
    return task is not None and not task.done()


async def test_a_side_that_a_hand_brings_back_is_not_cut(rig: Rig) -> None:
    """Nobody's connections are closed on a side that has traffic again, whatever was planned when it had none."""
    await ending(rig)
    rig.balancer.workers[0].splits["web"] = Split(5000)
    await rig.reconcile()
    assert rig.state.live == Split(5000)
    await rig.until(lambda: not under_way(rig))
    assert ("leave", "web blue cut") not in rig.balancer.calls


async def test_a_split_that_is_restored_ends_no_ending(rig: Rig) -> None:
    """After somebody's reload the side is the abandoned one as before: what it still has is dealt with."""
    await ending(rig)
    rig.balancer.reload()
    await rig.reconcile()
    assert rig.balancer.workers[0].splits["web"] == Split(10_000)
    assert under_way(rig)


async def test_a_newer_routing_ends_an_ending(rig: Rig) -> None:
    """The side may be the one that gets the traffic back: nothing of it is closed any more."""
    reports: list[Event] = []

    async def report(_service: str, event: Event) -> None:
        reports.append(event)

    endings = Endings({"web": replace(WEB, routing=Routing(ending=Ending.CUT, grace=3600))}, rig.balancer, rig.clock, report)
    endings.begin("web", End(BLUE, 3, rig.clock.now()))
    await rig.until(lambda: bool(rig.balancer.calls))
    endings.cancel("web")
    await endings.aclose()
    assert reports == []
    assert rig.balancer.calls == [("leave", "web blue")]
