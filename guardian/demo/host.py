"""A host of an environment: runs the application at whatever version was brought to it, and takes another one in its place.

``python -m guardian.demo.host serve --environment green --directory DIR`` is the host. What brings a version to it only writes the
file ``version`` there, as a deploy stage copies files to a host; ``python -m guardian.demo.host deploy v2 DIR DIR`` does that, and
waits until every host answers with it.
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from guardian.core.model import Environment
from guardian.demo.application import HEALTH, LOOPBACK, Application, Fault

LOOK_EVERY = 0.05
PATIENCE = 10.0
"""Seconds that a new version may take to answer."""


class Host:
    """One host. Its port stays the same, whatever runs on it."""

    def __init__(self, environment: Environment, directory: Path, bad: str, errors: float) -> None:
        """``bad`` is the version that has a fault; it answers this share of its requests with 500, but its health check well."""
        self._environment, self._directory = environment, directory
        self._bad, self._errors = bad, errors
        self._stop = asyncio.Event()

    async def serve(self) -> None:
        """Run whatever version is there, until SIGTERM or the end of standard input."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        with contextlib.suppress(PermissionError):
            loop.add_reader(0, lambda: None if os.read(0, 4096) else self._stop.set())
        port = 0
        while not self._stop.is_set():
            version = self._version()
            async with Application(self._environment, version, port=port) as application:
                if version == self._bad:
                    application.fault = Fault(errors=self._errors)
                if not port:
                    port = application.port
                    (self._directory / "port").write_text(str(port))
                    print(json.dumps({"port": port}), flush=True)
                while self._version() == version and not self._stop.is_set():
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._stop.wait(), LOOK_EVERY)

    def _version(self) -> str:
        return (self._directory / "version").read_text().strip()


def bring(version: str, directory: Path) -> str:
    """Bring ``version`` to the host in ``directory``. What went wrong; empty where it answers with that version."""
    beside = directory / "version.new"
    beside.write_text(version)
    beside.replace(directory / "version")
    port, until = (directory / "port").read_text(), time.monotonic() + PATIENCE
    seen = "no answer"
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"http://{LOOPBACK}:{port}{HEALTH}", timeout=1.0) as answer:
                seen = answer.headers.get("X-Version", "")
        except (urllib.error.URLError, OSError) as error:
            seen = str(error)
        if seen == version:
            return ""
        time.sleep(LOOK_EVERY)
    return f"{directory.name} does not answer with {version}, but with {seen}"


def main() -> int:
    """Be a host, or bring a version to some."""
    parser = argparse.ArgumentParser(prog="python -m guardian.demo.host", description=__doc__)
    orders = parser.add_subparsers(dest="order", required=True)
    serving = orders.add_parser("serve")
    serving.add_argument("--environment", type=Environment, choices=list(Environment), required=True)
    serving.add_argument("--directory", type=Path, required=True)
    serving.add_argument("--bad", default="")
    serving.add_argument("--errors", type=float, default=0.5)
    bringing = orders.add_parser("deploy")
    bringing.add_argument("version")
    bringing.add_argument("directories", type=Path, nargs="+")
    given = parser.parse_args()
    if given.order == "serve":
        asyncio.run(Host(given.environment, given.directory, given.bad, given.errors).serve())
        return 0
    for directory in given.directories:
        trouble = bring(given.version, directory)
        print(trouble or f"{directory.name} answers with {given.version}")
        if trouble:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
