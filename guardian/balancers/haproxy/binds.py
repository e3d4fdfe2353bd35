"""Whether HAProxy could bind what a configuration wants: one that cannot, and passes ``-c``, costs two seconds of refusals."""

import errno
import ipaddress
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from guardian.balancers.haproxy.document import Document, Section, Statement
from guardian.core.words import reload as words

LISTENING = "0A"
_PORTS = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")
_ELSEWHERE = frozenset({"interface", "namespace"})
"""Words of a ``bind`` that is not where an address alone would be."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Listener:
    """A TCP address that is listened on, or is to be."""

    address: Address
    port: int

    def overlaps(self, other: "Listener") -> bool:
        """Whether both cannot be had by different programs; an IPv6 wildcard is taken to have IPv4 as well."""
        if self.port != other.port:
            return False
        if self.address == other.address:
            return True
        wild = [one.address for one in (self, other) if one.address.is_unspecified]
        return any(one.version == 6 or self.address.version == other.address.version for one in wild)  # noqa: PLR2004  IPv6


@dataclass(frozen=True, slots=True)
class Bind:
    """One listener of a ``bind`` line."""

    statement: Statement
    listener: Listener
    plain: bool
    """Whether a request can be made there in clear text."""
    transparent: bool


def binds(section: Section) -> Iterator[Bind]:
    """The TCP listeners of a section that can be told from the file; unix sockets, QUIC and variables are left out."""
    for statement in section.find("bind"):
        words_of_line = [word.value for word in statement.words]
        if len(words_of_line) < 2 or words_of_line[1] is None or _ELSEWHERE & set(words_of_line):  # noqa: PLR2004  bind, address
            continue
        plain = not {"ssl", "accept-proxy", "accept-netscaler-cip"} & set(words_of_line)
        for text in words_of_line[1].split(","):
            for listener in _listeners(text):
                yield Bind(statement, listener, plain, "transparent" in words_of_line)


def taken(document: Document, held: frozenset[int], net: Path = Path("/proc/net")) -> Iterator[str]:
    """What HAProxy could not bind, a sentence each; ``held`` are the inodes of its own sockets, ``net`` shows all that listen."""
    there = list(_listening(net))
    own = {listener for listener, inode in there if inode in held}
    others = [listener for listener, inode in there if inode not in held]
    for section in document.proxies("frontend", "listen"):
        for bind in binds(section):
            where, listener = bind.statement.where, bind.listener
            if listener in own:
                continue
            if any(listener.overlaps(other) for other in others):
                yield words.port_taken(where, str(listener.address), listener.port)
            elif not bind.transparent and not _local(listener.address):
                yield words.address_absent(where, str(listener.address))


def _listeners(text: str) -> Iterator[Listener]:
    family, found, rest = text.partition("@")
    if found and family not in {"ipv4", "ipv6"}:
        return
    host, found, ports = (rest if found else text).rpartition(":")
    span = _PORTS.fullmatch(ports)
    if not found or not span:
        return
    host = host.removeprefix("[").removesuffix("]")
    wild = "::" if family == "ipv6" else "0.0.0.0"  # noqa: S104  what the file says, not what guardian binds
    try:
        address = ipaddress.ip_address(wild if host in {"", "*"} else host)
    except ValueError:
        return  # a name, which HAProxy asks the resolver for
    first = int(span[1])
    for port in range(first, int(span[2] or first) + 1):
        yield Listener(address, port)


def _listening(net: Path) -> Iterator[tuple[Listener, int]]:
    for name in ("tcp", "tcp6"):
        try:
            rows = (net / name).read_text().splitlines()[1:]
        except FileNotFoundError:
            continue  # a kernel without IPv6
        for row in rows:
            fields = row.split()
            if fields[3] == LISTENING:
                digits, _, port = fields[1].partition(":")
                yield Listener(_address(digits), int(port, 16)), int(fields[9])


def _address(digits: str) -> Address:
    """The kernel writes each four bytes as a number in the machine's own order, which is taken to be little-endian."""
    words_of_address = [bytes.fromhex(digits[start : start + 8])[::-1] for start in range(0, len(digits), 8)]
    return ipaddress.ip_address(b"".join(words_of_address))


def _local(address: Address) -> bool:
    """Whether this machine has ``address``."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6  # noqa: PLR2004  IPv4
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((str(address), 0))
    except OSError as error:
        return error.errno != errno.EADDRNOTAVAIL
    return True
