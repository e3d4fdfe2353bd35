"""Stages that are playbooks: real Ansible on local connections, with hosts that succeed, fail, hang and talk too much."""

import asyncio
import functools
import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from guardian.core.stages import Playbook
from guardian.core.words.ansible import left_behind
from guardian.stages import ansible
from guardian.stages.ansible import AnsibleWork, Tale
from tests.stages.conftest import HOSTILE, Heard
from tests.waiting import eventually

HOSTS = ("h1", "h2", "h3")
HEAD = "- name: Update\n  hosts: all\n  gather_facts: false\n  tasks:\n"
WRITE = """\
    - name: Write the version
      ansible.builtin.copy:
        dest: "{{ directory }}/{{ inventory_hostname }}"
        content: "{{ guardian_version }}|{{ own }}"
        mode: "0644"
"""
FAIL_ON_ONE = """\
    - name: Install
      ansible.builtin.command:
        argv: [/bin/sh, -c, "echo no space left >&2; exit 3"]
      when: inventory_hostname == 'h2'
"""
HANG = """\
    - name: Wait for ever
      ansible.builtin.command:
        argv: [/bin/sh, -c, "echo $$ >'{{ directory }}/pid'; exec sleep 300"]
"""
FLOOD = """\
    - name: Print without end
      ansible.builtin.debug:
        msg: "{{ 'x' * 1000000 }}"
      loop: "{{ range(1, 1000) | list }}"
"""
ONE_GIGABYTE = """\
    - name: Print a gigabyte at once
      ansible.builtin.command:
        argv: ["{{ ansible_python_interpreter }}", -c, "import sys; [sys.stdout.write('x' * 1000000) for _ in range(1000)]"]
      when: inventory_hostname == 'h1'
"""


def playbook(directory: Path, tasks: str, timeout: float = 60.0, limit: str = "web_$environment") -> Playbook:
    """A playbook of three hosts in green and one in blue, all of them this machine."""
    (directory / "play.yml").write_text(HEAD + tasks)
    here = f"ansible_connection=local ansible_python_interpreter={sys.executable}"
    green = "\n".join(f"{host} {here}" for host in HOSTS)
    (directory / "hosts.ini").write_text(f"[web_green]\n{green}\n[web_blue]\nb1 {here}\n")
    variables = (("own", "$version"), ("directory", str(directory)))
    return Playbook(directory / "play.yml", directory / "hosts.ini", limit, variables, timeout)


def written(directory: Path) -> dict[str, str]:
    """What the hosts hold."""
    return {path.name: path.read_text() for path in directory.iterdir() if path.suffix == ""}


def playing(path: Path) -> list[str]:
    """The processes that play ``path``."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdecimal() and str(path).encode() in (entry / "cmdline").read_bytes():
                found.append(entry.name)
    return found


async def gone(directory: Path) -> bool:
    """Whether the task that hangs has ended."""
    pid = await asyncio.to_thread((directory / "pid").read_text)
    return not await asyncio.to_thread(Path(f"/proc/{pid.strip()}").exists)


async def test_a_version_full_of_shell_and_yaml_arrives_as_it_is(values: Mapping[str, str], heard: Heard, tmp_path: Path) -> None:
    """No shell, no YAML and no template sees the version, and the hosts of the other environment are left alone."""
    result = await AnsibleWork(playbook(tmp_path, WRITE), values).run(heard)
    assert result.ok
    assert result.summary == "`play.yml` passed on `h1`, `h2` and `h3`"
    assert written(tmp_path) == dict.fromkeys(HOSTS, f"{HOSTILE}|{HOSTILE}")
    assert heard[0] == "play `Update`"
    assert "h3: `Write the version` changed it" in result.details["lines"]
    again = await AnsibleWork(playbook(tmp_path, WRITE), values).run(heard)
    assert again.ok
    assert again.summary.endswith("`h1`, `h2` and `h3` needed no change")


async def test_one_of_three_hosts_fails_and_is_named_with_its_task(values: Mapping[str, str], heard: Heard, tmp_path: Path) -> None:
    """The sentence names host, task and reason, the half-updated host, and those that were changed without a failure."""
    result = await AnsibleWork(playbook(tmp_path, WRITE + FAIL_ON_ONE), values).run(heard)
    assert not result.ok
    assert result.summary.startswith("`play.yml` failed on h2 in task `Install`: ")
    assert "no space left" in result.summary
    assert "Half updated: h2 (1 task had changed it). Changed without a failure: `h1` and `h3`." in result.summary
    assert result.details["failed"]["h2"]["task"] == "Install"


async def test_a_playbook_that_hangs_is_ended_with_everything_it_started(
    values: Mapping[str, str], heard: Heard, tmp_path: Path
) -> None:
    """At its deadline the task's own process is gone too, and the hosts that may be half updated are named."""
    for timeout in (6.0, 12.0, 24.0, 48.0):  # a busy machine takes longer to come to the task that hangs
        result = await AnsibleWork(playbook(tmp_path, WRITE + HANG, timeout=timeout), values).run(heard)
        assert not result.ok
        assert "was not done within" in result.summary
        if await asyncio.to_thread((tmp_path / "pid").exists):
            break
    assert "and was ended with all that it started in task `Wait for ever`." in result.summary
    await eventually(functools.partial(gone, tmp_path))


