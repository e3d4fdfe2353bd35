"""The report of a race: one table and what belongs to it as Markdown, and two charts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.lines import Line2D
from scipy import stats

from guardian.records.charts import GREEN, VERMILION
from tests.bench.page import table
from tests.bench.picture import GRID, by_load, legend, png, sheet
from tests.bench.race.figures import CASES, HEALTHS, INDEPENDENT, Record
from tests.bench.race.summary import Alarms, Cell, Key, cells, costs, soaked, verdicts

HARMLESS, RARE, OFTEN, UNKNOWN = GREEN, "#E69F00", VERMILION, "#999999"
HARMLESS_RATE = 0.1
"""False rollbacks in ten healthy hours."""
FOREVER = 600.0
"""Where the charts show what never happened."""


@dataclass(frozen=True, slots=True)
class Race:
    """All that a report is made of."""

    heading: str
    """Machine, versions, date, commit and command, as Markdown."""
    records: Sequence[Record]
    alarms: Alarms
    titles: Mapping[str, str]
    """Of every entrant, in the order of the table."""


def write(race: Race, file: Path, charts: Path) -> None:
    """Write the report, and its charts into the directory ``charts`` beside it."""
    charts.mkdir(parents=True, exist_ok=True)
    found = cells(race.records)
    draw(found, race, "Seconds from the first bad answer to the last on the way to green, median", charts / "race-time.png")
    draw(found, race, "Bad answers that users got in one bad release, median", charts / "race-harm.png")
    file.write_text(markdown(race, found, charts.relative_to(file.parent)))


def markdown(race: Race, found: Mapping[Key, Cell], charts: Path) -> str:
    """The text."""
    parts = [
        "# The race\n\n" + race.heading,
        f"![Time until traffic is back, by entrant and fault]({charts}/race-time.png)",
        f"![Bad answers that users got]({charts}/race-harm.png)",
        "## Every cell\n\n" + _main(race, found),
        "## Who is ahead\n\n" + _ahead(race, found),
        *(
            _section(title, race, found, kind)
            for title, kind in (("## A second incident a minute after the first", "second"), ("## With Prometheus dead", "blind"))
        ),
        "## False rollbacks\n\n" + _false(race),
        "## What it takes\n\n" + _costs(race),
        NOTES,
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _main(race: Race, found: Mapping[Key, Cell], kind: str = "first") -> str:
    columns = (
        "requests/s",
        "fault",
        "entrant",
        "p50",
        "p90",
        "max",
        "x limit",
        "bad answers p50 (max)",
        "no answer",
        "runs",
        "false in 10 h",
    )
    rows = []
    for rate in sorted({key[2] for key in found}):
        for case in CASES.values():
            for name, title in race.titles.items():
                cell = found.get((name, case.name, rate, kind))
                if cell:
                    rows.append((f"{rate:g}", case.title, title, *_row(cell), _rates(race, name, rate)))
    return table(columns, rows)


def _row(cell: Cell) -> tuple[str, ...]:
    ordered = [*cell.times, *[float("inf")] * cell.never]
    shares = [ordered[max(0, -(-len(ordered) * share // 10) - 1)] if ordered else None for share in (5, 9, 10)]
    runs = (
        f"{cell.runs}"
        + (f", {cell.never} never" if cell.never else "")
        + (f", {cell.early} taken back before" if cell.early else "")
    )
    return (
        *(_seconds(share) for share in shares),
        f"{cell.ratio:.1f}" if cell.ratio is not None else "",
        f"{cell.bad:g} ({cell.most_bad})",
        f"{cell.failed + cell.timeouts}",
        runs,
    )


def _seconds(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return "never" if seconds == float("inf") else f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.0f} s"


def _rates(race: Race, name: str, rate: float) -> str:
    told = [race.alarms.get((name, rate, health)) for health in HEALTHS]
    return " / ".join("?" if each is None else f"{each:.3g}" for each in told)


def _ahead(race: Race, found: Mapping[Key, Cell]) -> str:
    lead = (
        "guardian at its default settings against every entrant with at most as many false rollbacks, summed over all healthy "
        f"releases that were played (errors of {'; '.join(HEALTHS)}); and the same where only those count whose errors come "
        f"independently of each other ({' and '.join(INDEPENDENT)}). Faster but wrong more often: the last column. Unknown is who "
        "is faster where the false rollbacks of some of those releases were not played, be it guardian's or theirs."
    )
    rows = []
    independent = {(one.case, one.rate): one for one in verdicts(found, race.alarms, INDEPENDENT)}
    for one in sorted(verdicts(found, race.alarms, tuple(HEALTHS)), key=lambda one: (one.rate, list(CASES).index(one.case))):
        alone = independent[one.case, one.rate]
        rows.append(
            (
                f"{one.rate:g}",
                CASES[one.case].title,
                _seconds(one.ours) or "never",
                *(_names(each.ahead, each.unknown) for each in (one, alone)),
                _names(one.reckless),
            )
        )
    columns = (
        "requests/s",
        "fault",
        "guardian, p50",
        "as seldom wrong, and faster",
        "the same, independent errors only",
        "faster, and wrong more often",
    )
    return f"{lead}\n\n{table(columns, rows)}"


def _names(known: Sequence[str], unknown: Sequence[str] = ()) -> str:
    told = (", ".join(known), f"unknown: {', '.join(unknown)}" if unknown else "")
    return "; ".join(filter(None, told)) or "nobody"


def _section(title: str, race: Race, found: Mapping[Key, Cell], kind: str) -> str:
    return f"{title}\n\n{_main(race, found, kind)}" if any(key[3] == kind for key in found) else ""


def _false(race: Race) -> str:
    rows = []
    for (name, rate, health), (seconds, false) in soaked(race.records).items():
        scale = 36000 / seconds if seconds else 0.0
        upper = stats.chi2.ppf(0.95, 2 * (false + 1)) / 2
        simulated = race.alarms.get((name, rate, health))
        told = f"{false} in {seconds / 60:.0f} min", f"{false * scale:.3g} (at most {upper * scale:.3g})"
        rows.append((race.titles[name], f"{rate:g}", health, "?" if simulated is None else f"{simulated:.3g}", *told))
    columns = ("entrant", "requests/s", "healthy errors", "in 10 h, simulated", "in real time", "in 10 h by that (95 % bound)")
    return table(columns, rows) if rows else "No soak in real time was asked for; the simulated figures stand in the table above."


def _costs(race: Race) -> str:
    rows = []
    for name, title in race.titles.items():
        if cost := costs(race.records, name):
            rows.append(
                (
                    title,
                    f"{cost.cpu:.1%}",
                    f"{cost.memory:.0f} MB",
                    f"{cost.haproxy:.1%}",
                    f"{cost.rate:g} x {cost.lanes}",
                    f"{cost.late * 1000:.0f} ms",
                )
            )
    columns = ("entrant", "CPU, of a core", "peak memory", "HAProxy's CPU", "requests/s x services", "requests left late, p99")
    return "The dearest cell of each.\n\n" + table(columns, rows)


NOTES = """\
## Fairness

