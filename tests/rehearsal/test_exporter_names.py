"""The names of HAProxy's exporter: held against a real one."""

import asyncio
import re
from pathlib import Path

import httpx

from guardian.core.readings import GAUGES, TOTALS
from guardian.demo.ports import free_port
from guardian.rehearsal.exporter import promql

CONFIG = """
global
    maxconn 50
defaults
    mode http
    timeout client 5s
    timeout server 5s
    timeout connect 5s
frontend metrics
    bind 127.0.0.1:{port}
    http-request use-service prometheus-exporter if {{ path /metrics }}
    use_backend web_green
backend web_green
    server one 127.0.0.1:{port}
"""
EXPORTED = re.compile(r'haproxy_backend_\w+\{proxy="web_green"(?:,code="\w+")?\}')


async def exported(port: int) -> str:
    """What the exporter says, once it listens."""
    async with httpx.AsyncClient() as client, asyncio.timeout(20):
        while True:
            try:
                return (await client.get(f"http://127.0.0.1:{port}/metrics")).text
            except httpx.TransportError:
                await asyncio.sleep(0.02)


async def test_every_counter_is_asked_for_by_a_name_that_haproxy_exports(binary: Path, tmp_path: Path) -> None:
    """Totals and gauges that a rule may read, each with its backend and, of answers, its class."""
    port = free_port()
    (tmp_path / "haproxy.cfg").write_text(CONFIG.format(port=port))
    process = await asyncio.create_subprocess_exec(binary, "-db", "-f", tmp_path / "haproxy.cfg", stderr=asyncio.subprocess.DEVNULL)
    try:
        text = await exported(port)
    finally:
        process.kill()
        await process.wait()
    known = set(EXPORTED.findall(text))
    names = {*TOTALS, *GAUGES}
    asked = {series for name in names for series in re.findall(r"sum\((haproxy[^)]+)\)", promql(name, "web_green"))}
    assert asked <= known
    # Servers that are up are two series, and connection errors stand for who was not reached at once.
    assert len(asked) == len(names)
