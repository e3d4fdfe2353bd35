"""Death and refusal at every system call of root's program: the configuration is whole, and names one side or the other.

Swept is everything from the first touch of guardian.yaml on, in every thread, as ``tests/faults/points.py`` says; of Python's start
before it, which is shown to open Python's own files only, a sample.
"""

import asyncio
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from guardian.balancers.haproxy.balancer import Endpoints, HAProxy
from guardian.core.model import Environment, Split
from guardian.demo.haproxy import debian_binary
from tests.doubles.visitor import visit
from tests.faults.points import ALONE, PARTS, Call, Point, calls, part, points, sample, struck, work
from tests.haproxy.reload.conftest import NONCE, ROOT, Gatehouse

CALLS = "openat,write,fsync,rename,unlink,fchmod,fchown,close,flock,connect,sendto,recvfrom,getdents64,readlink,execve"
PYTHON = (ROOT, Path(sys.prefix), Path(sys.base_prefix))
SAFE = "share_web int(0)"
Measured = Callable[[str, object], None]


@pytest.fixture
def binary() -> Path:
    """One HAProxy is enough: the calls are guardian's."""
    return debian_binary()


async def traced(house: Gatehouse, *options: str) -> "subprocess.CompletedProcess[str]":
    """Ask for green under strace, for at most a minute."""
    strace = shutil.which("strace")
    assert strace, "strace is not installed: apt-get install strace"
    house.request.write_text(json.dumps({"nonce": NONCE, "do": "route", "service": "web", "green": 10_000, "safe": False}))
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    command = (strace, "-f", *options, *house.command)
    return await asyncio.to_thread(
        subprocess.run, command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


async def undisturbed(house: Gatehouse, *options: str) -> list[Call]:
    """The calls of a run that nothing happens to."""
    log = house.directory / "trace"
    done = await traced(house, "-o", str(log), "-e", f"trace={CALLS}", *options)
    assert done.returncode == 0, done.stderr
    await mended(house)
    return calls(log.read_text())


async def own(house: Gatehouse) -> list[Point]:
    """Every fault at every call of the program itself, from its first touch of guardian.yaml on, and at the start of another."""
    found = await undisturbed(house, *ALONE)
    starts = [call for call in await undisturbed(house) if call.name == "execve"]
    return [*points(found, work(found, house.directory, PYTHON)), *points(starts, 1)]


async def start(house: Gatehouse) -> list[Point]:
    """Every fault before that: of Python's start."""
    found = await undisturbed(house, *ALONE)
    return points(found[: work(found, house.directory, PYTHON)], 1)


@contextlib.asynccontextmanager
async def guardian(house: Gatehouse) -> AsyncIterator[HAProxy]:
    """The same code with the same memory of what is loaded, in this process: a start of Python less for each point."""
    there = house.directory
    sockets = there / "stats.sock", there / "guardian.map", house.haproxy.endpoints.master_socket
    haproxy = HAProxy(Endpoints(*sockets, files=(house.haproxy.configuration,), state=there / "root"), [house.service])
    try:
        yield haproxy
    finally:
        await haproxy.aclose()


async def mended(house: Gatehouse) -> None:
    """What guardian does at its next start: write down the safe side, and bring it into every worker."""
    async with guardian(house) as haproxy:
        await haproxy.rewriter.store(house.service, Split(0))
        await haproxy.rewriter.route(house.service, Split(0), safe=True)
    assert SAFE in house.text
    assert await visit(house.haproxy.port) is Environment.BLUE
    assert not list(house.directory.glob(".haproxy*"))


async def sweep(house: Gatehouse, chosen: list[Point], *options: str) -> Counter[str]:
    """Disturb a change at every chosen point; how often the traffic was where afterwards."""
    original = bare(house.text)
    outcomes: Counter[str] = Counter()
    log = house.directory / "trace"
    for point in chosen:
        alone = () if point.call == "execve" else options
        run = await traced(house, "-o", str(log), *alone, *point.options)
        assert bare(house.text) == original, point
        assert accepted(house), point
        told = "told" if run.returncode == 0 else "not told"
        outcomes[f"{await visit(house.haproxy.port)}, {told}"] += 1
        outcomes["struck"] += struck(log)
        await mended(house)
    print(f"apply: {len(chosen)} faults: {dict(outcomes)}")  # noqa: T201  shown with `-s`
    return outcomes


def bare(text: str) -> str:
    """The configuration without the two numbers that guardian may change."""
    return re.sub(r"(guardian_\w+) int\(\d+\)", r"\1 int()", text)


def accepted(house: Gatehouse) -> bool:
    """Whether HAProxy would start with what is there."""
    done = subprocess.run([debian_binary(), "-c", "-f", house.haproxy.configuration], capture_output=True, timeout=30, check=False)
    return done.returncode == 0


@pytest.mark.timeout(240)
async def test_a_fault_in_a_change_leaves_a_whole_configuration(gate: Gatehouse) -> None:
    """Some of all points; what is told of as done is done."""
    outcomes = await sweep(gate, sample(await own(gate), 53), *ALONE)
    assert outcomes["struck"] > 5
    assert outcomes.keys() & {"green, told", "green, not told"}
    assert "blue, told" not in outcomes


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("number", range(PARTS))
async def test_a_fault_at_every_call_of_a_change_leaves_a_whole_configuration(
    gate: Gatehouse, number: int, record_property: Measured
) -> None:
    """The same at every single point."""
    chosen = part(await own(gate), number)
    outcomes = await sweep(gate, chosen, *ALONE)
    record_property("points", len(chosen))
    record_property("struck", outcomes["struck"])
    assert outcomes["struck"] > len(chosen) // 2
    assert "blue, told" not in outcomes


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_a_fault_in_the_start_of_python_leaves_a_whole_configuration(gate: Gatehouse, record_property: Measured) -> None:
    """A sample: the program has not touched anything yet."""
    chosen = sample(await start(gate), 97)
    outcomes = await sweep(gate, chosen, *ALONE)
    record_property("points", len(chosen))
    record_property("struck", outcomes["struck"])
    assert outcomes["struck"] == len(chosen)
    assert "blue, told" not in outcomes
