"""What tests of several folders share: a real HAProxy between two real applications."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from hypothesis import settings

from guardian.balancers.haproxy.balancer import HAProxy
from guardian.core.model import Environment, Service
from guardian.demo.application import Application
from guardian.demo.haproxy import HAProxyProcess, Site
from tests.binaries import BINARIES


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--all``: the long tests, too."""
    parser.addoption("--all", action="store_true", help="also run the tests that take minutes each")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long tests out, and say how many, unless they are asked for."""
    if config.getoption("--all"):
        return
    long = [item for item in items if item.get_closest_marker("long")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A test that was skipped has proved nothing: say which, and what it takes."""
    skipped: dict[str, list[str]] = {}
    for report in terminalreporter.stats.get("skipped", []):
        reason = str(report.longrepr[2]).removeprefix("Skipped: ")
        skipped.setdefault(reason, []).append(report.nodeid)
    if skipped:
        terminalreporter.section("NOT PROVED by this run", red=True)
    for reason, names in skipped.items():
        terminalreporter.line(f"{len(names)} tests were skipped: {reason}")
        for name in names:
            terminalreporter.line(f"    {name}")


settings.register_profile("shared", deadline=None)  # how long an example takes says nothing on a host that others use, too
settings.load_profile("shared")


@pytest.fixture(scope="session")
def service() -> Service:
    """The service whose traffic is moved."""
    return Service("web", blue="web_blue", green="web_green")


@pytest.fixture(params=list(BINARIES))
def binary(request: pytest.FixtureRequest) -> Path:
    """Each HAProxy."""
    return BINARIES[request.param]()


@pytest.fixture
async def applications() -> AsyncIterator[Mapping[Environment, Application]]:
    """Both environments' applications, quick and healthy."""
    async with AsyncExitStack() as ends:
        yield {
            environment: await ends.enter_async_context(Application(environment, "v1", latency=0)) for environment in Environment
        }


@pytest.fixture
async def haproxy(
    binary: Path, applications: Mapping[Environment, Application], service: Service, tmp_path: Path
) -> AsyncIterator[HAProxyProcess]:
    """HAProxy between clients and both applications, all on blue."""
    servers = {environment: [f"127.0.0.1:{application.port}"] for environment, application in applications.items()}
    async with HAProxyProcess(binary, Site(tmp_path, service, servers[Environment.BLUE], servers[Environment.GREEN])) as process:
        yield process


@pytest.fixture
async def balancer(haproxy: HAProxyProcess, service: Service) -> AsyncIterator[HAProxy]:
    """The adapter under test, on the running HAProxy."""
    adapter = HAProxy(haproxy.endpoints, [service])
    yield adapter
    await adapter.aclose()
