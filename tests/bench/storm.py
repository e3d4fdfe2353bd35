"""A thousand switches while clients stay and somebody reloads: how many requests failed, how many went where they must not."""

import argparse
import asyncio
import sys
import tempfile
import time
from dataclasses import replace
from itertools import product
from pathlib import Path

from rich.console import Console
from rich.table import Table

from guardian.balancers.haproxy.balancer import HAProxy
from guardian.core.model import Routing, Service, Way
from tests.binaries import BINARIES
from tests.haproxy.storm import Outcome, Storm, site

SERVICE = Service("web", blue="web_blue", green="web_green")
RELOAD_EVERY = 4


async def measure(binary: Path, switches: int, way: Way, *, master: bool) -> tuple[Outcome, float]:
    """The outcome, and the seconds it took."""
    service = replace(SERVICE, routing=Routing(way))
    with tempfile.TemporaryDirectory(prefix="storm-") as directory:
        async with site(binary, service, Path(directory)) as haproxy:
            endpoints = haproxy.endpoints if master else replace(haproxy.endpoints, master_socket=None)
            balancer = HAProxy(endpoints, [service])
            began = time.monotonic()
            try:
                return await Storm(haproxy, balancer).run(switches, RELOAD_EVERY), time.monotonic() - began
            finally:
                await balancer.aclose()


def main() -> None:
    """Measure, print a table, and end with 1 if a request failed or went astray."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--switches", type=int, default=1000)
    parser.add_argument("--haproxy", choices=list(BINARIES), nargs="*", default=list(BINARIES))
    parser.add_argument("--way", type=Way, choices=list(Way), nargs="*", default=list(Way))
    given = parser.parse_args()
    columns = (
        "HAProxy",
        "way",
        "workers reached by",
        "switches",
        "requests",
        "failed",
        "after acknowledgement",
        "workers",
        "lingering",
        "repeated",
    )
    table, bad = Table(*columns, "median", "longest", "seconds"), 0
    for name, way, master in product(given.haproxy, given.way, (True, False)):
        outcome, took = asyncio.run(measure(BINARIES[name](), given.switches, way, master=master))
        figures = (outcome.switches, outcome.requests, outcome.failed, outcome.after, outcome.workers, outcome.lingering)
        times = (*(f"{1000 * seconds:.1f} ms" for seconds in outcome.took), f"{took:.1f}")
        reached = "master socket" if master else "held connections"
        table.add_row(name, way, reached, *map(str, (*figures, outcome.repeated)), *times)
        bad += outcome.failed + outcome.after
    Console(width=None if sys.stdout.isatty() else 200).print(table)
    raise SystemExit(1 if bad else 0)


if __name__ == "__main__":
    main()
