"""The way of a request to a release on trial, by which the other environment answers what the release fails. Pure: text, no files.

In front of the backend of each environment stands a backend whose two servers are the two environments, each reached through a
``listen`` on a socket in memory. HAProxy repeats a request there that the release failed, refused or delayed, for the other one;
the backend of the release has counted the failure by then. Only requests that may be sent twice come this way, and only while the
map names their environment as the one on trial: all others go where they go without a trial. A limit on the time of the backend in
front would cut slow answers of the other side, too. So patience is set in the backend of the release, for what comes through its
``listen``. The ``listen`` can set it for servers of its own only: HAProxy of July 2026 and later, on every branch (its commit
69caa5353), takes back what was set when another backend is chosen.

Each request has a connection of its own to the ``listen``, which is more than half of what the hop costs. It has to: where a server
hangs up on a request that is not the first of its connection, HAProxy says nothing to the client and counts nothing (measured on
2.6.12 and 2.8.25), so that rules would not see a release that dies with its requests.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from guardian.balancers.haproxy.runtime import as_variable, safe_name, safe_path
from guardian.core.model import Environment, Service
from guardian.core.shield import Shield

CODES = {Environment.BLUE: 1, Environment.GREEN: 2}
"""What the map says of the environment on trial; 0 or nothing while there is none."""
MOST_FORWARDERS = 4
"""Lines of ``X-Forwarded-For`` that a request may have to come this way; the hop adds another, and puts the old ones back."""


def key(service: str) -> str:
    """The map's key for the environment on trial; no service can have such a name."""
    return f"{service}/trial"


def code(environment: Environment | None) -> int:
    """What the map says for ``environment``."""
    return CODES[environment] if environment else 0


def environment_of(value: str) -> Environment | None:
    """The environment that the map's ``value`` stands for."""
    return next((one for one, number in CODES.items() if str(number) == value), None)


def backend(service: Service, environment: Environment) -> str:
    """The name of the backend in front of the one of ``environment``."""
    return f"{safe_name(service.backend(environment))}.trial"


def entrance(service: Service, environment: Environment) -> str:
    """The name of the ``listen`` through which the backend of ``environment`` is reached."""
    return f"guardian_{safe_name(service.name)}_{environment}"


def names(service: Service) -> Iterator[str]:
    """The names of all sections that stand here."""
    yield f"guardian_{safe_name(service.name)}"
    for environment in Environment:
        yield from (backend(service, environment), entrance(service, environment))


def look_up(service: Service, map_path: Path) -> str:
    """A test that always holds, and leaves in a variable of the request which environment is on trial."""
    return f"{{ str({key(service.name)}),map_str_int({safe_path(map_path)},0),set-var({_variable(service)}) -m found }}"


