"""What the work around a switch says: of its jobs, its progress and its ends."""

import re
from pathlib import Path
from signal import Signals

from guardian.core.words.figures import count, seconds
from guardian.core.words.quotes import quoted, visible

_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


LONGEST_LINE = 300
"""Characters of a program's own words that are repeated."""


def line(text: str) -> str:
    """A line of a program's output: visible, without colours, not too long; empty where nothing is to be seen."""
    plain = visible(" ".join(_COLOUR.sub("", text).split()))
    return plain if len(plain) <= LONGEST_LINE else plain[: LONGEST_LINE - 1] + "…"


def left_out(lines: int) -> str:
    """The middle of a long output."""
    return f"… {count(lines)} lines left out …"


def _complained(last: str) -> str:
    return f"; it last said: {last}" if last else ""


def not_configured(stage: str, service: str) -> str:
    """Nothing is to be done."""
    return f"{service} has no stage {quoted(stage)}: nothing was done"


def not_started(name: str, program: str, reason: str) -> str:
    """The system did not run it."""
    return f"{quoted(name)} could not be started: `{visible(program)}`: {reason}; it must be a program that guardian's user may run"


def too_late(name: str, limit: float, last: str) -> str:
    """The deadline passed."""
    return f"{quoted(name)} was not done within {seconds(limit)}, and was ended with all that it started{_complained(last)}"


def failed(name: str, code: int, last: str) -> str:
    """An exit code that is no success."""
    if code < 0:
        known = {each.value: each.name for each in Signals}
        return f"{quoted(name)} was ended by {known.get(-code, f'signal {-code}')}{_complained(last)}"
    return f"{quoted(name)} ended with exit code {code}{_complained(last)}"


def passed(name: str) -> str:
    """Exit code 0."""
    return f"{quoted(name)} passed"


def noted(summary: str, note: str) -> str:
    """What came of it, and what its owner wants to be said."""
    return f"{summary}. {line(note)}"


# Reports of tests.


def report_stale(name: str, path: Path, reason: str) -> str:
    """An earlier report is in the way."""
    return f"{quoted(name)} was not started: the report of an earlier run, `{visible(str(path))}`, could not be removed: {reason}"


def report_unreadable(path: Path, reason: str) -> str:
    """No report."""
    return f"its report `{visible(str(path))}` cannot be read: {reason}"


def report_no_file(path: Path) -> str:
    """A directory, a pipe or a device."""
    return f"its report `{visible(str(path))}` is not a regular file"


def report_too_large(path: Path, most: int) -> str:
    """More bytes than a report can need."""
    return f"its report `{visible(str(path))}` is larger than {count(most)} bytes"


def document_type() -> str:
    """No tool that writes reports declares one, and entities could be nested in it."""
    return "it declares a document type"


def report_no_junit(path: Path, reason: str) -> str:
    """Not what was expected."""
    return f"its report `{visible(str(path))}` is no JUnit XML: {line(reason)}"


def report_empty(path: Path) -> str:
    """Nothing was tested."""
    return f"its report `{visible(str(path))}` holds no test"


def no_report(name: str, code: int, reason: str) -> str:
    """It said that all is well, and proved nothing."""
    return f"{quoted(name)} ended with exit code {code}, but {reason}"


def tests_ran(name: str, counts: tuple[int, int, int], code: int) -> str:
    """What its report says."""
    good, bad, skipped = counts
    ran = f"{quoted(name)}: {count(good)} tests passed, {count(bad)} failed, {count(skipped)} skipped"
    return ran if code == 0 or bad else f"{ran}, and yet it ended with exit code {code}"


def test_failed(group: str, name: str, reason: str) -> str:
    """One test."""
    where = ".".join(filter(None, (line(group), line(name)))) or "a test without a name"
    return f"failed: {where}{f': {line(reason)}' if reason.strip() else ''}"


def more_failures(number: int) -> str:
    """The end of a long list."""
    return f"failed: {count(number)} more"
