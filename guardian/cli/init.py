"""``guardian init``: a first configuration from the HAProxy that is there, asking little."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import click

from guardian.balancers.haproxy import document, entrance, installation
from guardian.core.firststeps import Pair, pairs, settings
from guardian.core.model import NAME
from guardian.core.ports import BalancerError
from guardian.core.words import adoption
from guardian.core.words import firststeps as words

SOCKET = Path("/run/haproxy/guardian.sock")
MAP = Path("/var/lib/guardian/haproxy.map")
STARTER = "service: web\n"


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for."""

    config: Path
    files: tuple[Path, ...]
    named: tuple[str | None, str | None, str | None]
    """A service and its two backends, where people name them."""
    group: str
    binary: str
    sure: bool
    """Ask nothing."""
    force: bool


def begin(request: Request) -> None:
    """Write the files, and open a stats socket for guardian. ``click.ClickException`` with a sentence when it cannot be done."""
    if request.config.exists() and not request.force:
        raise click.ClickException(words.there_already(request.config))
    with _spoken(request.files[0]):
        there = document.load(request.files)
        chosen = _chosen(request, [section.name for section in there.proxies("backend", "listen") if section.name])
        _open(request, there)
        _write(request, chosen)  # last: where it is there, nothing is left to do
    click.echo(words.next_steps(request.config))


def _chosen(request: Request, backends: Sequence[str]) -> list[Pair]:
    service, blue, green = request.named
    if blue or green or service:
        return [_named(service or "web", blue or "", green or "", backends)]
    found = pairs(backends)
    if found:
        click.echo(words.found(found))
        if request.sure or click.confirm(words.ask_all(), default=True):
            return found
    else:
        click.echo(words.nothing_alike(backends))
    if request.sure:
        raise click.ClickException(words.name_both())
    service = click.prompt(words.ask_service(), default="web")
    blue, green = (click.prompt(words.ask_backend(colour)) for colour in ("blue", "green"))
    return [_named(service, blue, green, backends)]


def _named(service: str, blue: str, green: str, backends: Sequence[str]) -> Pair:
    for backend in (blue, green):
        if backend not in backends:
            raise click.ClickException(words.no_such_backend(backend, backends))
    if not NAME.fullmatch(service) or blue == green:
        raise click.ClickException(words.name_both())
    return Pair(service, blue, green)


def _write(request: Request, chosen: Sequence[Pair]) -> None:
    text = settings(chosen, str(SOCKET), str(MAP), [str(path) for path in request.files])
    rules = request.config.parent / "rules"
    for directory in (rules.parent, rules):
        if not directory.exists():
            directory.mkdir(parents=True)
            directory.chmod(0o755)  # guardian's user reads there, whatever the umask of who calls
    starter = (resources.files("guardian.cli") / "starter" / "rules.yaml").read_text()
    for pair in chosen:
        path = rules / f"{pair.service}.yaml"
        if not path.exists():
            _put(path, starter.replace(STARTER, f"service: {pair.service}\n"), request.group)
    _put(request.config, text, request.group)


def _put(path: Path, text: str, group: str) -> None:
    """The file whole or not at all, for guardian's group to read where there is one."""
    beside = path.with_name(f"{path.name}.new")
    beside.write_text(text)
    beside.chmod(0o640)
    if os.geteuid() == 0:
        try:
            shutil.chown(beside, group=group)
        except LookupError:
            beside.chmod(0o644)  # there is no such group on this host
    beside.replace(path)
    click.echo(words.written(path))


def _open(request: Request, there: document.Document) -> None:
    """Add the stats socket, once HAProxy has accepted the whole."""
    edits = entrance.opening(there, SOCKET, request.group)
    if not edits:
        return
    after = there.apply(edits)
    click.echo(installation.difference(there, after), nl=False)
    if not request.sure and not click.confirm(words.ask_socket(Path(edits[0].file.path)), default=True):
        return
    installation.check(installation.named(request.binary), after)
    for path in installation.install(there, after):
        click.echo(words.socket_added(Path(path)))


@contextmanager
def _spoken(first: Path) -> Iterator[None]:
    try:
        yield
    except BalancerError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(adoption.unreadable(Path(error.filename or first), str(error.strerror))) from error
