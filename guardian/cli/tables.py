"""What the API answers, as tables for people. Texts are never read as markup: people wrote some of them."""

import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any

import click
from pydantic import TypeAdapter
from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from guardian.cli.client import Answer
from guardian.core.model import BASIS_POINTS, Split
from guardian.core.rules import Command, Gauge, Query, Ratio, Rule, Sequential
from guardian.core.words import explain as words
from guardian.core.words import happenings, mutes, releases, rulebook, shell
from guardian.core.words.figures import count, percent, seconds
from guardian.core.words.story import split_of
from guardian.core.words.verdicts import value_of

BAR = 40
PIPED_WIDTH = 10_000
"""Columns where the output is no terminal: sentences stay on one line, so that ``grep`` finds them."""

_STYLES = {
    "healthy": "green",
    "breached": "bold red",
    "no_data": "yellow",
    "failed": "yellow",
    "verified": "green",
    "unverified": "yellow",
    "rolling back": "bold red",
    "rolled back": "red",
    "stuck": "bold white on red",
    "aborted": "yellow",
}


def _print(*parts: RenderableType) -> None:
    console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)
    with console.capture() as captured:
        console.print(*parts, sep="\n")
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def print_parts(*parts: RenderableType) -> None:
    """Print what other commands made, as the tables here are printed."""
    _print(*parts)


def table_of(columns: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[str] = ()) -> Table:
    """A table of plain texts."""
    table = _table(*columns, right=right)
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _word(word: str) -> Text:
    return Text(word.replace("_", " "), style=_STYLES.get(word, ""))


def _pairs(rows: Iterable[tuple[str, str | Text]]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows:
        grid.add_row(f"  {name}", value if isinstance(value, Text) else Text(value))
    return grid


def _table(*columns: str, right: Sequence[str] = ()) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return table


def _moment(at: float | None) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at)) if at else ""


# guardian status


def show_services(views: Sequence[Answer]) -> None:
    """Every service with its split, its release on trial and its way back."""
    now = time.time()
    for view in views:
        headline = Text.assemble((view["service"], "bold"), " is on ", view["split"])
        verdicts = _verdicts(view["verdicts"]) if view["verdicts"] else ""
        _print(headline, _bar(view["environments"]), _pairs(_service_rows(view, now)), verdicts)


def _bar(environments: Sequence[Answer]) -> Text:
    """``blue ████████░░ green``: told apart without colours, too. A side that has any traffic has at least one cell."""
    blue, green = (environment["share"] for environment in environments)
    cells = min(max(round(blue / BASIS_POINTS * BAR), blue > 0), BAR - (green > 0))
    return Text.assemble("  blue ", ("█" * cells, "blue"), ("░" * (BAR - cells), "green"), " green")


def _service_rows(view: Answer, now: float) -> Iterable[tuple[str, str | Text]]:
    for environment in view["environments"]:
        yield environment["name"], f"{environment['backend']}: {shell.environment(environment)}"
    yield "safe side", view["safe"]
    if view["deployment"]:
        yield "deployment", Text(shell.deployed(view["deployment"], now), style=_STYLES.get(view["deployment"]["phase"], ""))
        if trouble := shell.trouble(view["deployment"]):
            yield "because", trouble
        if way := releases.steps(view["deployment"]):
            yield "steps", way
        if saved := shell.shielded(view["deployment"]):
            yield "shield", saved
    readiness = view["rollback"]
    yield "rollback", Text(shell.rollback_ready(readiness, now), style="bold red" if readiness and not readiness["ready"] else "")
    if view["drill"]:
        yield "drill", shell.last_drill(view["drill"], now)
    if view["latched"]:
        yield "latch", Text(shell.latched(view), style="bold red")
    yield from _release_rows(view)


def _release_rows(view: Answer) -> Iterable[tuple[str, str | Text]]:
    if view["frozen"]:
        yield "freeze", Text(view["frozen"], style="yellow")
    for mute in view["mutes"]:
        yield "muted", Text(mutes.status(mute), style="yellow")
    if view["versions"]:
        yield "versions", releases.versions(view)
    if view["retirement"]:
        yield "afterwards", view["retirement"]
    if view["queue"]:
        yield "queue", releases.waiting(view)


def _verdicts(verdicts: Sequence[Answer]) -> Table:
    table = _table("  rule", "verdict", "requests", "evidence", "measured, and its limit", right=("requests", "evidence"))
    for verdict in verdicts:
        evidence = "" if verdict["evidence"] is None else percent(max(0.0, verdict["evidence"]))
        row = Text(f"  {verdict['rule']}"), _word(verdict["finding"]), count(verdict["samples"]), evidence, Text(verdict["reason"])
        table.add_row(*row)
    return table


# guardian history


def show_deployments(deployments: Sequence[Answer]) -> None:
    """Deployments, one a row."""
    if not deployments:
        click.echo(shell.no_deployments())
        return
    table = _table("deployment", "requested", "by", "version", "to", "phase", "took", "saved", "why")
    for deployment in deployments:
        ended, began = deployment["ended_at"], deployment["requested_at"]
        table.add_row(
            Text(deployment["id"]),
            _moment(began),
            Text(deployment["requested_by"]),
            Text(deployment["version"]),
            deployment["target"],
            _word(deployment["phase"]),
            seconds(ended - began) if ended else "",
            shell.saved(deployment),
            Text(shell.trouble(deployment) or deployment["reason"]),
        )
    _print(table)


