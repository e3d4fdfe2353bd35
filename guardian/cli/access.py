"""``guardian token`` and ``guardian audit``: who may, and who did."""

import re
from pathlib import Path
from typing import Any

import click

from guardian.cli.target import Target
from guardian.core.people import Role, Scope
from guardian.core.words import access as words

PATH = click.Path(readable=False, path_type=Path)
CONFIG = Path("/etc/guardian/guardian.yaml")
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
_DAYS = re.compile(r"([0-9]{1,3})d?")


def days(text: str) -> int:
    """``90d`` as a number of days."""
    parts = _DAYS.fullmatch(text)
    if not parts or not 0 < int(parts[1]) <= words.LONGEST_DAYS:
        raise click.BadParameter(words.misfit_days(text))
    return int(parts[1])


@click.group()
def token() -> None:
    """Let programs reach guardian over TCP."""


@token.command()
@click.argument("name")
@click.option("--role", type=click.Choice([role.value for role in Role]), help="What it may do. Default: viewer.")
@click.option(
    "--scope", type=click.Choice([scope.value for scope in Scope]), default="api", help="`alerts`: sends alerts, no more."
)
@click.option("--service", "services", multiple=True, help="Only this service; may be given more than once. Default: all.")
@click.option("--expires", "days", type=days, default="90d", show_default=True, metavar="DAYS", help="Up to 730d.")
@as_json
@click.pass_obj
def create(target: Target, /, *, as_json: bool, **given: Any) -> None:
    """Make a token and show it this once; guardian keeps only its hash.

    The token goes to standard output, everything else to standard error: `guardian token create ci --role operator > token`.
    """
    from guardian.cli.client import Client

    with Client(target) as client:
        made = client.create_token({**given, "services": list(given["services"])})
    if as_json:
        return _print_json(made)
    click.echo(words.created(made["about"]["name"], _when(made["about"]["expires_at"])), err=True)
    return click.echo(made["token"])


@token.command(name="list")
@as_json
@click.pass_obj
def list_tokens(target: Target, *, as_json: bool) -> None:
    """Show all tokens: what they may do, until when, who made them."""
    from guardian.cli.client import Client

    with Client(target) as client:
        tokens = client.tokens()
    if as_json:
        return _print_json(tokens)
    from guardian.cli.tables import print_parts, table_of

    if not tokens:
        return click.echo(words.no_tokens())
    rows = [
        (each["name"], each["id"], each["role"] or each["scope"], ", ".join(each["services"]) or "all", _validity(each))
        for each in tokens
    ]
    return print_parts(table_of(("name", "id", "may", "services", "valid"), rows))


@token.command()
@click.argument("which", metavar="NAME | ID")
@as_json
@click.pass_obj
def revoke(target: Target, which: str, *, as_json: bool) -> None:
    """Let a token open nothing any more, at once."""
    from guardian.cli.client import Client

    with Client(target) as client:
        gone = client.revoke_token(which)
    return _print_json(gone) if as_json else click.echo(words.revoked(gone["name"]))


@click.group()
def audit() -> None:
    """Prove and export the log of everything that was ordered and done.

    It is a chain: each entry's hash covers the entry before it.
    """


@audit.command()
@click.argument("exports", metavar="[FILE.jsonl[.gz] ...]", type=PATH, nargs=-1)
@click.option("--config", type=PATH, default=CONFIG, show_default=True, help="guardian.yaml.")
@click.option("--head", help="A hash that was noted earlier: it must be in the chain, so that nothing was cut off since.")
@click.pass_context
def verify(context: click.Context, exports: tuple[Path, ...], config: Path, head: str | None) -> None:
    """Check that every entry is as it was written, in the database, or in files of the archive or of `audit export`, in order."""
    from guardian.cli.audit import verify as verify_chain

    context.exit(verify_chain(config, exports, head))


@audit.command()
@click.option("--config", type=PATH, default=CONFIG, show_default=True, help="guardian.yaml.")
@click.option("--after", type=click.IntRange(0), default=0, show_default=True, help="The number of the last entry that you have.")
def export(config: Path, after: int) -> None:
    """Print every entry as a line of JSON, with its hashes. Reads beside a running guardian, and disturbs nothing."""
    from guardian.cli.audit import export as export_chain

    export_chain(config, after)


def _validity(token: dict[str, Any]) -> str:
    return words.validity(token["revoked_by"], _when(token["expires_at"]), valid=token["valid"])


def _when(at: float) -> str:
    from datetime import UTC, datetime

    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def _print_json(value: Any) -> None:
    import json

    click.echo(json.dumps(value, indent=2, ensure_ascii=False))
