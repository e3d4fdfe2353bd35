"""Charts: what a rule measured in both environments around a cutover, as a PNG for a message, a note or a report.

A :class:`Chart` is plain data. Matplotlib takes some 0.3 s to draw it and holds the interpreter meanwhile, so a program that
watches releases has it :func:`drawn` in a process of its own, which ends with the chart. Colours are those of Okabe and Ito, "Color
Universal Design" (2008), which colour-blind readers tell apart; the lines differ by their dashes and ends, too.
"""

import asyncio
import io
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from guardian.core.model import Environment
from guardian.core.rules import Direction, Unit
from guardian.core.words import charts as words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, GREEN, VERMILION, INK, GREY = "#0072B2", "#009E73", "#D55E00", "#1A1A1A", "#6B6B6B"
_STYLES: dict[Environment, tuple[str, Any]] = {Environment.BLUE: (BLUE, "-"), Environment.GREEN: (GREEN, (0, (3.5, 1.2)))}
INCHES, DOTS = (10.0, 5.4), 120
"""1,200 by 648 pixels: Slack shows an image some 360 points wide, where letters of 16 points can still be read."""
HEADROOM = 1.18
"""The axis ends so far above the highest value."""
FOOTROOM = 0.02
"""The axis begins so far below 0, as a share of its height, that a line at 0 is seen whole."""
CLOSEST, LAST, ROW = 0.2, 0.86, 0.075
"""Moments nearer to one another than this share of the width have their names one above the other, and the names of those beyond
that share stand left of their lines; a row of names is so high, as a share of the picture's height."""
MOST_MOMENTS = 3
MOST_TICKS = 6
TICKS = (0.1, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
"""Seconds between two ticks, as clocks are read."""
LONGEST_TITLE, LONGEST_SUBTITLE = 40, 98
DRAWING_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Line:
    """One environment's values."""

    environment: Environment
    points: tuple[tuple[float, float], ...]
    """Seconds since the cutover, and the value; in order."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened."""

    at: float
    """Seconds since the cutover."""
    what: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A metric of both environments around one cutover."""

    title: str
    subtitle: str
    candidate: Environment
    lines: tuple[Line, ...]
    unit: Unit = Unit.NUMBER
    limit: float | None = None
    bad: Direction = Direction.ABOVE
    """On which side of the limit a value is bad."""
    moments: tuple[Moment, ...] = ()
    """What happened besides the cutover, which is marked by itself; the first :data:`MOST_MOMENTS` are drawn."""

    @property
    def alt(self) -> str:
        """The chart in words, for those who cannot see it."""
        lines = [self._told(line) for line in self.lines]
        written = None if self.limit is None else words.figure(self.unit, self.limit)
        return words.alternative(self.title, lines, written, [words.moment(each.what, each.at) for each in self.moments])

    def _told(self, line: Line) -> str:
        before = self._highest(value for at, value in line.points if at < 0)
        after = self._highest(value for at, value in line.points if at >= 0)
        return words.line(line.environment, before, after, candidate=line.environment is self.candidate)

    def _highest(self, values: Iterable[float]) -> str | None:
        highest = max(values, default=None)
        return None if highest is None else words.figure(self.unit, highest)


async def drawn(chart: Chart, patience: float = DRAWING_SECONDS) -> bytes:
    """``chart`` as a PNG, drawn by another process. ``TimeoutError`` after ``patience`` seconds, ``OSError`` where it fails."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", __name__),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # a service's limit on tasks is no reason to draw nothing
    )
    try:
        async with asyncio.timeout(patience):
            png, said = await process.communicate(_CHART.dump_json(chart))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise OSError(words.not_drawn(said.decode(errors="replace")))
    return png


def render(chart: Chart) -> bytes:
    """``chart`` as a PNG. It holds the interpreter for some 0.3 s, and a second more when Matplotlib is first loaded."""
    from matplotlib import rc_context  # noqa: PLC0415  heavy, and needed by those who draw only
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    with rc_context({"font.size": 16, "font.family": "DejaVu Sans", "text.parse_math": False}):
        figure = Figure(figsize=INCHES, dpi=DOTS, facecolor="white")
        FigureCanvasAgg(figure)
        axes = figure.add_axes((0.105, 0.105, 0.855, 0.615))
        _draw_lines(axes, chart)
        _draw_limit(axes, chart)
        _draw_axes(axes, chart)
        _draw_moments(axes, chart)
        _draw_heading(figure, axes, chart)
        png = io.BytesIO()
        figure.savefig(png, format="png", metadata={"Description": chart.alt, "Software": "guardian"})
    return png.getvalue()


