"""``guardian haproxy adopt``: guardian's block in the configuration that people already have."""

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

import click

from guardian.balancers.haproxy import adoption, conversion, document, entrance, installation, literal, turn
from guardian.balancers.haproxy.adoption import Adoption
from guardian.balancers.haproxy.conversion import Conversion
from guardian.balancers.haproxy.document import Document
from guardian.balancers.haproxy.mapfile import MapFile
from guardian.balancers.haproxy.routes import Unfit
from guardian.config.configuration import load
from guardian.config.faults import ConfigFaults
from guardian.config.settings import Settings
from guardian.core.model import Split, Way
from guardian.core.ports import BalancerError, BalancerGone, BalancerUnfit
from guardian.core.words import adoption as words
from guardian.core.words import refusals, reload

LOCK_PATIENCE = 90.0
"""Seconds that a change waits for one that is under way: longer than any that comes to its end."""


class Mode(StrEnum):
    """What to do with the change."""

    DIFF = "diff"
    APPLY = "apply"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for."""

    config: Path
    service: str | None
    """``None``: all services of guardian.yaml, and with :attr:`Mode.REMOVE` all that the configuration has something of."""
    files: tuple[Path, ...]
    """Empty: what guardian.yaml names, or :attr:`usual`."""
    usual: Path
    mode: Mode
    convert: bool
    binary: str
    moving: bool = False
    """Take the blocks out also where traffic moves by it."""


@dataclass(slots=True)
class _Change:
    """The configuration as it is to be, and what is told of it."""

    document: Document
    told: list[str] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    splits: dict[str, Split] = field(default_factory=dict)
    """What the map must say before HAProxy reads the blocks, by service."""

    def take(self, plan: Adoption | Conversion | Unfit) -> bool:
        """Carry out ``plan``; ``False`` where it does not fit."""
        if isinstance(plan, Unfit):
            self.faults += plan.sentences
            return False
        self.document = self.document.apply(plan.edits) if plan.edits else self.document
        self.told += plan.explanation
        return True


def adopt(request: Request) -> None:
    """Do it. ``click.ClickException`` with a sentence when it cannot be done; then nothing has changed."""
    try:
        settings = load(request.config).settings
        request = replace(request, files=request.files or settings.haproxy.files or (request.usual,))
        if request.mode is Mode.DIFF:
            _carry_out(request, settings)
        else:
            with _turn(request.files):
                _carry_out(request, settings)
    except ConfigFaults as faults:
        raise click.ClickException(str(faults)) from faults
    except KeyError:
        raise click.ClickException(refusals.unknown_service(str(request.service), sorted(settings.services))) from None
    except BalancerError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(words.unreadable(Path(error.filename or request.config), str(error.strerror))) from error


@contextlib.contextmanager
def _turn(files: Sequence[Path]) -> Iterator[None]:
    """The turn to change ``files``, which a daemon that switches by reload may have just now; who waits for it is told so."""
    until, told = time.monotonic() + LOCK_PATIENCE, False
    with turn.queued(files) as taken:
        while not taken():
            if time.monotonic() > until:
                raise BalancerGone(reload.busy(LOCK_PATIENCE))
            if not told:
                click.echo(reload.waits_for_turn(LOCK_PATIENCE))
            told = True
            time.sleep(turn.PAUSE)
        yield


def _carry_out(request: Request, settings: Settings) -> None:
    before = document.load(request.files)
    change = _Change(before)
    file = MapFile(settings.haproxy.map)
    if request.mode is Mode.REMOVE:
        _remove(change, [request.service] if request.service else _known(before, settings))
        if not request.moving:
            change.faults += _moved(before, change.document, settings, file)
        if not request.service:
            change.document = change.document.apply(entrance.closing(change.document))
    else:
        _adopt(change, request, settings, file)
    _show(request, before, change)
    if request.mode is not Mode.DIFF:
        _provide_map(file, settings.haproxy.map, change.splits)
        if change.document is not before:
            _install(request, before, change.document)


def _known(before: Document, settings: Settings) -> list[str]:
    return list(dict.fromkeys([*settings.services, *(one.service for one in before.blocks), *conversion.converted(before)]))


def _remove(change: _Change, names: Sequence[str]) -> None:
    """First all blocks, then what was converted, since a block may stand in what was converted for another service."""
    for name in names:
        change.take(adoption.removal(change.document, name))
    for name in names:
        change.take(conversion.restore(change.document, name))


def _moved(before: Document, after: Document, settings: Settings, file: MapFile) -> Iterator[str]:
    """Whose traffic would go elsewhere once HAProxy reads what is left: to the side that its own rules name."""
    adopted = {one.service for one in before.blocks} - {one.service for one in after.blocks}
    for service in (one for name, one in settings.services.items() if name in adopted):
        try:
            now = literal.read(before, service) if service.routing.way is Way.RELOAD else file.read(service.name)
        except BalancerUnfit:  # a map that says nothing of it
            continue
        bare = adoption.adopt(after, service, settings.haproxy.map)
        if now and isinstance(bare, Adoption) and bare.split != now:
            yield words.moved_by_removal(service.name, now, bare.split)


def _adopt(change: _Change, request: Request, settings: Settings, file: MapFile) -> None:
    services = settings.services
    for service in [services[request.service]] if request.service else services.values():
        if request.convert and not change.take(conversion.convert(change.document, service)):
            continue
        plan = adoption.adopt(change.document, service, settings.haproxy.map, file.read(service.name))
        if change.take(plan) and isinstance(plan, Adoption):
            change.advice += plan.advice
            if service.routing.way is Way.RUNTIME:
                change.splits[service.name] = plan.split


def _show(request: Request, before: Document, change: _Change) -> None:
    """The difference and the sentences, each once; those that say why it cannot be done are an error."""
    if change.faults:
        raise click.ClickException("\n".join(dict.fromkeys(change.faults)))
    click.echo(installation.difference(before, change.document), nl=False)
    for sentence in dict.fromkeys([*change.told, *change.advice]):
        click.echo(f"- {sentence}")
    if change.document is before:
        click.echo(words.nothing_to_change())
    elif request.mode is Mode.DIFF:
        click.echo(words.shown_only())


def _provide_map(file: MapFile, path: Path, splits: Mapping[str, Split]) -> None:
    """HAProxy does not start without the map, and must find there what it was told by other means so far."""
    for name, split in splits.items():
        if file.read(name) != split:
            file.write(name, split)
            click.echo(words.map_entry_made(path, name, split.green))


def _install(request: Request, before: Document, after: Document) -> None:
    if request.mode is Mode.REMOVE and not installation.found(request.binary):
        click.echo(words.removed_unchecked(request.binary))  # nothing that could refuse it, and nothing that it could break
    else:
        installation.check(installation.named(request.binary), after)
    click.echo(words.installed(installation.install(before, after)))
