"""Clients that stay, reloads by others, and switches in between: nothing fails, and nothing reaches the abandoned side."""

from dataclasses import replace
from pathlib import Path

from guardian.balancers.haproxy.balancer import HAProxy
from guardian.core.model import Service
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
