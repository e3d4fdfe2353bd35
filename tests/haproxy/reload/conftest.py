"""The service of these tests is routed by reload; and root's program, as a process."""

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest

from guardian.balancers.haproxy.gate import REQUEST, Door
from guardian.core.model import Routing, Service, Way
from guardian.demo.haproxy import HAProxyProcess

ROOT = Path(__file__).parents[3]
NONCE = "0" * 32
GUARDIAN = """\
state_dir: state
rules: rules
haproxy: {{socket: stats.sock, map: guardian.map, files: [haproxy.cfg]{more}}}
api: {{socket: api.sock}}
services:
  web: {{blue: web_blue, green: web_green, routing: {{{routing}}}}}
  shop: {{blue: shop_blue, green: shop_green{shop}}}
"""


@dataclass
class Gatehouse:
    """A HAProxy, its guardian.yaml, and the program."""

    haproxy: HAProxyProcess
    service: Service
    directory: Path

    @property
    def command(self) -> tuple[str, ...]:
        """How the program is run here, where systemd would start it."""
        config, answer, state = (str(self.directory / name) for name in ("guardian.yaml", "answer.json", "root"))
        return (sys.executable, "-m", "guardian.cli", "haproxy", "apply", "--config", config, "--answer", answer, "--state", state)

    @property
    def request(self) -> Path:
        """Where guardian leaves what it wants."""
        return self.directory / "state" / REQUEST

    @property
    def text(self) -> str:
        """HAProxy's configuration."""
        return self.haproxy.configuration.read_text()

    def configure(self, more: str = "", shop: str = "") -> None:
        """Write guardian.yaml, with ``more`` of HAProxy, and of the ``shop``."""
        by = self.service.routing
        sticky = f", sticky: {by.sticky.by} {by.sticky.name}" if by.sticky else ""
        routing = f"way: reload, fallback: {str(by.fallback).lower()}{sticky}"
        (self.directory / "guardian.yaml").write_text(GUARDIAN.format(more=more, shop=shop, routing=routing))

    @classmethod
    def built(cls, haproxy: HAProxyProcess, service: Service, directory: Path) -> Self:
        """With everything in its place."""
        house = cls(haproxy, service, directory)
        for name in ("state", "rules", "root"):
            (directory / name).mkdir(exist_ok=True)
        house.configure()
        return house

    @property
    def door(self) -> Door:
        """Guardian's way to the program."""
        return Door(self.request, self.directory / "answer.json", ("env", f"PYTHONPATH={ROOT}", *self.command))

    async def run(self) -> "subprocess.CompletedProcess[str]":
        """Run the program once."""
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        return await asyncio.to_thread(
            subprocess.run, self.command, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    async def ask(self, **changes: object) -> "subprocess.CompletedProcess[str]":
        """Leave a request with these changes, and run the program."""
        request = {"nonce": NONCE, "do": "route", "service": "web", "green": 10_000, "safe": False} | changes
        self.request.write_text(json.dumps(request))
        return await self.run()


@pytest.fixture
def gate(haproxy: HAProxyProcess, service: Service, tmp_path: Path) -> Gatehouse:
    """The program before a running HAProxy."""
    return Gatehouse.built(haproxy, service, tmp_path)


@pytest.fixture(scope="session")
def service() -> Service:
    """The service whose traffic is moved."""
    return Service("web", blue="web_blue", green="web_green", routing=Routing(Way.RELOAD))
