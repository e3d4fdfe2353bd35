"""Whole deployments with real hosts, a real HAProxy, real Ansible and real traffic all the time."""

import io
import signal
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from guardian.core.model import Split
from guardian.demo import story
from guardian.demo.report import connection_failures, failed
from guardian.demo.stage import RefusedError
from guardian.demo.story import HOSTS, RULES, Tale, release
from guardian.demo.traffic import Traffic
from guardian.demo.view import view_for
from tests.acceptance.conftest import BLUE, GREEN, Story, Tell
from tests.waiting import eventually

PLAYBOOK = """\
- name: Bring the version to the hosts
  hosts: all
  gather_facts: false
  serial: 1
  tasks:
    - name: Install
      ansible.builtin.copy:
        dest: "{{ hosts }}/{{ inventory_hostname }}/version"
        content: "{{ guardian_version }}"
        mode: "0644"
    - name: Wait until it answers
      ansible.builtin.uri:
        url: "http://127.0.0.1:{{ lookup('file', hosts ~ '/' ~ inventory_hostname ~ '/port') }}/health"
      register: answer
      until: answer.x_version is defined and answer.x_version == guardian_version
      retries: 50
      delay: 0.1
"""
COMMAND = "{{command: [{python}, -m, guardian.demo.host, deploy, $version, {hosts}]}}"


def ansible(directory: Path) -> str:
    """A deploy stage that is a playbook, on local connections."""
    (directory / "deploy.yml").write_text(PLAYBOOK)
    here = f"ansible_connection=local ansible_python_interpreter={sys.executable}"
    groups = [f"[web_{side}]\n" + "".join(f"{side}-{number} {here}\n" for number in range(1, HOSTS + 1)) for side in (BLUE, GREEN)]
    (directory / "hosts.ini").write_text("\n".join(groups))
    paths = f"playbook: {directory}/deploy.yml, inventory: {directory}/hosts.ini, limit: web_$environment"
    return f"{{{paths}, variables: {{hosts: {directory}/hosts}}}}"


async def stage_of(tell: Tell, tmp_path: Path, steps: str, deploy: str = "", watch: str = "4s") -> Story:
    """Two hosts of each environment, and a strategy with these steps."""
    hosts = ", ".join(f"{tmp_path}/hosts/$environment-{number}" for number in range(1, HOSTS + 1))
    deploy = deploy or COMMAND.format(python=sys.executable, hosts=hosts)
    told: Story = await tell(rules=RULES, watch=watch, hosts=HOSTS, release=release(deploy, steps))
    return told


async def test_the_whole_story(tell: Tell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """v2 verified, v3 taken back at its slice and, insisted on, again, v2 verified: nobody is failed but by v3 itself."""
    monkeypatch.setattr(story, "SETTLE", 3.0)
    stage = await stage_of(tell, tmp_path, story.STEPS, ansible(tmp_path))
    # A quarter of the demo's: at 400 a second a machine busy with other tests answers late, which is not guardian's doing.
    traffic = await stage.traffic(rate=story.RATE / 4)
    view = view_for(Console(file=io.StringIO()), plain=True)
    with view:
        ending = await Tale(stage.stage, traffic, stage.client, view, time.monotonic()).tell()
    assert ending.good, f"{ending.others} failed requests that v3 did not answer: {ending}"
    assert ending.phases == ("verified", "rolled back", "rolled back", "verified")
    assert ending.others == 0
    assert min(ending.bad) > 0
    assert connection_failures(traffic.answers) == 0
    assert await stage.live() == {Split.all_on(BLUE)}
    assert "`v3" not in stage.log


async def deploy(told: Story, version: str, **given: object) -> str:
    """Order a deployment; its id."""
    view = await told.stage.guardian.order(told.client, "deploy", {"version": version, **given})
    return str(view["id"])


async def test_guardian_killed_at_a_slice_goes_on_from_there(tell: Tell, tmp_path: Path) -> None:
    """The slice stays where it is, is judged on after the restart, and the release is verified; no request fails."""
    told = await stage_of(tell, tmp_path, "[20% for 6s, 100%]")
    traffic = await told.traffic(rate=200)
    await deploy(told, "v2")
    await told.until("baking")
    await told.stage.guardian.end(signal.SIGKILL)
    assert await told.live() == {Split(2_000)}
    await told.restart_guardian()
    assert (await told.until("verified", "unverified", "rolled back"))["phase"] == "verified"
    await traffic.stop()
    assert not [answer for answer in traffic.answers if failed(answer)]


async def test_guardian_killed_while_it_deploys_deploys_once_more(tell: Tell, tmp_path: Path) -> None:
    """The stage is given again with what it had before, and no traffic has moved meanwhile."""
    told = await stage_of(tell, tmp_path, "[20% for 2s, 100%]", f"{{command: [/bin/sh, {tmp_path}/slow.sh]}}")
    (tmp_path / "slow.sh").write_text(f"echo begun >> {tmp_path}/begun; [ $(wc -l < {tmp_path}/begun) -gt 1 ] || exec sleep 300\n")
    identifier = await deploy(told, "v1")

    async def begun() -> bool:
        return (tmp_path / "begun").exists()

    await eventually(begun, 30.0)
    await told.stage.guardian.end(signal.SIGKILL)
    assert await told.live() == {Split.all_on(BLUE)}
    await told.traffic(rate=100)
    await told.restart_guardian()
    await told.until("baking", "watching", "verified")
    assert (tmp_path / "begun").read_text() == "begun\n" * 2
    journal = (await told.client.get(f"/v1/deployments/{identifier}")).json()["journal"]
    assert [entry["event"]["kind"] for entry in journal].count("deploy requested") == 1


async def test_an_idle_side_that_dies_after_its_verification_gets_no_traffic(tell: Tell, tmp_path: Path) -> None:
    """People were asked meanwhile; when they agree, the first share finds no healthy server, and nothing is moved."""
    told = await stage_of(tell, tmp_path, "[ask, 5% for 2s, 100%]")
    traffic = await told.traffic(rate=100)
    identifier = await deploy(told, "v2")
    await told.until("awaiting approval")
    with pytest.raises(RefusedError, match="one change of web at a time"):
        await deploy(told, "v4")
    for host in told.stage.hosts:
        if host.environment is GREEN:
            await host.end()
    await told.until_unable("web_green")
    body = {"reason": "go", "break_glass": True}
    assert (await told.client.post(f"/v1/deployments/{identifier}/approve", json=body)).is_success
    ended = await told.until("aborted", "baking")
    assert (ended["phase"], ended["rollback"]) == ("aborted", None)
    assert await told.live() == {Split.all_on(BLUE)}
    await traffic.stop()
    assert _only_blue(traffic)


def _only_blue(traffic: Traffic) -> bool:
    return {answer.environment for answer in traffic.answers} == {BLUE} and not any(map(failed, traffic.answers))
