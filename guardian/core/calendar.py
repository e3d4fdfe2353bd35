"""When a service's releases may move: windows in the week, and dates on which others hold. Pure: the zones are given."""

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

HORIZON = 400
"""Days in which the next opening is looked for."""
DAY = 24 * 60

Zone: TypeAlias = Callable[[str], dt.tzinfo]
"""The time zone of a name such as ``Europe/Berlin``."""


@dataclass(frozen=True, slots=True)
class Hours:
    """A time of the day, in minutes since midnight; one that ends before it begins ends on the next day."""

    start: int
    end: int

    def holds(self, minute: int) -> bool:
        """Whether ``minute`` of the day on which it begins, counted on into the next day, lies in it."""
        return self.start <= minute < self.end + DAY * (self.end <= self.start)


@dataclass(frozen=True, slots=True)
class Window:
    """A time of the week in which releases may move."""

    days: tuple[int, ...]
    """The days on which it begins: 0 is Monday."""
    hours: Hours
    zone: str


@dataclass(frozen=True, slots=True)
class Exemption:
    """Dates on which the windows of the week do not hold."""

    first: str
    """As ``2026-12-24``."""
    last: str
    hours: Hours | None
    """When releases may move on these dates; ``None``: never."""
    zone: str


@dataclass(frozen=True, slots=True)
class Calendar:
    """When releases may move; at any time where no windows are named."""

    windows: tuple[Window, ...] = ()
    exceptions: tuple[Exemption, ...] = ()


def is_open(calendar: Calendar, at: float, zone: Zone) -> bool:
    """Whether releases may move at the moment ``at``, in seconds since the epoch."""
    for exemption in calendar.exceptions:
        local = dt.datetime.fromtimestamp(at, zone(exemption.zone))
        if exemption.first <= local.date().isoformat() <= exemption.last:
            return exemption.hours is not None and exemption.hours.holds(local.hour * 60 + local.minute)
    return not calendar.windows or any(_inside(window, at, zone) for window in calendar.windows)


def _inside(window: Window, at: float, zone: Zone) -> bool:
    local = dt.datetime.fromtimestamp(at, zone(window.zone))
    minute, yesterday = local.hour * 60 + local.minute, (local.weekday() - 1) % 7
    today = local.weekday() in window.days and window.hours.holds(minute)
    return today or (yesterday in window.days and window.hours.holds(minute + DAY))


def next_opening(calendar: Calendar, at: float, zone: Zone) -> float | None:
    """The next moment from ``at`` on at which releases may move; ``None`` where there is none in the next :data:`HORIZON` days."""
    if is_open(calendar, at, zone):
        return at
    return min((moment for moment in _turns(calendar, at, zone) if moment > at and is_open(calendar, moment, zone)), default=None)


def _turns(calendar: Calendar, at: float, zone: Zone) -> Iterator[float]:
    """Every moment at which something may open: beginnings of windows and of the hours of exceptions, and ends of exceptions."""
    starts = {(window.zone, window.hours.start) for window in calendar.windows}
    starts |= {(each.zone, each.hours.start) for each in calendar.exceptions if each.hours}
    starts |= {(each.zone, 0) for each in calendar.exceptions}
    for name, start in starts:
        place = zone(name)
        today = dt.datetime.fromtimestamp(at, place).date()
        for day in range(HORIZON):
            date = today + dt.timedelta(days=day)
            yield dt.datetime(date.year, date.month, date.day, start // 60, start % 60, tzinfo=place).timestamp()
