"""What the API and the shell say by themselves. What happens to a service is told by :mod:`guardian.core.words.story`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from guardian.core.model import Environment
from guardian.core.words import drill, shield
from guardian.core.words.figures import count, seconds, share
from guardian.core.words.quotes import quoted

Record: TypeAlias = Mapping[str, Any]
"""What the API answers: a JSON object."""

FORMS = {
    "to": "`blue` or `green`; without it, the environment that is not the safe side",
    "share": "a whole number of basis points from 1 to 10,000, such as 500 for 5 %",
    "reason": "text of up to 500 characters that says why",
    "now": "`true` or `false`; `true` moves the traffic at once, without the steps of the service's strategy",
    "version": "the version to deploy, such as `4.2.0`",
    "key": "up to 200 characters without blanks that tell this request from all others; sent again, nothing is done again",
    "again": "`true` or `false`; `true` also deploys a version that was taken back",
    "break_glass": "`true` or `false`; `true` goes past approvals, freezes and windows, for approvers, with a reason; all are told",
    "generation": "the number of the question that is answered, as the deployment shows it; without it, the present one",
    "deployment": "the id of a deployment; without it, the one that is under way",
    "seconds": "a number of seconds above 0 and up to 90 days; for a mute, up to 24 hours",
    "rule": "the name of a rule of the service",
    "redeploy": "`true` or `false`; `true` first brings back what was retired",
    "force": "`true` or `false`; `true` also accepts a target without a healthy server",
    "service": "the name of a service",
    "limit": "a whole number from 1 to 1,000",
    "after": "the number of the last announcement that you know, or 0 for all",
    "rejudge": "a list of names of services whose release is on trial",
    "name": "a name of up to 64 letters, digits and `_.:-` that starts with a letter or digit",
    "role": "`viewer`, `operator`, `approver` or `admin`",
    "scope": "`api`, or `alerts` for a token that can send alerts and nothing else",
    "services": "a list of names of services, the only ones that the token opens; an empty one for all",
    "days": "a whole number of days from 1 to 730, after which the token opens nothing",
    "body": "a JSON object, sent with `content-type: application/json`",
}
"""What to write into each field of a request; also their descriptions in the OpenAPI document."""


# The API.


def api_description() -> str:
    """The first words of the OpenAPI document."""
    return (
        "Served on a unix socket, and over TCP where configured. The socket's mode and group say who may call; the kernel says who "
        "did, and every order is recorded under that user's name. Over TCP a token says so, sent as `authorization: Bearer gdn_…`. "
        "Each endpoint takes a role: viewer, operator, approver or admin. Shares are basis points (10,000 is all of the traffic), "
        "times are seconds since the epoch, durations are seconds, ratios are fractions. An order is answered when it is recorded, "
        "before traffic has moved."
    )


def unfit(field: str, kind: str, value: object) -> str:
    """A field of a request that cannot be understood; ``kind`` is pydantic's word for why."""
    name = quoted(field)
    if kind == "extra_forbidden":
        return f"{name} is not known here; remove it, or see /openapi.json for what is"
    form = FORMS.get(field, FORMS["body"])
    if kind == "missing":
        return f"{name} is missing; write {form}"
    if kind == "json_invalid":
        return f"the body is not JSON; write {form}"
    scalar = isinstance(value, str | int | float | None)
    return f"{name}: {quoted(str(value)) if scalar else 'this'} does not fit; write {form}"


def no_route(path: str) -> str:
    """Nothing is answered at this path."""
    return f"there is nothing at {quoted(path)}; /openapi.json lists what there is"


def too_many_followers(most: int) -> str:
    """No seat is free."""
    return f"{most} programs follow the announcements already; end one of them, or ask `guardian status` now and then"


def not_probed(service: str) -> str:
    """Readiness: nothing is known yet."""
    return f"whether a rollback of {service} would work has not been asked yet; guardian has just started"


def socket_taken(path: Path) -> str:
    """Something else is where the API's socket belongs."""
    return f"{path} is in use, or is no socket; `fuser {path}` names who holds it: end that, or set another `socket` below `api`"


