"""The service of these tests is routed by reload."""

import pytest

from guardian.core.model import Routing, Service, Way


@pytest.fixture(scope="session")
def service() -> Service:
    """The service whose traffic is moved."""
    return Service("web", blue="web_blue", green="web_green", routing=Routing(Way.RELOAD))
