"""The work around a switch, as it is ordered: how a version comes to the idle side, is verified, and what becomes of the old side.

Texts in it may hold variables, written ``$version``; :func:`filled` puts in what a job brings. None of it passes through a shell.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

from guardian.core.strategy import StageKind

VARIABLES = ("service", "environment", "backend", "version", "deployment", "by")
"""What may stand in a text of a stage, after a dollar sign."""
_DOLLAR = re.compile(r"\$(?:(\$)|([A-Za-z0-9_]+))?")


class Policy(StrEnum):
    """What follows from a difference between the environments."""

    BLOCK = "block"
    """The deployment ends before any traffic has moved."""
    WARN = "warn"
    """People are told, and it goes on."""


class Through(StrEnum):
    """Which way a smoke check takes."""

    SERVERS = "servers"
    """Straight to each server of the environment, past the balancer."""
    BALANCER = "balancer"
    """Through the service's own frontend, as a tester."""
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Playbook:
    """An Ansible playbook."""

    path: Path
    inventory: Path
    limit: str = "$environment"
    """The hosts or groups of the inventory that may be touched."""
    variables: tuple[tuple[str, str], ...] = ()
    """What the playbook is given beside the job's own variables, name by name."""
    timeout: float = 900.0
    """Seconds after which it is ended, with all that it started."""
    note: str = ""
    """What the deployment's note says of it when it has passed: what becomes of the hosts, who may have them."""


@dataclass(frozen=True, slots=True)
class Command:
    """A program that is started as it stands here; exit code 0 is success."""

    argv: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()
    timeout: float = 900.0
    """Seconds after which it is ended, with all that it started."""
    report: Path | None = None
    """Where it leaves a report in JUnit's XML: a failed test in it is a failure, whatever the exit code."""
    name: str = ""
    """What people call it; empty for the program's own name."""
    note: str = ""
    """As for a playbook."""


Work: TypeAlias = Playbook | Command
"""What is run on the hosts of an environment."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What an answer must be like. What is empty is not asked for."""

    status: tuple[int, ...] = (200,)
    headers: tuple[tuple[str, str], ...] = ()
    """Names, and the text that the header must have."""
    body: str = ""
    """A regular expression that is found somewhere in the body."""
    json: tuple[tuple[str, str], ...] = ()
    """Paths such as ``checks.database.0``, and what stands there: a text, or what JSON writes for a number, true, false or null."""
    within: float = 5.0
    """Seconds that the whole answer may take."""


@dataclass(frozen=True, slots=True)
class Check:
    """One request, and what is expected of its answer."""

    name: str
    path: str = "/"
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    expect: Expectation = Expectation()
    through: Through = Through.SERVERS


@dataclass(frozen=True, slots=True)
class Load:
    """A bounded load of guardian's own on the servers of an environment, and what it may cost."""

    path: str = "/"
    rate: float = 20.0
    """Requests per second, over all servers together."""
    seconds: float = 10.0
    at_once: int = 20
    """Requests that may be open; one that would be more is not sent, and counted as failed."""
    errors: float = 0.01
    """The share of requests that may fail: no answer, or one of 500 and above."""
    quantile: float = 0.95
    """The share of the answers that :attr:`latency` is about."""
    latency: float | None = None
    """Seconds within which that share of the answers must be complete."""
    timeout: float = 5.0
    """Seconds after which a request is given up."""


@dataclass(frozen=True, slots=True)
class Verify:
    """How an environment is verified. All of it is done, also after a part has failed: one look shows everything that is wrong."""

    health: bool = True
    """Whether every server of the environment must be up in the balancer's eyes."""
    settle: float = 30.0
    """Seconds that the servers have to become so."""
    entrance: str = ""
    """Where the service's frontend is reached, as ``http://127.0.0.1:80``; for checks through the balancer."""
    host: str = ""
    """The ``Host`` of every request; empty for the server's address."""
    tls: bool = False
    """Whether the servers speak TLS. Their certificates are not judged: they are reached by address."""
    checks: tuple[Check, ...] = ()
    load: Load | None = None
    commands: tuple[Command, ...] = ()


@dataclass(frozen=True, slots=True)
class Parity:
    """How the two environments are compared."""

    policy: Policy = Policy.BLOCK
    version: str = ""
    """A path that every server answers with what it runs: all servers of one environment must say the same."""
    facts: Work | None = None
    """What tells the facts of an environment's hosts, a file's hash or a package's version each: a program prints them, one
    ``name value`` a line; a playbook sets them as the statistic ``guardian_facts``, a mapping of hosts to facts."""
    exceptions: tuple[str, ...] = ()
    """Names of facts, with ``*`` for any text, in which the environments may differ."""


@dataclass(frozen=True, slots=True)
class Stages:
    """All stages of one service; ``None`` for what it does without."""

    deploy: Work | None = None
    verify: Verify | None = None
    parity: Parity | None = None
    retire: Work | None = None

    def of(self, kind: StageKind) -> Work | Verify | Parity | None:
        """What is ordered for ``kind``."""
        ordered: Work | Verify | Parity | None = getattr(self, kind.value)
        return ordered


def unknown_variables(text: str) -> tuple[str, ...]:
    """The names after a ``$`` in ``text`` that stand for nothing; empty where :func:`filled` can go on. A bare ``$`` is one."""
    found = (match for match in _DOLLAR.finditer(text) if match[1] is None)
    return tuple(dict.fromkeys(match[2] or "" for match in found if match[2] not in VARIABLES))


def filled(text: str, values: Mapping[str, str]) -> str:
    """``text`` with its variables replaced by ``values``, and ``$$`` by one dollar sign. What is put in is not looked at again."""
    return _DOLLAR.sub(lambda match: "$" if match[1] else values[match[2]], text)