def socket_unusable(path: Path, reason: str) -> str:
    """The operating system refuses."""
    return f"{path} cannot be opened as the API's socket: {reason}; check `socket` and `group` below `api`, and the directory"


# The command.


def exit_codes() -> str:
    """The last words of ``guardian --help``; the mark keeps the lines as they are."""
    return """\b
Exit codes:
  0    done; after --wait: verified, or back as ordered
  1    a fault was found, or the order was refused
  2    the command line cannot be understood
  3    the daemon cannot be reached
  10   after --wait: unverified
  20   after --wait: rolled back
  30   after --wait: aborted
  40   after --wait: stuck, a person is needed
  130  interrupted while waiting; the deployment goes on"""


# Reaching the daemon.


def no_socket(path: Path) -> str:
    """There is no such file."""
    return f"guardian does not run, or elsewhere: there is no {path}; `systemctl start guardian` starts it, --socket names another"


def nobody_listens(path: Path) -> str:
    """The file is there, the daemon is not."""
    return f"guardian does not run: nobody listens on {path}; `systemctl status guardian` says why"


def not_allowed(path: Path) -> str:
    """The socket's mode says no."""
    return f"you may not use {path}; its group may, and `ls -l {path}` names it: join it (`usermod -aG`), or use sudo"


def no_answer(where: str, waited: float) -> str:
    """Connected, and then silence."""
    return f"guardian did not answer on {where} within {seconds(waited)}; `systemctl status guardian` says what it is doing"


def order_unanswered(where: str, waited: float) -> str:
    """An order was sent, and then silence."""
    return f"{no_answer(where, waited)}. Whether the order was taken is not known: `guardian status` shows it once it answers"


def broken_off(where: str, reason: str) -> str:
    """The connection ended early."""
    return f"guardian broke off its answer on {where}: {reason or 'the connection was closed'}; `guardian status` shows what holds"


def not_guardian(where: str) -> str:
    """Somebody else's socket."""
    return f"what listens on {where} does not answer as guardian does; --socket names another"


# Orders.


def link(title: str, url: str) -> str:
    """Where people read on."""
    return f"{title}: {url}"


def moving(deployment: Record) -> str:
    """A switch or a rollback was taken."""
    identifier, service = deployment["id"], deployment["service"]
    follow = f"`guardian status {service}` shows how it goes"
    if deployment["rollback"]:
        return f"{identifier}: {deployment['phase']} to {deployment['fallback']}; {follow}"
    return f"{identifier}: {deployment['phase']} to {deployment['target']}; {follow}, `guardian rollback {service}` takes it back"


def promoted(view: Record) -> str:
    """The safe side is another now."""
    return f"{view['service']}: {view['safe']} is the safe side now"


def unlatched(view: Record) -> str:
    """The way is free."""
    return f"{view['service']} may move forward again: `guardian switch {view['service']}`"


def misfit_time(text: str) -> str:
    """Not a time."""
    return f"`{text}` is no time; write a number and a unit (ms, s, m, h or d), such as `15s`"


def misfit_share(text: str) -> str:
    """Something else where a share is asked for."""
    return f"{quoted(text)} does not fit; write a percentage above 0% and up to 100%, in steps of 0.01%, such as `5%`"


# Waiting.


def waiting_again(reason: str) -> str:
    """The daemon is gone for the moment."""
    return f"{reason}. The balancer goes on as it is; waiting for guardian to come back"


def answers_again(phase: str, waited: float) -> str:
    """The daemon is back."""
    return f"guardian answers again after {seconds(waited)}; the deployment is {phase}"


def given_up(identifier: str, waited: float) -> str:
    """The daemon stayed away."""
    return f"guardian has not answered for {seconds(waited)}; `guardian history {identifier}` will tell what became of it"


def goes_on(identifier: str) -> str:
    """Ctrl-C."""
    return f"{identifier} goes on without you watching: `guardian history {identifier}` tells what became of it"


