"""``SCALE.md``: the table, the chart, where the knee is and why, and what several balancers would need on paper."""

import os
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullLocator

from guardian.records.charts import BLUE, GREEN, GREY, VERMILION
from tests.bench.page import heading, table
from tests.bench.picture import LETTERS, frame, png, sheet
from tests.bench.scale_figures import KEPT_LOOKS, Cell, Shares

COLUMNS = (
    *("services", "rules", "a look every", "CPU of a core", "latest evaluation, of its interval", "longest wait between looks"),
    *("looks/s", "a look takes", "queries/s", "memory", "with full evidence", "database, MB/h", "evidence kept/s"),
)
FLEETS = (1, 10, 100)
OTHERS = "this command's own share included: where it is more than 2, others used the machine, too"


@dataclass(frozen=True, slots=True)
class Page:
    """All that it is made of."""

    command: str
    promise: str
    cells: Sequence[Cell]
    profile: Shares
    kept: bool


def row(cell: Cell) -> tuple[str, ...]:
    """One row of the table."""
    found, size = cell.found, cell.size
    return (
        *(f"{size.services:,}", f"{cell.rules:,}", f"{size.look_every * 1000:.0f} ms", f"{found.cpu:.1%}"),
        f"{cell.latest:.2f}" + (f", {found.failed} failed" if found.failed else "") if size.rules > 1 else "-",
        *(f"{found.wait * 1000:.0f} ms", f"{found.looks:.1f}", f"{found.look * 1000:.1f} ms", f"{found.queries:.1f}"),
        *(f"{found.memory:.0f} MB", f"{cell.full:.0f} MB", f"{cell.hourly:.2f}", f"{found.saved:.0f}"),
    )


def write(page: Page, file: Path) -> str:
    """Write the page and its chart beside it, and return the page."""
    charts = file.parent / "charts"
    charts.mkdir(exist_ok=True)
    (charts / "scale.png").write_bytes(draw(page))
    ten = next(cell.grown for cell in page.cells if cell.size.rules > 1)
    parts = (
        "# Many services on trial at once",
        heading(f"load {os.getloadavg()[2]:.1f} over fifteen minutes, {OTHERS}", (), page.command),
        table(COLUMNS, [row(cell) for cell in page.cells]),
        f"Promised is {page.promise}: {'kept' if page.kept else '**not kept**'}.",
        "![CPU, lateness, memory and database by the number of rules](charts/scale.png)",
        filled(METHOD.format(looks=KEPT_LOOKS, journal=ten.journal / 1000, evidence=ten.evidence / 1000)),
        "## Where the knee is, and why",
        filled(knee(page)),
        "## Several balancers, on paper",
        paper(page),
    )
    text = "\n\n".join(parts) + "\n"
    file.write_text(text)
    return text


METHOD = """\
Everything is on trial at once. Guardian's parts have one core and do all of their work, also that of keeping evidence;
HAProxy and Prometheus are stand-ins on the other. A rule that looks at counters is late by the longest wait between two
looks, a query by the time from its turn to its verdict. Of ten rules four look at counters at every look, two of them
sequential, which have no interval but the look; six ask Prometheus every 10 or 15 s. Memory with full evidence is computed:
each rule keeps {looks:,} looks at the most, and the bytes that a look adds to the judges of one service are measured by
tracemalloc. The database is weighed: deployments with a watch of an hour and 100 requests a second are written by the
daemon's own store, journal and evidence; an hour has one deployment of each service. Evidence of a rule is replaced, so a
longer watch adds nothing; messages to channels are not in it. A deployment of a service with ten rules takes {journal:.1f} kB
of journal and {evidence:.0f} kB of evidence. Guardian keeps evidence for two seconds of ten at the most."""


def filled(text: str) -> str:
    """Paragraphs in lines of one width."""
    width = {"width": 130, "break_long_words": False, "break_on_hyphens": False}
    return "\n\n".join(textwrap.fill(paragraph, **width) for paragraph in text.split("\n\n"))  # type: ignore[arg-type]  # one dict