- One entrant at a time, each on the same HAProxy, configuration, applications and traffic, but for its own lines. Several
  services go wrong abreast, so that slow rollbacks fit: 20 at 20 requests/s each, 5 at 200, 1 at 1,000, for every entrant
  alike but those who reload: they race one service at a time, except for Prometheus at common settings, since a reload for
  one service is felt by all of the same HAProxy. Each fault begins at a random moment.
- The clock is the host's monotonic one: from the first bad answer that green gave (as its application or a user saw it) to
  the last answer to a request that HAProxy had sent to green, be it answered by blue in the end: where the shield answered,
  and no user was hurt, the rollback has a time, too.
- Healthy environments fail 0.1 % of requests, before the fault and on the other side. The limit of all simple rules is 1 % of
  5xx; of latency 60 ms, three times a good day's (guardian's starter rule says 1 s, and asks for that to be set). A bad
  answer is a 5xx or none; where latency is the fault, a slower one than 60 ms, too.
- False rollbacks in ten hours of healthy releases are simulated with guardian's real judge, Prometheus' arithmetic as promtool
  confirms it, and HAProxy's counters (`race/alarms.py`): for 0.1 % and 0.5 % of errors, each independent and ten at a time,
  which is at one moment there, and ten requests in a row in the soak: half a second at 20 requests/s. Lanes that were
  taken back before their fault are counted, not timed.
