"""The map file: what is kept of it, how HAProxy reads it, and that a crash at any system call leaves the old or the new one."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.balancers.haproxy.balancer import HAProxy
from guardian.balancers.haproxy.mapfile import MapFile
from guardian.core.model import Split
from guardian.core.ports import BalancerError, BalancerUnfit
from guardian.demo.haproxy import HAProxyProcess

OLD = "# ours and others'\nshop 40\nweb 0\n"
NEW = "# ours and others'\nshop 40\nweb 10000\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the map is to be."""
    return tmp_path / "guardian.map"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, "web 7\n"),
        ("", "web 7\n"),
        ("web 0\n", "web 7\n"),
        ("web 0", "web 7\n"),
        ("# web 0\n\nshop 1\nweb 0\nx 2\n", "# web 0\n\nshop 1\nweb 7\nx 2\n"),
        ("shop 1", "shop 1\nweb 7\n"),
        ("web 1\nshop 1\nweb 2\n", "web 7\nshop 1\n"),
        ("  web\t0\nweb2 3\nmy web\n", "web 7\nweb2 3\nmy web\n"),
        ("web\n", "web 7\n"),
        ("shop 1\r\n", "shop 1\r\nweb 7\n"),
    ],
)
def test_only_the_services_own_line_changes(path: Path, before: str | None, after: str) -> None:
    """Comments, blank lines and other services stay byte for byte; a second line for the service would be dead, and goes."""
    if before is not None:
        path.write_bytes(before.encode())
    MapFile(path).write("web", Split(7))
    assert path.read_bytes() == after.encode()
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@given(content=st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"")), max_size=6).map(b"\n".join))
def test_any_file_can_be_written_and_read_again(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """Whatever stands in the file, the split that is written is read back, and lines of others are still there."""
    path = tmp_path_factory.getbasetemp() / "any.map"
    path.write_bytes(content)
    MapFile(path).write("web", Split(123))
    assert MapFile(path).read("web") == Split(123)
    others = [line for line in content.split(b"\n") if line and line.split()[:1] != [b"web"]]
    assert [line for line in path.read_bytes().split(b"\n") if line and line != b"web 123"] == others


@pytest.mark.parametrize("value", ["green", "-1", "10001", "1e3", "+5", "0x10", "500 000", "99999999999", "٣", ""])
def test_a_value_that_is_no_share_is_quoted(path: Path, value: str) -> None:
    """A line that HAProxy would refuse, or that is no share, is not read as one; the sentence quotes it."""
    path.write_text(f"web {value}\n")
    with pytest.raises(BalancerUnfit, match="for web, not green's share"):
        MapFile(path).read("web")


def test_a_new_file_can_be_read_by_haproxy(path: Path) -> None:
    """HAProxy may run as another user: a file that guardian makes is readable for all, and writable for it alone."""
    MapFile(path).write("web", Split(0))
    assert path.stat().st_mode & 0o777 == 0o644


def test_mode_and_owner_are_kept(path: Path) -> None:
    """Whoever may read and write the file may do so afterwards."""
    path.write_text(OLD)
    path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(path, 65534, 65534)
    before = path.stat()
    MapFile(path).write("web", Split(1))
    after = path.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)


def test_what_a_crash_left_is_swept(path: Path) -> None:
    """Half-written files of earlier crashes go with the next write; files of others stay."""
    (path.parent / f".{path.name}.abc.new").write_text("web 1")
    (path.parent / "other.map.new").write_text("x")
    MapFile(path).write("web", Split(0))
    assert sorted(entry.name for entry in path.parent.iterdir()) == [path.name, "other.map.new"]


def test_a_directory_that_is_not_there_is_said(tmp_path: Path) -> None:
    """Without a place for the file the error says so, and what stands: nothing."""
    with pytest.raises(BalancerError, match=r"No such file or directory.*names no split"):
        MapFile(tmp_path / "missing" / "guardian.map").write("web", Split(0))


