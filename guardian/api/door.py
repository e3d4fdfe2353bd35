"""What stands at the doors of the API: the certificate that it shows over TCP, and the groups of this host that have a role."""

import asyncio
import grp
import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from guardian.core.people import Role
from guardian.core.words import access as words

logger = logging.getLogger(__name__)


class DoorUnusable(Exception):
    """The API cannot be served where it should be. The message is a sentence for people. Arises at the start."""


@dataclass(frozen=True, slots=True)
class Tcp:
    """Where the API is served over TCP, too."""

    host: str
    port: int
    context: ssl.SSLContext | None
    """``None``: without TLS, which is for loopback addresses only."""

    @property
    def address(self) -> str:
        """As people write it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Certificate:
    """A certificate with its key. When its files change, connections from then on are shown the new one, if it can be used."""

    def __init__(self, certificate: Path, key: Path | None) -> None:
        """:class:`DoorUnusable` when the files hold no certificate with its key."""
        self._files = (certificate, key)
        self._stamp = self._stamps()
        try:
            self.context = _context(certificate, key)
        except OSError as error:
            raise DoorUnusable(words.certificate_unusable(certificate, str(error))) from error

    async def look(self) -> None:
        """Show what the files hold now, if that has changed."""
        stamp, (certificate, key) = await asyncio.to_thread(self._stamps), self._files
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            _context(certificate, key)  # in a context that nobody uses: half of a pair would spoil the one in use
            self.context.load_cert_chain(certificate, key, password=_no_password)
        except OSError as error:
            logger.warning("%s", words.certificate_kept(certificate, str(error)))
        else:
            logger.info("%s", words.certificate_renewed(certificate))

    def _stamps(self) -> list[tuple[int, int] | None]:
        return [_stamp(file) for file in self._files if file]


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino


def _context(certificate: Path, key: Path | None) -> ssl.SSLContext:
    """TLS 1.2 and later, with the ciphers that the host's OpenSSL thinks good. ``OSError``, of which ``SSLError`` is one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(certificate, key, password=_no_password)
    return context


def _no_password() -> str:
    """A key that is encrypted is an error, not a question at a terminal."""
    return ""


def roles_by_number(roles: Mapping[str, Role] | None) -> Mapping[int, Role] | None:
    """The role of each group by the group's number. One that this host does not have is logged."""
    if roles is None:
        return None
    found: dict[int, Role] = {}
    for name, role in roles.items():
        try:
            found[grp.getgrnam(name).gr_gid] = role
        except KeyError:
            logger.warning("%s", words.no_group(name))
    return found
