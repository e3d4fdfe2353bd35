"""The report of the shield's benchmark: what was measured as Markdown, and a chart of what users got."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.ticker import FuncFormatter

from guardian.records.charts import BLUE, VERMILION
from tests.bench.page import table
from tests.bench.picture import by_load, legend, png, sheet

HARM = ("", "GET", "POST", "decided", "shield: GET", "POST", "decided", "saved", "releases")
COSTS = ("", "without", "shield", "shield / without")

NOTE = """\
Medians of the releases that could be measured (their number is in the last column: without + with the shield); `-` where the host
was too slow for any. Decided is the time from the fault to guardian's decision to go back. A release that was taken back before its
fault is a false alarm: it is in no median, and is told beside the number.

1 % of errors is about what those rules tolerate, and answers that take five times as long, 10 ms, are no delay to them: such
releases are ended by hand after six seconds if no rule has found them. A hang is found sooner with the shield, whose patience of
two seconds runs out before the ten of `timeout server`. What breaks off in the middle of an answer is not saved: its first half has
reached the user."""


@dataclass(frozen=True, slots=True)
class Run:
    """One bad release."""

    gets: int
    posts: int
    """Bad answers that users got."""
    decided: float | None
    """Seconds from the fault to the decision to go back, negative for a false alarm; ``None`` where no rule found it."""
    saved: int
    why: str
    """What guardian said to it."""

    @property
    def true(self) -> bool:
        """Whether the release was bad before it was taken back."""
        return self.decided is None or self.decided >= 0


@dataclass(frozen=True, slots=True)
class Cost:
    """A healthy release for some seconds: seconds that answers took, and seconds of HAProxy's own CPU for one of them."""

    p50: float
    p99: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of bad release under one load, without the shield and with it; no runs where the host was too slow for them."""

    case: str
    rate: float
    plain: Sequence[Run]
    shielded: Sequence[Run]

    @property
    def cells(self) -> tuple[str, ...]:
        """As :data:`HARM` has them."""
        plain, shielded = ([run for run in runs if run.true] for runs in (self.plain, self.shielded))
        saved = f"{statistics.median(run.saved for run in shielded):g}" if shielded else "-"
        runs, early = f"{len(plain)} + {len(shielded)}", len(self.plain) + len(self.shielded) - len(plain) - len(shielded)
        name = f"{self.case}, {self.rate:,.0f}/s"
        return (name, *_figures(plain), *_figures(shielded), saved, f"{runs}, false alarms: {early}" if early else runs)

    def harm(self, *, shield: bool) -> float | None:
        """Bad GETs that users got, at the median; ``None`` where that is not known."""
        gets = [run.gets for run in (self.shielded if shield else self.plain) if run.true]
        return statistics.median(gets) if gets else None


def _figures(runs: Sequence[Run]) -> Iterator[str]:
    """Medians, and how many runs no rule has found."""
    if not runs:
        yield from "---"
        return
    yield f"{statistics.median(run.gets for run in runs):g}"
    yield f"{statistics.median(run.posts for run in runs):g}"
    times = [run.decided for run in runs if run.decided is not None]
    found = f" ({len(times)} of {len(runs)})" if 0 < len(times) < len(runs) else ""
    yield f"{statistics.median(times):.2f} s{found}" if times else "not taken back"


def costs(plain: Sequence[Cost], shielded: Sequence[Cost]) -> Iterator[tuple[str, ...]]:
    """Medians of the turns, as :data:`COSTS` has them; the ratio is that of neighbouring turns."""
    for name, unit, scale, attribute in (
        ("answers, p50", "ms", 1e3, "p50"),
        ("answers, p99", "ms", 1e3, "p99"),
        ("HAProxy's CPU for an answer", "us", 1e6, "cpu"),
    ):
        pairs = [(getattr(one, attribute), getattr(two, attribute)) for one, two in zip(plain, shielded, strict=True)]
        without, within = (f"{statistics.median(values) * scale:.2f} {unit}" for values in zip(*pairs, strict=True))
        yield name, without, within, f"{statistics.median(two / one for one, two in pairs):.2f}"
    capacities = [1 / statistics.median(cost.cpu for cost in one) for one in (plain, shielded)]
    ratio = f"{capacities[1] / capacities[0]:.2f}"
    yield "answers a second that one core of HAProxy could give", *(f"{each:,.0f}" for each in capacities), ratio


def write(file: Path, heading: str, rows: Sequence[Row], tables: Mapping[str, Sequence[tuple[str, ...]]]) -> None:
    """The report, and its chart in a directory beside it. ``tables``: those of the cost, by their titles."""
    chart = file.parent / "charts" / "shield-harm.png"
    chart.parent.mkdir(exist_ok=True)
    chart.write_bytes(_draw(rows))
    parts = [
        "# The shield, measured",
        heading,
        f"![Bad GETs that users got of one bad release, without the shield and with it]({chart.relative_to(file.parent)})",
        NOTE,
        table(HARM, [row.cells for row in rows]),
        *(f"{title}\n\n{table(COSTS, cells)}" for title, cells in tables.items()),
    ]
    file.write_text("\n\n".join(parts) + "\n")


def _draw(rows: Sequence[Row]) -> bytes:
    """A chart for each load: kinds of bad releases down, the bad GETs of either way as marks."""
    rates = sorted({row.rate for row in rows})
    names = list(dict.fromkeys(row.case for row in rows))
    figure = sheet("Bad GETs that users got of one bad release, median", 3.6 * len(rates) + 2.0, 0.42 * len(names) + 1.7)
    panels = by_load(figure, rates, names)
    for panel, rate in zip(panels, rates, strict=True):
        for shield, colour, mark, label in ((False, VERMILION, "s", "without the shield"), (True, BLUE, "o", "with the shield")):
            found = [(row.harm(shield=shield), names.index(row.case)) for row in rows if row.rate == rate]
            points = [(harm, place) for harm, place in found if harm is not None]
            harms, places = [harm for harm, _ in points], [place for _, place in points]
            panel.scatter(harms, places, color=colour, marker=mark, s=70, label=label, zorder=3)
        panel.set_xscale("symlog", linthresh=1)
        panel.set_xlim(-0.3, None)
        panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    legend(figure, panels[0].get_legend_handles_labels()[0], columns=2)
    return png(figure)