def tests(service: Service, environment: Environment) -> Iterator[str]:
    """The tests of which one must hold for a request to go to ``environment`` on trial; none where nothing is saved."""
    shield = service.shield
    if shield is None:
        return
    common = [
        f"{{ var({_variable(service)}) -m int eq {CODES[environment]} }}",
        # An upgrade cannot be repeated, and a stream of events is silent for longer than patience allows.
        "!{ req.hdr(upgrade) -m found } !{ req.hdr(accept) -m sub text/event-stream }",
        f"!{{ req.fhdr_cnt(x-forwarded-for) gt {MOST_FORWARDERS} }}",
        *([f"!{{ path_beg {' '.join(shield.never)} }}"] if shield.never else ()),
    ]
    yield " ".join([*common, f"{{ method {' '.join(shield.methods)} }}"])
    for further in shield.also:
        asked = f" {{ req.hdr({further.header}) -m found }}" if further.header else ""
        yield " ".join([*common, f"{{ method {further.method} }} {{ path_beg {further.path} }}{asked}"])


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the backends of the environments have of their own, which the hop must respect."""

    forwarding: frozenset[Environment] = frozenset()
    """Those that write ``X-Forwarded-For``."""
    patience: tuple[tuple[Environment, float], ...] = ()
    """Seconds of ``timeout server``, where it is known."""


def patience(service: Service, environment: Environment, map_path: Path, around: Surroundings) -> str:
    """The rule in the backend of ``environment`` by which a request that may be answered by the other one is not waited for."""
    shield = service.shield or Shield()
    seconds = min(shield.patience, dict(around.patience).get(environment, shield.patience))
    tests = f"{{ fe_name {entrance(service, environment)} }} {_on_trial(service, environment, map_path)}"
    return f"http-request set-timeout server {round(seconds * 1000)}ms if {tests}"


def sections(service: Service, map_path: Path, around: Surroundings, *, closing: bool) -> list[str]:
    """The lines of all sections. ``closing``: end with empty defaults, for who writes further sections below without any."""
    shield = service.shield
    if shield is None:
        return []
    own = f"guardian_{safe_name(service.name)}"
    lines = [f"defaults {own}", "    mode http", "    timeout connect 5s", "    timeout client 1d", "    timeout server 1d"]
    for environment in Environment:
        lines += ["", *_trial(service, shield, environment, map_path, around)]
    for environment in Environment:
        lines += ["", *_entrance(service, environment, map_path, around)]
    return [*lines, "", "defaults"] if closing else lines


def _trial(service: Service, shield: Shield, environment: Environment, map_path: Path, around: Surroundings) -> Iterator[str]:
    """The backend whose servers are the environments."""
    name, other = backend(service, environment), safe_name(service.backend(environment.other))
    yield f"backend {name} from guardian_{service.name}"
    yield "    balance first"
    yield "    option http-server-close"
    yield f"    retry-on {' '.join(shield.failures)}"
    yield "    retries 1"
    yield "    option redispatch 1"
    if shield.also:
        yield "    option http-buffer-request"  # HAProxy repeats a request only if all of it has come
    yield f"    http-request disable-l7-retry if {{ queue({other}) gt 0 }}"
    if shield.budget is not None:
        yield f"    http-request disable-l7-retry if {{ srv_sess_rate({name}/{other}) ge {shield.budget} }}"
    if around.forwarding:
        yield "    http-request del-header guardian-forwarded"
        yield from _copied("x-forwarded-for", "guardian-forwarded")
    for one in (environment, environment.other):
        yield f"    server {safe_name(service.backend(one))} {_socket(service, one, map_path)} send-proxy-v2"


def _entrance(service: Service, environment: Environment, map_path: Path, around: Surroundings) -> Iterator[str]:
    """The ``listen`` in front of an environment, be it on trial or the one that saves."""
    yield f"listen {entrance(service, environment)} from guardian_{service.name}"
    yield f"    bind {_socket(service, environment, map_path)} accept-proxy"
    if around.forwarding:
        if environment in around.forwarding:
            yield "    http-request del-header x-forwarded-for"
            yield from _copied("guardian-forwarded", "x-forwarded-for")
        yield "    http-request del-header guardian-forwarded"
    yield f"    default_backend {safe_name(service.backend(environment))}"


def _on_trial(service: Service, environment: Environment, map_path: Path) -> str:
    return f"{{ str({key(service.name)}),map_str_int({safe_path(map_path)},0) eq {CODES[environment]} }}"


def _copied(source: str, target: str) -> Iterator[str]:
    for number in range(1, MOST_FORWARDERS + 1):
        yield f"    http-request add-header {target} %[req.fhdr({source},{number})] if {{ req.fhdr_cnt({source}) ge {number} }}"


def _socket(service: Service, environment: Environment, map_path: Path) -> str:
    """An address in memory. All HAProxies of a host share such names, and each has a map of its own."""
    return f"abns@{entrance(service, environment)}_{zlib.crc32(str(map_path).encode()):08x}"


def _variable(service: Service) -> str:
    return f"txn.guardian_trial_{as_variable(service.name)}"
