"""Whether a rollback would work: asked before it is needed."""

import pytest

from guardian.app.readiness import Prober
from guardian.core.deployment import Phase
from guardian.core.model import Environment, Split
from guardian.core.ports import BalancerGone
from tests.unit.app.conftest import WEB, Rig


@pytest.fixture
def prober(rig: Rig) -> Prober:
    """A prober of the rig."""
    return Prober({"web": WEB}, rig.balancer, rig.recorder, rig.decider.state, rig.clock)


async def test_it_would_work(rig: Rig, prober: Prober) -> None:
    """In mid-watch, to the side that was left."""
    await rig.switch()
    await rig.until_phase(Phase.WATCHING)
    assert prober.last("web") is None
    await prober.probe()
    answer = prober.last("web")
    assert answer is not None
    assert answer.ready
    assert answer.to is Environment.BLUE


async def test_it_would_not_work_without_a_healthy_server(rig: Rig, prober: Prober) -> None:
    """The sentence names the backend."""
    rig.balancer.servers_up["web_blue"] = 0
    await prober.probe()
    answer = prober.last("web")
    assert answer is not None
    assert not answer.ready
    assert "web_blue" in answer.faults[0]


async def test_it_would_not_work_without_the_balancer(rig: Rig, prober: Prober) -> None:
    """A socket that does not answer is found before it matters."""
    rig.balancer.failures["health"] = BalancerGone("nobody listens")
    await prober.probe()
    answer = prober.last("web")
    assert answer is not None
    assert answer.faults == ("the balancer cannot be asked: nobody listens",)


async def test_a_worker_astray_is_a_fault(rig: Rig, prober: Prober) -> None:
    """A worker with another split than is intended would serve from the wrong side."""
    rig.balancer.workers[0].splits["web"] = Split(500)
    await prober.probe()
    answer = prober.last("web")
    assert answer is not None
    assert "another split of web" in answer.faults[0]


async def test_the_log_says_once_why_and_when_it_is_over(rig: Rig, prober: Prober, caplog: pytest.LogCaptureFixture) -> None:
    """Who reads the journal in the morning sees why `/readyz` said no; a reason that stays is not repeated, another one is told."""
    caplog.set_level("INFO", "guardian.app.readiness")
    await prober.probe()
    assert not caplog.records
    rig.balancer.failures["health"] = BalancerGone("nobody listens")
    await prober.probe()
    await prober.probe()
    rig.balancer.failures["health"] = BalancerGone("it hangs")
    await prober.probe()
    del rig.balancer.failures["health"]
    await prober.probe()
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "web: a rollback to blue would not work now: the balancer cannot be asked: nobody listens"),
        ("WARNING", "web: a rollback to blue would not work now: the balancer cannot be asked: it hangs"),
        ("INFO", "web: a rollback to blue would work again"),
    ]
