"""The ``guardian`` command. Whatever is heavy is imported by the command that needs it: ``guardian --help`` answers at once."""

from pathlib import Path
from typing import Any

import click

from guardian import __version__
from guardian.cli.access import audit, token
from guardian.cli.notes import notes
from guardian.cli.order import as_json, break_glass, open_client, print_json, reason, tell, wait
from guardian.cli.releases import RELEASES
from guardian.cli.rules import rules
from guardian.cli.share import basis_points, tiny_share
from guardian.cli.target import Target
from guardian.core.words import shell

SOCKET = Path("/run/guardian/api.sock")
CONFIG = Path("/etc/guardian/guardian.yaml")
HAPROXY_CONFIG = Path("/etc/haproxy/haproxy.cfg")

PATH = click.Path(readable=False, path_type=Path)
"""Whether a path can be used is told by those who use it, with a sentence and an exit code of their own."""

config = click.option("--config", type=PATH, default=CONFIG, show_default=True, help="guardian.yaml.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=shell.exit_codes())
@click.version_option(__version__, prog_name="guardian", message="%(prog)s %(version)s")
@click.option(
    "--socket",
    type=PATH,
    default=SOCKET,
    envvar="GUARDIAN_SOCKET",
    show_default=True,
    show_envvar=True,
    help="The socket of the daemon's API.",
)
@click.option("--url", default="", envvar="GUARDIAN_URL", show_envvar=True, help="Where it is over TCP, such as https://lb1:8443.")
@click.option("--token-file", type=PATH, envvar="GUARDIAN_TOKEN_FILE", show_envvar=True, help="The file with the token for that.")
@click.option("--ca", type=PATH, envvar="GUARDIAN_CA", show_envvar=True, help="The authorities to trust there.")
@click.pass_context
def cli(context: click.Context, /, **given: Any) -> None:
    """Moves traffic between blue and green, watches what happens, and takes it back when a release misbehaves.

    Over TCP the token may also stand in the environment variable GUARDIAN_TOKEN.
    """
    import os

    context.obj = Target(**given, token=os.environ.get("GUARDIAN_TOKEN", ""))


cli.add_command(token)
cli.add_command(audit)
cli.add_command(rules)
cli.add_command(notes)
for release in RELEASES:
    cli.add_command(release)


@cli.command()
@config
@click.pass_context
def run(context: click.Context, config: Path) -> None:
    """Run the daemon until SIGTERM or Ctrl-C."""
    from guardian.daemon import run as run_daemon

    context.exit(run_daemon(config))


@cli.command()
@config
@click.option("--file", "files", type=PATH, multiple=True, default=[HAPROXY_CONFIG], show_default=True, help="As HAProxy's -f.")
@click.option("--service", help="The name of the service, with --blue and --green. Default: found by the backends' names.")
@click.option("--blue", help="The backend of its blue environment.")
@click.option("--green", help="The backend of its green environment.")
@click.option("--group", default="guardian", show_default=True, help="The group that guardian runs with.")
@click.option("--haproxy", "binary", default="haproxy", show_default=True, help="The HAProxy that checks the result.")
@click.option("--yes", "sure", is_flag=True, help="Ask nothing.")
@click.option("--force", is_flag=True, help="Write over a configuration that is there.")
def init(service: str | None, blue: str | None, green: str | None, **given: Any) -> None:
    """Write a first configuration from the HAProxy that is there, and open its stats socket to guardian."""
    from guardian.cli.init import Request, begin

    begin(Request(named=(service, blue, green), **given))


@cli.command()
@config
@click.option(
    "--online", is_flag=True, help="Also ask HAProxy whether it knows the backends and the map, and Prometheus the series."
)
@as_json
@click.pass_context
def check(context: click.Context, config: Path, *, online: bool, as_json: bool) -> None:
    """List everything that is wrong in guardian.yaml and rule files."""
    from guardian.cli.check import report

    context.exit(report(config, online=online, as_json=as_json))


@cli.command()
@click.argument("service", required=False)
@as_json
@click.pass_obj
def status(target: Target, service: str | None, *, as_json: bool) -> None:
    """Show where the traffic is, and whether a rollback would work.

    While a release is on trial, also what each rule makes of it.
    """
    with open_client(target) as client:
        views = [client.service(service)] if service else client.services()
    if as_json:
        return print_json(views[0] if service else views)
    from guardian.cli.tables import show_services

    return show_services(views)


@cli.command()
@click.argument("service")
@click.option("--to", type=click.Choice(["blue", "green"]), help="Default: the environment that is not the safe side.")
@click.option("--share", type=basis_points, metavar="PERCENT", help="At once so much of the traffic, such as 5%.")
@click.option("--now", is_flag=True, help="All of it at once, without the steps of the service's strategy.")
@break_glass
@reason
@wait
@as_json
@click.pass_obj
def switch(target: Target, /, service: str, *, wait: bool, as_json: bool, **given: str | int | None) -> None:
    """Move traffic to the other environment and watch it.

    By the steps of the service's strategy; without one, or with --share or --now, at once.
    """
    with open_client(target) as client:
        view = client.order(service, "switch", given)
        tell(client, view, shell.moving(view["deployment"]), wait=wait, as_json=as_json)


@cli.command()
@click.argument("service")
@reason
@click.option("--force", is_flag=True, help="Also onto an environment without a healthy server.")
@click.option("--redeploy", is_flag=True, help="Where it was retired: first bring back what was there.")
@wait
@as_json
@click.pass_obj
def rollback(target: Target, /, service: str, *, wait: bool, as_json: bool, **given: str | bool) -> None:
    """Take the traffic back to where it was before.

    With --wait the exit code is 0 once it is back: that was the order.
    """
    with open_client(target) as client:
        view = client.order(service, "rollback", given)
        tell(client, view, shell.moving(view["deployment"]), wait=wait, as_json=as_json, back=not given["redeploy"])


@cli.command()
@click.argument("service")
@reason
@as_json
@click.pass_obj
def promote(target: Target, service: str, reason: str, *, as_json: bool) -> None:
    """Make what is live the safe side, verified or not; while it is judged, cut short how long.

    That needs a reason, and is never called verified.
    """
    with open_client(target) as client:
        view = client.order(service, "promote", {"reason": reason})
        tell(client, view, shell.promoted(view), as_json=as_json)


@cli.command()
@click.argument("service")
@click.option("--reason", required=True, help="Why it may move forward again; it is recorded with your user name.")
@as_json
@click.pass_obj
def unlatch(target: Target, service: str, reason: str, *, as_json: bool) -> None:
    """Let a service move forward again after a rollback."""
    with open_client(target) as client:
        view = client.order(service, "unlatch", {"reason": reason})
        tell(client, view, shell.unlatched(view), as_json=as_json)


@cli.command()
@click.argument("service")
@click.option("--share", type=tiny_share, default="0.01%", show_default=True, metavar="PERCENT", help="0% moves no traffic at all.")
@reason
@as_json
@click.pass_obj
def drill(target: Target, /, service: str, *, as_json: bool, **given: str | int) -> None:
    """Prove that a rollback would work: a tiny share to the idle side and back, on the live balancer."""
    with open_client(target) as client:
        view = client.order(service, "drill", given)
        tell(client, view, shell.drilled(view), as_json=as_json)


@cli.command()
@click.argument("service")
@as_json
@click.pass_context
def parity(context: click.Context, service: str, *, as_json: bool) -> None:
    """Compare the two environments of SERVICE, as its `stages: parity:` in guardian.yaml says.

    The exit code is 1 where a deployment would be blocked.
    """
    from guardian.cli.parity import compare

    context.exit(compare(context.obj, service, as_json=as_json))


@cli.command()
@click.argument("which", metavar="[SERVICE | DEPLOYMENT]", required=False)
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="Deployments to list.")
@as_json
@click.pass_obj
def history(target: Target, which: str | None, limit: int, *, as_json: bool) -> None:
    """List deployments, or tell everything that happened to one."""
    with open_client(target) as client:
        known = [view["service"] for view in client.services()] if which else []
        if which is None or which in known:
            found: Any = client.deployments(which, limit)
        else:
            found = client.deployment(which)
    if as_json:
        return print_json(found)
    from guardian.cli import tables

    return tables.show_deployments(found) if isinstance(found, list) else tables.show_timeline(found)