def test_hosts_that_a_deadline_may_have_left_half_updated_are_named() -> None:
    """What was changed before the task that hangs is perhaps half an update."""
    running = Tale()
    for line in ('{"task": "Write"}', '{"host": "h2", "task": "Write", "changed": true}', '{"task": "Wait"}'):
        running.heard(json.loads(line))
    assert running.task == "Wait"
    said = left_behind(running.half, running.done, over=running.hosts is not None)
    assert said == "Perhaps half updated: `h2`."


async def test_a_cancelled_playbook_leaves_nobody_behind(values: Mapping[str, str], heard: Heard, tmp_path: Path) -> None:
    """When the deployment is called off, Ansible and its tasks are ended before the stage returns."""
    running = asyncio.create_task(AnsibleWork(playbook(tmp_path, HANG), values).run(heard))

    async def started() -> bool:
        return (tmp_path / "pid").exists() and bool((tmp_path / "pid").read_text())

    await eventually(started, 40)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await eventually(functools.partial(gone, tmp_path))


@pytest.mark.parametrize(
    ("tasks", "end"), [(FLOOD, "printed more than guardian takes"), (ONE_GIGABYTE, "was not done")], ids=["lines", "one result"]
)
async def test_a_gigabyte_from_a_playbook_is_no_success_and_fills_nothing(
    values: Mapping[str, str], heard: Heard, tmp_path: Path, tasks: str, end: str
) -> None:
    """What prints a gigabyte is ended or fails; neither memory nor the deployment's note grows with it."""
    result = await AnsibleWork(playbook(tmp_path, WRITE + tasks, timeout=60 if tasks == FLOOD else 6), values).run(heard)
    assert not result.ok
    assert end in result.summary
    assert len(repr(result)) < 100_000

    async def nothing_left() -> bool:
        return not await asyncio.to_thread(playing, tmp_path / "play.yml")

    await eventually(nothing_left, 20)


async def test_a_playbook_that_touches_no_host_has_not_passed(values: Mapping[str, str], heard: Heard, tmp_path: Path) -> None:
    """A limit that names nobody is a mistake, not a success."""
    result = await AnsibleWork(playbook(tmp_path, WRITE, limit="shop_$environment"), values).run(heard)
    assert not result.ok
    assert "no hosts to target" in result.summary
    assert "No host was changed." in result.summary


async def test_a_playbook_that_is_none_is_told_in_ansibles_words(values: Mapping[str, str], heard: Heard, tmp_path: Path) -> None:
    """A mistake in the playbook is found before any host is touched."""
    broken = playbook(tmp_path, "    - name: What\n      no.such.module: {}\n")
    result = await AnsibleWork(broken, values).run(heard)
    assert not result.ok
    assert result.summary.startswith("Ansible does not play `play.yml`: ")
    assert "no.such.module" in result.summary


async def test_files_that_are_not_there_are_told(values: Mapping[str, str], heard: Heard, tmp_path: Path) -> None:
    """A missing inventory is one sentence."""
    work = playbook(tmp_path, WRITE)
    work.inventory.unlink()
    result = await AnsibleWork(work, values).run(heard)
    assert not result.ok
    assert "hosts.ini` does not exist" in result.summary


async def test_without_ansible_runner_the_sentence_says_how_to_get_it(
    values: Mapping[str, str], heard: Heard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The extra is optional, and its absence is told in words."""
    monkeypatch.setattr(ansible, "find_spec", lambda _: None)
    result = await AnsibleWork(playbook(tmp_path, WRITE), values).run(heard)
    assert not result.ok
    assert "pip install 'guardian[ansible]'" in result.summary


async def test_a_user_without_a_home_may_play(
    values: Mapping[str, str], heard: Heard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user of a service has none: what Ansible keeps of its connections goes with the run."""
    monkeypatch.setenv("HOME", "/proc/nobody")
    where = (
        "    - name: Where is Ansible at home\n      ansible.builtin.copy:\n"
        '        dest: "{{ directory }}/{{ inventory_hostname }}"\n'
        "        content: \"{{ lookup('ansible.builtin.config', 'ANSIBLE_HOME') }}\"\n        mode: \"0644\"\n"
    )
    result = await AnsibleWork(playbook(tmp_path, where), values).run(heard)
    assert result.ok, result
    assert all("guardian-play-" in home for home in written(tmp_path).values())
