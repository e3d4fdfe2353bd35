"""What HAProxy could not bind, found before it tries."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from guardian.balancers.haproxy.binds import Listener, binds, taken
from guardian.balancers.haproxy.document import Document, parse
from guardian.balancers.haproxy.process import sockets


def frontend(*lines: str) -> Document:
    """A frontend with these binds."""
    return parse([("haproxy.cfg", "\n".join(["frontend www", *(f"    bind {line}" for line in lines), ""]).encode())])


def listeners(line: str) -> list[str]:
    """What one ``bind`` listens on."""
    [section] = frontend(line).sections
    return [f"{one.listener.address} {one.listener.port}" for one in binds(section)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (":80", ["0.0.0.0 80"]),
        ("*:80", ["0.0.0.0 80"]),
        ("127.0.0.1:80,127.0.0.2:81 name x", ["127.0.0.1 80", "127.0.0.2 81"]),
        ("127.0.0.1:8000-8002", ["127.0.0.1 8000", "127.0.0.1 8001", "127.0.0.1 8002"]),
        (":::443 v6only", [":: 443"]),
        ("[::1]:443", ["::1 443"]),
        ("ipv6@:443", [":: 443"]),
        ("ipv4@10.0.0.1:443", ["10.0.0.1 443"]),
        ('"127.0.0.1:80"', ["127.0.0.1 80"]),
        ('"$ADDRESS:80"', []),
        ("www.example.org:80", []),
        ("/run/haproxy.sock", []),
        ("unix@/run/haproxy.sock", []),
        ("abns@haproxy", []),
        ("quic4@:443 ssl crt x", []),
        ("fd@7", []),
        (":80 interface eth1", []),
        (":80 namespace blue", []),
    ],
)
def test_a_bind_is_read_as_haproxy_reads_it(line: str, expected: list[str]) -> None:
    """Addresses, lists, ranges and wildcards; what is no TCP address, or depends on more than the file, is left out."""
    assert listeners(line) == expected


def test_wildcards_overlap_with_all_of_their_family() -> None:
    """An IPv6 wildcard is taken to have IPv4 as well, as it does without `v6only`."""
    addresses = [next(binds(frontend(f"{host}:80").sections[0])).listener for host in ("", "::", "127.0.0.1", "127.0.0.2")]
    four, six, one, other = addresses
    assert four.overlaps(one)
    assert six.overlaps(one)
    assert six.overlaps(four)
    assert not one.overlaps(other)
    assert not one.overlaps(Listener(one.address, 81))


@pytest.fixture
def listener() -> Iterator[int]:
    """The port of a program that listens on the loopback address; it is this one."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_port_of_another_program_is_told(listener: int) -> None:
    """With the line and the address; by a wildcard too."""
    for line in (f"127.0.0.1:{listener}", f":{listener}", f":::{listener}"):
        [told] = taken(frontend("127.0.0.1:1", line), frozenset())
        assert "haproxy.cfg:3: another program listens on" in told
        assert str(listener) in told


def test_a_port_that_haproxy_has_already_is_its_own(listener: int) -> None:
    """The sockets of the running processes are not in the way of the next ones."""
    held = sockets([os.getpid()])
    assert held
    assert list(taken(frontend(f"127.0.0.1:{listener}"), held)) == []


def test_an_address_of_another_machine_is_told() -> None:
    """Unless the line says that it may be missing."""
    [told] = taken(frontend("192.0.2.1:80"), frozenset())
    assert "haproxy.cfg:2: this machine has no address 192.0.2.1" in told
    assert list(taken(frontend("192.0.2.1:80 transparent"), frozenset())) == []


def test_the_kernels_tables_are_read_in_its_own_order(tmp_path: Path) -> None:
    """As written by Linux on a little-endian machine, with and without IPv6."""
    row = "   0: {} 00000000:0000 {} 00000000:00000000 00:00000000 00000000     0        0 {} 1 0000000000000000 100 0 0 10 0\n"
    (tmp_path / "tcp").write_text("head\n" + row.format("0100007F:1F90", "0A", 7) + row.format("0100007F:1F91", "01", 8))
    assert len(list(taken(frontend("127.0.0.1:8080", "127.0.0.1:8081"), frozenset(), tmp_path))) == 1
    (tmp_path / "tcp6").write_text("head\n" + row.format("00000000000000000000000001000000:1F91", "0A", 9))
    assert len(list(taken(frontend("127.0.0.1:8080", "[::1]:8081"), frozenset(), tmp_path))) == 2
    assert list(taken(frontend("127.0.0.1:8080", "[::1]:8081"), frozenset({7, 9}), tmp_path)) == []
