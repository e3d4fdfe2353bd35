"""``guardian deploy`` and all that people say to a release on its way."""

import sys
from typing import TYPE_CHECKING, Any

import click

from guardian.cli.order import as_json, break_glass, open_client, print_json, reason, tell, wait
from guardian.cli.span import seconds
from guardian.cli.target import Target
from guardian.core.words import mutes, shell
from guardian.core.words import releases as words

if TYPE_CHECKING:
    from guardian.cli.client import Answer, Client

generation = click.option("--generation", type=click.IntRange(1), help="The number of the question. Default: the present one.")


@click.command()
@click.argument("service")
@click.option("--version", required=True, help="What to deploy, such as 4.2.0.")
@click.option("--key", default="", help="Of this request, such as the id of a CI job: asked again, nothing is deployed again.")
@click.option("--again", is_flag=True, help="Also a version that was taken back before.")
@break_glass
@reason
@wait
@as_json
@click.pass_obj
def deploy(target: Target, /, service: str, *, wait: bool, as_json: bool, **given: str | bool) -> None:
    """Bring a version onto the idle environment, verify it, and give it the traffic step by step.

    The steps are those of the service's strategy in guardian.yaml.
    """
    with open_client(target) as client:
        view = _deployed(client, service, given)
        tell(client, view, words.deploying(view), wait=wait, as_json=as_json)


def _deployed(client: "Client", service: str, given: dict[str, Any]) -> "Answer":
    """The deployment. Somebody at a terminal is asked about a version that was taken back; a program must say ``--again``."""
    from guardian.cli.client import Rejected

    try:
        return client.order(service, "deploy", given)
    except Rejected as refused:
        asked = "--again" in refused.message and not given["again"] and sys.stdin.isatty()
        if not asked or not click.confirm(words.deploy_again(refused.message), err=True):
            raise
    return client.order(service, "deploy", {**given, "again": True})


@click.command()
@click.argument("deployment")
@generation
@break_glass
@reason
@as_json
@click.pass_obj
def approve(target: Target, /, deployment: str, *, as_json: bool, **given: Any) -> None:
    """Let a deployment go on that somebody else has asked for."""
    with open_client(target) as client:
        view = client.answer(deployment, "approve", given)
        tell(client, view, words.approved(view["deployment"]), as_json=as_json)


@click.command()
@click.argument("deployment")
@generation
@reason
@as_json
@click.pass_obj
def reject(target: Target, /, deployment: str, *, as_json: bool, **given: Any) -> None:
    """End a deployment that asks for approval; what traffic it has is taken back."""
    with open_client(target) as client:
        view = client.answer(deployment, "reject", given)
        tell(client, view, shell.outcome(view["deployment"]), as_json=as_json)


@click.command()
@click.argument("service")
@reason
@as_json
@click.pass_obj
def pause(target: Target, service: str, reason: str, *, as_json: bool) -> None:
    """Let nothing new begin: what is under way goes on, and rules go on judging."""
    with open_client(target) as client:
        view = client.order(service, "pause", {"reason": reason})
        tell(client, view, words.paused(view["deployment"]), as_json=as_json)


@click.command()
@click.argument("service")
@reason
@as_json
@click.pass_obj
def resume(target: Target, service: str, reason: str, *, as_json: bool) -> None:
    """Let a paused deployment go on, whether a person or a rule paused it."""
    with open_client(target) as client:
        view = client.order(service, "resume", {"reason": reason})
        tell(client, view, words.resumed(view["deployment"]), as_json=as_json)


@click.command()
@click.argument("service")
@click.option("--deployment", help="One that waits for its turn. Default: the one that is under way.")
@reason
@as_json
@click.pass_obj
def abort(target: Target, /, service: str, *, as_json: bool, **given: str | None) -> None:
    """End a deployment; what traffic it has is taken back."""
    with open_client(target) as client:
        view = client.order(service, "abort", given)
        ended = words.withdrawn(given["deployment"]) if given["deployment"] else shell.outcome(view["deployment"])
        tell(client, view, ended, as_json=as_json)


@click.command()
@click.argument("service")
@click.option("--for", "length", required=True, help="For how long: 30m, 2h, 1d.")
@click.option("--reason", required=True, help="Why; it is shown to everybody whom it stops.")
@as_json
@click.pass_obj
def freeze(target: Target, service: str, length: str, reason: str, *, as_json: bool) -> None:
    """Let nothing of SERVICE move forward for a while. A rollback is not held back."""
    with open_client(target) as client:
        view = client.order(service, "freeze", {"seconds": seconds(length), "reason": reason})
        tell(client, view, words.frozen(view), as_json=as_json)


@click.command()
@click.argument("service")
@reason
@as_json
@click.pass_obj
def unfreeze(target: Target, service: str, reason: str, *, as_json: bool) -> None:
    """End a freeze before its time."""
    with open_client(target) as client:
        view = client.order(service, "unfreeze", {"reason": reason})
        tell(client, view, words.thawed(view), as_json=as_json)


@click.command()
@click.argument("service")
@click.argument("rule")
@click.option("--for", "length", required=True, help="For how long, up to 24h: 30m, 2h.")
@click.option("--reason", required=True, help="Why; it is shown wherever the rule is.")
@as_json
@click.pass_obj
def mute(target: Target, /, service: str, rule: str, *, length: str, reason: str, as_json: bool) -> None:
    """Let RULE of SERVICE be judged and told, and have no consequence, for a while. Other rules and people act as ever."""
    with open_client(target) as client:
        view = client.order(service, "mute", {"rule": rule, "seconds": seconds(length), "reason": reason})
        tell(client, view, mutes.taken(view, rule), as_json=as_json)


@click.command()
@click.argument("service")
@click.argument("rule")
@reason
@as_json
@click.pass_obj
def unmute(target: Target, /, service: str, rule: str, *, reason: str, as_json: bool) -> None:
    """Let RULE of SERVICE act again before its time; it begins anew."""
    with open_client(target) as client:
        view = client.order(service, "unmute", {"rule": rule, "reason": reason})
        tell(client, view, mutes.lifted(service, rule), as_json=as_json)


@click.command()
@click.argument("service")
@as_json
@click.pass_obj
def queue(target: Target, service: str, *, as_json: bool) -> None:
    """List the deployments that wait for their turn."""
    with open_client(target) as client:
        views = client.queue(service)
    if as_json:
        print_json(views)
    elif not views:
        click.echo(words.nobody_waits(service))
    else:
        from guardian.cli.tables import show_queue

        show_queue(views)


RELEASES = (deploy, approve, reject, pause, resume, abort, freeze, unfreeze, mute, unmute, queue)
