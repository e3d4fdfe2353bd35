"""``guardian rules``: what people write, test and trust rules with."""

import json
from pathlib import Path
from typing import Any

import click

from guardian.cli.span import seconds
from guardian.cli.target import Target

PATH = click.Path(readable=False, path_type=Path)
CONFIG = Path("/etc/guardian/guardian.yaml")
config = click.option("--config", type=PATH, default=CONFIG, show_default=True, help="guardian.yaml.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
reason = click.option("--reason", default="", help="Why; it is recorded with your user name.")


@click.group()
def rules() -> None:
    """Write, test and trust the rules."""


@rules.command()
def schema() -> None:
    """Print the JSON Schema of rule files, for editors."""
    from guardian.config.schema import rule_schema

    _print_json(rule_schema())


@rules.command(name="list")
@as_json
@click.pass_obj
def list_rules(target: Target, *, as_json: bool) -> None:
    """Show the rules in force.

    The exit code is 1 while the files as they are now are not used.
    """
    from guardian.cli.client import Client

    with Client(target) as client:
        view = client.rules()
    if as_json:
        _print_json(view)
    else:
        from guardian.cli.tables import show_rules

        show_rules(view)
    click.get_current_context().exit(1 if view["trouble"] else 0)


@rules.command()
@click.option("--rejudge", "rejudge", metavar="SERVICE", multiple=True, help="Its running watch goes on with the new rules.")
@reason
@as_json
@click.pass_obj
def reload(target: Target, rejudge: tuple[str, ...], reason: str, *, as_json: bool) -> None:
    """Have the daemon read the rule files again: all of them, or none.

    A running watch keeps the rules that it began with, unless --rejudge names its service.
    """
    from guardian.cli.client import Client

    with Client(target) as client:
        view = client.reload_rules(rejudge, reason)
    if as_json:
        _print_json(view)
    else:
        from guardian.cli.tables import show_rules

        show_rules(view)


@rules.command()
@click.argument("service", required=False)
@config
@click.option("--from", "first", default="30d", show_default=True, help="Since when: `30d` ago, or `2026-11-01T08:00:00Z`.")
@click.option("--to", "last", help="Until when. Default: now.")
@click.option("--rules", "rules_path", type=PATH, help="A directory of rule files. Default: the one that guardian.yaml names.")
@click.option("--cutovers", type=PATH, help="A list of cutovers (service, at, candidate) in place of those that guardian recorded.")
@click.option("--incidents", type=PATH, help="A list of incidents (service, at, until, note): what was really bad.")
@click.option("--html", type=PATH, help="Write a page with a chart of each cutover.")
@click.option("--png", type=PATH, help="Write each chart into this directory.")
@as_json
def backtest(rules_path: Path | None, *, as_json: bool, **given: Any) -> None:
    """Replay the rules over past cutovers: true, false and missed alarms, and better limits.

    Readings come from guardian's own evidence (90 days) and from the Prometheus that guardian.yaml names. Nothing is moved.
    """
    from guardian.cli.backtest import Request
    from guardian.cli.backtest import backtest as replay

    replay(Request(rules=rules_path, as_json=as_json, **given))


@rules.command(name="check")
@click.argument("paths", type=PATH, nargs=-1)
@click.option("--config", type=PATH, help="Check the rules that this guardian.yaml names, as the daemon would read them.")
@click.option("--online", is_flag=True, help="Also ask Prometheus whether it knows the series, and what it would answer now.")
@click.option("--prometheus", metavar="URL", help="Whom to ask. Default: the one that guardian.yaml names.")
@click.option("--scrape-interval", "scrape", type=seconds, help="Between two samples. Default: as seen with --online, else 15s.")
@click.option("--watch", type=seconds, default="10m", show_default=True, help="Of services that no guardian.yaml tells of.")
@click.option("--ignore", multiple=True, metavar="CHECK", help="Do not tell of this, such as `short-window`. May be repeated.")
@click.option("--strict", is_flag=True, help="A warning makes the exit code 1, too.")
@click.option("--format", "form", type=click.Choice(["text", "json", "github", "sarif"]), default="text", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.pass_context
def check_rules(
    context: click.Context, /, paths: tuple[Path, ...], ignore: tuple[str, ...], *, as_json: bool, **given: Any
) -> None:
    """Tell everything that can be known of rules before they judge anything.

    PATHS are directories of rule files, or single files. Default: here. Neither HAProxy nor the daemon is needed.
    """
    from guardian.cli.linting import Request, check

    wanted = {**given, "form": "json"} if as_json else given
    context.exit(check(Request(paths=paths or (Path(),), ignored=frozenset(ignore), **wanted)))


@rules.command(name="test")
@click.argument("paths", type=PATH, nargs=-1)
@as_json
@click.pass_context
def test_rules(context: click.Context, paths: tuple[Path, ...], *, as_json: bool) -> None:
    """Run the unit tests of rules.

    PATHS are files of tests, or directories; below a directory every *.yaml in one that is called `tests` counts. Default: here.
    Queries are answered by a real, throw-away Prometheus.
    """
    from guardian.cli.trying import try_out

    context.exit(try_out(paths or (Path(),), as_json=as_json))


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))
