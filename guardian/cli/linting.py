"""``guardian rules check``: everything that can be known of rules before they judge anything."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from guardian.cli.findings import FORMATS
from guardian.cli.findings import Findings as Found
from guardian.config.faults import ConfigFaults, Fault, Findings, Place
from guardian.config.lint import ERRORS, Known, lint
from guardian.config.rulefiles import Shelf, Written, read_shelf
from guardian.core.access import Access
from guardian.core.words import lint as words
from guardian.core.words.quotes import visible

if TYPE_CHECKING:
    from guardian.rehearsal.inquiry import Learnt


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be checked, and how it is to be told."""

    paths: tuple[Path, ...]
    config: Path | None
    online: bool
    prometheus: str | None
    scrape: float | None
    """Seconds between two samples; ``None`` where nobody has said so."""
    watch: float
    ignored: frozenset[str]
    strict: bool
    form: str


def check(request: Request) -> int:
    """Print what was found; 1 where that is a fault, or with ``strict`` anything at all, else 0."""
    faults, written, files, access = _read(request)
    known = Known(guessed=request.scrape is None, watch=request.watch)
    known = replace(known, scrape=request.scrape) if request.scrape else known
    found = list(faults)
    if not any(fault.check in ERRORS for fault in faults):
        if request.online:
            learnt = _ask(request, written, access, known)
            found, known = [*found, *learnt.faults], replace(known, scraped={} if request.scrape else learnt.scraped)
        found += lint(written, known)
    told = sorted({fault for fault in found if fault.check not in request.ignored})
    errors = [fault for fault in told if fault.check in ERRORS]
    warnings = [fault for fault in told if fault.check not in ERRORS]
    for line in FORMATS[request.form](Found(errors, warnings, files, len(written))):
        click.echo(line)
    return 1 if errors or (request.strict and warnings) else 0


def _read(request: Request) -> tuple[Sequence[Fault], Sequence[Written], int, Access | None]:
    """The rules among the paths, or those of ``guardian.yaml``, with all that is wrong in them."""
    if request.config is not None:
        from guardian.config.configuration import load

        try:
            configuration = load(request.config)
        except ConfigFaults as refused:
            return refused.faults, (), len({fault.file for fault in refused.faults}), None
        written = configuration.written
        return configuration.warnings, written, _files(written), configuration.settings.prometheus
    findings = Findings()
    shelves = [_shelf(path, findings) for path in request.paths]
    written = tuple(each for shelf in shelves for each in shelf.written)
    files = {file for shelf in shelves for file in shelf.files}
    if not files and not findings.faults:
        raise click.ClickException(words.nothing_there(", ".join(map(str, request.paths))))
    return ConfigFaults(findings.faults).faults, written, len(files), None


def _files(written: Sequence[Written]) -> int:
    return len({each.place.file for each in written})


def _shelf(path: Path, findings: Findings) -> Shelf:
    if path.is_dir() or not path.exists():
        return read_shelf(path, Place(visible(str(path))), None, findings)
    shelf = Shelf(path.parent, None, findings)
    shelf.read(path)
    return shelf


def _ask(request: Request, written: Sequence[Written], access: Access | None, known: Known) -> "Learnt":
    if request.prometheus:
        access = Access(request.prometheus)
    if access is None:
        raise click.UsageError(words.whom_to_ask())
    from guardian.rehearsal.inquiry import inquire

    return inquire(written, access, known)
