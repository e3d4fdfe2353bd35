"""What the pages of the benchmarks have in common: tables, and the lines that say when, where and with what they were made."""

import os
import platform
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

UNKNOWN = "-"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """As Markdown."""
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def heading(load: str, programs: Sequence[tuple[str, str]], command: str) -> str:
    """Date, commit, machine, versions and command as a list; ``load`` is what else there is to say of the machine."""
    rows = (
        ("Date", time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())),
        ("Commit", said("git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty")),
        ("Machine", f"{os.cpu_count()} x {_processor()}, Linux {platform.release()}, {load}"),
        *programs,
        ("Python", platform.python_version()),
        ("Command", f"`{command}`"),
    )
    return "\n".join(f"- {name}: {value}" for name, value in rows)


def said(*words: str) -> str:
    """The first line that a program says, wherever it says it; :data:`UNKNOWN` where it says nothing or is not there."""
    try:
        found = subprocess.run(words, capture_output=True, text=True, check=False, timeout=30)
    except FileNotFoundError:
        return UNKNOWN
    return next(iter((found.stdout or found.stderr).strip().splitlines()), UNKNOWN)


def _processor() -> str:
    names = (line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line)
    return next(names, UNKNOWN)
