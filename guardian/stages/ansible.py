"""A stage that is an Ansible playbook: its events become progress, and its end says which task on which host failed.

The playbook is played by :mod:`guardian.stages.play` in a process of its own, which is ended with all that it started. Everything a
job brings reaches Ansible as data in a file and is marked as no template: a version may hold quotes, braces and dollars.
"""

import asyncio
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from guardian.core.parity import MOST_FACTS
from guardian.core.ports import StageResult
from guardian.core.stages import Playbook, filled
from guardian.core.words import ansible as words
from guardian.processes.program import NotStarted, Program, TooLate
from guardian.processes.running import run
from guardian.stages.command import PATH
from guardian.stages.lines import Kept, Lines, Progress, Told

LONGEST_NEWS = 8192
"""Bytes of one line of news: :mod:`guardian.stages.play` writes shorter ones."""
FROM_OUTSIDE = ("HOME", "SSH_AUTH_SOCK")
"""What of guardian's own environment Ansible needs to reach hosts."""


@dataclass
class Tale:
    """What is known of a run so far, from its news."""

    kept: Kept = field(default_factory=Kept)
    task: str = ""
    hosts: tuple[str, ...] | None = None
    """All that were touched, once the playbook is over."""
    changed: dict[str, int] = field(default_factory=dict)
    """Tasks that changed something, by host."""
    failed: dict[str, tuple[str, str]] = field(default_factory=dict)
    """The task that failed, and why, by host."""
    facts: dict[str, dict[str, None]] = field(default_factory=dict)
    """Values of each fact, by name."""
    end: Mapping[str, Any] = field(default_factory=dict)
    missing: str = ""

    def heard(self, news: Mapping[str, Any]) -> str:
        """Take one line of news; what to tell people of it."""
        host, task = str(news.get("host", "")), str(news.get("task", ""))
        match news:
            case {"play": play}:
                return words.play_begins(str(play))
            case {"hosts": list(hosts)}:
                self.hosts = tuple(map(str, hosts))
            case {"fact": name, "value": value}:
                self._note_fact(str(name), str(value))
            case {"changed": True}:
                self.changed[host] = self.changed.get(host, 0) + 1
                return words.task_changed(host, task)
            case {"failed": reason} | {"unreachable": reason}:
                self.failed[host] = (task, str(reason))
                return words.task_failed(host, task, str(reason))
            case {"task": _}:
                self.task = task
                return words.task_begins(task)
            case {"missing": reason}:
                self.missing = str(reason)
            case {"status": _}:
                self.end = news
        return ""

    def _note_fact(self, name: str, value: str) -> None:
        """A fact of one host; where the hosts of the environment differ in it, all their values stand side by side."""
        if name in self.facts or len(self.facts) < MOST_FACTS:
            self.facts.setdefault(name, {})[value] = None

    @property
    def record(self) -> dict[str, Any]:
        """What the note of the deployment keeps of it."""
        failed = {host: {"task": task, "reason": reason} for host, (task, reason) in self.failed.items()}
        return {"hosts": self.hosts or (), "changed": self.changed, "failed": failed}

    @property
    def half(self) -> dict[str, int]:
        """Hosts that were changed and then failed, with how many tasks had changed them."""
        return {host: self.changed[host] for host in sorted(self.failed) if self.changed.get(host)}

    @property
    def done(self) -> tuple[str, ...]:
        """Hosts that were changed and did not fail."""
        return tuple(sorted(self.changed.keys() - self.failed.keys()))


class _Flooded(Exception):
    """Ansible was stopped for the flood of its words. Raised in the run, so that what it has forked is ended, too."""


