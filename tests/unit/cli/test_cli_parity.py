"""``guardian parity``: the two environments side by side, from the daemon."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from guardian.core.ports import Server
from guardian.core.stages import Parity, Policy, Stages
from tests.doubles.house import WEB, House
from tests.unit.cli.conftest import Shell

TWO = Server("s", "127.0.0.1", 1, "UP", up=True)


def house(policy: Policy) -> House:
    """A guardian whose green has a server less than blue."""
    made = House(service=replace(WEB, stages=Stages(parity=Parity(policy, exceptions=("servers' *",)))))
    made.balancer.listed |= {"web_blue": (TWO, TWO), "web_green": (TWO,)}
    return made


async def test_differences_stand_first_in_the_table(socket: Path, shell: Shell) -> None:
    """A row a fact, what it means, and what it comes to; the exit code says that a deployment would be blocked."""
    async with house(Policy.BLOCK).open(socket):
        said = await shell.run("parity", "web")
    assert (said.code, said.err) == (1, "")
    rows = [" ".join(line.split()) for line in said.out.splitlines() if line.strip()]
    assert rows[0] == "fact blue green"
    assert set(rows[2:4]) == {"servers 2 1 DIFFERS", "servers up 2 1 DIFFERS"}
    assert "servers' weight 1 1 1 may differ" in rows
    assert rows[-1].endswith("a deployment ends before any traffic moves (policy block).")


@pytest.mark.parametrize("policy", Policy)
async def test_as_json_everything_is_told(policy: Policy, socket: Path, shell: Shell) -> None:
    """With the policy, by which the exit code is chosen."""
    async with house(policy).open(socket):
        said = await shell.run("parity", "web", "--json")
    found = json.loads(said.out)
    assert said.code == (1 if policy is Policy.BLOCK else 0)
    assert (found["alike"], found["policy"]) == (False, policy.value)
    assert {"name": "servers", "blue": "2", "green": "1", "same": False, "allowed": False} in found["facts"]


async def test_environments_that_are_alike_are_said_to_be(socket: Path, shell: Shell) -> None:
    """Exit code 0."""
    same = house(Policy.BLOCK)
    same.balancer.listed["web_green"] = (TWO, TWO)
    async with same.open(socket):
        said = await shell.run("parity", "web")
    assert said.code == 0
    assert said.out.endswith("The environments are alike: a deployment goes on.\n")


async def test_a_service_without_the_stage_says_what_to_write(socket: Path, shell: Shell) -> None:
    """Nothing to compare by is a refusal in words, as is a service that nobody knows."""
    async with House().open(socket):
        said = await shell.run("parity", "web")
        unknown = await shell.run("parity", "shop")
    assert (said.code, unknown.code) == (1, 1)
    assert "web has no `stages: parity:` in guardian.yaml" in said.err
    assert "shop" in unknown.err
