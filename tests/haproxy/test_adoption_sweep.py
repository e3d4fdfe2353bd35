"""Death and refusal at every system call of an adoption: haproxy.cfg is the old file or the new, and HAProxy takes either."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from guardian.demo.haproxy import debian_binary
from tests.unit.cli.test_cli_adopt import GUARDIAN, HAPROXY

CALLS = "openat,write,fsync,rename,renameat,renameat2,unlink,fchmod,fchown,close"
FAULTS = ("signal=KILL", "error=ENOSPC", "error=EIO")
MAP = {None, "web 0\n"}
"""What the map may be: not there yet, or as it must be before HAProxy reads the block."""


@dataclass(frozen=True)
class Injection:
    """A fault at the ``number``-th call of its name in the process."""

    call: str
    number: int
    fault: str


@dataclass(frozen=True)
class Site:
    """A directory with both configurations."""

    directory: Path

    @property
    def haproxy(self) -> Path:
        """The user's haproxy.cfg."""
        return self.directory / "haproxy.cfg"

    def begin(self) -> None:
        """As it was before guardian."""
        self.haproxy.write_text(HAPROXY)
        (self.directory / "guardian.yaml").write_text(GUARDIAN)
        (self.directory / "rules").mkdir(exist_ok=True)
        (self.directory / "haproxy.map").unlink(missing_ok=True)

    def adopt(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Run the command under strace, for at most 60 seconds."""
        strace = shutil.which("strace")
        assert strace, "strace is not installed: apt-get install strace"
        config = ("--config", str(self.directory / "guardian.yaml"), "--file", str(self.haproxy))
        command = ("-m", "guardian.cli", "haproxy", "adopt", "web", *config, "--haproxy", str(debian_binary()), "--apply")
        return subprocess.run(
            [strace, "-f", *options, sys.executable, "-B", *command],
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    @property
    def map(self) -> str | None:
        """The map, or ``None`` where there is none."""
        path = self.directory / "haproxy.map"
        return path.read_text() if path.exists() else None

    def accepted(self) -> bool:
        """Whether HAProxy would start with what is there."""
        done = subprocess.run([debian_binary(), "-c", "-f", self.haproxy], capture_output=True, timeout=30, check=False)
        return done.returncode == 0


def injections(site: Site) -> Iterator[Injection]:
    """Every fault at every system call of guardian from its first look at haproxy.cfg on, as an undisturbed run shows them."""
    log = site.directory / "trace"
    site.adopt("-o", str(log), "-e", f"trace={CALLS}")
    calls = re.findall(r"^(\d+) +(\w+)\((.*)$", log.read_text(), re.MULTILINE)
    main, made, looked = calls[0][0], Counter[str](), False
    for process, call, rest in calls:
        if process == main:
            made[call] += 1
            looked = looked or str(site.haproxy) in rest
            if looked and not rest.startswith(("1,", "2,")):
                yield from (Injection(call, made[call], fault) for fault in FAULTS)


def sweep(site: Site, every: int) -> Counter[str]:
    """Disturb an adoption at every ``every``-th point, the last one among them; how often which file stood afterwards."""
    site.begin()
    points = list(injections(site))
    new = site.haproxy.read_text()
    assert "guardian web" in new
    outcomes: Counter[str] = Counter()
    chosen = points[::-every]
    for point in chosen:
        site.begin()
        run = site.adopt("-o", "/dev/null", "-e", f"trace={CALLS}", "-e", f"inject={point.call}:{point.fault}:when={point.number}")
        content = site.haproxy.read_text()
        assert content in {HAPROXY, new}, point
        assert site.map in MAP, point
        assert content == HAPROXY or site.map == "web 0\n", point
        assert site.accepted(), point
        assert "Traceback" not in run.stderr, (point, run.stderr)
        outcomes["old" if content == HAPROXY else "new"] += 1
        assert site.adopt("-o", "/dev/null", "-e", "trace=none").returncode == 0, point
        assert site.haproxy.read_text() == new, point
        assert not list(site.directory.glob(".*")), point
    print(f"adoption: {len(chosen)} of {len(points)} faults: {dict(outcomes)}")  # noqa: T201  shown with `-s`
    return outcomes


def test_a_fault_at_a_system_call_leaves_a_whole_file(tmp_path: Path) -> None:
    """Some of all points: old or new, accepted by HAProxy, without a traceback, and the next attempt mends all."""
    assert set(sweep(Site(tmp_path), every=13)) == {"old", "new"}


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_fault_at_every_system_call_leaves_a_whole_file(tmp_path: Path) -> None:
    """The same at every single point."""
    assert set(sweep(Site(tmp_path), every=1)) == {"old", "new"}
