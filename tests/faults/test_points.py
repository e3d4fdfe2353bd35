"""What the sweeps leave out, they may leave out."""

import errno
import re
from pathlib import Path

import pytest

from tests.faults.points import BROKEN, FULL, KILL, PARTS, Call, Point, calls, faults, part, points, sample, work

CHECKOUT = Path(__file__).parents[2]
TRACE = """\
10  execve("/venv/bin/python", ["python"], 0x7f /* 3 vars */) = 0
10  openat(AT_FDCWD, "/venv/lib/x.py", O_RDONLY|O_CLOEXEC) = 3
10  close(3)                          = 0
10  openat(AT_FDCWD, "/site/guardian.yaml", O_RDONLY) = 3
11  openat(AT_FDCWD, "/site/map", O_RDWR|O_CREAT, 0600) = 4
10  close(3)                          = 0
10  recvfrom(5, "x", 1, 0, NULL, NULL) = 1
10  +++ exited with 0 +++
"""


def test_points_are_counted_from_the_start_and_tried_from_the_first_touch_of_the_work() -> None:
    """Per thread, each once; a death in front of a read is the one at the call after it."""
    found = calls(TRACE)
    begin = work(found, Path("/site"), [Path("/venv")])
    assert found[begin] == Call("10", "openat", 'AT_FDCWD, "/site/guardian.yaml", O_RDONLY) = 3')
    assert points(found, begin) == [
        *(Point("openat", 2, fault) for fault in (KILL, BROKEN, FULL)),
        *(Point("openat", 1, fault) for fault in (KILL, BROKEN, FULL)),
        *(Point("close", 2, fault) for fault in (KILL, BROKEN)),
        Point("recvfrom", 1, BROKEN),
    ]


@pytest.mark.parametrize(
    "line",
    [
        '10  openat(AT_FDCWD, "/home/somebody/secret", O_RDONLY) = 3\n',
        '10  openat(AT_FDCWD, "/venv/lib/x.pyc", O_WRONLY|O_CREAT, 0644) = 3\n',
        '10  rename("/venv/a", "/venv/b") = 0\n',
        "10  connect(3, {sa_family=AF_UNIX}, 110) = 0\n",
    ],
)
def test_a_start_that_does_more_than_start_is_noticed(line: str) -> None:
    """A foreign file, a write, a rename, a connection before the work begins: the start may not be left out then."""
    begun = TRACE.replace("10  close(3)  ", f"{line}10  close(3)  ", 1)
    assert begun != TRACE
    with pytest.raises(AssertionError):
        work(calls(begun), Path("/site"), [Path("/venv")])


def test_parts_are_all_and_a_sample_has_the_last_of_both_kinds() -> None:
    """Nothing is tried twice, and nothing left out."""
    found = [Point("write", number, fault) for number in range(1, 30) for fault in faults("write")]
    parts = [point for number in range(PARTS) for point in part(found, number)]
    assert len(parts) == len(found)
    assert set(parts) == set(found)
    deaths = [point for point in found if point.fault == KILL]
    others = [point for point in found if point.fault != KILL]
    assert deaths
    assert {deaths[-1], others[-1]} <= set(sample(found, 7))


def test_both_errors_are_one_to_python_and_to_guardian() -> None:
    """No class of their own, and no line of guardian asks for either number: one of them stands for both at a socket."""
    assert type(OSError(errno.EIO, "")) is type(OSError(errno.ENOSPC, "")) is OSError
    for path in (CHECKOUT / "guardian").rglob("*.py"):
        assert not re.search(r"errno\.(EIO|ENOSPC)\b", path.read_text()), path