def test_an_unreadable_map_is_not_an_empty_one(tmp_path: Path) -> None:
    """A path that cannot be read as a file is a fault, for reading and for writing."""
    with pytest.raises(BalancerUnfit, match="cannot be read: Is a directory"):
        MapFile(tmp_path).read("web")
    with pytest.raises(BalancerError, match="cannot be read now"):
        MapFile(tmp_path).write("web", Split(0))


@pytest.mark.parametrize(
    "content",
    ["web 1\n", "\n# web 2\n  web \t 3\n", "web 4\nweb 5\n", "web2 6\n", "shop 1\nweb 8  \n", "web 9\r\nshop 3\n", "#web 1\n"],
)
async def test_haproxy_reads_the_file_as_guardian_does(haproxy: HAProxyProcess, balancer: HAProxy, content: str) -> None:
    """What guardian says is stored is what a HAProxy that starts with the file does."""
    haproxy.endpoints.map.write_bytes(content.encode())
    await haproxy.reload()
    assert (await balancer.read("web"))[0].split == (await balancer.stored("web") or Split(0))


WRITER = """
import sys
from pathlib import Path
from guardian.balancers.haproxy.mapfile import MapFile
from guardian.core.model import Split
from guardian.core.ports import BalancerError

path = Path(sys.argv[1])
path.with_suffix(".begin").exists()
try:
    MapFile(path).write("web", Split(10_000))
except BalancerError as error:
    print(error)
path.with_suffix(".end").exists()
"""
"""Writes the new split, between two system calls that mark the place."""

CALLS = "openat,write,fsync,rename,renameat,renameat2"


@dataclass(frozen=True)
class Injection:
    """A fault at one system call of the writer, which is the ``number``-th of its name in the whole process."""

    call: str
    number: int
    fault: str


def trace(path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the writer under strace, for at most 30 seconds."""
    strace = shutil.which("strace")
    assert strace, "strace is not installed: apt-get install strace"
    return subprocess.run(
        [strace, *options, sys.executable, "-B", "-c", WRITER, str(path)],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def injections(directory: Path) -> Iterator[Injection]:
    """Every fault at every system call between the marks, as an undisturbed run shows them."""
    path, log = directory / "guardian.map", directory / "trace"
    path.write_text(OLD)
    trace(path, "-o", str(log), "-e", f"trace={CALLS},stat,newfstatat,statx")
    seen: dict[str, int] = {}
    inside = False
    for line in log.read_text().splitlines():
        call = line.partition("(")[0]
        seen[call] = seen.get(call, 0) + 1
        if ".begin" in line or ".end" in line:
            inside = ".begin" in line
        elif inside and call in CALLS.split(","):
            for fault in ("signal=KILL", "error=ENOSPC", "error=EIO"):
                yield Injection(call, seen[call], fault)


def test_a_fault_at_any_system_call_leaves_the_old_file_or_the_new(tmp_path: Path) -> None:
    """Killed, or refused, wherever it is: the file is whole, the sentence says what stands, and the next write mends all."""
    path = tmp_path / "guardian.map"
    faults = list(injections(tmp_path))
    assert {"openat", "write", "fsync", "rename"} <= {fault.call for fault in faults}
    outcomes = set()
    for fault in faults:
        path.write_text(OLD)
        run = trace(path, "-o", "/dev/null", "-e", f"trace={CALLS}", "-e", f"inject={fault.call}:{fault.fault}:when={fault.number}")
        content = path.read_text()
        assert content in {OLD, NEW}, fault
        outcomes.add(content)
        killed = fault.fault == "signal=KILL"
        assert (run.returncode == 0) is not killed, (fault, run.stderr)
        if not killed:
            assert says(run.stdout, content, path), (fault, run.stdout)
        MapFile(path).write("web", Split(0))
        assert path.read_text() == OLD
        assert not list(tmp_path.glob(".guardian.map.*")), fault
    assert outcomes == {OLD, NEW}


def says(sentence: str, content: str, path: Path) -> bool:
    """Whether ``sentence``, which may be missing after a success, tells the truth about ``content``."""
    if not sentence:
        return content == NEW
    if content == NEW:
        return "as ordered, but may not survive" in sentence
    return "still gives green 0 %" in sentence
