"""The command of a rule as it is started for one evaluation: its arguments, its environment, its deadline."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from guardian.core import query
from guardian.core.judges.trial import Trial
from guardian.core.rules import Command, Rule, Threshold

VARIABLES = ("candidate", "baseline", "service", "window", "since_cutover")
"""What may stand in an argument, after a dollar sign."""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
"""What a variable of the environment is called."""
OWN = "GUARDIAN_"
"""How the variables begin that guardian sets."""
_LOADING = re.compile(
    r"LD_.*|PATH|IFS|ENV|BASH.*|SHELLOPTS|PS4|PYTHON.*|PERL.*|RUBY.*|NODE_.*|.*JAVA.*OPTIONS|CLASSPATH|GCONV_PATH|GLIBC_TUNABLES|LOCPATH"
)
"""Variables by which a program is made to run other code than its own; much the same that sudo removes."""
_SECRET = re.compile(
    r".*(PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|CREDENTIAL|API_?KEY|PRIVATE_?KEY).*(?<!_FILE)(?<!_PATH)", re.IGNORECASE
)
"""Variables whose value nobody should see."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """One start of a program."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    """All of it: nothing of guardian's own environment is passed on."""
    timeout: float
    """Seconds after which the program is ended."""


def startable(program: str) -> bool:
    """Whether ``program`` is a whole path that means one file, whoever reads it."""
    return program.startswith("/") and "$" not in program and os.path.normpath(program) == program


def allowed(program: str, directories: Iterable[Path]) -> bool:
    """Whether ``program`` lies in one of ``directories``, or below one."""
    return any(Path(program).is_relative_to(directory) for directory in directories)


def settable(name: str) -> bool:
    """Whether a rule may set the variable ``name``: neither guardian's own, nor one that makes a program run other code."""
    return bool(NAME.fullmatch(name)) and not name.startswith(OWN) and not _LOADING.fullmatch(name)


def secret(name: str) -> bool:
    """Whether the variable ``name`` is one for a secret: rules are shown, journalled and kept as evidence."""
    return bool(_SECRET.fullmatch(name))


def invocation(service: str, rule: Rule, trial: Trial, at: float) -> Invocation:
    """How the command of ``rule`` is started at ``at`` (seconds since the epoch). ``TypeError`` for a rule without one."""
    command = rule.measure
    if not isinstance(command, Command) or not isinstance(rule.test, Threshold):
        raise TypeError(f"{rule.name} has no command with a limit")
    values = {
        "candidate": str(trial.candidate),
        "baseline": str(trial.baseline),
        "service": service,
        "window": f"{rule.test.window:g}",
        "since_cutover": f"{at - trial.since:.3f}",
    }
    own = {
        **values,
        "rule": rule.name,
        "cutover": f"{trial.since:.3f}",
        "timeout": f"{command.timeout:g}",
    }
    return Invocation(
        argv=tuple(query.replaced(argument, values.__getitem__) for argument in command.argv),
        environment={
            "PATH": PATH,
            "LANG": "C.UTF-8",
            **dict(command.environment),
            **{f"{OWN}{name.upper()}": value for name, value in own.items()},
        },
        timeout=command.timeout,
    )
