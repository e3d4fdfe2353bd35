"""Several HAProxy on one host: what goes wrong with one keeps no release behind another from being judged."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from guardian.app.clock import SteadyClock
from guardian.app.gauges import Gauges
from guardian.app.watch import Watcher
from guardian.app.watching import Beat, Records, Wires
from guardian.balancers.haproxy.fleet import Fleet
from guardian.core.deployment import Phase, ServiceState
from guardian.core.events import Adopted, Event, Routed, SwitchRequested
from guardian.core.model import BASIS_POINTS, Environment, Service, Split
from guardian.core.ports import BalancerGone
from guardian.core.readings import Snapshot
from guardian.core.rules import RuleSet
from guardian.core.switch import adopt, step
from tests.doubles.balancer import FakeBalancer
from tests.doubles.rulefiles import SERVER_ERRORS
from tests.waiting import until

WEB, SHOP = Service("web", "web_blue", "web_green"), Service("shop", "shop_blue", "shop_green")
SERVICES = {"web": WEB, "shop": SHOP}
BACKENDS = ["shop_blue", "shop_green", "web_blue", "web_green"]


class Instances:
    """``web`` behind one HAProxy and ``shop`` behind another, as one balancer."""

    def __init__(self) -> None:
        self.web, self.shop = FakeBalancer([WEB]), FakeBalancer([SHOP])
        self.shop.workers[0].name = "worker of shop"
        self.fleet = Fleet(SERVICES, {"web": self.web, "shop": self.shop})

    def freeze_shop(self) -> asyncio.Event:
        """Let it hang from now on; set once it is asked."""
        asked = asyncio.Event()

        async def hang(backends: Sequence[str]) -> Snapshot:
            del backends
            asked.set()
            await asyncio.Event().wait()
            raise AssertionError

        self.shop.snapshot = hang  # type: ignore[method-assign]
        return asked


@pytest.fixture
def instances() -> Instances:
    """Both."""
    return Instances()


async def test_each_backend_has_the_worker_of_its_own_instance(instances: Instances) -> None:
    """Whoever else is asked in the same look: another worker means that the counters began anew."""
    alone, both = await instances.fleet.snapshot(["web_blue"]), await instances.fleet.snapshot(BACKENDS)
    assert alone.worker_of("web_blue") == both.worker_of("web_blue") == "worker-1"
    assert both.worker_of("shop_green") == "worker of shop"


async def test_an_instance_that_is_gone_is_missing_alone(instances: Instances) -> None:
    """The counters of the other come, with the reason why these do not; where none answers, that is an error."""
    instances.shop.failures["snapshot"] = BalancerGone("nobody listens")
    found = await instances.fleet.snapshot(BACKENDS)
    assert (set(found.backends), found.missing) == (
        {"web_blue", "web_green"},
        {"shop_blue": "nobody listens", "shop_green": "nobody listens"},
    )
    with pytest.raises(BalancerGone, match="nobody listens"):
        await instances.fleet.snapshot(["shop_blue"])


async def test_an_instance_that_hangs_is_not_waited_for(instances: Instances) -> None:
    """Nor is it asked again before it has answered."""
    asked = instances.freeze_shop()
    for _ in range(3):
        async with asyncio.timeout(10.0):
            found = await instances.fleet.snapshot(BACKENDS)
        assert set(found.backends) == {"web_blue", "web_green"}
        assert "does not answer" in found.missing["shop_blue"]
    assert asked.is_set()
    await instances.fleet.aclose()


async def test_the_reason_why_an_instance_is_missing_stays_the_same(instances: Instances) -> None:
    """Whether it is still being asked or has just been: who tells of it when it changes tells it once."""
    instances.shop.failures["snapshot"] = BalancerGone("it is frozen")
    with pytest.raises(BalancerGone, match="it is frozen"):
        await instances.fleet.snapshot(["shop_blue"])
    instances.freeze_shop()
    for _ in range(2):
        assert (await instances.fleet.snapshot(BACKENDS)).missing["shop_blue"] == "it is frozen"
    with pytest.raises(BalancerGone, match="it is frozen"):
        await instances.fleet.snapshot(["shop_blue"])
    await instances.fleet.aclose()


class OnTrial:
    """A watcher of both, with ``web`` on trial; what it reports, and how often it says that a worker was replaced."""

    def __init__(self, instances: Instances) -> None:
        self.clock, self.events, self.reborn = SteadyClock(), list[Event](), list[str]()
        beat = Beat(look_every=0.01, idle_every=0.03)
        rules = {name: RuleSet(name, (replace(SERVER_ERRORS),)) for name in SERVICES}
        self.watcher = Watcher(SERVICES, instances.fleet, self.clock, rules.__getitem__, Gauges(), beat)
        self.watcher.connect(Wires(self._report, self.reborn.append, self._keep))

    async def _report(self, service: str, event: Event) -> None:
        del service
        self.events.append(event)

    def _keep(self, deployment: str, gather: Callable[[], Records]) -> None:
        del deployment, gather

    def state(self) -> ServiceState:
        """``web`` a moment after its cutover."""
        now = self.clock.now()
        met = adopt("web", Adopted(now, Split.all_on(Environment.BLUE), "worker-1")).state
        moving = step(met, SwitchRequested(now, "alice", "v2", Environment.GREEN, BASIS_POINTS, watch_seconds=600.0)).state
        return step(moving, Routed(now, moving.generation, "worker-1", 1, 0.0)).state

    @asynccontextmanager
    async def running(self) -> AsyncIterator["OnTrial"]:
        """Let it look."""
        state = self.state()
        assert state.deployment
        assert state.deployment.phase is Phase.WATCHING
        self.watcher.begin(state)
        looking = asyncio.create_task(self.watcher.run())
        try:
            yield self
        finally:
            looking.cancel()
            await asyncio.wait({looking})


@pytest.mark.parametrize("trouble", ["gone", "hanging"])
async def test_a_release_is_judged_whatever_another_instance_does(
    instances: Instances, trouble: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It fails, and that is seen; that the other instance's counters are missing is told once."""
    if trouble == "gone":
        instances.shop.failures["snapshot"] = BalancerGone("nobody listens")
    else:
        instances.freeze_shop()

    def fails() -> bool:
        instances.web.count("web_green", requests=5, responses_5xx=5)
        return bool(trial.events)

    async with OnTrial(instances).running() as trial:
        await until(fails)
        await until(lambda: "cannot be read" in caplog.text)
    assert [event.kind for event in trial.events] == ["breached"]
    told = [record.getMessage() for record in caplog.records if "cannot be read" in record.getMessage()]
    assert len(told) == 1
    assert told[0].startswith("shop: the balancer's counters cannot be read: ")
    await instances.fleet.aclose()