def _draw_lines(axes: "Axes", chart: Chart) -> None:
    for line in sorted(chart.lines, key=lambda each: each.environment is chart.candidate):  # the candidate on top
        colour, dashes = _STYLES[line.environment]
        candidate = line.environment is chart.candidate
        times, values = zip(*line.points, strict=True) if line.points else ((), ())
        label = words.on_trial(line.environment) if candidate else str(line.environment)
        width = 3.4 if candidate else 2.4
        axes.plot(times, values, color=colour, linestyle=dashes, linewidth=width, label=label, solid_capstyle="round")
        if line.points:
            axes.plot(times[-1:], values[-1:], "o" if line.environment is Environment.BLUE else "s", color=colour, markersize=8)
    if not any(line.points for line in chart.lines):
        beneath = {"facecolor": "white", "edgecolor": "none", "pad": 8.0}
        axes.text(0.5, 0.5, words.nothing_to_draw(), transform=axes.transAxes, ha="center", color=GREY, bbox=beneath, zorder=5)


def _draw_limit(axes: "Axes", chart: Chart) -> None:
    values = [value for line in chart.lines for _, value in line.points]
    highest = max([*values, *([] if chart.limit is None else [chart.limit])], default=0.0)
    lowest = min([*values, *([] if chart.limit is None else [chart.limit])], default=0.0)
    top = highest * HEADROOM if highest > 0 else (highest + 1.0 if highest == 0 else highest / HEADROOM)
    axes.set_ylim(-FOOTROOM * top if lowest >= 0 else lowest * HEADROOM, top)
    if chart.limit is None:
        return
    bottom, top = axes.get_ylim()
    bad = (chart.limit, top) if chart.bad is Direction.ABOVE else (bottom, chart.limit)
    axes.axhspan(*bad, color=VERMILION, alpha=0.07, linewidth=0)
    axes.axhline(chart.limit, color=VERMILION, linewidth=2.0, linestyle=(0, (1, 1.2)))
    name = words.limit(words.figure(chart.unit, chart.limit))
    axes.annotate(
        name,
        (0.0, chart.limit),
        xycoords=("axes fraction", "data"),
        xytext=(7, 5),
        textcoords="offset points",
        color=VERMILION,
        fontweight="bold",
        fontsize=15,
        bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 1.5},
    )


def _draw_axes(axes: "Axes", chart: Chart) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator  # noqa: PLC0415

    times = [0.0, *(at for line in chart.lines for at, _ in line.points), *(each.at for each in chart.moments)]
    width = max(times) - min(times) or 1.0
    axes.set_xlim(min(times) - width * 0.02, max(times) + width * 0.02)
    axes.xaxis.set_major_locator(MultipleLocator(next((step for step in TICKS if width / step <= MOST_TICKS), width / MOST_TICKS)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda at, _: words.after_cutover(at)))
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: words.figure(chart.unit, value)))
    axes.grid(visible=True, axis="y", color="#E3E3E3", linewidth=1)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, colors=GREY, pad=8)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color("#BDBDBD")


def _draw_moments(axes: "Axes", chart: Chart) -> None:
    """The cutover and what followed: a line each, with its name above the picture, on another row where two come close."""
    left, right = axes.get_xlim()
    rows: list[float] = []  # where the last name on each row stands
    marked = [(0.0, words.CUTOVER, INK), *((each.at, each.what, VERMILION) for each in chart.moments[:MOST_MOMENTS])]
    for at, what, colour in sorted(marked, reverse=True):  # from the right, so that no line crosses the name of an earlier moment
        place = (at - left) / (right - left)
        row = next((number for number, taken in enumerate(rows) if taken - place >= CLOSEST), len(rows))
        rows[row : row + 1] = [place]
        axes.axvline(at, color=colour, linewidth=1.8, ymax=1.06 + ROW * row, clip_on=False)
        side = "right" if place > LAST else "left"
        axes.annotate(
            what,
            (at, 1.012 + ROW * row),
            xycoords=("data", "axes fraction"),
            xytext=(-6 if side == "right" else 6, 0),
            textcoords="offset points",
            color=colour,
            fontsize=14,
            fontweight="bold",
            ha=side,
        )


def _draw_heading(figure: "Figure", axes: "Axes", chart: Chart) -> None:
    title, subtitle = words.clipped(chart.title, LONGEST_TITLE), words.clipped(chart.subtitle, LONGEST_SUBTITLE)
    figure.text(0.022, 0.968, title, fontsize=20, fontweight="bold", color=INK, va="top")
    figure.text(0.022, 0.897, subtitle, fontsize=14, color=GREY, va="top")
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        look: dict[str, Any] = {"frameon": False, "fontsize": 15, "handlelength": 2.2, "handletextpad": 0.5, "columnspacing": 1.2}
        figure.legend(handles, labels, loc="upper right", bbox_to_anchor=(0.99, 0.995), ncols=2, **look)


_CHART = TypeAdapter(Chart)

if __name__ == "__main__":
    sys.stdout.buffer.write(render(_CHART.validate_json(sys.stdin.buffer.read())))
