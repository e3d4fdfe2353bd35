"""``guardian haproxy adopt``: guardian's block in the configuration that people already have."""

import shutil
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import click

from guardian.balancers.haproxy import adoption, document, installation
from guardian.balancers.haproxy.mapfile import MapFile
from guardian.config.configuration import load
from guardian.config.faults import ConfigFaults
from guardian.core.model import Service, Split
from guardian.core.ports import BalancerError
from guardian.core.words import adoption as words
from guardian.core.words import refusals


class Mode(StrEnum):
    """What to do with the change."""

    DIFF = "diff"
    APPLY = "apply"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for."""

    config: Path
    service: str
    files: tuple[Path, ...]
    frontends: tuple[str, ...]
    mode: Mode
    binary: str


def adopt(request: Request) -> None:
    """Do it. ``click.ClickException`` with a sentence when it cannot be done; then nothing has changed."""
    try:
        settings = load(request.config).settings
        service = settings.services[request.service]
        before = document.load(request.files)
        after = _changed(request, service, before, settings.haproxy.map)
        if request.mode is not Mode.DIFF and after is not before:
            _install(request, before, after)
    except ConfigFaults as faults:
        raise click.ClickException(str(faults)) from faults
    except KeyError:
        raise click.ClickException(refusals.unknown_service(request.service, sorted(settings.services))) from None
    except BalancerError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(words.unreadable(Path(error.filename or request.files[0]), str(error.strerror))) from error


def _changed(request: Request, service: Service, before: document.Document, map_path: Path) -> document.Document:
    """The document as it is to be, after what changes has been shown and explained."""
    removing = request.mode is Mode.REMOVE
    plan = adoption.removal(before, service) if removing else adoption.adopt(before, service, map_path, request.frontends)
    if isinstance(plan, adoption.Unfit):
        raise click.ClickException("\n".join(plan.sentences))
    after = before.apply(plan.edits) if plan.edits else before
    click.echo(installation.difference(before, after), nl=False)
    for sentence in (*plan.explanation, *getattr(plan, "advice", ())):
        click.echo(f"- {sentence}")
    if after is before:
        click.echo(words.nothing_to_change())
    elif request.mode is Mode.DIFF:
        click.echo(words.shown_only())
    elif isinstance(plan, adoption.Adoption):
        _provide_map(MapFile(map_path), map_path, service, Split.all_on(plan.live))
    return after


def _provide_map(file: MapFile, path: Path, service: Service, split: Split) -> None:
    """HAProxy does not start without the map. What it says already stands."""
    if file.read(service.name) is None:
        file.write(service.name, split)
        click.echo(words.map_entry_made(path, service.name, split.green))


def _install(request: Request, before: document.Document, after: document.Document) -> None:
    found = shutil.which(request.binary, path=None) or shutil.which(request.binary, path="/usr/local/sbin:/usr/sbin:/sbin")
    if not found:
        raise BalancerError(words.not_checked(Path(request.binary), "not found; name it with --haproxy"))
    installation.check(Path(found), after)
    click.echo(words.installed(installation.install(before, after)))