@cli.command()
@click.argument("which", metavar="DEPLOYMENT | FILE.json")
@click.option("--rule", help="Only this rule. Default: all, the one that took the traffic back first.")
@click.option("--bundle", type=PATH, help="Write the evidence into this file instead, to be explained anywhere.")
@as_json
@click.pass_context
def explain(context: click.Context, which: str, rule: str | None, bundle: Path | None, *, as_json: bool) -> None:
    """Tell why DEPLOYMENT was judged as it was.

    Each verdict is computed again from the recorded evidence; the exit code is 1 if another one comes out than was recorded.
    FILE.json is a bundle that --bundle wrote: it is explained without a daemon.
    """
    from guardian.cli.explain import Wanted
    from guardian.cli.explain import explain as explain_verdicts

    context.exit(explain_verdicts(context.obj, Wanted(which, rule, bundle, as_json)))


@cli.group()
def haproxy() -> None:
    """Prepare HAProxy's configuration."""


@haproxy.command()
@click.argument("service", required=False)
@config
@click.option(
    "--file", "files", type=PATH, multiple=True, help=f"As HAProxy's -f. Default: guardian.yaml's, or else {HAPROXY_CONFIG}."
)
@click.option("--convert", is_flag=True, help="Also make two backends of a section that holds what should be two.")
@click.option("--haproxy", "binary", default="haproxy", show_default=True, help="The HAProxy that checks the result.")
@click.option("--diff", "mode", flag_value="diff", default="diff", help="Show what would change. This is the default.")
@click.option("--apply", "mode", flag_value="apply", help="Write it, once HAProxy has accepted the whole. Nothing is reloaded.")
@click.option("--remove", "mode", flag_value="remove", help="Take all that is guardian's out again, to the byte.")
@click.option(
    "--moving", is_flag=True, help="With --remove: also where that moves traffic, since HAProxy's own rules name the other side."
)
def adopt(mode: str, **given: Any) -> None:
    """Put guardian's block beside the rules that send the traffic of SERVICE; by default of all services.

    How a service is routed, and which frontends guardian may touch, stands in guardian.yaml under its `routing`.
    """
    from guardian.cli.haproxy import Mode, Request
    from guardian.cli.haproxy import adopt as adopt_service

    adopt_service(Request(mode=Mode(mode), usual=HAPROXY_CONFIG, **given))