def show_queue(waiting: Sequence[Answer]) -> None:
    """Those that wait for their turn, in order."""
    rows = [
        (str(each["position"]), each["id"], each["version"], each["requested_by"], _moment(each["requested_at"]), each["reason"])
        for each in waiting
    ]
    _print(table_of(("place", "deployment", "version", "by", "since", "why"), rows, right=("place",)))


def show_timeline(detail: Answer) -> None:
    """Everything that happened to one deployment, in order."""
    deployment = detail["deployment"]
    table = _table("time", "after", "what happened", right=("after",))
    for entry in detail["journal"]:
        event = entry["event"]
        split = split_of(Split(event["split"]["green"])) if "split" in event else ""
        after = seconds(max(0.0, entry["at"] - deployment["requested_at"]))
        table.add_row(_moment(entry["at"]), after, Text(happenings.happened(event, split)))
    _print(Text(shell.outcome(deployment), style="bold"), table)


# guardian notes


def show_notes(notes: Sequence[Answer]) -> None:
    """Where the notes are, one a row."""
    rows = [(note["deployment"], note["phase"], note["url"] or note["path"] or shell.not_written()) for note in notes]
    _print(table_of(("deployment", "phase", "note"), rows) if rows else Text(shell.no_deployments()))


# guardian explain


def show_explanation(explanation: Answer) -> None:
    """Every verdict on a deployment: what was measured, what it was held against, and how it comes out again."""
    identifier, told = explanation["deployment"], explanation["rules"]
    if not told[0]["fired"]:
        headline = words.headline(identifier, explanation["phase"], explanation["candidate"])
        _print(Text(headline, style="bold"))
    for each in told:
        rule = TypeAdapter(Rule).validate_python(each["rule"])
        columns = _columns(rule, each["last_looks"])
        table = _table(*columns, right=columns)
        for at, *numbers in each["last_looks"]:
            table.add_row(f"{at:.3f}", *(f"{number:g}" for number in numbers))
        said = words.rolled_back(identifier, rule.name, rule.summary) if each["fired"] else words.watched(rule.name, rule.summary)
        _print(Text(said, style="bold"), _pairs(_explained(each, rule)), table)


def _explained(explanation: Answer, rule: Rule) -> Iterable[tuple[str, str]]:
    recorded, recomputed = explanation["recorded"], explanation["recomputed"]
    if explanation["asked"]:
        yield "asked" if isinstance(rule.measure, Query | Command) else "read", explanation["asked"]
    yield from _arithmetic(rule, recorded)
    test = rule.test
    if isinstance(test, Sequential):
        yield "test", words.sequential_test(test.false_alarm, recorded["evidence"] or 0.0)
    else:
        yield "test", words.threshold_test(test.direction, test.needed, test.of, test.every)
    yield "recorded", f"{recorded['finding']} at {_moment(recorded['at'])}: {recorded['reason']}"
    yield "again", f"{recomputed['finding']} at {_moment(recomputed['at'])}: {recomputed['reason']}"
    yield "same", words.recomputed(explanation["looks"], identical=explanation["identical"])
    for link in recorded["links"]:
        yield "see", shell.link(link["title"], link["url"])


def _arithmetic(rule: Rule, verdict: Answer) -> Iterable[tuple[str, str]]:
    value, limit, samples = verdict["value"], verdict["limit"], verdict["samples"]
    if value is None or limit is None:
        return
    written = value_of(rule, value)
    if isinstance(rule.measure, Ratio | Gauge):
        yield "measured", words.measured(str(rule.measure), written, samples, verdict["window"])
    else:
        yield "measured", words.answered(str(rule.measure), written)
    if isinstance(rule.measure, Ratio):
        yield "that is", words.counted(round(value * samples), samples, written)
    yield "limit", f"{value_of(rule, limit)}; {words.compared(value, limit)}"


def _columns(rule: Rule, looks: Sequence[Sequence[Any]]) -> Sequence[str]:
    """What the numbers of a look are, as the judges of :mod:`guardian.core.judges` read them."""
    if isinstance(rule.measure, Gauge):
        names = ["busy seconds", "responses", "requests", "queued", "servers up"]
    elif isinstance(rule.measure, Ratio):
        events, trials = " + ".join(rule.measure.numerator), " + ".join(rule.measure.denominator)
        names = (
            [trials, events, f"baseline {trials}", f"baseline {events}"] if isinstance(rule.test, Sequential) else [events, trials]
        )
    else:
        names = [str(rule.measure)]
    return ["s after cutover", *names[: max(map(len, looks), default=2) - 1]]


def show_rules(view: Answer) -> None:
    """The rules in force, and why newer ones are not."""
    rows = [(one["service"], rule) for one in view["services"] for rule in one["rules"]]
    table = table_of(
        ("service", "rule", "source", "action", "summary"),
        [(service, rule["name"], rule["source"], rulebook.action(rule), rule["summary"]) for service, rule in rows],
    )
    trouble = [Text(rulebook.not_used(view["trouble"]), style="red")] if view["trouble"] else []
    _print(table if rows else Text(rulebook.no_rules()), *trouble)
