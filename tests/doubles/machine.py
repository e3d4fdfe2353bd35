"""This host's own system, booted once more in a container with a real systemd, HAProxy and two environments; needs root."""

import contextlib
import hashlib
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).parents[2]
HERE = CHECKOUT / "tests" / "systemd"
LOCK = CHECKOUT / "deploy" / "requirements.txt"
ANSIBLE = CHECKOUT / "deploy" / "requirements-ansible.txt"
PATIENCE = 90.0
"""Seconds within which whatever is waited for must have come."""
APP = """\
[Service]
ExecStart=/bin/sh -c 'exec /usr/bin/python3 /test/app.py %i $(test %i = blue && echo 9001 || echo 9002)'
"""


def wheels(*locks: Path) -> Path:
    """The packages of the locks as files, downloaded once, each checked against its hash."""
    digest = hashlib.sha256(b"".join(lock.read_bytes() for lock in locks)).hexdigest()
    place = CHECKOUT / ".cache" / f"wheels-{digest[:12]}"
    if not (place / "complete").exists():
        beside = place.with_name(f"{place.name}.{os.getpid()}")
        pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input", "download")
        wanted = [word for lock in locks for word in ("--requirement", str(lock))]
        subprocess.run([*pip, "--require-hashes", *wanted, "--dest", str(beside)], check=True, timeout=600)
        (beside / "complete").touch()
        with contextlib.suppress(OSError):  # somebody else was faster
            beside.rename(place)
    return place


def checkout(place: Path) -> None:
    """What an installation needs of this checkout, at ``place``."""
    for name in ("guardian", "deploy"):
        shutil.copytree(CHECKOUT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"):
        shutil.copy(CHECKOUT / name, place / name)


@dataclass(frozen=True)
class Said:
    """How a program ended, and what it said."""

    code: int
    out: str
    err: str


class Machine:
    """The booted system."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.files = directory, directory / "files"

    def tries(self, command: str, seconds: float = PATIENCE) -> Said:
        """What comes of a shell command inside."""
        with socket.socket(socket.AF_UNIX) as agent:
            agent.settimeout(seconds + 10)
            agent.connect(str(self.files / "agent.sock"))
            with agent.makefile("rw") as stream:
                stream.write(json.dumps({"argv": ["bash", "-c", command], "seconds": seconds}) + "\n")
                stream.flush()
                return Said(**json.loads(stream.read()))

    def does(self, command: str, seconds: float = PATIENCE) -> str:
        """What a shell command inside says, which must end well."""
        said = self.tries(command, seconds)
        assert said.code == 0, f"{command}\n{said.out}\n{said.err}"
        return said.out

    def until(self, command: str, seconds: float = PATIENCE) -> float:
        """Wait until a shell command inside ends well; how long that took."""
        started, said = time.monotonic(), "nobody was there"
        while time.monotonic() - started < seconds:
            try:
                found = self.tries(command, 20)
            except (OSError, ValueError) as error:  # while it boots, nobody may be there
                said = str(error)
            else:
                if found.code == 0:
                    return time.monotonic() - started
                said = str(found)
            time.sleep(0.1)
        raise AssertionError(f"{command!r} did not end well within {seconds} s, at last {said}\n{self.story()}")

    def story(self) -> str:
        """What guardian and HAProxy said last."""
        with contextlib.suppress(OSError, ValueError):
            return self.tries(
                "journalctl -u guardian -u guardian-apply -u polkit -u haproxy -n 80 --no-pager; systemctl list-jobs --no-pager;"
                "systemctl status guardian --no-pager -n0; guardian status"
            ).out
        return "nobody is there"

    def guardian(self, *words: str) -> Any:
        """What a command of guardian's answers, as JSON."""
        return json.loads(self.does(f"guardian {shlex.join(words)} --json"))

    @property
    def pid(self) -> int:
        """The daemon's process."""
        return int(self.does("systemctl show --property MainPID --value guardian"))

    def phase(self) -> str:
        """Of the latest deployment of ``web``."""
        return str((self.guardian("status", "web")["deployment"] or {}).get("phase", ""))

    def answers(self, seconds: float) -> threading.Thread:
        """Sends requests once it is started, for so many seconds or until :meth:`enough`; ``answers.jsonl`` has what came back."""
        (self.files / "enough").unlink(missing_ok=True)
        command = f"python3 /test/traffic.py {seconds} > /test/answers.jsonl"
        return threading.Thread(target=self.does, args=(command, seconds + 30))

    def enough(self) -> None:
        """No more requests."""
        (self.files / "enough").touch()

    def came_back(self) -> list[tuple[float, int, str]]:
        """When, with which status, and from whom: every answer that was counted from outside."""
        lines = (self.files / "answers.jsonl").read_text().splitlines()
        return [(at, status, who) for at, status, who in map(json.loads, lines)]


@contextlib.contextmanager
def booted(directory: Path, *more: Path) -> Iterator[Machine]:
    """A machine with HAProxy between two healthy environments; all traffic on blue, no guardian, and the wheels for it.

    ``more``: further locks whose wheels are there.
    """
    machine = Machine(directory)
    machine.files.mkdir(parents=True)
    checkout(machine.files / "src")
    shutil.copytree(wheels(LOCK, *more), machine.files / "wheels", copy_function=_linked)
    for name in ("agent.py", "app.py", "traffic.py", "haproxy.cfg"):
        shutil.copy(HERE / name, machine.files)
    with (directory / "console.log").open("wb") as console:
        container = subprocess.Popen(
            [HERE / "boot.sh", directory], stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True
        )
        try:
            machine.until("true")
            (machine.files / "app@.service").write_text(APP)
            machine.does("cp /test/app@.service /etc/systemd/system/; cp /test/haproxy.cfg /etc/haproxy/haproxy.cfg")
            machine.does("systemctl daemon-reload; systemctl start app@blue app@green; systemctl restart haproxy")
            machine.until("curl -sf http://127.0.0.1:8080/")
            yield machine
        finally:
            with contextlib.suppress(ProcessLookupError):
                container.terminate()  # systemd-nspawn asks the system inside to go down
                try:
                    container.wait(20)
                except subprocess.TimeoutExpired:
                    os.killpg(container.pid, signal.SIGKILL)
                    container.wait(20)


def _linked(source: str, target: str) -> None:
    """Wheels are many megabytes."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy(source, target)
