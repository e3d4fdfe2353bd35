"""Who is looked at closely at rest: services with errors of late of which too little is known."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from guardian.app.attention import SECONDS, SERVICES, Attention
from guardian.app.clock import SteadyClock
from guardian.app.gauges import Gauges
from guardian.app.observe import KNOWN_SECONDS, Observer
from guardian.app.watch import Watcher
from guardian.app.watching import Beat
from guardian.core.model import Environment, Service, Split
from guardian.core.readings import Snapshot, Tally
from guardian.core.rules import Direction, Ratio, RuleSet, Sequential, Threshold
from tests.doubles.balancer import FakeBalancer
from tests.doubles.virtual import run
from tests.unit.core.makers import LOOK, rule

BLUE, GREEN = Environment.BLUE, Environment.GREEN
RULES = RuleSet("web", (rule(Sequential(0.01)),))
"""One that judges ``responses_5xx``."""
LIMIT = Threshold(Direction.ABOVE, 0.01)
QUIET, FAILING = Tally(requests=10, responses_2xx=10), Tally(requests=10, responses_5xx=10)


def service(name: str = "web") -> Service:
    """One called ``name``."""
    return Service(name, f"{name}_blue", f"{name}_green")


def saw(attention: Attention, at: float, *, name: str = "web", rules: RuleSet = RULES, **sides: Tally) -> None:
    """A look at a service."""
    tallies = {side: sides.get(side.value, QUIET) for side in Environment}
    attention.saw(Observer(service(name)), rules, at, tallies)


@pytest.mark.parametrize("side", list(Environment))
def test_a_service_with_errors_is_looked_at_closely_for_a_while(side: Environment) -> None:
    """From its latest error on, whichever side it came from."""
    attention = Attention()
    saw(attention, 0.0)
    assert attention.closely(0.0) == []
    saw(attention, 10.0, **{side.value: FAILING})
    saw(attention, 20.0, **{side.value: FAILING})
    saw(attention, 30.0)
    assert attention.closely(20.0 + SECONDS - 1) == ["web"]
    assert attention.closely(20.0 + SECONDS) == []


@pytest.mark.parametrize(
    ("rules", "tally"),
    [
        (RULES, Tally(requests=10, responses_4xx=10)),
        (RuleSet("web"), FAILING),
        (RuleSet("web", (rule(LIMIT),)), FAILING),
        (RuleSet("web", (replace(rule(Sequential(0.01)), measure=Ratio(("responses_2xx",), ("responses",))),)), QUIET),
    ],
)
def test_errors_that_nothing_judges_in_turn_are_left_alone(rules: RuleSet, tally: Tally) -> None:
    """Every service has its 404s; a threshold knows nothing of clumps; and of what is no trouble, none are ever known."""
    attention = Attention()
    saw(attention, 10.0, rules=rules, blue=tally)
    assert attention.closely(10.0) == []


def test_no_more_than_a_few_are_looked_at_closely() -> None:
    """Those whose errors are the latest."""
    attention = Attention()
    for number in range(SERVICES + 5):
        saw(attention, float(number), name=f"web{number}", blue=FAILING)
    saw(attention, 100.0, name="web0", blue=FAILING)
    assert attention.closely(100.0) == [*(f"web{number}" for number in range(6, SERVICES + 5)), "web0"]


def test_what_is_known_well_needs_no_more_looks() -> None:
    """A service whose errors never cease is not looked at closely for ever."""
    attention, observer = Attention(), Observer(service())
    attention.saw(observer, RULES, 0.0, {BLUE: FAILING, GREEN: QUIET})
    assert attention.closely(0.0) == ["web"]
    for look in range(round(KNOWN_SECONDS / LOOK) + 1):
        observer.past[BLUE].add(look * LOOK, LOOK, FAILING)
    attention.saw(observer, RULES, KNOWN_SECONDS, {BLUE: FAILING, GREEN: QUIET})
    assert attention.closely(KNOWN_SECONDS) == []
    attention.saw(observer, RULES, KNOWN_SECONDS, {BLUE: FAILING, GREEN: FAILING})
    assert attention.closely(KNOWN_SECONDS) == ["web"]


class LoopClock(SteadyClock):
    """The clock of a loop of virtual time."""

    def monotonic(self) -> float:
        """Seconds since the loop began."""
        return asyncio.get_running_loop().time()


class Watched(FakeBalancer):
    """A balancer that writes down when it was looked at, and for whom."""

    looks: list[tuple[float, tuple[str, ...]]]

    async def snapshot(self, backends: Sequence[str]) -> Snapshot:
        """As the protocol says."""
        self.looks.append((self.clock(), tuple(backends)))
        return await super().snapshot(backends)


def test_the_watch_looks_closely_after_an_error_and_then_less() -> None:
    """Once a second where all is quiet, as often as at a release on trial where there were errors, and after a while no more."""

    async def main() -> None:
        clock = LoopClock()
        services = {name: service(name) for name in ("api", "web")}
        balancer = Watched(list(services.values()), clock.monotonic, dict.fromkeys(services, Split.all_on(BLUE)))
        balancer.looks = []
        balancer.reload()
        watcher = Watcher(services, balancer, clock, lambda _name: RULES, Gauges(), Beat(0.05, 1.0))
        watching = asyncio.create_task(watcher.run())
        await asyncio.sleep(9.5)
        assert len(balancer.looks) == 10
        balancer.count("web_blue", requests=10, responses_5xx=10)
        await asyncio.sleep(10.0)
        close = [backends for at, backends in balancer.looks if at > 10.01]
        assert len(close) == pytest.approx(190, abs=2)
        assert close.count(("web_blue", "web_green")) == len(close) - 9
        await asyncio.sleep(SECONDS)
        balancer.looks.clear()
        await asyncio.sleep(10.0)
        assert len(balancer.looks) == 10
        watching.cancel()

    run(main())


def test_the_watch_learns_at_rest_how_long_clumps_last() -> None:
    """Ten errors within half a second, now and then: the first ten may have taken a second, of the next it is known."""

    async def main() -> None:
        clock, web = LoopClock(), service()
        balancer = FakeBalancer([web], clock.monotonic, {"web": Split.all_on(BLUE)})
        balancer.reload()
        watcher = Watcher({"web": web}, balancer, clock, lambda _name: RULES, Gauges(), Beat(0.05, 1.0))
        watching = asyncio.create_task(watcher.run())
        lasted = []
        for _ in range(4):
            await asyncio.sleep(100.25)
            for _ in range(10):
                balancer.count("web_blue", requests=1, responses_5xx=1)
                await asyncio.sleep(0.05)
            await asyncio.sleep(2.0)
            lasted.append(watcher.history("web", BLUE).spell(("responses_5xx",)))
        assert lasted[0] == 0.8
        assert set(lasted[1:]) <= {0.4, 0.8}
        watching.cancel()

    run(main())
