"""Whether what should be flat is: tables, a judgement that noise does not sway, and a picture of it."""

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from guardian.records.charts import BLUE, GREY, INK

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


def table(first: str, steps: Sequence[str], columns: Sequence[Column]) -> str:
    """All columns in Markdown, with the judgement on each in the last line."""
    lines = [
        f"| {first} | {' | '.join(f'{each.name} ({each.unit})' if each.unit else each.name for each in columns)} |",
        "|---" * (len(columns) + 1) + "|",
    ]
    for number, step in enumerate(steps):
        lines.append(f"| {step} | {' | '.join(written(each.values[number]) for each in columns)} |")
    told = [
        "" if each.share is None else f"{written(each.ends[0])} → {written(each.ends[1])}: {'GROWS' if each.grows else 'flat'}"
        for each in columns
    ]
    return "\n".join([*lines, f"| first → last third | {' | '.join(told)} |"])


def machine() -> str:
    """Where and when, as it is written below a result."""
    commit = subprocess.run(
        ["git", "log", "-1", "--format=%h"], capture_output=True, text=True, cwd=HERE, check=False
    ).stdout.strip()
    model = next(
        (line.partition(": ")[2] for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), "CPU"
    )
    load = os.getloadavg()[0]
    return (
        f"{time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}, commit {commit}, {os.cpu_count()} cores ({model.strip()}), "
        f"Linux {platform.release()}, Python {platform.python_version()}; load of the machine at the end: {load:.1f}."
    )


def publish(part: str, title: str, text: str, pictures: Mapping[str, bytes]) -> None:
    """Write the result of one part, and all parts together as RESULTS.md."""
    FRAGMENTS.mkdir(exist_ok=True)
    command = "tests/soak/run.sh " + " ".join(sys.argv[1:])
    for name, picture in pictures.items():
        (FRAGMENTS / name).write_bytes(picture)
    shown = "".join(f"\n![{title}](results/{name})\n" for name in pictures)
    (FRAGMENTS / f"{part}.md").write_text(f"## {title}\n\n`{command.strip()}`, {machine()}\n\n{text}\n{shown}")
    parts = [(FRAGMENTS / f"{each}.md").read_text() for each in ORDER if (FRAGMENTS / f"{each}.md").exists()]
    head = "# Soak: what must not grow\n\nWritten by `tests/soak/run.sh`, each part by its own run.\n"
    (HERE / "RESULTS.md").write_text("\n".join([head, *parts]))


def picture(title: str, across: str, columns: Sequence[Column]) -> bytes:
    """Every column as a small chart of its own, from zero, above one another's axis."""
    import io  # noqa: PLC0415  with what is heavy

    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(10.0, 1.55 * len(columns) + 0.9), dpi=100, facecolor="white")
    FigureCanvasAgg(figure)
    for number, column in enumerate(columns):
        axes = figure.add_subplot(len(columns), 1, number + 1)
        axes.plot(range(1, len(column.values) + 1), column.values, "o-", color=BLUE, linewidth=2)
        axes.set_ylim(0, max([*column.values, 1e-9]) * 1.25)
        axes.set_title(f"{column.name} ({column.unit})" if column.unit else column.name, loc="left", fontsize=10, color=INK)
        axes.set_xticks(range(1, len(column.values) + 1))
        axes.tick_params(colors=GREY, labelsize=8, labelbottom=number == len(columns) - 1)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    figure.axes[-1].set_xlabel(across, color=GREY, fontsize=9)
    figure.suptitle(title, x=0.02, ha="left", fontsize=13, color=INK)
    figure.tight_layout(rect=(0.0, 0.0, 1.0, 1.0 - 0.25 / len(columns)))
    png = io.BytesIO()
    figure.savefig(png, format="png", metadata={"Software": "guardian"})
    return png.getvalue()
