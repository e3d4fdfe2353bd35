"""Whether what should be flat is: tables, a judgement that noise does not sway, and a picture of it."""

import os
import shlex
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from guardian.records.charts import BLUE, GREY
from tests.bench.page import heading, table

HERE = Path(__file__).parent
FRAGMENTS = HERE / "results"
ORDER = ("records", "history", "daemon")


@dataclass(frozen=True, slots=True)
class Column:
    """One thing that was measured again and again."""

    name: str
    unit: str
    values: tuple[float, ...]
    share: float | None = None
    """By which share of itself it may grow, besides ``slack``; ``None`` where it is shown and not judged."""
    slack: float = 0.0
    """How much it may grow in its unit: what noise explains."""

    @property
    def title(self) -> str:
        """Its name with its unit."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    @property
    def ends(self) -> tuple[float, float]:
        """The medians of the first and of the last third; the first value is left out, since a program warms up."""
        values = self.values[1:]
        third = max(1, len(values) // 3)
        return statistics.median(values[:third]), statistics.median(values[-third:])

    @property
    def grows(self) -> bool:
        """Whether it grew by more than noise explains."""
        first, last = self.ends
        return self.share is not None and last > first * (1 + self.share) + self.slack


def written(value: float) -> str:
    """A figure with as many digits as say something."""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def judged(first: str, steps: Sequence[str], columns: Sequence[Column]) -> str:
    """All columns in Markdown, with the judgement on each in the last line."""
    rows = [(step, *(written(each.values[number]) for each in columns)) for number, step in enumerate(steps)]
    told = [
        "" if each.share is None else f"{written(each.ends[0])} → {written(each.ends[1])}: {'GROWS' if each.grows else 'flat'}"
        for each in columns
    ]
    return table((first, *(each.title for each in columns)), [*rows, ("first → last third", *told)])


def publish(part: str, title: str, text: str, pictures: Mapping[str, bytes]) -> None:
    """Write the result of one part, and all parts together as RESULTS.md."""
    FRAGMENTS.mkdir(exist_ok=True)
    where = heading(f"load {os.getloadavg()[0]:.1f} at the end", (), shlex.join(["tests/soak/run.sh", *sys.argv[1:]]))
    for name, picture in pictures.items():
        (FRAGMENTS / name).write_bytes(picture)
    shown = "".join(f"\n![{title}](results/{name})\n" for name in pictures)
    (FRAGMENTS / f"{part}.md").write_text(f"## {title}\n\n{where}\n\n{text}\n{shown}")
    parts = [(FRAGMENTS / f"{each}.md").read_text() for each in ORDER if (FRAGMENTS / f"{each}.md").exists()]
    head = "# Soak: what must not grow\n\nWritten by `tests/soak/run.sh`, each part by its own run.\n"
    (HERE / "RESULTS.md").write_text("\n".join([head, *parts]))


def picture(title: str, across: str, columns: Sequence[Column]) -> bytes:
    """Every column as a small chart of its own, from zero, above one another's axis."""
    from tests.bench.picture import LETTERS, frame, png, sheet  # noqa: PLC0415  heavy: the memory of a soak is measured

    figure = sheet(title, 10.0, 1.55 * len(columns) + 0.9)
    for axes, column in zip(figure.subplots(len(columns), 1, squeeze=False)[:, 0], columns, strict=True):
        steps = range(1, len(column.values) + 1)
        axes.plot(steps, column.values, "o-", color=BLUE, linewidth=2)
        frame(axes, column.title, "y")
        axes.set_ylim(0, max([*column.values, 1e-9]) * 1.25)
        axes.set_xticks(steps)
        axes.tick_params(labelbottom=column is columns[-1])
    axes.set_xlabel(across, color=GREY, fontsize=LETTERS)
    return png(figure)
