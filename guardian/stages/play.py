"""Plays one playbook through ansible-runner, in a process of its own, and tells what happens as a JSON object per line.

``python -m guardian.stages.play DIRECTORY``: ``DIRECTORY`` is private to this run and holds ``job.json``. guardian starts it, and
ends it with everything that it started; ansible-runner itself waits in a loop that no deadline interrupts.
"""

import json
import os
import resource
import sys
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MOST_OUTPUT = 16 << 20
"""Bytes that Ansible may print: pexpect keeps all of them in memory."""
MOST_MEMORY = 2 << 30
LARGEST_FILE = 64 << 20
"""Bytes of one file that Ansible or a local task's module writes: the result of a task stands in one."""
LONGEST = 300
"""Characters of a task's own words."""
WORDS = ("verbose", "error", "warning")
"""Events that are lines of Ansible's own, outside any task."""


def tell(**news: object) -> None:
    """One line for guardian."""
    sys.stdout.write(f"{json.dumps(news)}\n")
    sys.stdout.flush()


class Teller:
    """Ansible's events, of which those are told that people want to know."""

    def __init__(self) -> None:
        self.written = 0
        self._words: deque[str] = deque(maxlen=50)

    def event(self, event: Mapping[str, Any]) -> bool:
        """One event. False: nothing of it is kept on disk."""
        printed = event.get("stdout") or ""
        self.written += len(printed)
        if event.get("event") in WORDS:
            self._words.append(_short(printed, LONGEST))
        data = event.get("event_data") or {}
        match event.get("event"):
            case "playbook_on_play_start":
                tell(play=_short(data.get("name")))
            case "playbook_on_task_start" | "playbook_on_handler_task_start":
                tell(task=_short(data.get("task")))
            case "runner_on_ok" | "runner_on_failed" | "runner_on_unreachable" as kind:
                self._ended(kind, data)
            case "playbook_on_stats":
                self._facts((data.get("artifact_data") or {}).get("guardian_facts"))
                tell(hosts=sorted(data.get("processed") or {}))
        return False

    def _ended(self, kind: str, data: Mapping[str, Any]) -> None:
        result = data.get("res") or {}
        if kind == "runner_on_ok":
            if result.get("changed"):
                tell(host=_short(data.get("host")), task=_short(data.get("task")), changed=True)
        elif not data.get("ignore_errors"):
            reason = next((result[key] for key in ("msg", "stderr", "stdout", "exception") if result.get(key)), "")
            if result.get("stderr") and result.get("rc"):
                reason = f"{result.get('msg', '')}: {result['stderr']}"
            news = "unreachable" if kind == "runner_on_unreachable" else "failed"
            tell(host=_short(data.get("host")), task=_short(data.get("task")), **{news: _short(reason, LONGEST)})

    def _facts(self, facts: object) -> None:
        """What the playbook found on its hosts, a line each: guardian reads no longer ones."""
        for host, found in facts.items() if isinstance(facts, dict) else ():
            for name, value in found.items() if isinstance(found, dict) else ():
                tell(fact=_short(name), value=_short(value, LONGEST), host=_short(host))

    def last_words(self) -> str:
        """What Ansible itself said, where it never came to a task."""
        said = [line for line in self._words if line]
        return next((line for line in reversed(said) if line.startswith(("ERROR", "[ERROR]"))), said[-1] if said else "")

    def too_much(self) -> bool:
        """Whether Ansible must be stopped for the flood of its words."""
        return self.written > MOST_OUTPUT


def _short(text: object, most: int = 200) -> str:
    line = " ".join(str(text or "").split())
    return line if len(line) <= most else line[: most - 1] + "…"


def unsafe_yaml(variables: Mapping[str, str]) -> str:
    """Variables as YAML that Ansible takes as plain text: what looks like a template in them is none."""
    return "".join(f"{name}: !unsafe {json.dumps(value)}\n" for name, value in variables.items())


def main() -> int:
    """Play it. 0: Ansible was run, whatever came of it; 3: ansible-runner is not installed."""
    directory = Path(sys.argv[1])
    job = json.loads((directory / "job.json").read_text())
    try:
        import ansible_runner  # type: ignore[import-untyped]  # noqa: PLC0415  an extra: guardian runs without it
    except ImportError as error:
        tell(missing=str(error))
        return 3
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))
    variables = directory / "variables.yml"
    variables.write_text(unsafe_yaml(job["variables"]))
    teller = Teller()
    home = {} if os.access(Path("~").expanduser(), os.W_OK) else {"ANSIBLE_HOME": str(directory / "ansible")}
    runner = ansible_runner.run(
        private_data_dir=str(directory),
        project_dir=str(Path(job["playbook"]).parent),
        playbook=job["playbook"],
        inventory=job["inventory"],
        limit=job["limit"],
        cmdline=f"--extra-vars @{variables}",
        # A service's user need not have a home, where Ansible keeps the sockets of its connections.
        envvars={**home, "ANSIBLE_LOCAL_TEMP": str(directory / "local"), "ANSIBLE_NOCOLOR": "1"},
        settings={"pexpect_timeout": 1},
        suppress_output_file=True,
        suppress_ansible_output=True,
        suppress_env_files=True,
        quiet=True,
        event_handler=teller.event,
        cancel_callback=teller.too_much,
    )
    tell(status=runner.status, code=runner.rc, flooded=teller.too_much(), said="" if runner.rc == 0 else teller.last_words())
    return 0


if __name__ == "__main__":
    sys.exit(main())