- "x limit": the median in units of the information limit of a test for 1 % with a false-alarm rate of 0.001, and one look of
  50 ms. Below 1 is who knows better what is normal (guardian compares with the past), or who is wrong more often.
- "never": not within 30 s (Prometheus at common settings: 240 s); where the first releases of a cell were never taken back,
  no more were tried. Entrants that take minutes race one wave of releases, and where there are lanes for several at once.
- HAProxy's own fuses have no reload: they act within a worker, and their cost is in HAProxy's CPU.
"""


def _colour(alarms: Sequence[float | None]) -> str:
    """How often somebody is wrong."""
    known = [each for each in alarms if each is not None]
    if len(known) < len(alarms):
        return UNKNOWN
    return HARMLESS if sum(known) <= HARMLESS_RATE else RARE if sum(known) <= 1 else OFTEN


def draw(found: Mapping[Key, Cell], race: Race, title: str, file: Path) -> None:
    """One panel for each load: entrants down, faults as marks, on a logarithmic axis; the colour is how often it is wrong."""
    harm = file.stem.endswith("harm")
    rates = sorted({key[2] for key in found if key[3] == "first"})
    names = [name for name in race.titles if any(key[0] == name for key in found)]
    figure = sheet(title, 5.2 * max(1, len(rates)) + 4.6, 0.62 * len(names) + 2.6)
    marks = dict(zip(CASES, "osD^vP", strict=True))
    for panel, rate in zip(by_load(figure, rates, [race.titles[name] for name in names]), rates, strict=False):
        for row, name in enumerate(names):
            colour = _colour([race.alarms.get((name, rate, health)) for health in HEALTHS])
            for number, (case, mark) in enumerate(marks.items()):
                cell = found.get((name, case, rate, "first"))
                if cell and cell.runs:
                    value = max(cell.bad, 0.3) if harm else FOREVER if cell.median is None else max(cell.median, 0.01)
                    faces = colour if harm or cell.median is not None else "none"
                    panel.scatter(value, row + (number - 2.5) * 0.11, marker=mark, s=60, color=colour, facecolors=faces, zorder=3)
        for edge in range(len(names) - 1):
            panel.axhline(edge + 0.5, color=GRID, linewidth=1)
        panel.set_xscale("log")
        if harm:
            panel.set_xlim(0.2, None)
            panel.set_xticks([0.3, 1, 10, 100, 1000, 10000], ["0", "1", "10", "100", "1,000", "10,000"])
        else:
            panel.set_xlim(0.008, 900)
            panel.set_xticks([0.01, 0.1, 1, 10, 100, FOREVER], ["10 ms", "0.1", "1 s", "10", "100", "never"])
    shapes = [Line2D([], [], marker=mark, color="#555555", linestyle="", label=CASES[case].title) for case, mark in marks.items()]
    colours = [
        Line2D([], [], marker="s", color=colour, linestyle="", markersize=10, label=label)
        for colour, label in (
            (HARMLESS, f"at most {HARMLESS_RATE} false rollbacks in 10 h"),
            (RARE, "at most 1"),
            (OFTEN, "more"),
            (UNKNOWN, "unknown"),
        )
    ]
    legend(figure, [*shapes, *colours], columns=5)
    file.write_bytes(png(figure))
