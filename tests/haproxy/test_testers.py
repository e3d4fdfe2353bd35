"""Testers reach one environment through the real frontend; nobody else does, and no tester after the traffic has moved."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from guardian.balancers.haproxy import adoption
from guardian.balancers.haproxy.adoption import Unfit
from guardian.balancers.haproxy.balancer import HAProxy
from guardian.balancers.haproxy.document import parse
from guardian.core.model import Environment, Holding, Preview, Routing, Service, Split, Sticky
from guardian.core.ports import BalancerUnfit, StageJob
from guardian.core.stages import Check, Expectation, Stages, Through, Verify
from guardian.core.strategy import StageKind
from guardian.demo.application import Application
from guardian.demo.haproxy import HAProxyProcess, Site
from guardian.stages import runner

BLUE, GREEN = Environment.BLUE, Environment.GREEN
SECRET = "s3cret-of_the-testers"


@dataclass
class Rig:
    """A HAProxy whose service has testers."""

    process: HAProxyProcess
    adapter: HAProxy
    service: Service

    async def visit(self, headers: Mapping[str, str] | None = None, times: int = 10) -> set[str]:
        """Which environments answer visitors who send ``headers``."""
        async with httpx.AsyncClient(trust_env=False) as http:
            answers = [await http.get(f"http://127.0.0.1:{self.process.port}/", headers=headers) for _ in range(times)]
        return {answer.headers["X-Environment"] for answer in answers}


MARKS = {
    "header": Preview(Holding.HEADER, "X-Guardian-Tester", Path("secret")),
    "cookie": Preview(Holding.COOKIE, "tester", Path("secret")),
}


@pytest.fixture(params=["header", "cookie", "sticky"])
async def rig(
    request: pytest.FixtureRequest, binary: Path, applications: Mapping[Environment, Application], tmp_path: Path
) -> AsyncIterator[Rig]:
    """With a header, a cookie, and a header beside a sticky split; everything on blue."""
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    testers = replace(MARKS["cookie" if request.param == "cookie" else "header"], secret_file=tmp_path / "secret")
    routing = Routing(testers=testers, sticky=Sticky(Holding.COOKIE, "uid") if request.param == "sticky" else None)
    service = Service("web", "web_blue", "web_green", routing=routing)
    servers = {environment: [f"127.0.0.1:{application.port}"] for environment, application in applications.items()}
    async with HAProxyProcess(binary, Site(tmp_path, service, servers[BLUE], servers[GREEN])) as process:
        adapter = HAProxy(process.endpoints, [service])
        yield Rig(process, adapter, service)
        await adapter.aclose()


async def test_testers_reach_the_idle_side_and_nobody_else_does(rig: Rig) -> None:
    """Either side, whatever the split; without the secret, or with a guess at it, a visitor goes where everyone goes."""
    name = "X-Guardian-Tester"
    for live, idle in ((BLUE, GREEN), (GREEN, BLUE)):
        await rig.adapter.route("web", Split.all_on(live))
        headers = await rig.adapter.admit("web", idle)
        assert await rig.visit(headers) == {idle.value}
        for guess in (None, {name: "web"}, {name: "web@web"}, {name: f"{SECRET}@web"}, {name: ""}, {"Cookie": "tester=web"}):
            assert await rig.visit(guess) == {live.value}


async def test_whatever_moves_the_traffic_sends_testers_where_everyone_goes(rig: Rig) -> None:
    """A rollback, a dismissal and a reload each close the way."""
    headers = await rig.adapter.admit("web", GREEN)
    await rig.adapter.route("web", Split(5000))
    await rig.adapter.route("web", Split.all_on(BLUE))
    assert await rig.visit(headers) == {"blue"}
    await rig.adapter.admit("web", GREEN)
    await rig.adapter.dismiss("web")
    assert await rig.visit(headers) == {"blue"}
    await rig.adapter.admit("web", GREEN)
    assert await rig.visit(headers) == {"green"}
    await rig.process.reload()
    assert await rig.visit(headers) == {"blue"}


async def test_a_new_guardian_closes_what_an_earlier_one_left_open(rig: Rig) -> None:
    """Killed in the middle of a verification and started again, its first change of traffic closes the way."""
    headers = await rig.adapter.admit("web", GREEN)
    other = HAProxy(rig.process.endpoints, [rig.service])
    try:
        await other.route("web", Split.all_on(BLUE))
        assert await rig.visit(headers) == {"blue"}
    finally:
        await other.aclose()


async def test_a_split_is_proved_as_before_beside_testers(rig: Rig) -> None:
    """The commands that close the way do not get between a split and its proof, whether or not the map knows the secret."""
    for split in (Split(0), Split(2500), Split(10_000)):
        assert (await rig.adapter.route("web", split)).split == split
        assert [worker.split for worker in await rig.adapter.read("web")] == [split]
        await rig.adapter.admit("web", GREEN)


@pytest.mark.parametrize("secret", [None, "", "short", "with blanks in it, and long enough", "a;set map x y 1 aaaaaaaa"])
async def test_a_secret_that_is_none_opens_nothing(rig: Rig, secret: str | None) -> None:
    """A file that is missing, empty, or holds what could end a command is refused in words."""
    testers = rig.service.routing.testers
    assert testers is not None
    testers.secret_file.unlink()
    if secret is not None:
        testers.secret_file.write_text(secret)
    with pytest.raises(BalancerUnfit, match="secret"):
        await rig.adapter.admit("web", GREEN)


@pytest.mark.parametrize("live", [BLUE, GREEN])
async def test_a_verification_goes_through_the_frontend_as_a_tester(
    rig: Rig, live: Environment, applications: Mapping[Environment, Application]
) -> None:
    """The smoke check is answered by the idle side through the real frontend, while everyone else is served by the live one."""
    await rig.adapter.route("web", Split.all_on(live))
    applications[live.other].version = "v2"
    check = Check("home", "/", expect=Expectation(headers=(("X-Version", "$version"),)), through=Through.BOTH)
    verify = Verify(checks=(check,), entrance=f"http://127.0.0.1:{rig.process.port}")
    service = replace(rig.service, stages=Stages(verify=verify))
    job = StageJob(StageKind.VERIFY, "web", live.other, "v2", "web-1", 1, "ann", 0.0)
    result = await runner.Stages({"web": service}, rig.adapter).run(job, lambda _: None)
    assert result.ok, result
    assert "2 smoke checks passed" in result.summary
    assert await rig.visit() == {live.value}
    wrong = await runner.Stages({"web": service}, rig.adapter).run(replace(job, version="v3"), lambda _: None)
    assert not wrong.ok
    assert "as a tester: header `X-Version` is `v2`, expected `v3`" in " ".join(wrong.details["lines"])


async def test_a_way_that_leads_nowhere_is_found(
    binary: Path, applications: Mapping[Environment, Application], tmp_path: Path, service: Service
) -> None:
    """HAProxy has not loaded the testers' rules yet: the live side answers, and that is no proof of the idle one."""
    (tmp_path / "secret").write_text(SECRET)
    servers = {environment: [f"127.0.0.1:{application.port}"] for environment, application in applications.items()}
    async with HAProxyProcess(binary, Site(tmp_path, service, servers[BLUE], servers[GREEN])) as process:
        verify = Verify(checks=(Check("home", through=Through.BALANCER),), entrance=f"http://127.0.0.1:{process.port}")
        routing = Routing(testers=replace(MARKS["header"], secret_file=tmp_path / "secret"))
        with_testers = replace(service, routing=routing, stages=Stages(verify=verify))
        adapter = HAProxy(process.endpoints, [with_testers])
        try:
            job = StageJob(StageKind.VERIFY, "web", GREEN, "v2", "web-1", 1, "ann", 0.0)
            result = await runner.Stages({"web": with_testers}, adapter).run(job, lambda _: None)
        finally:
            await adapter.aclose()
    assert not result.ok
    assert "web_green counted no request: the testers' way does not lead there" in result.summary


