"""``guardian parity``: the two environments side by side."""

import json

import click

from guardian.cli.client import Answer, Client
from guardian.cli.tables import print_parts, table_of
from guardian.cli.target import Target
from guardian.core.words import parity as words


def compare(target: Target, service: str, *, as_json: bool) -> int:
    """Show how far the environments are alike; 1 where a deployment would be blocked."""
    with Client(target) as client:
        found = client.parity(service)
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        show(found)
    return int(not found["alike"] and found["policy"] == "block")


def show(found: Answer) -> None:
    """As a table, differences first, then what could not be found out, then what it comes to."""
    rows = [
        (
            fact["name"],
            words.missing() if fact["blue"] is None else fact["blue"],
            words.missing() if fact["green"] is None else fact["green"],
            words.verdict(same=fact["same"], allowed=fact["allowed"]),
        )
        for fact in found["facts"]
    ]
    print_parts(table_of(words.columns(), rows), *found["troubles"], words.conclusion(found["alike"], found["policy"]))
