"""The client trusts whom it is told to, shows its certificate, and goes by files that were renewed."""

import shutil
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from guardian.metrics.answer import SourceDown, Value
from tests.doubles.prometheus import StandIn, hang, number
from tests.metrics.servers import Certificates, Connect, Eventually, answered

GOOD = Value(1.0, 1000.0, {"job": "web"})


def context(certificates: Certificates) -> ssl.SSLContext:
    """A server's side that demands a client certificate of the same authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server, certificates.server_key)
    context.load_verify_locations(certificates.authority)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


@pytest.fixture
async def server(certificates: Certificates) -> AsyncIterator[StandIn]:
    """A Prometheus behind TLS that demands a client certificate."""
    async with StandIn(number(), context(certificates)) as server:
        yield server


async def test_own_authority_and_client_certificate(connect: Connect, certificates: Certificates, server: StandIn) -> None:
    """With both, queries are answered over one connection."""
    files = {"ca_file": certificates.authority, "client_cert_file": certificates.client, "client_key_file": certificates.client_key}
    client = connect(server.url, **files)
    assert await client.instant("up") == GOOD
    assert await client.instant("up") == GOOD
    assert server.connections == 1


async def test_certificate_and_key_in_one_file(
    connect: Connect, certificates: Certificates, server: StandIn, tmp_path: Path
) -> None:
    """Without a key file, the certificate's file holds both."""
    both = tmp_path / "both.pem"
    both.write_bytes(certificates.client.read_bytes() + certificates.client_key.read_bytes())
    assert await connect(server.url, ca_file=certificates.authority, client_cert_file=both).instant("up") == GOOD


async def test_a_server_of_another_authority_is_not_asked(connect: Connect, certificates: Certificates, server: StandIn) -> None:
    """Only the authorities in the file are trusted, and without one those of the system; the query is never sent."""
    with pytest.raises(SourceDown, match="certificate verify failed"):
        await connect(server.url, ca_file=certificates.stranger).instant("up")
    with pytest.raises(SourceDown, match="certificate verify failed"):
        await connect(server.url).instant("up")
    assert server.requests == []


async def test_a_server_of_another_name_is_not_asked(connect: Connect, certificates: Certificates, server: StandIn) -> None:
    """A certificate for 127.0.0.1 does not speak for localhost."""
    with pytest.raises(SourceDown, match=r"[Hh]ostname mismatch"):
        await connect(server.url.replace("127.0.0.1", "localhost"), ca_file=certificates.authority).instant("up")
    assert server.requests == []


async def test_without_its_certificate_the_client_is_refused(connect: Connect, certificates: Certificates, server: StandIn) -> None:
    """The server's refusal is an error of the source."""
    with pytest.raises(SourceDown, match="does not answer"):
        await connect(server.url, ca_file=certificates.authority).instant("up")
    assert server.requests == []


async def test_a_renewed_file_counts_from_the_next_query(
    connect: Connect, certificates: Certificates, server: StandIn, tmp_path: Path
) -> None:
    """An authority that is replaced on disk is trusted, or no longer trusted, without a restart."""
    file = tmp_path / "ca.pem"
    shutil.copy(certificates.authority, file)
    client = connect(
        server.url,
        connections=1,
        ca_file=file,
        client_cert_file=certificates.client,
        client_key_file=certificates.client_key,
    )
    assert await client.instant("up") == GOOD
    shutil.copy(certificates.stranger, tmp_path / "new.pem")
    (tmp_path / "new.pem").rename(file)
    with pytest.raises(SourceDown, match="certificate verify failed"):
        await client.instant("up")
    shutil.copy(certificates.authority, file)
    assert await client.instant("up") == GOOD


async def test_certificate_files_that_cannot_be_used_are_a_sentence(
    connect: Connect, certificates: Certificates, server: StandIn, tmp_path: Path
) -> None:
    """Rubbish, somebody else's key, and a key that needs a password are errors; nobody is asked at the terminal."""
    rubbish = tmp_path / "rubbish.pem"
    rubbish.write_text("no certificate")
    own = {"client_cert_file": certificates.client}
    for files in (
        {"client_key_file": rubbish},
        {"client_key_file": certificates.server_key},
        {"client_key_file": certificates.locked_key},
    ):
        with pytest.raises(SourceDown, match=r"the certificate files for Prometheus at .* cannot be used: .*; each must be PEM"):
            await connect(server.url, ca_file=certificates.authority, **own, **files).instant("up")
    with pytest.raises(SourceDown, match="cannot be used"):
        await connect(server.url, ca_file=rubbish).instant("up")
    rubbish.unlink()
    with pytest.raises(SourceDown, match=r"rubbish\.pem cannot be read: No such file"):
        await connect(server.url, ca_file=rubbish).instant("up")
    assert server.requests == []


async def test_a_hanging_server_behind_tls_is_cut_off(
    connect: Connect, certificates: Certificates, server: StandIn, eventually: Eventually
) -> None:
    """The deadline ends the connection under TLS as well, and the line goes on."""
    files = {"ca_file": certificates.authority, "client_cert_file": certificates.client, "client_key_file": certificates.client_key}
    client = connect(server.url, connections=1, timeout=0.5, **files)
    assert await answered(client) == GOOD
    server.behave = hang
    with pytest.raises(SourceDown, match=r"did not answer within 0\.50 s"):
        await client.instant("up")
    await eventually(lambda: not server.connected)
    server.behave = number()
    assert await answered(client) == GOOD
