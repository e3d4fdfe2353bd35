"""What the shield did is counted from the beginning of a deployment to its end, whatever the balancer's worker does meanwhile."""

from dataclasses import replace

import pytest

from guardian.app.shields import SETTLE_SECONDS, Shields
from guardian.core.deployment import Deployment, Phase, ServiceState, Shielded
from guardian.core.events import Event, Saved
from guardian.core.model import Environment, Split
from guardian.core.ports import BalancerGone
from guardian.core.readings import History
from guardian.core.shield import Savings, Shield
from tests.doubles.balancer import FakeBalancer
from tests.unit.app.conftest import WEB

GREEN = Environment.GREEN
SHIELDED = replace(WEB, shield=Shield())


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.time = 100.0

    def now(self) -> float:
        """As the protocol says."""
        return self.time

    def monotonic(self) -> float:
        """As the protocol says."""
        return self.time


class Rig:
    """The counting alone, for one deployment after the other."""

    def __init__(self) -> None:
        self.balancer, self.clock = FakeBalancer([SHIELDED]), Clock()
        self.state = ServiceState("web", Split(0), Split(0))
        self.told: list[Event] = []
        self.shields = Shields({"web": SHIELDED}, self.balancer, lambda _: self.state, self.clock, self.report)
        self.count(7, 7, 0)

    async def report(self, service: str, event: Event) -> None:
        """What is told."""
        assert service == "web"
        self.told.append(event)

    def count(self, tried: int, saved: int, lost: int, plain: int = 0) -> None:
        """What the worker has counted since its birth."""
        self.balancer.saved[GREEN] = Savings("", tried, saved, lost, plain)

    def deploy(self, phase: Phase, number: int = 1, ended_at: float | None = None) -> None:
        """A deployment that stands there."""
        split = Split(10_000)
        cutover_at = None if phase is Phase.CUTTING_OVER else 95.0
        self.state = replace(
            self.state,
            deployment=Deployment(
                f"web-{number}",
                number,
                GREEN,
                Split(0),
                split,
                phase,
                90.0,
                "alice",
                "",
                600.0,
                "",
                History(),
                ended_at=ended_at,
                cutover_at=cutover_at,
            ),
        )


async def test_only_what_came_in_the_deployment_counts() -> None:
    """Earlier counts of the worker are nobody's."""
    rig = Rig()
    await rig.shields.look()
    rig.deploy(Phase.WATCHING)
    await rig.shields.look()
    assert rig.shields.of("web") is None
    rig.count(17, 15, 3)
    await rig.shields.look()
    assert rig.shields.of("web") == Shielded(10, 8, 3)


async def test_a_new_worker_counts_from_nothing() -> None:
    """What the old one had counted is kept."""
    rig = Rig()
    await rig.shields.look()
    rig.deploy(Phase.WATCHING)
    rig.count(10, 10, 0)
    await rig.shields.look()
    rig.balancer.reload()
    rig.count(2, 1, 1)
    await rig.shields.look()
    assert rig.shields.of("web") == Shielded(5, 4, 1)


async def test_the_end_is_told_once_when_it_has_settled() -> None:
    """Not before the last requests have been answered, and with them."""
    rig = Rig()
    await rig.shields.look()
    rig.deploy(Phase.WATCHING)
    await rig.shields.look()
    rig.count(50, 48, 0)
    rig.deploy(Phase.ROLLED_BACK, ended_at=rig.clock.time)
    await rig.shields.look()
    assert rig.told == []
    rig.clock.time += SETTLE_SECONDS
    rig.count(52, 50, 0)
    await rig.shields.look()
    await rig.shields.look()
    assert rig.told == [Saved(rig.clock.time, "web-1", 45, 43, 0)]


async def test_nothing_saved_is_nothing_told() -> None:
    """A good release ends without a word about the shield."""
    rig = Rig()
    await rig.shields.look()
    rig.deploy(Phase.WATCHING)
    await rig.shields.look()
    rig.deploy(Phase.VERIFIED, ended_at=0.0)
    await rig.shields.look()
    assert rig.told == []


@pytest.mark.parametrize("found", [True, False], ids=["gone", "without sections"])
async def test_a_balancer_that_does_not_say_harms_nobody(found: bool) -> None:  # noqa: FBT001  a parameter of the test
    """It is asked again at the next turn."""
    rig = Rig()
    rig.deploy(Phase.WATCHING)
    if found:
        rig.balancer.failures["savings"] = BalancerGone("gone")
    else:
        rig.balancer.saved.clear()
    await rig.shields.look()
    assert rig.shields.of("web") is None


async def test_a_trial_between_two_looks_is_told_as_well() -> None:
    """A host that was busy for a while; and what it saved is not the next deployment's."""
    rig = Rig()
    await rig.shields.look()
    rig.count(27, 26, 0)
    rig.deploy(Phase.ROLLED_BACK, ended_at=0.0)
    await rig.shields.look()
    assert rig.told == [Saved(rig.clock.time, "web-1", 20, 19, 0)]
    rig.deploy(Phase.WATCHING, number=2)
    await rig.shields.look()
    assert rig.shields.of("web") is None


async def test_what_came_before_a_deployment_is_not_its_own() -> None:
    """An unverified release goes on saving until it is promoted: that is over when the next one begins."""
    rig = Rig()
    await rig.shields.look()
    rig.deploy(Phase.UNVERIFIED, ended_at=0.0)
    await rig.shields.look()
    rig.count(50, 50, 0)
    rig.deploy(Phase.CUTTING_OVER, number=2)
    await rig.shields.look()
    rig.count(53, 52, 1)
    await rig.shields.look()
    assert rig.shields.of("web") == Shielded(3, 2, 1)


async def test_what_fails_the_plain_way_counts_while_the_release_is_on_trial() -> None:
    """What testers met before it had traffic is not what users met, and after its promotion it is no longer on trial."""
    rig = Rig()
    await rig.shields.look()
    rig.deploy(Phase.CUTTING_OVER)
    await rig.shields.look()
    rig.count(7, 7, 0, 3)
    await rig.shields.look()
    assert rig.shields.of("web") is None
    rig.deploy(Phase.WATCHING)
    rig.count(7, 7, 0, 5)
    await rig.shields.look()
    assert rig.shields.of("web") == Shielded(0, 0, 0, 2)
    rig.deploy(Phase.VERIFIED, ended_at=rig.clock.time)
    rig.count(9, 8, 1, 9)
    await rig.shields.look()
    assert rig.shields.of("web") == Shielded(2, 1, 1, 2)


async def test_whoever_waits_is_told_until_when_it_counts() -> None:
    """To the end of what is told of the deployment; without one there is nothing to count."""
    rig = Rig()
    assert not rig.shields.counting("web")
    rig.deploy(Phase.WATCHING)
    assert not rig.shields.counting("web")
    await rig.shields.look()
    rig.deploy(Phase.ROLLED_BACK, ended_at=rig.clock.time)
    await rig.shields.look()
    assert rig.shields.counting("web")
    rig.clock.time += SETTLE_SECONDS
    await rig.shields.look()
    assert not rig.shields.counting("web")
