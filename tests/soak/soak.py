"""The soak: what grows, and what must not. ``tests/soak/run.sh`` says what can be chosen."""

import argparse
import asyncio
import sys
from pathlib import Path

from tests.soak import daemon_part, history_part, records_part
from tests.soak.flat import ORDER


def main() -> int:
    """Run; 1 when something is not flat."""
    parser = argparse.ArgumentParser(prog="tests/soak/run.sh")
    parser.add_argument("--part", choices=ORDER, action="append", help="only this one; it may be given again")
    parser.add_argument("--deployments", type=int, default=10_000, help="of the part `records`")
    parser.add_argument("--looks", type=int, default=100, help="evaluations of each of them")
    parser.add_argument("--place", type=Path, help="of the databases of `records` and `history`; as usual for temporary files")
    parser.add_argument("--events", type=int, default=1_000_000, help="journal entries of the part `history`")
    parser.add_argument("--daemon", type=float, default=10.0, metavar="MINUTES", help="how long the part `daemon` takes")
    wanted = parser.parse_args()
    parts = {
        "records": lambda: records_part.run(wanted.deployments, wanted.looks, wanted.place),
        "history": lambda: asyncio.run(history_part.run(wanted.events, wanted.place)),
        "daemon": lambda: asyncio.run(daemon_part.run(wanted.daemon)),
    }
    outcomes = [parts[part]() for part in wanted.part or ORDER]
    return 0 if all(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
