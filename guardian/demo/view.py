"""Shows the demonstration while it plays: a live picture on a terminal, or lines for a pipe."""

import math
from typing import Protocol, Self

from rich.console import Console
from rich.live import Live

from guardian.demo.frame import Frame, Lane
from guardian.demo.picture import Picture, milliseconds, percent


class View(Protocol):
    """Something that shows frames, from ``with`` to its end."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(self, *_: object) -> None:
        """Leave the terminal as it was."""

    def show(self, frame: Frame) -> None:
        """Show ``frame`` now."""


class LiveView:
    """A picture that is redrawn in place; the last one stays on the terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, screen=True, auto_refresh=False)
        self._last: Frame | None = None

    def __enter__(self) -> Self:
        """Take over the screen."""
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Give the screen back."""
        self._live.stop()
        if self._last is not None:
            self._console.print(Picture(self._last))

    def show(self, frame: Frame) -> None:
        """Redraw."""
        self._last = frame
        self._live.update(Picture(frame), refresh=True)


class PlainView:
    """Lines: every moment once, and the numbers once a second."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._moments = 0
        self._second = -1

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """End."""

    def show(self, frame: Frame) -> None:
        """Print what is new."""
        for moment in frame.timeline[self._moments :]:
            self._print(moment.at, moment.text)
        self._moments = len(frame.timeline)
        if math.floor(frame.elapsed) > self._second:
            self._second = math.floor(frame.elapsed)
            lanes = " | ".join(_numbers(lane) for lane in (frame.blue, frame.green))
            self._print(frame.elapsed, f"{frame.phase} | {lanes} | failed connections {frame.connection_failures}")

    def _print(self, at: float, text: str) -> None:
        self._console.print(f"{at:6.1f} s  {text}", markup=False, highlight=False, soft_wrap=True)


def view_for(console: Console, *, plain: bool) -> View:
    """The live picture on a terminal that can be drawn on, where ``plain`` was not asked for; else lines."""
    drawable = console.is_terminal and not console.is_dumb_terminal
    return LiveView(console) if drawable and not plain else PlainView(console)


def _numbers(lane: Lane) -> str:
    name = f"{lane.environment} {lane.version}"
    if lane.error_share is None:
        return f"{name}: no traffic"
    errors, p50, p99 = percent(lane.error_share), milliseconds(lane.p50), milliseconds(lane.p99)
    return f"{name}: {lane.rate:,.0f} requests/s, {errors} errors, p50 {p50}, p99 {p99}"
