"""Draws a frame of the demonstration for a terminal. Whatever a colour says, a word, a mark or a texture says too."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.panel import Panel
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from guardian.core.model import BASIS_POINTS, Environment, Split
from guardian.demo.frame import Frame, Lane, Moment, Tone

WIDEST = 120
SMALLEST = 0.001
"""The smallest share that shows with one decimal."""
ROOMY = 28
"""Lines from which there is room for air and for taller graphs."""

_COLOURS = {Environment.BLUE: "dodger_blue1", Environment.GREEN: "green3"}
_TEXTURES = {Environment.BLUE: "█", Environment.GREEN: "▒"}
_TONES = {Tone.PLAIN: "cyan", Tone.GOOD: "green3", Tone.BAD: "bright_red"}
_MARKS = {Tone.PLAIN: "·", Tone.GOOD: "✓", Tone.BAD: "✗"}
_EIGHTHS = " ▁▂▃▄▅▆▇█"
_LABEL = 10
"""Columns of a graph's name."""
_TIME = 12
"""Columns of a moment's time and mark."""
_EDGES = 4
"""Columns of a panel's edges and padding."""
_BELOW = 4
"""Lines below the lanes that are not moments: the timeline's edges, the foot, and the line that a terminal's prompt needs."""
_SENTENCE = 2
"""Lines kept for the sentence beside the phase, so that nothing jumps when it grows."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A frame, drawn for the width and height there is, from 80 by 24 upwards. The timeline has the lines the rest leaves it."""

    frame: Frame

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw."""
        width = min(options.max_width, WIDEST)
        height = options.height or console.size.height
        roomy = height >= ROOMY
        gap = [Text()] if roomy else []
        parts = [_head(self.frame), *gap, _phase(self.frame, console, width), *gap]
        parts += [_names(self.frame.split), *[_bar(self.frame.split, width - 1)] * (2 if roomy else 1), *gap]
        parts.append(_lanes(self.frame, width, 3 if roomy else 2))
        inside = options.update(width=width, height=None)
        above = console.render_lines(Group(*parts), inside)
        moments = _moments(self.frame.timeline, console, width - _EDGES, max(height - len(above) - _BELOW, 1))
        timeline = Panel(Group(*moments), title="Timeline", title_align="left", border_style="dim", padding=(0, 1))
        for line in above + console.render_lines(Group(timeline, _foot(self.frame)), inside):
            yield from line
            yield Segment.line()


def bars(values: Sequence[float], most: float, columns: int, rows: int) -> list[str]:
    """The newest ``columns`` values as bars, ``rows`` lines high at ``most``; whatever is above 0 shows."""
    eighths = [min(math.ceil(value / most * rows * 8), rows * 8) for value in values[-columns:]]
    lines = ("".join(_EIGHTHS[min(max(level - row * 8, 0), 8)] for level in eighths) for row in reversed(range(rows)))
    return [line.rjust(columns) for line in lines]


def milliseconds(seconds: float | None) -> str:
    """A latency for people."""
    return "-" if seconds is None else f"{seconds * 1000:,.1f} ms"


def percent(share: float | None) -> str:
    """A share for people; one too small for its decimal still shows that there is something."""
    if share is None:
        return "-"
    return "< 0.1 %" if 0 < share < SMALLEST else f"{share * 100:.1f} %"


def _head(frame: Frame) -> RenderableType:
    minutes, seconds = divmod(int(frame.elapsed), 60)
    line = Table.grid(expand=True)
    line.add_column(ratio=1, no_wrap=True)
    line.add_column(justify="right", no_wrap=True)
    line.add_row(Text.assemble((" guardian ", "bold reverse"), "  ", (frame.act, "bold")), Text(f"{minutes}:{seconds:02} ", "dim"))
    return line


def _phase(frame: Frame, console: Console, width: int) -> RenderableType:
    badge = Text(f" {_MARKS[frame.tone]} {frame.phase.upper()} ", f"bold reverse {_TONES[frame.tone]}", no_wrap=True)
    sentence = list(Text(frame.sentence).wrap(console, max(width - badge.cell_len - 3, 1)))[:_SENTENCE]
    line = Table.grid(padding=(0, 2, 0, 0))
    line.add_row(badge, Group(*sentence, *[Text()] * (_SENTENCE - len(sentence))))
    return line


def _names(split: Split) -> RenderableType:
    blue, green = (split.share(environment) * 100 / BASIS_POINTS for environment in Environment)
    line = Table.grid(expand=True)
    line.add_column(ratio=1)
    line.add_column(justify="right")
    line.add_row(
        Text(f" BLUE  {blue:g} % of the traffic", f"bold {_COLOURS[Environment.BLUE]}"),
        Text(f"{green:g} %  GREEN ", f"bold {_COLOURS[Environment.GREEN]}"),
    )
    return line


def _bar(split: Split, columns: int) -> Text:
    # An environment with any traffic at all has at least one column.
    green = math.ceil(columns * split.green / BASIS_POINTS)
    blue = columns - green
    if blue == 0 and split.sole is None:
        blue, green = 1, columns - 1
    widths = {Environment.BLUE: blue, Environment.GREEN: green}
    return Text.assemble(
        " ", *((_TEXTURES[environment] * widths[environment], _COLOURS[environment]) for environment in Environment)
    )


def _lanes(frame: Frame, width: int, rows: int) -> RenderableType:
    lanes = (frame.blue, frame.green)
    columns = max(width // 2 - _EDGES - _LABEL, 1)
    most = max((1.0, *frame.blue.requests, *frame.green.requests))
    most_errors = max((1.0, *frame.blue.errors, *frame.green.errors))
    pair = Table.grid(expand=True)
    pair.add_column(ratio=1)
    pair.add_column(ratio=1)
    pair.add_row(
        *(_lane(lane, bars(lane.requests, most, columns, rows), bars(lane.errors, most_errors, columns, 1)) for lane in lanes)
    )
    return pair


def _lane(lane: Lane, requests: Sequence[str], errors: Sequence[str]) -> RenderableType:
    colour, bad = _COLOURS[lane.environment], _TONES[Tone.BAD]
    graphs = Table.grid()
    graphs.add_column(width=_LABEL, style="dim", vertical="bottom")
    graphs.add_column(no_wrap=True)
    graphs.add_row("requests", Text("\n".join(requests), colour))
    graphs.add_row("errors", Text("\n".join(errors), bad))
    figures = Text.assemble(
        (f"{lane.rate:,.0f}", "bold"),
        " requests/s   ",
        (f"{percent(lane.error_share)} errors", f"bold {bad}" if lane.error_share else ""),
        f"\np50 {milliseconds(lane.p50)}   p99 {milliseconds(lane.p99)}",
        no_wrap=True,
    )
    title = Text.assemble((f"{lane.environment.upper()} {lane.version}", f"bold {colour}"), f" · {lane.role}")
    return Panel(Group(figures, graphs), title=title, title_align="left", border_style=colour, padding=(0, 1))


def _moments(moments: Sequence[Moment], console: Console, width: int, rows: int) -> list[RenderableType]:
    """The newest moments that fit into ``rows`` lines, each wrapped beside its time."""
    lines: list[RenderableType] = []
    for moment in reversed(moments):
        style = "" if moment.tone is Tone.PLAIN else f"bold {_TONES[moment.tone]}"
        first, *others = Text(moment.text, style).wrap(console, max(width - _TIME, 1))
        head = Text.assemble((f"{moment.at:6.1f} s ", "dim"), (f" {_MARKS[moment.tone]} ", style), first)
        block = [head, *(Text(" " * _TIME) + other for other in others)]
        if lines and len(lines) + len(block) > rows:
            break
        lines[:0] = block[:rows]
    return lines + [Text()] * (rows - len(lines))


def _foot(frame: Frame) -> RenderableType:
    failures = frame.connection_failures
    return Text.assemble(
        (f" failed connections {failures:,}", f"bold {_TONES[Tone.BAD]}" if failures else ""),
        ("  ·  Ctrl-C ends this and removes all that it started", "dim"),
        no_wrap=True,
    )
