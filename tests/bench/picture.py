"""The pictures of the benchmarks and of the soak: one size of letters, one frame, one kind of file."""

import io
from collections.abc import Sequence
from typing import Literal

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from guardian.records.charts import DOTS, GREY, INK

HEADING, TITLE, LETTERS = 15, 13, 11
"""Points."""
GRID = "#E3E3E3"


def sheet(heading: str, width: float, height: float) -> Figure:
    """An empty picture with its heading, so many inches wide and high; what is put on it finds its place by itself."""
    figure = Figure(figsize=(width, height), dpi=DOTS, layout="constrained", facecolor="white")
    figure.suptitle(heading, fontsize=HEADING, fontweight="bold", color=INK)
    return figure


def frame(axes: Axes, title: str, ticks: Literal["x", "y"]) -> None:
    """The look of one chart; ``ticks``: the axis (``x`` or ``y``) whose ticks go on as lines through the chart."""
    axes.set_title(title, loc="left", fontsize=TITLE, color=INK)
    axes.grid(visible=True, axis=ticks, color=GRID, linewidth=1)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, colors=GREY, labelsize=LETTERS)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def by_load(figure: Figure, rates: Sequence[float], names: Sequence[str]) -> Sequence[Axes]:
    """A chart for each load, in requests a second, side by side; at their left ``names`` from the top, at 0, 1, 2."""
    panels: Sequence[Axes] = figure.subplots(1, max(1, len(rates)), sharey=True, squeeze=False)[0]
    for panel, rate in zip(panels, rates, strict=False):
        frame(panel, f"{rate:,.0f} requests/s", "x")
        panel.set_yticks(range(len(names)), names)
        panel.set_ylim(len(names) - 0.5, -0.5)
    return panels


def legend(figure: Figure, handles: Sequence[Artist], columns: int) -> None:
    """What the marks of all charts mean, below them."""
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, fontsize=LETTERS, frameon=False)


def png(figure: Figure) -> bytes:
    """The picture as a file."""
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": "guardian"})
    return file.getvalue()
