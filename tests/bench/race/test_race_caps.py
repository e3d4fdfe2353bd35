"""A race ends whatever an entrant does: its start and its session have an end of their own, and nothing of it is left running."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.progress import Progress

from guardian.demo.haproxy import debian_binary
from tests.bench.race import heat, race
from tests.bench.race.entrant import Ground, Lane
from tests.bench.race.heat import Heat, Pace
from tests.bench.race.natives import Observe


class Sluggish(Observe):
    """An entrant that never comes up, or never releases."""

    def __init__(self, *, starts: bool) -> None:
        super().__init__()
        self.stopped = 0
        self.ground: Ground | None = None
        self._starts = starts

    async def start(self, ground: Ground) -> None:
        """Come up, or never."""
        self.ground = ground
        await super().start(ground)
        if not self._starts:
            await asyncio.Event().wait()

    async def release(self, lanes: Sequence[Lane]) -> None:
        """Never."""
        await asyncio.Event().wait()

    async def stop(self) -> None:
        """It is told to end."""
        self.stopped += 1


def left(entrant: Sluggish) -> list[str]:
    """What still runs of the race: its processes carry the path of its directory."""
    assert entrant.ground
    commands = (process / "cmdline" for process in Path("/proc").iterdir() if process.name.isdecimal())
    return [text for command in commands if str(entrant.ground.directory) in (text := _read(command))]


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:  # it ended meanwhile
        return ""


def arena(entrant: Sluggish) -> Heat:
    """One lane with little traffic."""
    return Heat(entrant, debian_binary(), 20.0, Pace(history=0.0), lanes=1)


async def test_an_entrant_that_does_not_come_up_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the cap on a start; it is told to end, and HAProxy and the applications have ended."""
    monkeypatch.setattr(heat, "START_SECONDS", 0.2)
    entrant = Sluggish(starts=False)
    with pytest.raises(TimeoutError):
        async with arena(entrant):
            pytest.fail("it began")
    assert entrant.stopped == 1
    assert left(entrant) == []


async def test_a_session_that_takes_far_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """After the cap on a session, whoever hangs in it; the raw data has nothing of it, and nothing runs on."""
    monkeypatch.setattr(race, "SESSION_SECONDS", 5.0)
    entrant, raw = Sluggish(starts=True), tmp_path / "raw.jsonl"
    session = race.Session(entrant.name, 20.0, ("100%",))
    with pytest.raises(TimeoutError):
        await race.run(session, arena(entrant), 1, raw, Progress(disable=True))
    assert entrant.stopped == 1
    assert left(entrant) == []
    assert not raw.exists()
