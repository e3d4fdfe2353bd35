"""Verifying an environment: real servers, healthy and not, that pass health checks and fail what matters."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from guardian.core.model import Environment, Service
from guardian.core.ports import BalancerGone, Server, StageJob
from guardian.core.stages import Check, Command, Expectation, Load, Stages, Verify
from guardian.core.strategy import StageKind
from guardian.demo.application import Application, Fault
from guardian.stages import runner
from tests.doubles.balancer import FakeBalancer
from tests.doubles.prometheus import Behaviour, StandIn, trickle
from tests.stages.conftest import Heard
from tests.waiting import eventually

HOME = Check("home", "/", expect=Expectation(headers=(("X-Version", "$version"),), body="from $environment"))

DROPS = (trickle(b"HTTP/1.1 200 OK\r\nX-Slow: "), trickle(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n{"))
"""The head, and the body."""


@pytest.fixture
async def servers() -> AsyncIterator[tuple[Application, Application]]:
    """Two servers of green with v2."""
    async with AsyncExitStack() as ends:
        first = await ends.enter_async_context(Application(Environment.GREEN, "v2", latency=0))
        yield first, await ends.enter_async_context(Application(Environment.GREEN, "v2", latency=0))


class Rig:
    """A service with its stages, and the balancer that knows its servers."""

    def __init__(self, servers: Sequence[Application], verify: Verify) -> None:
        self.service = Service("web", "web_blue", "web_green", stages=Stages(verify=replace(verify, settle=0.0)))
        self.balancer = FakeBalancer([self.service])
        self.list(*(Server(f"green{number}", "127.0.0.1", each.port, "UP", up=True) for number, each in enumerate(servers, 1)))
        self.heard = Heard()

    def list(self, *servers: Server) -> None:
        """The servers of green."""
        self.balancer.listed["web_green"] = servers

    async def verify(self, version: str = "v2") -> tuple[bool, str, Mapping[str, object]]:
        """Whether green is fit, the sentence, the details."""
        stages = runner.Stages({"web": self.service}, self.balancer)
        job = StageJob(StageKind.VERIFY, "web", Environment.GREEN, version, "web-1", 1, "ann", 0.0)
        result = await stages.run(job, self.heard)
        return result.ok, result.summary, result.details


async def test_good_servers_pass_every_part(servers: tuple[Application, Application], tmp_path: Path) -> None:
    """Health, two checks on two servers, a load and a test suite; each is told."""
    suite = Command((sys.executable, "-c", "print('12 passed')"), name="suite")
    verify = Verify(checks=(HOME, Check("post", "/", "POST")), load=Load(rate=50, seconds=1, latency=2.0), commands=(suite,))
    rig = Rig(servers, verify)
    ok, summary, _ = await rig.verify()
    assert ok, summary
    assert summary.startswith(
        "green verified: HAProxy finds all 2 servers healthy; 4 smoke checks passed; load: 50 requests, 0 failed"
    )
    assert summary.endswith("`suite` passed")
    assert any("`home` at green2: as expected" in line for line in rig.heard)


async def test_servers_that_pass_health_and_fail_the_smoke_test_are_found(servers: tuple[Application, Application]) -> None:
    """The health check lets this fault through; the smoke test names check, server, value and expectation."""
    servers[1].fault = Fault(errors=1.0)
    rig = Rig(servers, Verify(checks=(HOME,)))
    ok, summary, _ = await rig.verify()
    assert not ok
    assert summary.startswith("green is not fit for traffic: `home` at green2: answered 500, expected 200")


async def test_a_half_updated_server_is_found(servers: tuple[Application, Application]) -> None:
    """One of two servers still runs the old version."""
    servers[0].version = "v1"
    ok, summary, _ = await Rig(servers, Verify(checks=(HOME,))).verify()
    assert not ok
    assert "`home` at green1: header `X-Version` is `v1`, expected `v2`" in summary


async def test_a_server_that_haproxy_does_not_use_is_not_fit(servers: tuple[Application, Application]) -> None:
    """Every server of the environment must be up, not only one."""
    rig = Rig(servers, Verify(checks=(HOME,)))
    rig.list(*rig.balancer.listed["web_green"], Server("green3", "127.0.0.1", 1, "DOWN", up=False))
    ok, summary, _ = await rig.verify()
    assert not ok
    assert "server `green3` is DOWN in HAProxy's eyes" in summary


async def test_servers_may_take_their_time_to_come_up(servers: tuple[Application, Application]) -> None:
    """What is down when the stage begins, and up a moment later, is healthy."""
    rig = Rig(servers, Verify())
    rig.service = replace(rig.service, stages=Stages(verify=Verify(settle=30.0)))
    good = rig.balancer.listed["web_green"]
    rig.list(replace(good[0], up=False, status="DOWN"))
    running = asyncio.create_task(rig.verify())

    async def told() -> bool:
        return bool(rig.heard)

    await eventually(told)
    rig.list(*good)
    ok, summary, _ = await running
    assert ok, summary


async def test_a_server_that_hangs_costs_its_time_out_and_no_more(servers: tuple[Application, Application]) -> None:
    """A deadline per check, and the reason in the sentence."""
    servers[0].fault = Fault(hang=True)
    check = replace(HOME, expect=Expectation(within=0.3))
    ok, summary, _ = await Rig(servers, Verify(checks=(check,))).verify()
    assert not ok
    assert "`home` at green1: did not answer within 0.30 s: the time was up" in summary


@pytest.mark.parametrize("answer", DROPS)
async def test_a_server_that_answers_in_drops_costs_its_time_out_and_no_more(answer: Behaviour) -> None:
    """Of a check and of a load, all in all; nobody is left connected."""
    async with StandIn(answer) as server:
        load = Load(rate=50, seconds=0.2, at_once=5, timeout=0.5)
        rig = Rig((), Verify(checks=(replace(HOME, expect=Expectation(within=0.3)),), load=load))
        rig.list(Server("green1", "127.0.0.1", int(server.url.rpartition(":")[2]), "UP", up=True))
        async with asyncio.timeout(30.0):
            ok, summary, _ = await rig.verify()

        async def nobody() -> bool:
            return not server.connected

        await eventually(nobody)
    assert not ok
    assert "`home` at green1: did not answer within 0.30 s: the time was up" in summary
    assert "10 of 10 requests failed" in summary


async def test_a_load_finds_what_single_requests_do_not(servers: tuple[Application, Application]) -> None:
    """One answer in ten is bad: checks that ask once may miss it, two hundred requests do not."""
    for each in servers:
        each.fault = Fault(errors=0.3)
    ok, summary, _ = await Rig(servers, Verify(load=Load(rate=200, seconds=1))).verify()
    assert not ok
    assert "load: " in summary
    assert "of 200 requests failed" in summary
    assert "allowed 1 %" in summary


async def test_a_load_on_servers_that_hang_ends_and_counts_everything(servers: tuple[Application, Application]) -> None:
    """What is not sent because too much is open counts as failed."""
    for each in servers:
        each.fault = Fault(hang=True)
    ok, summary, _ = await Rig(servers, Verify(load=Load(rate=100, seconds=0.5, at_once=5, timeout=0.5))).verify()
    assert not ok
    assert "50 of 50 requests failed" in summary


async def test_every_part_is_done_also_after_one_has_failed(servers: tuple[Application, Application]) -> None:
    """One run shows everything that is wrong."""
    servers[0].fault = Fault(errors=1.0)
    bad = Command((sys.executable, "-c", "raise SystemExit(7)"), name="suite")
    ok, summary, details = await Rig(servers, Verify(checks=(HOME,), commands=(bad,))).verify()
    assert not ok
    assert "`home` at green1: answered 500" in summary
    assert "`suite` ended with exit code 7" in summary
    assert any("`home` at green2: as expected" in line for line in details["lines"])  # type: ignore[attr-defined]  lines


async def test_a_balancer_that_is_silent_is_no_proof(servers: tuple[Application, Application]) -> None:
    """Where health cannot be asked for, nothing is verified."""
    rig = Rig(servers, Verify(checks=(HOME,)))
    rig.balancer.failures["servers"] = BalancerGone("nobody answers")
    ok, summary, _ = await rig.verify()
    assert not ok
    assert "HAProxy could not be asked: nobody answers" in summary


async def test_an_environment_without_servers_is_not_fit(servers: tuple[Application, Application]) -> None:
    """Nothing to verify is nothing verified."""
    rig = Rig(servers, Verify(checks=(HOME,)))
    rig.balancer.listed["web_green"] = ()
    rig.balancer.servers_up["web_green"] = 0
    ok, summary, _ = await rig.verify()
    assert not ok
    assert "is DOWN" in summary


async def test_a_stage_that_is_not_configured_passes_and_says_so(servers: tuple[Application, Application]) -> None:
    """A service without a retire stage has nothing to retire."""
    rig = Rig(servers, Verify())
    stages = runner.Stages({"web": rig.service}, rig.balancer)
    result = await stages.run(StageJob(StageKind.RETIRE, "web", Environment.BLUE, "v1", "web-1", 1, "ann", 0.0), rig.heard)
    assert result.ok
    assert result.summary == "web has no stage `retire`: nothing was done"
    assert list(stages.offers("web")) == [StageKind.VERIFY]


async def test_retiring_says_what_its_owner_wants_to_be_noted(servers: tuple[Application, Application]) -> None:
    """A stage that has passed ends with the sentence that stands in guardian.yaml; one that failed does not."""
    for code, summary in ((0, "`true` passed. blue of web is free"), (7, "`true` ended with exit code 7")):
        argv = (sys.executable, "-c", f"raise SystemExit({code})")
        retire = Command(argv, name="true", note="$environment of $service is free")
        service = Service("web", "web_blue", "web_green", stages=Stages(retire=retire))
        stages = runner.Stages({"web": service}, FakeBalancer([service]))
        result = await stages.run(StageJob(StageKind.RETIRE, "web", Environment.BLUE, "v1", "web-1", 1, "ann", 0.0), Heard())
        assert (result.ok, result.summary) == (code == 0, summary)