def remaining(deployment: Record, now: float) -> str:
    """The phase, and how long it will still take."""
    phase, ends_at = str(deployment["phase"]), deployment["watch_ends_at"]
    left = f", {seconds(max(0.0, ends_at - now))} left" if phase in ("watching", "baking") and ends_at else ""
    return f"{phase}{left}{f', {waits}' if (waits := deployment.get('waits')) else ''}"


def outcome(deployment: Record) -> str:
    """The last line of a wait."""
    why = "; ".join(filter(None, (trouble(deployment), shielded(deployment))))
    return f"{deployment['id']} is {deployment['phase']}{f': {why}' if why else ''}"


def trouble(deployment: Record) -> str:
    """Why a deployment did not end well; empty where it did."""
    rollback = deployment["rollback"]
    if rollback is None:
        return str(deployment["trouble"])
    rule = f"{rollback['rule']}: " if rollback["rule"] else ""
    return f"{rule}{rollback['reason']}{'; ' if rollback['reason'] and rollback['trouble'] else ''}{rollback['trouble']}"


# Status.


def deployed(deployment: Record, now: float) -> str:
    """The latest deployment of a service."""
    because = f": {deployment['reason']}" if deployment["reason"] else ""
    ago = seconds(max(0.0, now - deployment["requested_at"]))
    what = f"{version} " if (version := deployment.get("version")) else ""
    asked = f"{what}to {deployment['target']}, by {deployment['requested_by']} {ago} ago{because}"
    return f"{deployment['id']} is {remaining(deployment, now)}; {asked}"


def drilled(view: Record) -> str:
    """A drill that passed."""
    return drill.done(view["service"], view["drill"]["there"], view["drill"]["back"])


def shielded(deployment: Record) -> str:
    """What the other environment has answered for the candidate; empty where there was nothing."""
    found = deployment.get("shielded")
    other = str(Environment(deployment["candidate"]).other) if found else ""
    return shield.told(*_saved(found), other) if found else ""


def saved(deployment: Record) -> str:
    """The same in a column of a table."""
    found = deployment.get("shielded")
    return shield.saved_of(*_saved(found)) if found else ""


def _saved(found: Record) -> tuple[int, int, int, int]:
    return int(found["tried"]), int(found["saved"]), int(found["lost"]), int(found["plain"])


def last_drill(ran: Record, now: float) -> str:
    """When the last drill was, and how it went."""
    ago = max(0.0, now - ran["at"])
    return drill.last(ago, ran["back"]) if ran["back"] is not None else drill.last_failed(ago, ran["trouble"] or drill.cut_short())


def rollback_ready(readiness: Record | None, now: float) -> str:
    """Whether a rollback would work."""
    if readiness is None:
        return "not asked yet"
    checked = f"checked {seconds(max(0.0, now - readiness['checked_at']))} ago"
    if readiness["ready"]:
        return f"would work, to {readiness['to']} ({checked})"
    return f"WOULD NOT WORK, to {readiness['to']} ({checked}): {'; '.join(readiness['faults'])}"


def latched(view: Record) -> str:
    """Why nothing moves forward."""
    return f"LATCHED: {view['latched']}; `guardian unlatch {view['service']} --reason …` lets it move forward again"


def environment(view: Record) -> str:
    """One environment as last seen."""
    if view["servers_up"] is None:
        return "not seen yet"
    servers = "1 server up" if view["servers_up"] == 1 else f"{count(view['servers_up'])} servers up"
    return f"{share(view['share'])}, {servers}, {count(view['in_flight'])} requests in flight"


def not_written() -> str:
    """There is no file of a deployment's note."""
    return "not written; `guardian notes show` composes it"


def no_deployments() -> str:
    """An empty history."""
    return "guardian remembers no deployment; `guardian switch` begins one"


# Checking files.


def check_passed(path: Path, services: int, rules: int) -> str:
    """Nothing is wrong."""
    return f"{path}: no fault; {count(services)} services, {count(rules)} rules"


def warning(fault: str) -> str:
    """Something that is probably not meant."""
    return f"{fault} (a warning)"
