"""A guardian that is served over TCP, too, with tokens of every role; and a certificate for it."""

import ssl
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from guardian.api.access import Admission
from guardian.api.door import Tcp
from guardian.api.server import application
from guardian.app.tokens import Tokens, Wish
from guardian.core.people import Role, Scope
from guardian.demo.ports import free_port
from tests.doubles.house import DEADLINE, WEB, House

NAMES = (*Role, *Scope)
"""A token for each role, and one for alerts."""


@dataclass(frozen=True)
class Door:
    """Where the guardian is, and the tokens that open it."""

    house: House
    tokens: Tokens
    port: int
    texts: Mapping[str, str]
    """A token for each role, one called ``alerts``, and one called ``elsewhere``: an operator's for another service."""
    certificate: Path | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"{'https' if self.certificate else 'http'}://127.0.0.1:{self.port}"

    def client(self, holder: str | None = None) -> httpx.AsyncClient:
        """A client with the token of ``holder``."""
        headers = {"authorization": f"Bearer {self.texts[holder]}"} if holder else {}
        verify = ssl.create_default_context(cafile=self.certificate) if self.certificate else False
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=DEADLINE, verify=verify, trust_env=False)


def self_signed(directory: Path, name: str = "certificate") -> tuple[Path, Path]:
    """A certificate for 127.0.0.1, and its key."""
    certificate, key = directory / f"{name}.pem", directory / f"{name}.key"
    subject = ("-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2")
    made = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    subprocess.run([*made, *subject, "-keyout", key, "-out", certificate], check=True, capture_output=True, timeout=DEADLINE)
    return certificate, key


@asynccontextmanager
async def opened(socket: Path, groups: Mapping[int, Role] | None = None, tcp: Tcp | None = None) -> AsyncIterator[Door]:
    """Serve a guardian at ``socket`` and over TCP."""
    house = House()
    tokens = Tokens(house.store, house.recorder, house.clock, [WEB.name, "shop"])
    texts = {}
    for name in NAMES:
        wish = Wish(str(name), name if isinstance(name, Role) else None, Scope(name) if name in set(Scope) else Scope.API, (), 1)
        texts[str(name)] = (await tokens.create(wish, "test")).token
    texts["elsewhere"] = (await tokens.create(Wish("elsewhere", Role.ADMIN, Scope.API, ("shop",), 1), "test")).token
    tcp = tcp or Tcp("127.0.0.1", free_port(), None)
    app = application(house.orders, house.gauges, Admission(groups, tokens.holder), tokens)
    async with house.open(socket, 0o666, app, tcp):
        yield Door(house, tokens, tcp.port, texts)
