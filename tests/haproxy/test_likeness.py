"""What haproxy.cfg says of both environments, and their servers as HAProxy itself tells them."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from guardian.balancers.haproxy.balancer import HAProxy
from guardian.balancers.haproxy.document import parse
from guardian.balancers.haproxy.likeness import likeness
from guardian.balancers.haproxy.servers import servers
from guardian.core.model import Environment, Service
from guardian.core.ports import BalancerError, BalancerGone, BalancerUnfit
from guardian.demo.haproxy import HAProxyProcess

BLUE, GREEN = Environment.BLUE, Environment.GREEN
TEXT = b"""
defaults
    mode http

backend web_blue
    balance   roundrobin          # same words, other blanks
    http-response set-header X-Environment blue
    option httpchk GET /health
    server blue1 10.0.0.1:80 check maxconn 50
    use-server blue1 if { path /web_blue }

backend web_green
    balance roundrobin
    http-response set-header X-Environment green
    server green1 10.0.1.1:80 check maxconn 60
    use-server green1 if { path /web_green }
"""


def test_names_of_one_side_are_no_difference(service: Service) -> None:
    """Blanks, comments, addresses and the environment's own names fall away; options and limits stay."""
    found = likeness(parse([("haproxy.cfg", TEXT)]), service)
    assert set(found[BLUE]) - set(found[GREEN]) == {
        "option httpchk GET /health",
        "server 1: check maxconn 50",
        "use-server blue1 if { path /$backend }",
    }
    assert "http-response set-header X-Environment $environment" in set(found[BLUE]) & set(found[GREEN])


def test_a_backend_that_is_in_no_file_is_not_described(service: Service) -> None:
    """What cannot be found says nothing."""
    assert not likeness(parse([("haproxy.cfg", b"global\n")]), service)


@pytest.mark.parametrize(
    ("state", "stat", "error"),
    [
        ("Can't find backend.\n", "", BalancerUnfit),
        ("1\n# be_id srv_name\n", "No such proxy.\n", BalancerUnfit),
        ("1\n", "# pxname,svname\n", BalancerGone),
        ("1\n# srv_name srv_addr srv_port\na 1.2.3.4 80\n", "# pxname,svname,weight\nx,b,1\n", BalancerGone),
        ("1\n# srv_name srv_addr srv_port\na 1.2.3.4 x\n", "# svname,weight,act,bck,slim,status\na,1,1,0,,UP\n", BalancerGone),
    ],
)
def test_answers_of_another_shape_are_errors_of_the_port(state: str, stat: str, error: type[BalancerError]) -> None:
    """Whatever HAProxy says, nothing but the port's own exceptions comes of it."""
    with pytest.raises(error):
        servers("web_blue", state, stat)


async def test_a_real_haproxy_tells_weights_limits_and_states(haproxy: HAProxyProcess, service: Service) -> None:
    """As they are now, not as they stand in the file."""
    adapter = HAProxy(replace(haproxy.endpoints, files=(haproxy.configuration,)), [service])
    try:
        commands = ["set server web_green/green1 weight 50%", "set server web_green/green1 state drain"]
        for command in commands:
            await adapter._runtime.ask(command)
        (server,) = await adapter.servers("web_green")
        assert server.status.startswith("DRAIN")
        assert not server.up
        (server,) = await adapter.servers("web_blue")
        assert (server.weight, server.most, server.up) == (1, 0, True)
        described = await adapter.described("web")
        assert described[BLUE] == described[GREEN]
        assert "server 1: check inter 200ms fall 2 rise 1" in described[BLUE]
        await asyncio.to_thread(Path(haproxy.configuration).unlink)
        with pytest.raises(BalancerError, match="No such file"):
            await adapter.described("web")
    finally:
        await adapter.aclose()