def test_a_frontend_without_headers_is_not_adopted_with_testers() -> None:
    """In TCP mode nobody sees a header."""
    text = b"frontend f\n    mode tcp\n    default_backend b\nbackend b\n    mode tcp\nbackend g\n    mode tcp\n"
    service = Service("web", "b", "g", routing=Routing(testers=MARKS["header"]))
    found = adoption.adopt(parse([("haproxy.cfg", text)]), service, Path("/m"))
    assert isinstance(found, Unfit)
    assert "testers are recognised by a header or cookie" in found.sentences[0]


def test_every_alternative_of_the_users_rule_lets_testers_through() -> None:
    """A rule with `or` gets a testers' rule for each of its sides, and the secret is looked up once."""
    text = b"""defaults
    mode http
frontend f
    bind :80
    use_backend b if { path /a } or { path /b }
backend b
backend g
"""
    service = Service("web", "b", "g", routing=Routing(testers=MARKS["header"], fallback=True))
    document = parse([("haproxy.cfg", text)])
    found = adoption.adopt(document, service, Path("/m"))
    assert not isinstance(found, Unfit)
    changed = document.apply(found.edits)
    written = changed.files[0].data.decode()
    assert written.count("concat(@web)") == 1
    assert written.count("guardian_tester_web) -m int eq 1") == 2
    again = adoption.adopt(changed, service, Path("/m"))
    assert not isinstance(again, Unfit)
    assert not again.edits