def knee(page: Page) -> str:
    """From the cells and the profile."""
    beat = page.cells[0].size.look_every
    full = [cell for cell in page.cells if cell.size.look_every == beat and cell.size.rules > 1]
    largest, share = full[-1], page.profile
    each = largest.found.look / largest.size.services
    fits = beat / 2 / each
    age = largest.rules / largest.found.saved if largest.found.saved else 0.0
    slower = [cell for cell in page.cells if cell.size.services == largest.size.services and cell.size.look_every > beat]
    spared = "; ".join(f"every {cell.size.look_every * 1000:.0f} ms, {cell.found.cpu:.0%}" for cell in slower)
    reach = [cell.size.services for cell in full if cell.found.looks >= 0.9 / beat]
    return f"""\
A look costs {each * 1e6:.0f} µs for each service, and looks have half of the time at the most, so that queries, the API and a
rollback have the rest: with more than {fits:.0f} services of ten rules on trial **at once** a look takes longer than half of
its {beat * 1000:.0f} ms, and they come less often instead of later and later. Measured, the full beat holds up to
{max(reach, default=0):,} services; {largest.size.services:,} are looked at {largest.found.looks:.1f} times a second. Rules
with an interval do not suffer, since that is a second or more; sequential ones decide at the next look, so a fault is seen up
to {largest.found.wait:.2f} s later. Fewer looks (`haproxy.look_every`) spare only their own share: {spared} of the core, beside
{largest.found.cpu:.0%}, since queries and the keeping of evidence stay.

What the time of {largest.rules:,} rules goes into, by one profile (cProfile, which weighs small functions too heavily):
sequential tests {share.sequential:.0%}, windows and limits {share.threshold:.0%}, keeping each look {share.keeping:.0%},
`show stat` with its reading and the differences {share.reading:.0%}, gathering evidence for the database
{share.gathering:.0%}, queries and the loop, which turns for them, {share.rest:.0%}. All services share one `show stat`, and
the row of a backend that has not changed is not read again. A look without traffic needs its place in the evidence, too, by
which `guardian explain` comes to the same verdict. What a core cannot do beside that is to keep all evidence every ten
seconds: at {largest.found.saved:.0f} rules a second, the evidence that a restart of guardian would go on from is up to
{age:.0f} s old."""


def paper(page: Page) -> str:
    """What fleets would need: a guardian beside each balancer, as it is now; and one guardian that reads all of them."""
    beat = page.cells[0].size.look_every
    rows = []
    work = page.profile.reading / (page.profile.reading + page.profile.judging)
    for cell in (cell for cell in page.cells if cell.size.look_every == beat and cell.size.rules > 1 and cell.size.services > 1):
        for balancers in FLEETS:
            look = cell.found.look * (1 - work + work * balancers)
            rows.append(
                (
                    *(f"{cell.size.services:,}", f"{balancers}", f"{balancers * cell.found.cpu:.1f}"),
                    *(f"{balancers * cell.full / 1000:.1f} GB", f"{balancers * cell.hourly:,.0f} MB"),
                    *(f"{look * 1000:,.0f} ms", f"{min(1 / beat, 1 / (2 * look)):.2f}"),
                )
            )
    columns = (
        *("services, all on trial", "balancers", "cores in all", "memory in all", "database an hour, in all"),
        *("one guardian for all: a look", "its looks/s"),
    )
    text = f"""\
Computed from the rows above, not measured. Today a guardian stands beside each balancer and knows no other: what one needs,
each needs, and each judges only the traffic of its own, so a rule has a tenth or a hundredth of the requests to decide on.
One guardian for all would add up the counters before it judges: judging costs what it does now, reading ({work:.0%} of a look
by the profile) as often as there are balancers. Networks are left out: a round trip to the slowest balancer comes on top of
each look."""
    return f"{filled(text)}\n\n{table(columns, rows)}"


def draw(page: Page) -> bytes:
    """Four small charts over the number of rules."""
    beat = page.cells[0].size.look_every
    cells = [cell for cell in page.cells if cell.size.look_every == beat and (cell.size.rules > 1 or cell.size.services == 1)]
    rules = [cell.rules for cell in cells]
    figure = sheet(f"From 1 to {max(rules):,} rules on one core, a look every {beat * 1000:.0f} ms", 10.0, 7.4)
    (cpu, late), (memory, database) = figure.subplots(2, 2)
    line(cpu, rules, [cell.found.cpu * 100 for cell in cells], (BLUE, "-o", "CPU"))
    line(cpu, rules, [cell.found.looks * beat * 100 for cell in cells], (GREEN, "--s", "looks, of those due"))
    panel(cpu, "CPU of one core, looks done in time; %")
    timed = [cell for cell in cells if cell.size.rules > 1]
    line(late, [cell.rules for cell in timed], [cell.latest for cell in timed], (BLUE, "-o", "latest evaluation"))
    late.axhline(1.0, color=VERMILION, linestyle=":", linewidth=2, label="promised at most")
    panel(late, "Latest evaluation, in intervals of its rule")
    line(memory, rules, [cell.found.memory for cell in cells], (BLUE, "-o", "as measured"))
    line(memory, rules, [cell.full for cell in cells], (GREEN, "--s", "evidence full (computed)"))
    panel(memory, "Memory, MB")
    line(database, rules, [cell.hourly for cell in cells], (BLUE, "-o", "journal and evidence"))
    panel(database, "Database, MB an hour")
    for axes in (memory, database):
        axes.set_xlabel("rules on trial at once, ten of a service", color=GREY, fontsize=LETTERS)
    return png(figure)


def line(axes: Axes, across: Sequence[float], values: Sequence[float], look: tuple[str, str, str]) -> None:
    """One line, by its colour, its style and its name."""
    colour, style, name = look
    axes.plot(across, values, style, color=colour, linewidth=2.4, markersize=6, label=name)


def panel(axes: Axes, title: str) -> None:
    """Title, scale and frame of one chart."""
    frame(axes, title, "y")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda rules, _: f"{rules:,.0f}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_ylim(0.0, axes.get_ylim()[1] * 1.35)
    axes.legend(frameon=False, fontsize=LETTERS, loc="upper left")
