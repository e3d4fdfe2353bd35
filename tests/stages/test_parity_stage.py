"""Comparing the environments: what HAProxy has, what servers say, what a program finds."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from guardian.core.model import Environment, Service
from guardian.core.ports import BalancerError, Server, StageJob, StageResult
from guardian.core.stages import Command, Parity, Playbook, Policy, Stages
from guardian.core.strategy import StageKind
from guardian.demo.application import Application
from guardian.stages import runner
from tests.doubles.balancer import FakeBalancer
from tests.doubles.prometheus import StandIn, trickle
from tests.stages.conftest import Heard

BLUE, GREEN = Environment.BLUE, Environment.GREEN


class Rig:
    """A service, its balancer, and how the two sides are compared."""

    def __init__(self, parity: Parity) -> None:
        self.service = Service("web", "web_blue", "web_green", stages=Stages(parity=parity))
        self.balancer = FakeBalancer([self.service])
        for environment in Environment:
            self.list(environment, 2)
        self.heard = Heard()

    def list(self, environment: Environment, number: int, **more: object) -> None:
        """So many servers."""
        server = replace(Server("s", "127.0.0.1", 1, "UP", up=True), **more)  # type: ignore[arg-type]  a test knows its fields
        self.balancer.listed[self.service.backend(environment)] = (server,) * number

    async def compare(self) -> StageResult:
        """Run the stage."""
        stages = runner.Stages({"web": self.service}, self.balancer)
        job = StageJob(StageKind.PARITY, "web", GREEN, "v2", "web-1", 1, "ann", 0.0)
        return await stages.run(job, self.heard)


def facts(tmp_path: Path, text: Mapping[Environment, str]) -> Command:
    """A program that prints the facts of the environment that it is asked for."""
    for environment, lines in text.items():
        (tmp_path / environment).write_text(lines)
    code = "import sys; sys.stdout.write(open(sys.argv[1]).read())"
    return Command((sys.executable, "-c", code, f"{tmp_path}/$environment"), timeout=10)


async def test_environments_that_are_alike_say_in_how_many_facts() -> None:
    """The number of servers, how many are up, weights and maxconn."""
    result = await Rig(Parity()).compare()
    assert result.ok
    assert result.summary == "blue and green are alike in 4 facts"


@pytest.mark.parametrize(("policy", "ok"), [(Policy.BLOCK, False), (Policy.WARN, True)])
async def test_a_server_too_few_blocks_or_warns(policy: Policy, *, ok: bool) -> None:
    """What follows from a difference is the configuration's to say; it is told in both cases."""
    rig = Rig(Parity(policy))
    rig.list(GREEN, 1)
    result = await rig.compare()
    assert result.ok is ok
    assert "servers: blue `2`, green `1`" in result.summary
    assert "servers: blue `2`, green `1`" in rig.heard
    assert ("policy warn: it goes on" in result.summary) is ok


async def test_weights_limits_and_options_are_compared() -> None:
    """What HAProxy has in memory, and what stands in its configuration."""
    rig = Rig(Parity())
    rig.list(GREEN, 2, weight=50, most=100)
    rig.balancer.description = {BLUE: ("timeout server 3s", "option redispatch"), GREEN: ("timeout server 30s",)}
    result = await rig.compare()
    assert not result.ok
    lines = result.details["lines"]
    assert "servers' weight: blue `1 1`, green `50 50`" in lines
    assert "servers' maxconn: blue `any any`, green `100 100`" in lines
    assert "haproxy.cfg timeout server: blue `3s`, green `30s`" in lines
    assert "haproxy.cfg option redispatch: blue `set`, green missing" in lines


async def test_declared_exceptions_are_told_and_do_not_count(tmp_path: Path) -> None:
    """Files and packages from a program; what may differ is named as such."""
    told = {BLUE: "package:curl 7.1\nfile:/etc/motd aa\n", GREEN: "package:curl 7.1\nfile:/etc/motd bb\n"}
    result = await Rig(Parity(facts=facts(tmp_path, told), exceptions=("file:/etc/*",))).compare()
    assert result.ok
    assert result.summary == "blue and green are alike in 5 facts, 1 declared exception aside"
    assert "file:/etc/motd: blue `aa`, green `bb` (declared exception)" in result.details["lines"]


async def test_packages_that_differ_are_found(tmp_path: Path) -> None:
    """A package that one side lacks, and one of another version."""
    told = {BLUE: "package:curl 7.1\npackage:jq 1.6\n", GREEN: "package:curl 7.2\n"}
    result = await Rig(Parity(facts=facts(tmp_path, told))).compare()
    assert not result.ok
    assert "package:curl: blue `7.1`, green `7.2`; package:jq: blue `1.6`, green missing" in result.summary


