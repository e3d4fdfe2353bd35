"""Death and refusal at every system call of root's program: the configuration is whole, and names one side or the other."""

import asyncio
import json
import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from guardian.core.model import Environment
from guardian.demo.haproxy import debian_binary
from tests.doubles.visitor import visit
from tests.haproxy.reload.conftest import NONCE, ROOT, Gatehouse

CALLS = "openat,write,fsync,rename,unlink,fchmod,fchown,close,flock,connect,sendto,recvfrom,getdents64,readlink,execve"
FAULTS = ("signal=KILL", "error=ENOSPC", "error=EIO")
SAFE = "share_web int(0)"


@dataclass(frozen=True)
class Injection:
    """A fault at the ``number``-th call of its name in the program's first thread."""

    call: str
    number: int
    fault: str


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


async def injections(house: Gatehouse) -> list[Injection]:
    """Every fault at every call, of whichever thread, from the program's first look at the request on, in an undisturbed run."""
    log = house.directory / "trace"
    done = await traced(house, "-o", str(log), "-e", f"trace={CALLS}")
    assert done.returncode == 0, done.stderr
    return list(_points(log.read_text(), str(house.request)))


def _points(trace: str, begin: str) -> Iterator[Injection]:
    made, looked = Counter[tuple[str, str]](), False
    seen: set[tuple[str, int]] = set()
    for process, call, rest in re.findall(r"^(\d+) +(\w+)\((.*)$", trace, re.MULTILINE):
        made[process, call] += 1
        looked = looked or begin in rest
        point = call, made[process, call]
        if looked and point not in seen:
            seen.add(point)
            yield from (Injection(*point, fault) for fault in FAULTS)


async def mended(house: Gatehouse) -> None:
    """What guardian does at its next start: write down the safe side, and bring it into every worker."""
    done = await house.ask(do="store", green=0)
    assert done.returncode == 0, done.stderr
    done = await house.ask(green=0, safe=True)
    assert done.returncode == 0, done.stderr
    assert SAFE in house.text
    assert await visit(house.haproxy.port) is Environment.BLUE
    assert not list(house.directory.glob(".haproxy*"))


async def sweep(house: Gatehouse, every: int) -> Counter[str]:
    """Disturb a change at every ``every``-th point; how often the traffic was where afterwards."""
    original = bare(house.text)
    points = await injections(house)
    await mended(house)
    outcomes: Counter[str] = Counter()
    for point in points[::every]:
        inject = f"inject={point.call}:{point.fault}:when={point.number}"
        run = await traced(house, "-o", "/dev/null", "-e", f"trace={CALLS}", "-e", inject)
        assert bare(house.text) == original, point
        assert accepted(house), point
        outcomes[f"{await visit(house.haproxy.port)}, {'told' if run.returncode == 0 else 'not told'}"] += 1
        await mended(house)
    print(f"apply: {len(points[::every])} of {len(points)} faults: {dict(outcomes)}")  # noqa: T201  shown with `-s`
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
    outcomes = await sweep(gate, every=157)
    assert outcomes.keys() & {"green, told", "green, not told"}
    assert "blue, told" not in outcomes


@pytest.mark.long
@pytest.mark.timeout(7200)
async def test_a_fault_at_every_call_of_a_change_leaves_a_whole_configuration(gate: Gatehouse) -> None:
    """The same at every single point."""
    outcomes = await sweep(gate, every=1)
    assert "blue, told" not in outcomes
