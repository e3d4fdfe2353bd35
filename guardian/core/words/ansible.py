"""What a playbook does, and what it left behind."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from guardian.core.words.figures import seconds
from guardian.core.words.quotes import listed, quoted, visible

LONGEST_REASON = 300
MOST_HOSTS = 20
"""Hosts that a sentence names."""


def play_begins(name: str) -> str:
    """A play."""
    return f"play {quoted(name)}"


def task_begins(name: str) -> str:
    """A task."""
    return f"task {quoted(name)}"


def task_changed(host: str, task: str) -> str:
    """It changed a host."""
    return f"{visible(host)}: {quoted(task)} changed it"


def task_failed(host: str, task: str, reason: str) -> str:
    """It failed on a host."""
    return f"{visible(host)}: {quoted(task)} failed: {_said(reason)}"


def _said(reason: str) -> str:
    line = visible(" ".join(reason.split())) or "it does not say why"
    return line if len(line) <= LONGEST_REASON else line[: LONGEST_REASON - 1] + "…"


def _hosts(names: Sequence[str]) -> str:
    shown = listed([visible(name) for name in names[:MOST_HOSTS]])
    return shown if len(names) <= MOST_HOSTS else f"{shown} and {len(names) - MOST_HOSTS} more"


def not_installed() -> str:
    """The extra is missing."""
    return "a playbook needs ansible-runner, which is not installed; `pip install 'guardian[ansible]'` brings it, or use a command"


def no_such_file(path: Path) -> str:
    """The playbook or inventory is not there."""
    return f"`{visible(str(path))}` does not exist, or guardian's user may not see it; nothing was played"


def not_started(reason: str) -> str:
    """The system did not run it."""
    return f"Ansible could not be started: {reason}; nothing was played"


def too_late(name: str, limit: float, task: str) -> str:
    """The deadline passed."""
    at = f" in task {quoted(task)}" if task else ""
    return f"{quoted(name)} was not done within {seconds(limit)} and was ended with all that it started{at}."


def too_much(name: str, task: str) -> str:
    """A flood of words."""
    at = f" in task {quoted(task)}" if task else ""
    return f"{quoted(name)} printed more than guardian takes and was ended{at}; let its tasks say less, for instance with `no_log`."


def broke(name: str, code: int, complaints: Sequence[str]) -> str:
    """The process that plays it did not come to an end."""
    said = f": {_said(complaints[-1])}" if complaints else ""
    return f"{quoted(name)} was cut off: the process that plays it ended with {code}{said}."


def failed(name: str, failures: Mapping[str, tuple[str, str]]) -> str:
    """Tasks failed."""
    (host, (task, reason)), *others = sorted(failures.items())
    first = f"{quoted(name)} failed on {visible(host)} in task {quoted(task)}: {_said(reason).rstrip('.')}."
    same = [other for other, (also, _) in others if also == task]
    elsewhere = [f"on {visible(other)} in {quoted(also)}" for other, (also, _) in others if also != task][:MOST_HOSTS]
    more = f" The same task failed on {_hosts(same)}." if same else ""
    return first + more + (f" It also failed {', '.join(elsewhere)}." if elsewhere else "")


def refused(name: str, said: str) -> str:
    """Ansible found something wrong before any task."""
    return f"Ansible does not play {quoted(name)}: {_said(said).rstrip('.')}."


def no_host(name: str, limit: str) -> str:
    """Nothing was done at all."""
    return f"{quoted(name)} touched no host: none of its plays names a host of {quoted(limit)} in the inventory."


def left_behind(half: Mapping[str, int], done: Sequence[str], *, over: bool) -> str:
    """What hosts are like after a failure. ``over``: whether the playbook came to its end on the hosts that did not fail."""
    parts = []
    if half:
        each = ", ".join(f"{visible(host)} ({count} task{'s' if count > 1 else ''} had changed it)" for host, count in half.items())
        parts.append(f"Half updated: {each}.")
    if done:
        parts.append(f"Changed without a failure: {_hosts(done)}." if over else f"Perhaps half updated: {_hosts(done)}.")
    if not parts:
        parts.append("No host was changed.")
    return " ".join(parts)


def passed(name: str, hosts: Sequence[str], changed: Mapping[str, int]) -> str:
    """It worked."""
    same = [host for host in hosts if not changed.get(host)]
    unchanged = f"; {_hosts(same)} needed no change" if same else ""
    return f"{quoted(name)} passed on {_hosts(hosts)}{unchanged}"
