"""How long clumps of errors last: what the past says, and what it does not say."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.core.spells import COMPANY, WINDOWS, Seen, Windows, spell
from tests.unit.core.makers import LOOK

SECONDS = 600.0
LOOKS = round(SECONDS / LOOK)


def closely(counts: dict[int, int], looks: int = LOOKS) -> Seen:
    """What close looks saw, of which so much came in which."""
    windows, squares = Windows(), [0] * len(WINDOWS)
    for look, count in sorted(counts.items()):
        squares = [known + more for known, more in zip(squares, windows.add((look + 0.5) * LOOK, count), strict=True)]
    return Seen(looks, looks * LOOK, sum(counts.values()), [sum(count * count for count in counts.values()), *squares])


def from_afar(*counts: int) -> Seen:
    """What ten minutes of looks saw that are a second apart, of which these brought something."""
    return Seen(round(SECONDS), SECONDS, sum(counts), [sum(count * count for count in counts)])


def found(counts: dict[int, int], looks: int = LOOKS) -> float:
    """How long clumps last, as it is told from how much came in which look."""
    return spell(closely(counts, looks), Seen())


def clumps(number: int, size: int, seconds: float, seed: int = 1) -> dict[int, int]:
    """Clumps of so many errors, spread over so long, at random moments."""
    rng, counts = np.random.default_rng(seed), dict[int, int]()
    for begin in rng.uniform(0, SECONDS - seconds, number):
        for look in ((begin + rng.uniform(0, seconds, size)) / LOOK).astype(int).tolist():
            counts[look] = counts.get(look, 0) + 1
    return counts


@pytest.mark.parametrize("number", [1, 3, 12, 120, 1_200, 12_000])
def test_errors_that_come_alone_are_no_clumps(number: int) -> None:
    """However many they are, and however often some of them meet."""
    assert not any(found(clumps(number, 1, 0.0, seed)) for seed in range(8))


@pytest.mark.parametrize("size", [2, 10, 100])
def test_clumps_within_a_look_last_no_longer(size: int) -> None:
    """A test that allows for clumps within a look needs to know no more."""
    assert not any(found(clumps(60, size, 0.0, seed)) for seed in range(20))


@pytest.mark.parametrize(("seconds", "least", "most"), [(0.2, 0.2, 0.8), (0.5, 0.4, 1.6), (1.0, 0.8, 1.6)])
@pytest.mark.parametrize("number", [6, 60, 600])
def test_clumps_that_last_are_found(number: int, seconds: float, least: float, most: float) -> None:
    """About as long as they are, from a handful of them on."""
    lasted = [found(clumps(number, 10, seconds, seed)) for seed in range(8)]
    assert min(lasted) >= least
    assert max(lasted) <= most


@pytest.mark.parametrize("rate", [0.05, 0.2, 0.5, 1.0, 5.0])
def test_a_rate_that_changes_slowly_is_no_clump(rate: float) -> None:
    """Twice as many errors in one half of the past than in the other come together no more than before."""
    rng = np.random.default_rng(1)
    rates = np.where(np.arange(LOOKS) < LOOKS / 2, rate, 2 * rate)
    counts = {look: count for look, count in enumerate(rng.poisson(rates).tolist()) if count}
    assert found(counts) == 0.0


@pytest.mark.parametrize(("counts", "looks"), [({}, LOOKS), ({}, 0), ({0: 10}, 1), ({0: 5, 3: 5}, 20)])
def test_too_little_is_known(counts: dict[int, int], looks: int) -> None:
    """No error, no look, or a past that is shorter than the longest window."""
    assert found(counts, looks) == 0.0


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(1, 20)), max_size=60))
def test_the_sums_are_those_of_all_windows(given: list[tuple[int, int]]) -> None:
    """What is added up look by look is what counting in windows would give."""
    looks = sorted(given)
    windows, squares = Windows(), [0] * len(WINDOWS)
    for look, count in looks:
        squares = [known + more for known, more in zip(squares, windows.add((look + 0.5) * LOOK, count), strict=True)]
    for window, square in zip(WINDOWS, squares, strict=True):
        totals: dict[int, int] = {}
        for look, count in looks:
            number = int((look + 0.5) * LOOK // window)
            totals[number] = totals.get(number, 0) + count
        assert square == sum(total * total for total in totals.values())


def test_longer_windows_hold_each_other() -> None:
    """Each is twice the one before: what is long enough for one is for the next."""
    assert all(longer == pytest.approx(2 * shorter) for shorter, longer in pairwise(WINDOWS))


@pytest.mark.parametrize("seconds", [6.0, 20.0, 60.0])
@pytest.mark.parametrize("number", [1, 3])
def test_an_incident_is_no_clump(seconds: float, number: int) -> None:
    """What went on for longer than the longest window is what a judge is there for, and makes none of them slower."""
    assert not any(found(clumps(number, round(20 * seconds), seconds, seed)) for seed in range(8))


@pytest.mark.parametrize(("counts", "lasted"), [((), 0.0), ((1,), 0.0), ((1, 2, 1, 1, 2, 1), 0.0), ((10,), 0.8), ((1, 10, 1), 0.8)])
def test_a_clump_that_was_seen_from_afar_may_have_lasted(counts: tuple[int, ...], lasted: float) -> None:
    """As long as the window that fits into such a look; errors that came alone did not."""
    assert spell(Seen(), from_afar(*counts)) == lasted
    assert spell(closely({7: 1, 99: 1}), from_afar(*counts)) == lasted


def test_what_was_seen_closely_is_believed() -> None:
    """As soon as that was a clump of about the size; however many errors come alone, they say nothing of those that do not."""
    afar = from_afar(10, 10)
    assert max(afar.indices) >= COMPANY
    assert spell(closely({100: 4}), afar) == 0.8
    assert spell(closely({100: 9}), afar) == 0.0
    assert spell(closely(dict.fromkeys(range(100, 104), 3)), afar) in {0.2, 0.4}
    assert spell(closely(dict.fromkeys(range(100, 10_000, 100), 1)), afar) == 0.8
