"""The fault suite: which tests prove which promise, and the table of what they measured (a plugin of pytest, for ``run.sh``)."""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
DAYS, SWEEP, FAULTS = "tests/acceptance/test_bad_days.py", "tests/acceptance/test_sweep.py", "tests/acceptance/test_faults.py"
HOST, APPLY = "tests/acceptance/test_host_faults.py", "tests/haproxy/reload/test_apply_sweep.py"
UNITS, STORE = "tests/systemd/test_units.py", "tests/unit/records"

SUITE: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("kill -9 at any moment of a switch", "old or new, never neither; resumed", (f"{DAYS}::test_killed_at_any_moment",)),
    (
        "kill -9, ENOSPC, EIO at every system call of switch and rollback (HAProxy, journal, map)",
        "one side or the other; the next start goes on",
        (f"{SWEEP}::test_a_fault_at_",),
    ),
    (
        "the same of switch and rollback by reload",
        "the same; haproxy.cfg whole, on the safe side",
        (f"{SWEEP}::test_a_fault_in_a_switch_by_reload", f"{SWEEP}::test_faults_by_reload", f"{SWEEP}::test_a_check_that_dies"),
    ),
    ("the same of root's program", "haproxy.cfg whole; what is told as done is done", (APPLY,)),
    ("the same of an adoption of haproxy.cfg", "the file is old or new", ("tests/haproxy/test_adoption_sweep.py",)),
    (
        "kill -9, ENOSPC, EIO at every system call of a note, and death in git's calls for it",
        "whole or absent; written at the next start",
        ("tests/unit/records/test_note_sweep.py",),
    ),
    ("kill -9 of the writer of records at random", "nothing acknowledged is lost", (f"{STORE}/test_store_durability.py",)),
    ("SIGTERM at any moment of a switch", "exit code 0 within 10 s; old or new", (f"{FAULTS}::test_a_stop_at_any_moment",)),
    (
        "a full disk, a disk that turned read-only",
        "a rollback is carried out; recorded later",
        (f"{DAYS}::test_a_full_disk", f"{DAYS}::test_a_disk_that_turned"),
    ),
    (
        "records damaged: altered, truncated, overwritten",
        "set aside; truth from HAProxy; held",
        (f"{FAULTS}::test_damaged_records",),
    ),
    (
        "records found damaged in mid-watch, after the start",
        "the watch and its rollback come first; then set aside and held",
        (f"{FAULTS}::test_damage_found",),
    ),
    ("every kind of damage to the database's bytes", "never a wrong answer", (f"{STORE}/test_store_damage.py",)),
    ("records of an older, and of a newer guardian", "brought up to date whole; refused", (f"{STORE}/test_migrations.py",)),
    (
        "kill -9 before any statement of a migration, from every schema",
        "old or new, whole; the next start goes on",
        (f"{STORE}/test_migration_deaths.py",),
    ),
    (
        "two daemons at once, twenty racing starts",
        "one wins, the others name it",
        (f"{DAYS}::test_a_second", f"{STORE}/test_state_lock.py"),
    ),
    (
        "the wall clock is set by an hour, forward and back",
        "freeze, approval, watch keep their length; no job waits",
        (f"{HOST}::test_the_wall_clock", "tests/unit/app/test_schedule.py"),
    ),
    ("a storm of 10,000 calls a second against the limits", "a rollback within 5 s; no fault", (f"{FAULTS}::test_a_storm",)),
    ("callers that trickle, hang, guess, or never hang up", "bounded; others served", ("tests/unit/api/test_api_tcp.py",)),
    ("no memory left", "a rollback is carried out, if need be after a death", (f"{HOST}::test_without_memory",)),
    ("no free file descriptor", "a rollback is carried out", (f"{FAULTS}::test_without_a_free_descriptor",)),
    ("a mass of bad input to the API", "a sentence each; nothing changes", ("tests/unit/api/test_api_hostile.py",)),
    ("hostile configuration and rule files", "refused quickly; nothing expanded", ("tests/unit/config/test_config_hostile.py",)),
    ("foreign bytes to every parser", "a sentence, or a value; never a crash", ("tests/faults/test_foreign_bytes.py",)),
    ("HAProxy killed in mid-watch", "no breach; followed when it is back", (f"{DAYS}::test_the_death_of_haproxy",)),
    ("HAProxy frozen, or its sockets in drops", "every call ends by its deadline", ("tests/haproxy/test_frozen.py",)),
    ("HAProxy 2.6 replaced by 2.8 and back in mid-watch", "seen; the watch goes on", (f"{HOST}::test_another_haproxy",)),
    ("HAProxy reloaded by others in mid-watch", "the watch goes on", (f"{DAYS}::test_somebodys_reload",)),
    ("a storm of foreign reloads", "nothing lost, nothing astray", ("tests/haproxy/test_storm.py",)),
    ("HAProxy refuses, or cannot bind", "the file never reaches its place", ("tests/haproxy/test_refusals.py",)),
    ("both environments bad", "held; never ping-pong", ("tests/acceptance/test_bad_releases.py::test_both_sides_bad",)),
    (
        "Prometheus refuses, hangs, trickles, answers nonsense",
        "failed or no data; never healthy",
        ("tests/metrics/test_prometheus_wire.py",),
    ),
    ("alerts and Alertmanager on bad days", "failed is not breached", ("tests/acceptance/test_alerts.py",)),
    (
        "Slack and other channels down, slow, dropping, in drops",
        "rollback as quick as ever; told later",
        ("tests/acceptance/test_telling_story.py",),
    ),
    (
        "Slack, webhooks, Grafana, Sentry, git that answer in drops, for ever",
        "left by the deadline; told later; nothing is held",
        (
            "tests/unit/senders/test_trickling_servers.py",
            "tests/chatops/test_slack_sender.py::test_an_answer_in_drops",
            "tests/chatops/test_slack_connection.py::test_a_connection_in_drops",
            "tests/chatops/test_slack_connection.py::test_a_blocked_channel",
            f"{STORE}/test_note_git.py::test_a_remote_that_hangs",
            f"{STORE}/test_note_git.py::test_a_git_that_speaks_in_drops",
            f"{STORE}/test_note_git.py::test_a_hook_of_the_remote_in_drops",
        ),
    ),
    ("a name server that hangs", "look-ups wait; nothing else does", ("tests/unit/app/test_threads.py",)),
    (
        "servers of an environment that answer in drops",
        "not fit for traffic, by the deadline",
        (
            "tests/stages/test_verify_stage.py::test_a_server_that_answers_in_drops",
            "tests/stages/test_parity_stage.py::test_a_version",
        ),
    ),
    ("crash, restart, click, hand and clock in any order", "the invariants of the plan", ("tests/property/test_switch.py",)),
    ("installed, reloaded badly, killed under systemd", "back by itself; out to the byte", (f"{UNITS}::test_installed",)),
    ("frozen (SIGSTOP), host rebooted, up- and downgraded", "watchdog; watch goes on; nothing lost", (f"{UNITS}::test_frozen",)),
)
"""Fault, promise, and the tests that hold the promise, as the beginnings of their names."""