@pytest.mark.parametrize(
    ("text", "reason"),
    [("", "it printed none"), ("a 1\na 2\n", "a second time"), ("x\n" * 30_000, "more than 20,000 facts")],
    ids=["nothing", "twice", "flood"],
)
async def test_a_program_that_does_not_tell_is_no_sameness(text: str, reason: str, tmp_path: Path) -> None:
    """Silence, contradiction and a flood are trouble, named with the environment."""
    result = await Rig(Parity(facts=facts(tmp_path, {BLUE: "a 1\n", GREEN: text}))).compare()
    assert not result.ok
    assert "the facts of green are not known" in result.summary
    assert reason in result.summary


async def test_a_balancer_that_is_silent_is_no_sameness() -> None:
    """What HAProxy does not say is not the same on both sides."""
    rig = Rig(Parity())
    rig.balancer.failures["servers"] = BalancerError("nobody answers")
    result = await rig.compare()
    assert not result.ok
    assert "nobody answers" in result.summary


async def test_a_version_that_comes_in_drops_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its server has its time, and no more."""
    monkeypatch.setattr("guardian.stages.parity.PATIENCE", 0.3)
    async with StandIn(trickle(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nv")) as server:
        rig = Rig(Parity(version="/version"))
        for environment in Environment:
            rig.list(environment, 1, port=int(server.url.rpartition(":")[2]))
        async with asyncio.timeout(30.0):
            result = await rig.compare()
    assert not result.ok
    assert "the time was up" in result.summary


@pytest.fixture
async def three() -> AsyncIterator[Mapping[str, Application]]:
    """An old server, and two new ones, of which one was forgotten."""
    async with AsyncExitStack() as ends:
        yield {
            name: await ends.enter_async_context(Application(BLUE if name == "old" else GREEN, version, latency=0))
            for name, version in {"old": "v1", "new": "v2", "forgotten": "v1"}.items()
        }


async def test_versions_may_differ_between_the_sides_but_not_within_one(three: Mapping[str, Application]) -> None:
    """That green runs another version than blue is what a deployment is for; two versions in green are half an update."""
    rig = Rig(Parity(version="/version"))
    port = {name: Server(name, "127.0.0.1", each.port, "UP", up=True) for name, each in three.items()}
    rig.balancer.listed |= {"web_blue": (port["old"], port["old"]), "web_green": (port["new"], port["new"])}
    assert (await rig.compare()).ok
    rig.balancer.listed["web_green"] = (port["new"], port["forgotten"])
    result = await rig.compare()
    assert not result.ok
    assert "the servers of green run different versions: `200 from green v2`, `200 from green v1`" in result.summary
    await three["new"].__aexit__()
    result = await rig.compare()
    assert "the version of `new` in green is not known" in result.summary


async def test_ansible_tells_hashes_and_packages_of_the_hosts(tmp_path: Path) -> None:
    """The playbook that guardian ships tells hashes; one host of a side that differs from its neighbour is a difference, too."""
    here = f"ansible_connection=local ansible_pipelining=true ansible_python_interpreter={sys.executable}"
    (tmp_path / "hosts.ini").write_text(f"[web_blue]\nb1 {here}\n[web_green]\ng1 {here}\ng2 {here}\n")
    (tmp_path / "own.yml").write_text(OWN)
    shipped = Path(__file__).parents[2] / "deploy" / "ansible" / "facts.yml"
    same = (("files", str(tmp_path / "hosts.ini")), ("packages", "no"))
    play = Playbook(shipped, tmp_path / "hosts.ini", "web_$environment", same, 60)
    result = await Rig(Parity(facts=play)).compare()
    assert result.ok, result
    assert result.summary == "blue and green are alike in 5 facts"
    result = await Rig(Parity(facts=replace(play, path=tmp_path / "own.yml", variables=()))).compare()
    assert not result.ok
    assert "app: blue `1`, green `1, 2`" in result.details["lines"]


OWN = """\
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.set_stats:
        aggregate: true
        data:
          guardian_facts: "{{ {inventory_hostname: {'app': '2' if inventory_hostname == 'g2' else '1'}} }}"
"""


async def test_a_playbook_without_facts_is_no_sameness(tmp_path: Path) -> None:
    """One that sets none, and one that fails, are trouble."""
    here = f"ansible_connection=local ansible_pipelining=true ansible_python_interpreter={sys.executable}"
    (tmp_path / "hosts.ini").write_text(f"[web_blue]\nb1 {here}\n[web_green]\ng1 {here}\n")
    (tmp_path / "none.yml").write_text("- hosts: all\n  gather_facts: false\n  tasks:\n    - ansible.builtin.debug:\n")
    play = Playbook(tmp_path / "none.yml", tmp_path / "hosts.ini", "web_$environment", (), 60)
    result = await Rig(Parity(facts=play)).compare()
    assert not result.ok
    assert "the facts of blue are not known: the playbook set none" in result.details["lines"]