@haproxy.command(hidden=True)
@config
@click.option("--answer", type=PATH, default="/run/guardian-apply/answer.json", show_default=True, help="Where the answer goes.")
@click.option("--state", type=PATH, default="/var/lib/guardian-apply", show_default=True, help="A directory of root's.")
def apply(config: Path, answer: Path, state: Path) -> None:
    """Carry out what guardian has asked root for; guardian-apply.service runs this."""
    from guardian.cli.apply import Paths
    from guardian.cli.apply import apply as apply_request

    apply_request(Paths(config, answer, state))


@cli.group()
def slack() -> None:
    """Look after the connection to Slack."""


@slack.command(name="check")
@config
@as_json
@click.pass_context
def check_slack(context: click.Context, config: Path, *, as_json: bool) -> None:
    """Ask Slack whether everything is there: tokens, scopes, channels, people.

    Says what to click where something is missing; the exit code is 1 then.
    """
    from guardian.cli.slack import report

    context.exit(report(config, as_json=as_json))


@cli.command()
@click.option(
    "--fault",
    type=click.Choice(["errors", "latency", "partial", "down"]),
    default="errors",
    show_default=True,
    help="How the bad release fails.",
)
@click.option("--shield", is_flag=True, help="Have HAProxy answer from the other side what the bad release fails.")
@click.option("--story", is_flag=True, help="Whole deployments: a good one, a bad one twice, and a good one again.")
@click.option("--plain", is_flag=True, help="Print lines instead of the live picture.")
@click.pass_context
def demo(context: click.Context, fault: str, *, shield: bool, story: bool, plain: bool) -> None:
    """Watch a real HAProxy lose a bad release, and be saved. Takes about a minute and leaves nothing behind."""
    if story:
        from guardian.demo.story import main as tell

        context.exit(tell(plain=plain))
    from guardian.demo.play import main as play

    context.exit(play(fault, plain=plain, shield=shield))


def main() -> None:
    """The entry point."""
    import sys

    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal that cannot show a character shows "?"
    cli(prog_name="guardian")
