"""What the tests of the sources share: real Prometheus processes, certificates, and clients that are closed."""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from guardian.core.access import Access
from guardian.metrics.prometheus import Prometheus
from tests.metrics.servers import Certificates, Connect, Eventually, Past, RealPrometheus, history, make_certificates
from tests.waiting import until


@pytest.fixture
def eventually() -> Eventually:
    """Wait until a condition holds."""
    return until


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Make clients of a URL that are closed at the end of the test. Further settings are those of ``Access``."""
    clients: list[Prometheus] = []

    def make(url: str, connections: int = 2, now: Callable[[], float] = time.time, **settings: Any) -> Prometheus:
        client = Prometheus(Access(url, **{"timeout": 10.0, **settings}), connections, now)
        clients.append(client)
        return client

    yield make
    for client in clients:
        await client.close()


@pytest.fixture
def fresh_prometheus(tmp_path: Path) -> Iterator[RealPrometheus]:
    """A Prometheus of the test's own, started, without a past."""
    with RealPrometheus(tmp_path) as server:
        yield server


@pytest.fixture(scope="session")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    """The Prometheus with a known past; it also scrapes itself."""
    since = int(time.time()) // 7200 * 7200 - 7200
    server = RealPrometheus(tmp_path_factory.mktemp("prometheus"))
    server.backfill(history(since))
    with server:
        yield Past(server.url, since)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificates made with openssl, valid for a day."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))