class Table:
    """Collects how the tests ended and what they measured."""

    def __init__(self) -> None:
        self.reports: dict[str, list[pytest.TestReport]] = {}
        self.chosen: set[str] = set()
        """The names of all tests that this run is to have."""

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Remember what is to be run; with several processes, they say."""
        self.chosen.update(item.nodeid for item in session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """The same, of one of several processes."""
        self.chosen.update(ids)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember one phase of one test."""
        self.reports.setdefault(report.nodeid, []).append(report)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the table, in the process that brings all together."""
        if not hasattr(session.config, "workerinput"):
            (HERE / "RESULTS.md").write_text(self.text())

    def text(self) -> str:
        """The table."""
        head = subprocess.run(["git", "log", "-1", "--format=%h of %cs"], capture_output=True, text=True, cwd=CHECKOUT, check=False)
        arguments = " --all" if "--all" in sys.argv else ""
        day, python = time.strftime("%Y-%m-%d", time.gmtime()), sys.version.split()[0]
        made = (
            f"Made by `tests/faults/run.sh{arguments}` on {day}, commit {head.stdout.strip()}, Python {python}. A row holds "
            "only if all of its tests do; they judge from outside, by what HAProxy's clients, HAProxy's sockets and the files say."
        )
        lines = [
            "# Faults: promised and measured",
            "",
            made,
            "",
            "| fault | promise | tests | measured | |",
            "|---|---|---|---|---|",
            *(self._row(*each) for each in SUITE),
        ]
        return "\n".join(lines) + "\n"

    def _row(self, fault: str, promise: str, beginnings: tuple[str, ...]) -> str:
        chosen = [name for name in self.chosen if name.startswith(beginnings)]
        found = {name: self.reports[name] for name in chosen if name in self.reports}
        failed = [name for name, reports in found.items() if any(report.failed for report in reports)]
        passed = [name for name, reports in found.items() if any(report.when == "call" and report.passed for report in reports)]
        values: dict[str, list[object]] = {}
        for reports in found.values():
            for name, value in reports[-1].user_properties:
                values.setdefault(name, []).append(value)
        measured = "; ".join(f"{name} {_together(told)}" for name, told in values.items())
        verdict = "FAILED" if failed else "not run" if not passed else "holds" if len(passed) == len(chosen) else "not all run"
        return f"| {fault} | {promise} | {len(passed)} of {len(chosen)} | {measured} | {verdict} |"


def _together(values: Sequence[object]) -> str:
    """What several tests measured: numbers are counted together, anything else stands side by side."""
    counts = [value for value in values if isinstance(value, int)]
    return f"{sum(counts):,}" if len(counts) == len(values) else " / ".join(map(str, values))


def pytest_configure(config: pytest.Config) -> None:
    """Keep the table."""
    config.pluginmanager.register(Table(), "fault-table")


if __name__ == "__main__":
    files = dict.fromkeys(beginning.partition("::")[0] for _, _, beginnings in SUITE for beginning in beginnings)
    sys.stdout.write("\n".join(files))