class AnsibleWork:
    """One run of a playbook."""

    def __init__(self, playbook: Playbook, values: Mapping[str, str]) -> None:
        """``values``: what the variables of the job stand for."""
        self._playbook, self._values = playbook, values
        self.facts: Mapping[str, str] = {}
        """What a playbook that has passed set as ``guardian_facts``, over all hosts."""

    async def run(self, progress: Progress) -> StageResult:
        """Play it to its end or its deadline."""
        if find_spec("ansible_runner") is None:
            return StageResult(ok=False, summary=words.not_installed())
        for path in (self._playbook.path, self._inventory):
            if not await asyncio.to_thread(path.exists):
                return StageResult(ok=False, summary=words.no_such_file(path))
        directory = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="guardian-play-"))
        try:
            return await self._play(directory, progress)
        finally:
            await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)

    @property
    def _inventory(self) -> Path:
        return Path(filled(str(self._playbook.inventory), self._values))

    async def _play(self, directory: Path, progress: Progress) -> StageResult:
        (directory / "job.json").write_text(json.dumps(self._job()))
        seconds = self._playbook.timeout
        tale, told = Tale(), Told(progress, asyncio.get_running_loop())

        def hear(lines: Sequence[bytes]) -> None:
            for said in filter(None, (tale.heard(_news(line)) for line in lines)):
                tale.kept.say(said)
                told.say(said)
            if tale.end.get("flooded"):
                raise _Flooded

        complaints = Kept()
        ear = Lines(hear, complaints.add, LONGEST_NEWS)
        try:
            code = await run(self._program(directory), ear, seconds)
        except NotStarted as error:
            return StageResult(ok=False, summary=words.not_started(str(error)))
        except _Flooded:
            return self._ended(tale, 0, complaints.lines)
        except TooLate:
            return self._result(tale, words.too_late(self._playbook.path.name, seconds, tale.task))
        ear.close()
        told.flush()
        return self._ended(tale, code, complaints.lines)

    def _job(self) -> dict[str, Any]:
        return {
            "playbook": str(self._playbook.path),
            "inventory": str(self._inventory),
            "limit": filled(self._playbook.limit, self._values),
            "variables": {
                **{f"guardian_{name}": value for name, value in self._values.items()},
                **{name: filled(value, self._values) for name, value in self._playbook.variables},
            },
        }

    def _program(self, directory: Path) -> Program:
        own = {name: value for name in FROM_OUTSIDE if (value := os.environ.get(name))}
        beside = str(Path(sys.executable).parent)  # where this Python's ansible-playbook is
        return Program(
            argv=(sys.executable, "-m", "guardian.stages.play", str(directory)),
            environment={"LANG": "C.UTF-8", **own, "PATH": f"{beside}:{PATH}", "TMPDIR": str(directory), **_importable()},
            directory=directory,
        )

    def _ended(self, tale: Tale, code: int, complaints: tuple[str, ...]) -> StageResult:
        if tale.missing:
            return StageResult(ok=False, summary=words.not_installed())
        if wrong := self._wrong(tale, code, complaints):
            return self._result(tale, wrong, complaints)
        self.facts = {name: ", ".join(sorted(values)) for name, values in tale.facts.items()}
        summary = words.passed(self._playbook.path.name, tale.hosts or (), tale.changed)
        return StageResult(ok=True, summary=summary, details={"lines": tale.kept.lines, **tale.record})

    def _wrong(self, tale: Tale, code: int, complaints: tuple[str, ...]) -> str:
        """Why the run failed; empty where it did not."""
        name = self._playbook.path.name
        if tale.end.get("flooded"):
            return words.too_much(name, tale.task)
        if code or not tale.end:
            return words.broke(name, code, complaints)
        if tale.failed:
            return words.failed(name, tale.failed)
        if tale.end.get("code"):
            return words.refused(name, str(tale.end.get("said", "")))
        return "" if tale.hosts else words.no_host(name, filled(self._playbook.limit, self._values))

    def _result(self, tale: Tale, summary: str, more: tuple[str, ...] = ()) -> StageResult:
        """A failure, with what it left behind."""
        left = words.left_behind(tale.half, tale.done, over=tale.hosts is not None)
        return StageResult(
            ok=False, summary=" ".join(filter(None, (summary, left))), details={"lines": (*tale.kept.lines, *more), **tale.record}
        )


def _news(line: bytes) -> Mapping[str, Any]:
    """One line of news; empty for one that somebody else wrote."""
    try:
        news = json.loads(line)
    except ValueError:
        return {}
    return news if isinstance(news, dict) else {}


def _importable() -> dict[str, str]:
    """How the process finds guardian where it runs from a checkout."""
    return {"PYTHONPATH": str(Path(__file__).parents[2])}
