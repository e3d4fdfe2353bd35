"""What the commands that order something share: their options, the way to the daemon, and how they tell what came of it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from guardian.cli.target import Target

if TYPE_CHECKING:
    from guardian.cli.client import Client

as_json = click.option("--json", "as_json", is_flag=True, help="Print the API's JSON instead of text.")
reason = click.option("--reason", default="", help="Why; it is recorded with your user name.")
wait = click.option("--wait", is_flag=True, help="Show what happens, and end with the deployment's outcome.")
break_glass = click.option(
    "--break-glass", is_flag=True, help="Past approvals, freezes and windows: needs a reason, and everybody is told."
)


def open_client(target: Target) -> "Client":
    """The way to the daemon."""
    from guardian.cli.client import Client

    return Client(target)


def tell(
    client: "Client", view: Mapping[str, Any], sentence: str, *, as_json: bool, wait: bool = False, back: bool = False
) -> None:
    """Say what came of an order; with ``wait``, of its deployment. ``back``: a rollback is what was ordered."""
    if wait:
        from guardian.cli.waiting import follow

        deployment, code = follow(client, view.get("deployment") or view, back=back, to_stderr=as_json)
        if as_json:
            print_json(deployment)
        click.get_current_context().exit(code)
    elif as_json:
        print_json(view)
    else:
        click.echo(sentence)


def print_json(value: Any) -> None:
    """Print what the API answered."""
    import json

    click.echo(json.dumps(value, indent=2, ensure_ascii=False))
