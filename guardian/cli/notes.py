"""``guardian notes``: the notes that every deployment leaves."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from guardian.cli.target import Target

if TYPE_CHECKING:
    from guardian.cli.client import Client

as_json = click.option("--json", "as_json", is_flag=True, help="Print the API's JSON instead of text.")


@click.group()
def notes() -> None:
    """Read the notes that every deployment leaves."""


@notes.command(name="list")
@click.argument("service", required=False)
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="Deployments to list.")
@as_json
@click.pass_obj
def list_notes(target: Target, service: str | None, limit: int, *, as_json: bool) -> None:
    """List where the notes are, the newest deployment first."""
    with _client(target) as client:
        found = client.notes(service, limit)
    if as_json:
        return _print_json(found)
    from guardian.cli.tables import show_notes

    return show_notes(found)


@notes.command()
@click.argument("deployment")
@as_json
@click.pass_obj
def show(target: Target, deployment: str, *, as_json: bool) -> None:
    """Print the note of DEPLOYMENT as it stands, with what people wrote into it."""
    with _client(target) as client:
        _print(client.note(deployment), as_json=as_json)


@notes.command()
@click.argument("deployment")
@click.option("--write", is_flag=True, help="Write it in its place, with charts; what people wrote is kept.")
@as_json
@click.pass_obj
def render(target: Target, deployment: str, *, write: bool, as_json: bool) -> None:
    """Print the note of DEPLOYMENT as the records have it now."""
    with _client(target) as client:
        _print(client.render_note(deployment) if write else client.note(deployment, preview=True), as_json=as_json)


def _client(target: Target) -> "Client":
    from guardian.cli.client import Client

    return Client(target)


def _print(view: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        _print_json(view)
    else:
        click.echo(view["text"], nl=False)


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))
