"""This host's own files once more, in a layer that is gone at the end, where root's programs may do what they like; needs root.

Nothing is booted there: it is the host whose image is being made, or whose systemd does not run.
"""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.doubles.machine import HERE, PATIENCE, Said, checkout

TAKES_ROOT = pytest.mark.skipif(os.getuid() != 0, reason="mounting a layer takes root: run tests/run.sh as root")

SET_UP = """\
set -e
read -r pid _ </proc/self/stat  # as it is outside
mkdir -p "$1/layer" "$1/root" "$1/files"
mount -t tmpfs -o size=3G,mode=755 guardian-test "$1/layer"
mkdir "$1/layer/upper" "$1/layer/work"
mount -t overlay -o "lowerdir=/,upperdir=$1/layer/upper,workdir=$1/layer/work" guardian-test "$1/root"
mount -t proc proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
mount -t tmpfs -o mode=755 guardian-test "$1/root/run"
mkdir -p "$1/root/test"
mount --bind "$1/files" "$1/root/test"
echo "$pid"
cat
"""


@dataclass(frozen=True)
class Host:
    """The files, as whoever is in there sees them."""

    pid: int
    """Of the process that holds them; whoever runs in there is gone when it ends."""
    root: Path
    files: Path
    """``/test`` in there."""

    def tries(self, command: str, seconds: float = PATIENCE) -> Said:
        """What comes of a shell command in there."""
        argv = ["nsenter", "-t", str(self.pid), "--mount", "--pid", "--", "chroot", self.root, "bash", "-c", command]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=seconds)
        return Said(done.returncode, done.stdout, done.stderr)

    def does(self, command: str, seconds: float = PATIENCE) -> str:
        """What a shell command in there says, which must end well."""
        said = self.tries(command, seconds)
        assert said.code == 0, f"{command}\n{said.out}\n{said.err}"
        return said.out


@contextlib.contextmanager
def thrown_away(directory: Path) -> Iterator[Host]:
    """A host with a checkout in ``/test/src``, a HAProxy between two environments that does not run, and no guardian."""
    files = directory / "files"
    files.mkdir(parents=True)
    checkout(files / "src")
    shutil.copy(HERE / "haproxy.cfg", files)
    holder = subprocess.Popen(
        ["unshare", "--mount", "--pid", "--fork", "--propagation", "private", "bash", "-c", SET_UP, "bash", directory],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    with contextlib.closing(holder.stdin), holder.stdout:
        host = Host(int(holder.stdout.readline()), directory / "root", files)
        host.does("mkdir -p /etc/haproxy && cp /test/haproxy.cfg /etc/haproxy/haproxy.cfg")
        yield host
    holder.wait(PATIENCE)
