"""What a command did not give, and what may not be run."""

from collections.abc import Sequence
from pathlib import Path
from signal import Signals

from guardian.core.words.figures import count, seconds
from guardian.core.words.quotes import listed, quoted, visible

LONGEST_MESSAGE = 300
"""Characters of a command's own words that a sentence repeats at the most."""


def said(text: str) -> str:
    """A command's own words: visible, on one line, not too long."""
    line = visible(" ".join(text.split()))
    return line if len(line) <= LONGEST_MESSAGE else line[: LONGEST_MESSAGE - 1] + "…"


def _complained(errors: str) -> str:
    return f"; it last said: {said(errors)}" if errors.strip() else ""


# What a rule file may hold.


def no_program(path: str) -> str:
    """A command that is not named by its whole path."""
    return (
        f"{quoted(path)} is not the whole path of a program; write one such as `/etc/guardian/commands/smoke`, without `..` or "
        "`$`: no shell and no search path is asked"
    )


def unsettable(name: str) -> str:
    """A variable that a rule must not set."""
    return (
        f"{quoted(name)} cannot be set here: a name is letters, digits and `_`, does not begin with `GUARDIAN_`, and is none by "
        "which a program is made to run other code, such as `PATH` or `LD_PRELOAD`; start a script of your own that sets it"
    )


def no_secrets(name: str) -> str:
    """A variable for what nobody should see."""
    return (
        f"{quoted(name)} would hold a secret, and rules are shown and kept; "
        f"write the name of a file that the program reads, in `{name}_FILE`"
    )


def no_verdict() -> str:
    """A command of which nobody knows what it says."""
    return (
        "nothing says what is bad; write `above` or `below` for a command that gives a number, or `at_fault` with the exit codes "
        "that find the release at fault: `[99]` for k6, `[2]` for a Nagios plugin; every other but 0 is a source that failed"
    )


def number_or_verdict(key: str) -> str:
    """A command that is to give a number and a verdict."""
    return f"`{key}` makes the exit code a verdict, and a limit needs a number; remove one of the two"


def longer_than_every(timeout: float, every: float) -> str:
    """A command that may still run when it is due again."""
    return f"the command may take {seconds(timeout)} and is due every {seconds(every)}; make `every` longer or `timeout` shorter"


def not_allowed(rule: str, program: str, allowed: Sequence[Path]) -> str:
    """A command from a directory that the host's owner did not name."""
    if not allowed:
        return (
            f"{rule} runs {quoted(program)}, and no directory is named whose programs may be run; write `commands: {{allowed: "
            f"[{Path(program).parent}]}}` if whoever writes rules may run what lies there as guardian's user"
        )
    where = listed([str(each) for each in allowed], "or")
    return f"{rule} runs {quoted(program)}, which does not lie in {where}; put it there, or name its directory"


# What came of a run.


def not_started(program: str, reason: str) -> str:
    """The system did not run it."""
    return f"{quoted(program)} could not be started: {reason}; it must be a program that guardian's user may run"


def too_late(program: str, timeout: float, errors: str) -> str:
    """The deadline passed."""
    return f"{quoted(program)} was not done within {seconds(timeout)}, and was ended with its children{_complained(errors)}"


def all_busy(program: str, most: int, timeout: float) -> str:
    """The deadline passed before it could be started."""
    busy = f"{most} commands were running for {seconds(timeout)}"
    return f"{quoted(program)} was not started: {busy}; make them quicker, or run them less often"


def too_much(program: str, most: int) -> str:
    """An output without end."""
    return f"{quoted(program)} wrote more than {count(most)} bytes and was ended; let it say less"


def failed(program: str, code: int, errors: str) -> str:
    """An exit code that says nothing about the release."""
    if code < 0:
        known = {each.value: each.name for each in Signals}
        return f"{quoted(program)} was ended by {known.get(-code, f'signal {-code}')}{_complained(errors)}"
    return f"{quoted(program)} ended with exit code {code}{_complained(errors)}"


def no_number(program: str, output: str) -> str:
    """An output that is not what a rule with a limit needs."""
    got = quoted(said(output)) if output.strip() else "nothing"
    return f'{quoted(program)} wrote {got}, where a finite number or JSON such as {{"value": 12.3, "message": "…"}} is needed'
