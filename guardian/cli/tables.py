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
from guardian.core.rules import Ratio, Rule, Sequential
from guardian.core.words import shell
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
    readiness = view["rollback"]
    yield "rollback", Text(shell.rollback_ready(readiness, now), style="bold red" if readiness and not readiness["ready"] else "")
    if view["latched"]:
        yield "latch", Text(shell.latched(view), style="bold red")


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
    table = _table("deployment", "requested", "by", "to", "phase", "took", "why")
    for deployment in deployments:
        ended, began = deployment["ended_at"], deployment["requested_at"]
        table.add_row(
            Text(deployment["id"]),
            _moment(began),
            Text(deployment["requested_by"]),
            deployment["target"],
            _word(deployment["phase"]),
            seconds(ended - began) if ended else "",
            Text(shell.trouble(deployment) or deployment["reason"]),
        )
    _print(table)


def show_timeline(detail: Answer) -> None:
    """Everything that happened to one deployment, in order."""
    deployment = detail["deployment"]
    table = _table("time", "after", "what happened", right=("after",))
    for entry in detail["journal"]:
        event = entry["event"]
        split = split_of(Split(event["split"]["green"])) if "split" in event else ""
        after = seconds(max(0.0, entry["at"] - deployment["requested_at"]))
        table.add_row(_moment(entry["at"]), after, Text(shell.happened(event, split)))
    _print(Text(shell.outcome(deployment), style="bold"), table)


# guardian explain


def show_explanation(explanation: Answer) -> None:
    """The verdict that caused a rollback: what was measured, what it was held against, and how it comes out again."""
    rule = TypeAdapter(Rule).validate_python(explanation["rule"])
    columns = _columns(rule, explanation["last_looks"])
    table = _table(*columns, right=columns)
    for at, *numbers in explanation["last_looks"]:
        table.add_row(f"{at:.3f}", *(f"{number:g}" for number in numbers))
    headline = Text(shell.explained(explanation["deployment"], rule.name, rule.summary), style="bold")
    _print(headline, _pairs(_explained(explanation, rule)), table)


def _explained(explanation: Answer, rule: Rule) -> Iterable[tuple[str, str]]:
    recorded, recomputed = explanation["recorded"], explanation["recomputed"]
    yield from _arithmetic(rule, recorded)
    test = rule.test
    if isinstance(test, Sequential):
        yield "test", shell.sequential_test(test.false_alarm, recorded["evidence"] or 0.0)
    else:
        yield "test", shell.threshold_test(test.direction, test.needed, test.of, test.every)
    yield "recorded", f"{recorded['finding']} at {_moment(recorded['at'])}: {recorded['reason']}"
    yield "again", f"{recomputed['finding']} at {_moment(recomputed['at'])}: {recomputed['reason']}"
    yield "same", shell.recomputed(explanation["looks"], identical=explanation["identical"])


def _arithmetic(rule: Rule, verdict: Answer) -> Iterable[tuple[str, str]]:
    value, limit, samples = verdict["value"], verdict["limit"], verdict["samples"]
    if value is None or limit is None:
        return
    yield "measured", shell.measured(str(rule.measure), value_of(rule, value), samples, verdict["window"])
    if isinstance(rule.measure, Ratio):
        yield "that is", shell.counted(round(value * samples), samples, value_of(rule, value))
    yield "limit", f"{value_of(rule, limit)}; {shell.compared(value, limit)}"


def _columns(rule: Rule, looks: Sequence[Sequence[Any]]) -> Sequence[str]:
    """What the numbers of a look are, as the judges of :mod:`guardian.core.judges` read them."""
    if not isinstance(rule.measure, Ratio):
        names = ["busy seconds", "responses", "requests", "queued", "servers up"]
    else:
        events, trials = " + ".join(rule.measure.numerator), " + ".join(rule.measure.denominator)
        names = (
            [trials, events, f"baseline {trials}", f"baseline {events}"] if isinstance(rule.test, Sequential) else [events, trials]
        )
    return ["s after cutover", *names[: len(looks[0]) - 1 if looks else None]]
