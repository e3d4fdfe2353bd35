"""Tidying the records: at quiet moments, to the end or until something is on trial, and at last in any case."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from guardian.app.clock import SteadyClock
from guardian.app.tidy import NEWEST, PATIENCE_SECONDS, Keeping, Tidy
from guardian.core.ports import StoreError


class Wall(SteadyClock):
    """A wall clock that a test sets."""

    at = 1e9

    def now(self) -> float:
        """As it was set."""
        return self.at


@dataclass
class House:
    """Has so many parts of each work to do, and keeps what it was told."""

    parts: dict[str, int]
    on_trial_after: int = 10**6
    told: list[tuple[str, ...]] = field(default_factory=list)
    refuses: str = ""

    def _part(self, name: str, *words: Any) -> int:
        self.told.append((name, *words))
        if name == self.refuses:
            raise StoreError("no room")
        self.parts[name] = self.parts.get(name, 0) - 1
        return int(self.parts[name] >= 0)

    def prune(self, before: float, keep: int) -> int:
        """As the protocol says."""
        return self._part("prune", before, keep)

    def forget(self, before: float, keep: int) -> int:
        """As the protocol says."""
        return self._part("forget", before, keep)

    def shrink(self) -> int:
        """As the protocol says."""
        return self._part("shrink")

    def archive(self, before: float, at: float) -> int:
        """As the protocol says."""
        return self._part("archive", before, at)

    def states(self) -> list[Any]:
        """One service, with a deployment on trial once enough was done."""
        active = len(self.told) >= self.on_trial_after
        return [SimpleNamespace(deployment=SimpleNamespace(phase=SimpleNamespace(active=active)))]


def made(house: House) -> tuple[Tidy, Wall]:
    """Who tidies it, with a clock."""
    clock = Wall()
    return Tidy(house, house.states, clock, Keeping(journal=1000.0, evidence=100.0)), clock


async def test_a_turn_does_all_there_is_to_do() -> None:
    """Every part to its end, each with the age that it is about."""
    house = House({"prune": 2, "archive": 1})
    tidy, _ = made(house)
    await tidy.turn()
    assert house.told == [
        *[("prune", 1e9 - 100, NEWEST)] * 3,
        ("forget", 1e9 - 1000, NEWEST),
        ("shrink",),
        *[("archive", 1e9 - 1000, 1e9)] * 2,
    ]


@pytest.mark.parametrize("parts", [0, 2])
async def test_a_trial_ends_a_turn(parts: int) -> None:
    """While something is on trial nothing is begun; what is left waits for the next quiet moment."""
    house = House({"prune": 10}, on_trial_after=parts)
    tidy, _ = made(house)
    await tidy.turn()
    assert len(house.told) == parts
    house.on_trial_after = 10**6
    await tidy.turn()
    assert [name for name, *_ in house.told].count("prune") == 11


async def test_where_it_is_never_quiet_it_is_done_all_the_same() -> None:
    """After a day without a quiet moment the work is done beside the trial, once, and waits for a day again."""
    house = House({"prune": 1}, on_trial_after=0)
    tidy, clock = made(house)
    clock.at += PATIENCE_SECONDS + 1
    await tidy.turn()
    done = len(house.told)
    assert done == 5
    await tidy.turn()
    assert len(house.told) == done


async def test_an_archive_that_refuses_holds_nothing_else_up() -> None:
    """The rest was done before, and the refusal goes to the schedule, which tells it."""
    house = House({"prune": 1}, refuses="archive")
    tidy, _ = made(house)
    with pytest.raises(StoreError, match="no room"):
        await tidy.turn()
    assert [name for name, *_ in house.told] == ["prune", "prune", "forget", "shrink", "archive"]
