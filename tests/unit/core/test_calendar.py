"""When releases may move: windows in the week of a place, and dates on which others hold."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.core.calendar import Calendar, Exemption, Hours, Window, is_open, next_opening

BERLIN = "Europe/Berlin"
WORK = Window((0, 1, 2, 3), Hours(9 * 60, 16 * 60), BERLIN)
NIGHT = Window((4,), Hours(22 * 60, 4 * 60), BERLIN)
CHRISTMAS = Exemption("2026-12-24", "2026-12-27", None, BERLIN)
MORNING = Exemption("2026-12-31", "2026-12-31", Hours(9 * 60, 12 * 60), BERLIN)


def at(text: str, zone: str = BERLIN) -> float:
    """A moment at a place."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def test_without_windows_it_is_always_open() -> None:
    """But for the exceptions."""
    assert is_open(Calendar(), 0.0, ZoneInfo)
    closed = Calendar(exceptions=(CHRISTMAS,))
    assert not is_open(closed, at("2026-12-24T00:00"), ZoneInfo)
    assert is_open(closed, at("2026-12-28T00:00"), ZoneInfo)
    assert next_opening(closed, at("2026-12-25T12:00"), ZoneInfo) == at("2026-12-28T00:00")


@pytest.mark.parametrize(
    ("moment", "found"),
    [
        ("2026-11-26T08:59", False),  # a Thursday
        ("2026-11-26T09:00", True),
        ("2026-11-26T15:59", True),
        ("2026-11-26T16:00", False),
        ("2026-11-27T12:00", False),
        ("2026-11-27T22:00", True),  # a night that began on Friday
        ("2026-11-28T03:59", True),
        ("2026-11-28T04:00", False),
        ("2026-11-29T03:00", False),
        ("2026-12-24T10:00", False),
        ("2026-12-31T10:00", True),
        ("2026-12-31T13:00", False),
    ],
)
def test_windows_and_exceptions(moment: str, found: bool) -> None:  # noqa: FBT001  a column of the table
    """In the week of the place, over midnight, and on dates of their own."""
    assert is_open(Calendar((WORK, NIGHT), (CHRISTMAS, MORNING)), at(moment), ZoneInfo) is found


def test_a_window_follows_the_clock_of_its_place() -> None:
    """Nine in Berlin is eight in UTC in winter and seven in summer."""
    calendar = Calendar((WORK,))
    assert is_open(calendar, at("2026-01-15T08:00", "UTC"), ZoneInfo)
    assert not is_open(calendar, at("2026-01-15T07:30", "UTC"), ZoneInfo)
    assert is_open(calendar, at("2026-07-15T07:30", "UTC"), ZoneInfo)


def test_the_next_opening_is_told() -> None:
    """After the weekend, after the holidays; never where nothing opens in a year."""
    calendar = Calendar((WORK,), (CHRISTMAS,))
    assert next_opening(calendar, at("2026-11-26T10:00"), ZoneInfo) == at("2026-11-26T10:00")
    assert next_opening(calendar, at("2026-11-26T17:00"), ZoneInfo) == at("2026-11-30T09:00")
    assert next_opening(calendar, at("2026-12-23T17:00"), ZoneInfo) == at("2026-12-28T09:00")
    never = Calendar((WORK,), (Exemption("2020-01-01", "2030-01-01", None, BERLIN),))
    assert next_opening(never, at("2026-11-26T10:00"), ZoneInfo) is None


@given(
    moment=st.floats(1.7e9, 1.9e9),
    days=st.sets(st.integers(0, 6), min_size=1),
    start=st.integers(0, 1439),
    end=st.integers(0, 1440),
    zone=st.sampled_from([BERLIN, "UTC", "America/New_York", "Pacific/Apia"]),
)
def test_what_is_said_to_open_opens(moment: float, days: set[int], start: int, end: int, zone: str) -> None:
    """The next opening is open, and a minute before it was not; also where clocks are changed."""
    calendar = Calendar((Window(tuple(sorted(days)), Hours(start, end), zone),))
    opens = next_opening(calendar, moment, ZoneInfo)
    assert opens is not None
    assert opens >= moment
    assert is_open(calendar, opens, ZoneInfo)
    if opens > moment + 60:
        assert not is_open(calendar, moment, ZoneInfo)
