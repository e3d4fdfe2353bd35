"""A real Prometheus that remembers two hours of a service."""

import time
from collections.abc import AsyncIterator, Iterator

import pytest

from guardian.core.access import Access
from guardian.metrics.prometheus import Prometheus
from guardian.rehearsal.past import Past
from tests.metrics.servers import RealPrometheus
from tests.rehearsal.history import Cutovers, samples


@pytest.fixture(scope="session")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Cutovers]]:
    """The address of the Prometheus, and the cutovers that it saw."""
    since = int(time.time()) // 7200 * 7200 - 7200
    server = RealPrometheus(tmp_path_factory.mktemp("memory"))
    server.backfill(samples(since))
    with server:
        yield server.url, Cutovers(since)


@pytest.fixture
def cutovers(memory: tuple[str, Cutovers]) -> Cutovers:
    """The cutovers that the Prometheus saw."""
    return memory[1]


@pytest.fixture
async def past(memory: tuple[str, Cutovers]) -> AsyncIterator[Past]:
    """The Prometheus, asked about the past."""
    prometheus = Prometheus(Access(memory[0], timeout=30.0))
    yield Past(prometheus)
    await prometheus.close()
