"""A database with a million events: how long start, status, history and audit take on it."""

import asyncio
import json
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from guardian.demo.play import RULES, available_binary
from guardian.demo.stage import Setting, Stage
from guardian.records.seal import canonical, seal
from tests.soak.flat import publish

AT_ONCE = 20_000
START_PATIENCE = 120.0
SLACK_SECONDS = 2.0
"""By so much, and three times, a question may take longer than of a database with one deployment: noise of other programs."""
START = "start of the daemon, until a rollback would work"
START_SECONDS = 5.0
"""What a start may take, or what one with one deployment takes on the same machine at the time, and noise."""
WHOLE = ("`guardian audit export`, all", "`guardian audit verify`, all")
"""These read everything, and take as long as that takes."""


def crowd(path: Path, events: int) -> int:
    """Repeat the deployment in the database at ``path``, with its entries, until there are ``events``: how many deployments."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        template = dict(connection.execute("SELECT * FROM deployments ORDER BY first_entry LIMIT 1").fetchone())
        query = "SELECT * FROM journal WHERE deployment = ? ORDER BY number"
        happened = [dict(row) for row in connection.execute(query, (template["id"],))]
        last = dict(connection.execute("SELECT * FROM journal ORDER BY number DESC LIMIT 1").fetchone())
        number, head, made = last["number"], last["hash"], 0
        while number < events:
            entries, deployments = [], []
            while number < events and len(entries) < AT_ONCE:
                made += 1
                name = f"{template['id']}-{made}"
                deployments.append(_deployment(template, name, number + 1))
                for row in happened:
                    number += 1
                    entries.append(seal({**_bare(row), "number": number, "deployment": name, "previous_hash": head}))
                    head = entries[-1]["hash"]
            _insert(connection, "journal", entries)
            _insert(connection, "deployments", deployments)
        connection.commit()
    return made


def _bare(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "hash"}


def _deployment(template: Mapping[str, Any], name: str, first: int) -> dict[str, Any]:
    state = canonical({**json.loads(template["state"]), "id": name})
    return seal({**_bare(template), "id": name, "first_entry": first, "state": state})


def _insert(connection: sqlite3.Connection, table: str, rows: list[dict[str, Any]]) -> None:
    columns = ", ".join(rows[0])
    places = ", ".join(f":{name}" for name in rows[0])
    connection.executemany(f"INSERT INTO {table} ({columns}) VALUES ({places})", rows)


class Clock:
    """How long each thing took."""

    def __init__(self) -> None:
        self.took: dict[str, float] = {}

    async def command(self, name: str, place: Path, *words: str) -> None:
        """Run ``guardian`` with ``words``; what it says is thrown away."""
        started = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "guardian.cli", *words),
            stdout=asyncio.subprocess.DEVNULL,
            env={**os.environ, "GUARDIAN_SOCKET": str(place / "api.sock")},
        )
        if await process.wait():
            raise RuntimeError(name)
        self.took[name] = time.monotonic() - started

    def since(self, name: str, started: float) -> None:
        """It is done."""
        self.took[name] = time.monotonic() - started


async def run(events: int, where: Path | None = None) -> bool:
    """Make such a database, ask before and after, and publish what came of it. Whether everything is as quick as it was."""
    with tempfile.TemporaryDirectory(prefix="guardian-soak-", dir=where) as directory:
        place = Path(directory)
        path = place / "state" / "guardian.db"
        async with Stage(Setting(place, available_binary(), RULES, watch="1s")) as stage:
            async with stage.guardian.client() as client:
                await stage.guardian.order(client, "switch", {})
                await stage.guardian.until(client, "verified", "unverified", "rolled back", patience=60.0)
            few = await _measured(stage, place, after=0)
            await stage.guardian.end()
            made = await asyncio.to_thread(crowd, path, events)
            size = path.stat().st_size / 1048576
            many = await _measured(stage, place, after=events - 1000)
    return _published(few, many, f"{made:,} deployments, {events:,} entries of the journal, {size:,.0f} MiB")


async def _measured(stage: Stage, place: Path, after: int) -> dict[str, float]:
    clock = Clock()
    await stage.guardian.end()
    started = time.monotonic()
    await stage.guardian.start(START_PATIENCE)
    clock.since(START, started)
    async with stage.guardian.client() as client:
        for name, address in _questions((await client.get("/v1/deployments")).json()[0]["id"]):
            started = time.monotonic()
            (await client.get(address)).raise_for_status()
            clock.since(name, started)
    config = ("--config", str(place / "guardian.yaml"))
    for name, words in (
        ("`guardian status`", ("status",)),
        ("`guardian history`", ("history",)),
        ("`guardian audit export --after`, the last thousand", ("audit", "export", *config, "--after", str(after))),
        (WHOLE[0], ("audit", "export", *config)),
        (WHOLE[1], ("audit", "verify", *config)),
    ):
        await clock.command(name, place, *words)
    return clock.took


def _questions(newest: str) -> Iterator[tuple[str, str]]:
    yield "`GET /v1/services`", "/v1/services"
    yield "`GET /v1/deployments`", "/v1/deployments"
    yield "`GET /v1/deployments/ID`, with its journal", f"/v1/deployments/{newest}"


def _published(few: Mapping[str, float], many: Mapping[str, float], what: str) -> bool:
    allowed = {name: seconds * 3 + SLACK_SECONDS for name, seconds in few.items() if name not in WHOLE}
    allowed[START] = max(START_SECONDS, few[START] + SLACK_SECONDS)
    slow = [name for name, most in allowed.items() if many[name] > most]
    lines = ["| seconds | with one deployment | with a million events |", "|---|---|---|"]
    lines += [f"| {name} | {few[name]:.3f} | {many[name]:.3f}{' TOO SLOW' if name in slow else ''} |" for name in many]
    text = f"{what}; the daemon beside a real HAProxy. Commands include the start of Python.\n\n" + "\n".join(lines)
    publish("history", "A million events", text, {})
    print(text)  # noqa: T201  what a command says
    return not slow
