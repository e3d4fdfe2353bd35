"""``guardian rules backtest``: what the rules would have made of the cutovers of a past."""

import asyncio
import json
import os
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.text import Text

from guardian.cli.client import Rejected
from guardian.cli.tables import print_parts, table_of
from guardian.config.configuration import Configuration, load
from guardian.config.faults import ConfigFaults
from guardian.config.fields import Misfit
from guardian.config.rulefiles import load_rules
from guardian.core.access import Access
from guardian.core.ports import SourceError, StoreError
from guardian.core.words import backtest as words
from guardian.metrics.prometheus import Prometheus
from guardian.records.charts import Chart, render
from guardian.records.store import SqlStore
from guardian.rehearsal import report
from guardian.rehearsal.backtest import Label, Plan, Rehearsed, Scores, rehearse
from guardian.rehearsal.cutovers import Cutover, from_store
from guardian.rehearsal.marks import moment, read_cutovers, read_incidents
from guardian.rehearsal.past import Past
from guardian.rehearsal.picture import chart, leading

PATIENCE = 60.0
"""Seconds for one query: those of a backtest are larger than those of a watch, and nobody waits for them."""
MOST_TOLD = 30
"""Alarms and misses that are listed; all of them stand in the JSON and in the page."""
_AGO = re.compile(r"([1-9][0-9]{0,4})([hdw])")
_UNITS = {"h": 3600, "d": 86400, "w": 7 * 86400}


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be replayed, and how it is to be told."""

    config: Path
    service: str | None
    first: str
    last: str | None
    rules: Path | None
    cutovers: Path | None
    incidents: Path | None
    as_json: bool
    html: Path | None
    png: Path | None


def backtest(request: Request) -> None:
    """Replay, and report. Raises :class:`Rejected` with everything that is in the way."""
    now = time.time()
    span = _moment(request.first, now), _moment(request.last, now) if request.last else now
    if span[0] >= span[1]:
        raise Rejected(words.backwards())
    try:
        configuration = load(request.config)
        plan = _plan(request, configuration)
        with _cutovers(request, configuration, span) as (cutovers, store):
            evidence = store.evidence if store else lambda _deployment: {}
            asyncio.run(_run(request, replace(plan, evidence=evidence), configuration.settings.prometheus, cutovers, span))
    except (ConfigFaults, StoreError) as error:
        raise Rejected(str(error)) from error
    except SourceError as error:
        raise Rejected(words.given_up(str(error))) from error
    except OSError as error:
        raise Rejected(f"{error.filename}: {error.strerror}" if error.filename else str(error)) from error


def _moment(text: str, now: float) -> float:
    if ago := _AGO.fullmatch(text):
        return now - int(ago[1]) * _UNITS[ago[2]]
    try:
        return moment(text)
    except Misfit as error:
        raise click.UsageError(words.no_range(text)) from error


def _plan(request: Request, configuration: Configuration) -> Plan:
    services = configuration.settings.services
    rules = load_rules(request.rules, services) if request.rules else configuration.rules
    if request.service is not None:
        if request.service not in services:
            raise Rejected(words.unknown_service(request.service, sorted(services)))
        if not rules[request.service].rules:
            raise Rejected(words.no_rules(request.service))
        services = {request.service: services[request.service]}
    incidents = read_incidents(request.incidents) if request.incidents else ()
    return Plan(services, rules, None, lambda _deployment: {}, incidents)


@contextmanager
def _cutovers(
    request: Request, configuration: Configuration, span: tuple[float, float]
) -> Iterator[tuple[Iterable[Cutover], SqlStore | None]]:
    """The cutovers to replay, and where their evidence is: what people listed in a file goes before what guardian recorded."""
    look_every = configuration.settings.haproxy.look_every
    if request.cutovers:
        listed = read_cutovers(request.cutovers, look_every)
        yield [each for each in listed if span[0] <= each.trial.since < span[1]], None
        return
    store = SqlStore(configuration.settings.state_dir, reading=True)
    try:
        yield from_store(store, request.service, *span, look_every), store
    finally:
        store.close()


async def _run(request: Request, plan: Plan, access: Access | None, cutovers: Iterable[Cutover], span: tuple[float, float]) -> None:
    prometheus = Prometheus(replace(access, timeout=PATIENCE)) if access else None
    output = Output(request, span)
    try:
        with _progress(as_json=request.as_json) as progress:
            task = progress.add_task("", total=span[1] - span[0])
            async for rehearsed in rehearse(replace(plan, past=Past(prometheus) if prometheus else None), cutovers):
                await output.add(rehearsed)
                progress.update(task, completed=rehearsed.cutover.trial.since - span[0], description=output.progress)
        output.end()
    finally:
        output.close()
        if prometheus:
            await prometheus.close()


def _progress(*, as_json: bool) -> Progress:
    """A bar on standard error, by the time that has been replayed; silent where nobody watches."""
    console = Console(stderr=True)
    columns = TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn()
    return Progress(*columns, console=console, transient=True, disable=as_json or not console.is_terminal)


class Output:
    """What is shown and written of a backtest, as it goes."""

    def __init__(self, request: Request, span: tuple[float, float]) -> None:
        self._request, self._span = request, span
        self._scores = Scores()
        self._trials, self._sections = report.Spool(), report.Spool()
        self._told: list[tuple[str, ...]] = []
        self._alarms = 0
        if request.png:
            request.png.mkdir(parents=True, exist_ok=True)

    @property
    def progress(self) -> str:
        """How far it has come."""
        return words.progress(self._scores.cutovers, self._alarms)

    async def add(self, rehearsed: Rehearsed) -> None:
        """One more cutover."""
        self._scores.add(rehearsed)
        if self._request.as_json:
            self._trials.add(json.dumps(report.trial_record(rehearsed)))
        for finding in rehearsed.findings:
            self._alarms += finding.replay.alarm is not None
            if finding.label in (Label.TRUE, Label.FALSE, Label.MISSED):
                row = rehearsed.cutover.id, finding.rule.name, finding.label.value, report.told(rehearsed, finding)
                self._told = [*self._told[1 - MOST_TOLD :], row]
        if self._request.html or self._request.png:
            await self._draw(rehearsed)

    async def _draw(self, rehearsed: Rehearsed) -> None:
        finding, drawn, source = leading(rehearsed), None, ""
        if finding is not None:
            drawn = await chart(rehearsed, finding)
            source = await asyncio.to_thread(self._picture, drawn, report.file_name(rehearsed))
        if self._request.html:
            self._sections.add(report.html_trial(rehearsed, drawn, source))

    def _picture(self, drawn: Chart, name: str) -> str:
        """Where the picture is for the page: in a file of its own if there is a directory for that, else in the page."""
        png = render(drawn)
        if self._request.png is None:
            return report.inline(png)
        path = self._request.png / name
        path.write_bytes(png)
        path.with_suffix(".txt").write_text(drawn.alt + "\n", encoding="utf-8")
        return quote(os.path.relpath(path, self._request.html.parent)) if self._request.html else ""

    def end(self) -> None:
        """Print what came of it, and write the page."""
        written = [time.strftime("%Y-%m-%d %H:%M", time.localtime(at)) for at in self._span]
        if self._request.html:
            report.write(self._request.html, report.html_parts(words.page_title(*written), self._scores, self._sections))
        if self._request.as_json:
            for part in report.json_parts(self._span, self._scores, self._trials):
                click.echo(part, nl=False)
        elif not self._scores.cutovers:
            click.echo(words.no_cutovers(*written))
        else:
            self._tell()

    def _tell(self) -> None:
        scores = table_of(words.COLUMNS, [report.score_row(score) for score in self._scores], right=words.COLUMNS[1:8])
        parts: list[Any] = [Text(words.headline(self._scores.cutovers, self._scores.bad), style="bold"), scores]
        if self._told:
            parts.append(table_of(words.ALARMS, self._told))
        print_parts(*parts, *(Text(line) for score in self._scores for line in report.remarks(score)))

    def close(self) -> None:
        """Forget what was spooled."""
        self._trials.close()
        self._sections.close()
