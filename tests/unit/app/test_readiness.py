"""Whether a rollback would work: asked before it is needed."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from guardian.app.readiness import Prober
from guardian.core.deployment import Phase
from guardian.core.model import Environment, Split
from guardian.core.ports import About, BalancerError, BalancerGone
from guardian.core.words.balancer import disk_full, map_not_writable, workers_silent
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


async def test_a_reason_with_a_figure_that_changes_is_told_once(rig: Rig, prober: Prober, caplog: pytest.LogCaptureFixture) -> None:
    """Free bytes, waiting entries, processes, seconds: none of them fills the log, one line every three seconds."""
    caplog.set_level("INFO", "guardian.app.readiness")
    for free in (12_345, 987, 1_234_567):
        rig.balancer.failures["storable"] = BalancerError(map_not_writable(Path("/map"), disk_full(Path("/"), free)))
        await prober.probe()
    for pids in ((1234, 5), (22, 333), (22, 333, 4)):
        rig.balancer.failures["storable"] = BalancerError(workers_silent("web", Split(0), pids, 2.0 + pids[0] / 1000))
        await prober.probe()
    told = [record.getMessage() for record in caplog.records]
    assert "12,345 bytes" in told[0]
    assert sum("bytes" in sentence for sentence in told) == 1
    assert sum("did not confirm" in sentence for sentence in told) == 1


async def test_a_side_that_comes_and_goes_does_not_fill_the_log(
    rig: Rig, prober: Prober, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told when it goes and when it is back; again only after a while, and then also where it has stayed away."""
    caplog.set_level("INFO", "guardian.app.readiness")
    now = 1000.0
    monkeypatch.setattr(rig.clock, "monotonic", lambda: now)

    async def probe(*, up: int) -> int:
        nonlocal now
        now += 3.0
        rig.balancer.servers_up["web_blue"] = up
        await prober.probe()
        return len(caplog.records)

    assert [await probe(up=number % 2) for number in range(10)] == [1, 2] + [2] * 8
    assert [await probe(up=0) for _ in range(12)] == [2] * 10 + [3] * 2
    assert await probe(up=1) == 4
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO", "WARNING", "INFO"]


async def test_no_answer_grows_old_because_others_are_asked_first(rig: Rig) -> None:
    """A balancer that hangs uses up a turn with a few services: the next turn begins with those that were not reached."""
    services = {name: replace(WEB, name=name) for name in ("a", "b", "c")}
    asked: list[str] = []

    async def hang(service: str) -> About:
        asked.append(service)
        await asyncio.Event().wait()
        raise AssertionError

    rig.balancer.about = hang  # type: ignore[method-assign]
    prober = Prober(services, rig.balancer, rig.recorder, lambda name: replace(rig.state, service=name), rig.clock)
    for number in range(1, 5):
        turn = asyncio.create_task(prober.probe())
        await rig.until(lambda number=number: len(asked) == number)  # type: ignore[misc]
        turn.cancel()
        await asyncio.wait({turn})
    assert asked == ["a", "b", "c", "a"]