async def test_an_instance_that_goes_after_errors_is_told_once(instances: Instances, caplog: pytest.LogCaptureFixture) -> None:
    """Looks at what it had errors of, and at all, follow one another: nothing is lost and found with each of them."""
    caplog.set_level("INFO")
    rules = {name: RuleSet(name, (replace(SERVER_ERRORS),)) for name in SERVICES}
    beat = Beat(look_every=0.01, idle_every=0.03)
    watcher = Watcher(SERVICES, instances.fleet, SteadyClock(), rules.__getitem__, Gauges(), beat)
    looking = asyncio.create_task(watcher.run())
    await until(lambda: watcher.observer("shop")._last is not None)
    instances.shop.count("shop_blue", requests=5, responses_5xx=5)
    await until(lambda: watcher.history("shop", Environment.BLUE).count(("responses_5xx",)) == 5)
    instances.shop.failures["snapshot"] = BalancerGone("nobody listens")
    await until(lambda: "shop: the balancer's counters cannot be read" in caplog.text)
    caplog.clear()
    seen = watcher.evaluations
    await until(lambda: watcher.evaluations > seen + 10)
    looking.cancel()
    await asyncio.wait({looking})
    assert [record.getMessage() for record in caplog.records if "read" in record.getMessage()] == []


async def test_looks_at_both_instances_cost_no_evidence(instances: Instances) -> None:
    """Looks at one alone and at both follow one another: nobody takes that for another worker, and no request is overlooked."""
    async with OnTrial(instances).running() as trial:
        await until(lambda: trial.watcher.observer("web")._last is not None and trial.watcher.observer("shop")._last is not None)

        def counted() -> int:
            instances.web.count("web_green", requests=1, responses_2xx=1)
            return trial.watcher.verdicts("web")[0].samples

        await until(lambda: counted() >= 100)
        total: Mapping[str, int] = {"web": instances.web.workers[0].counters["web_green"].requests}
        await until(lambda: trial.watcher.verdicts("web")[0].samples == total["web"])
    assert trial.reborn == []
