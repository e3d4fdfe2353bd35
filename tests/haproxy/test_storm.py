"""Clients that stay, reloads by others, and switches in between: nothing fails, and nothing reaches the abandoned side."""

from dataclasses import replace
from pathlib import Path

import pytest

from guardian.balancers.haproxy.balancer import HAProxy
from guardian.core.model import Routing, Service, Way
from tests.haproxy.storm import Storm, site


async def test_a_hundred_switches_in_a_storm_of_reloads(binary: Path, service: Service, tmp_path: Path) -> None:
    """Kept-alive, HTTP/2 and WebSocket connections, before, during and after reloads: 0 failed, 0 after the acknowledgement."""
    async with site(binary, service, tmp_path) as haproxy:
        balancer = HAProxy(haproxy.endpoints, [service])
        try:
            outcome = await Storm(haproxy, balancer).run(100, reload_every=4)
        finally:
            await balancer.aclose()
    assert (outcome.failed, outcome.after) == (0, 0), outcome
    assert outcome.workers > 10
    assert outcome.lingering > 0


async def test_the_same_without_a_master_socket(binary: Path, service: Service, tmp_path: Path) -> None:
    """Lingering workers are reached on the connections from before: 0 after the acknowledgement."""
    async with site(binary, service, tmp_path) as haproxy:
        balancer = HAProxy(replace(haproxy.endpoints, master_socket=None), [service])
        try:
            outcome = await Storm(haproxy, balancer).run(40, reload_every=4)
        finally:
            await balancer.aclose()
    assert (outcome.failed, outcome.after) == (0, 0), outcome
    assert outcome.workers > 3


@pytest.fixture
def by_reload(service: Service) -> Service:
    """The service, routed by reload."""
    return replace(service, routing=Routing(Way.RELOAD))


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("way", Way)
async def test_a_thousand_switches_in_a_storm_of_reloads(binary: Path, service: Service, way: Way, tmp_path: Path) -> None:
    """By either way: 0 failed, 0 after the acknowledgement."""
    routed = replace(service, routing=Routing(way))
    async with site(binary, routed, tmp_path) as haproxy:
        balancer = HAProxy(haproxy.endpoints, [routed])
        try:
            outcome = await Storm(haproxy, balancer).run(1000, reload_every=4)
        finally:
            await balancer.aclose()
    assert (outcome.failed, outcome.after) == (0, 0), outcome


async def test_the_same_by_reload(binary: Path, by_reload: Service, tmp_path: Path) -> None:
    """Each switch is a reload of guardian's own, among those of others: 0 failed, 0 after the acknowledgement."""
    async with site(binary, by_reload, tmp_path) as haproxy:
        balancer = HAProxy(haproxy.endpoints, [by_reload])
        try:
            outcome = await Storm(haproxy, balancer).run(30, reload_every=4)
        finally:
            await balancer.aclose()
    assert (outcome.failed, outcome.after) == (0, 0), outcome
    assert outcome.workers > 30
