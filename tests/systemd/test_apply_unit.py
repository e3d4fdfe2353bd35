"""Root's part of guardian as it is really run: a unit that polkit lets the user guardian start, for services routed by reload."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.doubles.machine import ANSIBLE, CHECKOUT, Machine, booted

LIVE = "systemctl is-active --quiet guardian && curl -s --fail-with-body --unix-socket /run/guardian/api.sock http://g/readyz"
REQUEST = "/var/lib/guardian/haproxy-request.json"
PLACES = "/etc /lib/systemd /opt /run /usr/local /usr/share/doc /usr/share/polkit-1 /var/lib"
STATE = "sha256sum /etc/haproxy/haproxy.cfg; pgrep -P $(systemctl show -p MainPID --value haproxy)"
"""The file, and who serves."""
BY_RELOAD = """\
echo '    routing: {way: reload}' >> /etc/guardian/guardian.yaml
guardian haproxy adopt --config /etc/guardian/guardian.yaml --apply
systemctl reload haproxy
systemctl restart guardian
"""
STAGES = """
    stages:
      deploy: {command: [/etc/guardian/told.sh, $environment, $version]}
      verify:
        settle: 30s
        commands:
          - {name: closed, command: [/etc/guardian/closed.sh]}
"""
PLAYED = """
    stages:
      deploy: {playbook: deploy.yml, inventory: hosts.ini, variables: {place: /var/lib/guardian/release}}
"""
TOLD = """\
#!/bin/sh
test "$(id -un) $1 $2 $GUARDIAN_VERSION" = "guardian green 4.3 4.3" && echo told > /var/lib/guardian/told && touch /tmp/own
"""
PLAYBOOK = """
- name: the release
  hosts: green
  gather_facts: false
  tasks:
    - name: unpack
      ansible.builtin.copy: {dest: "{{ place }}", content: "{{ guardian_version }} on {{ guardian_environment }}", mode: "0644"}
    - name: who is this
      ansible.builtin.command: {argv: [/usr/bin/id, -un]}
      register: who
    - ansible.builtin.assert: {that: ["who.stdout == 'guardian'"]}
    - name: configure the host
      ansible.builtin.command: {argv: [/usr/bin/touch, /etc/by-a-stage]}
      register: touched
      failed_when: "'Read-only file system' not in touched.stderr"
"""
HOSTS = """
[green]
localhost ansible_connection=local
"""
CLOSED = """\
#!/bin/sh
# What the sandbox keeps from a stage.
touch /etc/x /usr/x /home/x 2>/dev/null && exit 1
cat /etc/guardian/credentials/* /etc/shadow 2>/dev/null && exit 2
systemctl --no-ask-password stop haproxy 2>/dev/null && exit 3
runuser -u root true 2>/dev/null && exit 4
exit 0
"""

pytestmark = [
    pytest.mark.skipif(os.getuid() != 0, reason="booting a system takes root: run tests/run.sh as root"),
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("systemd"),
]


def test_the_apply_unit_is_as_closed_as_it_is_said_to_be(record_property: Callable[[str, object], None]) -> None:
    """`systemd-analyze security` finds an exposure of at most 3.0: root's, that sees processes and gives files away."""
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=30", CHECKOUT / "deploy" / "guardian-apply.service"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    record_property("exposure", done.stdout.strip().splitlines()[-1])
    assert done.returncode == 0, done.stdout
    assert "Unknown" not in done.stderr


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine with guardian, installed by the installer, and its service routed by reload."""
    with booted(tmp_path_factory.mktemp("gate") / "m") as machine:
        machine.does("cp -p /etc/haproxy/haproxy.cfg /root/original.cfg")
        machine.does("/test/src/deploy/install.sh --wheels /test/wheels --init", 300)
        machine.does(f"set -e; {BY_RELOAD}")
        machine.until(LIVE)
        yield machine


@pytest.fixture
def mended(machine: Machine) -> Iterator[Machine]:
    """The machine, whose configurations are put back afterwards."""
    machine.does("cp -p /etc/haproxy/haproxy.cfg /root/whole.cfg; cp -p /etc/guardian/guardian.yaml /root/plain.yaml")
    yield machine
    machine.does("cp -p /root/whole.cfg /etc/haproxy/haproxy.cfg; cp -p /root/plain.yaml /etc/guardian/guardian.yaml")
    machine.does("systemctl restart guardian")
    machine.until(LIVE)


def forward(machine: Machine) -> None:
    """Move the traffic to green, as soon as nothing stands against it."""
    machine.tries("guardian unlatch web --reason 'the next test'")
    machine.until("guardian switch web --reason 'release 4.2'")
    machine.until("guardian status web | grep -q watching")


def back(machine: Machine) -> float:
    """Take it back; when that was acknowledged, on the clock of the traffic."""
    machine.does("guardian rollback web --reason 'a test' --wait")
    return float(machine.does("python3 -c 'import time; print(time.monotonic())'"))


def test_guardian_may_start_that_unit_and_nothing_else(machine: Machine) -> None:
    """Polkit lets the user guardian start guardian-apply.service; no other verb, no other unit, and nobody else."""
    assert "Error loading" not in machine.does("journalctl -u polkit --no-pager"), "the rule was there before polkit could read it"
    machine.does("cp /etc/systemd/system/guardian-apply.service /etc/systemd/system/guardian-apply-more.service")
    machine.does(
        "cp /etc/systemd/system/guardian-apply.service /etc/systemd/system/guardian-apply@.service; systemctl daemon-reload"
    )
    before = machine.does(STATE)
    for order in (
        "start haproxy",
        "stop haproxy",
        "reload haproxy",
        "restart guardian-apply",
        "stop guardian-apply",
        "reload-or-restart guardian-apply",
        "start guardian-apply-more",
        "start guardian-apply@x",
        "set-property guardian-apply MemoryMax=1",
        "mask guardian-apply",
        "daemon-reload",
    ):
        refused = machine.tries(f"runuser -u guardian -- systemctl --no-ask-password {order}")
        assert refused.code != 0, order
        assert "authentication required" in refused.err, (order, refused.err)
    refused = machine.tries("runuser -u guardian -- systemctl --no-ask-password start guardian-apply haproxy")
    assert "Failed to start haproxy" in refused.err
    assert machine.tries("runuser -u nobody -- systemctl --no-ask-password start guardian-apply").code != 0
    machine.until("runuser -u guardian -- systemctl --no-ask-password start guardian-apply")
    assert machine.does(STATE) == before


@pytest.mark.parametrize("way", ["by the master socket", "by systemctl reload"])
def test_a_switch_and_a_rollback_go_through_the_gate(machine: Machine, way: str) -> None:
    """Under traffic, on new and kept connections: none fails, and none goes to green once the rollback is acknowledged."""
    if way == "by systemctl reload":
        machine.does("echo EXTRAOPTS= >> /etc/default/haproxy; systemctl restart haproxy")
        machine.does("sed -i 's/^  files: .*/&\\n  unit: haproxy.service/' /etc/guardian/guardian.yaml; systemctl restart guardian")
        machine.until(LIVE)
    file = machine.does("sha256sum /etc/haproxy/haproxy.cfg")
    load = machine.answers(120)
    load.start()
    forward(machine)
    assert machine.does("sha256sum /etc/haproxy/haproxy.cfg") == file  # while it is on trial, the file names the safe side
    machine.until("grep -q green /test/answers.jsonl")
    acknowledged = back(machine)
    machine.until(f"tail -n 1 /test/answers.jsonl | python3 -c 'import json; exit(json.loads(input())[0] < {acknowledged + 2})'")
    machine.enough()
    load.join(60)
    answers = machine.came_back()
    assert {status for _, status, _ in answers} == {200}
    assert {who for at, _, who in answers if at > acknowledged} == {"blue"}
    assert {who for _, _, who in answers} == {"blue", "green"}
    assert machine.does("sha256sum /etc/haproxy/haproxy.cfg") == file
    told = machine.does("journalctl -u guardian-apply -o cat --no-pager")
    assert "web: HAProxy has loaded 100 % for green" in told
    if way == "by systemctl reload":
        assert "start_time=[n/a]" not in machine.does("systemctl show -p ExecReload --value haproxy")


def test_a_hostile_request_changes_nothing(machine: Machine) -> None:
    """Whatever the user guardian leaves there: the unit fails with a sentence, and neither file nor worker is another."""
    machine.does("systemctl stop guardian")
    before = machine.does(STATE)
    good = {"nonce": "0" * 32, "do": "route", "service": "web", "green": 10_000, "safe": False}

    def refused(prepare: str, sentence: str) -> None:
        machine.does(prepare)
        done = machine.tries("runuser -u guardian -- systemctl --no-ask-password start guardian-apply")
        assert done.code != 0
        told = machine.does("journalctl -u guardian-apply -n 3 -o cat --no-pager")
        assert sentence in told
        assert "Traceback" not in told
        assert machine.does(STATE) == before

    for changes, sentence in (
        ({"service": "web\n    server x 127.0.0.1:1"}, "its nonce or its service cannot be one"),
        ({"green": 10_001}, "its order or its share cannot be one"),
        ({"service": "shop"}, "there is no service shop"),
    ):
        (machine.files / "request").write_text(json.dumps(good | changes))
        refused(f"install -o guardian -m 600 /test/request {REQUEST}", sentence)
    refused(f"runuser -u guardian -- ln -sf /etc/shadow {REQUEST}", "it cannot be read, or is no JSON")
    (machine.files / "request").write_text(json.dumps(good))
    machine.does(f"rm {REQUEST}; install -o guardian -m 600 /test/request {REQUEST}")
    refused("chown guardian /etc/guardian/guardian.yaml", "guardian.yaml does not belong to root")
    machine.does("chown root /etc/guardian/guardian.yaml; systemctl start guardian")
    machine.until(LIVE)


def test_somebodys_broken_edit_is_never_loaded_and_never_in_the_way(mended: Machine) -> None:
    """A switch is refused, in HAProxy's words where edits may be loaded along; a rollback is carried out all the same."""
    machine = mended
    forward(machine)
    machine.does("echo 'no keyword of HAProxy' >> /etc/haproxy/haproxy.cfg")
    broken = machine.does("sha256sum /etc/haproxy/haproxy.cfg")
    back(machine)
    assert set(machine.does("for n in $(seq 20); do curl -s http://127.0.0.1:8080/; done").split()) == {"blue"}
    assert machine.does("sha256sum /etc/haproxy/haproxy.cfg") == broken

    machine.does("sed -i 's/^  files: .*/&\\n  unloaded_edits: load/' /etc/guardian/guardian.yaml; systemctl restart guardian")
    machine.until("curl -s --fail-with-body --unix-socket /run/guardian/api.sock http://g/healthz")
    worker = machine.does("pgrep -P $(systemctl show -p MainPID --value haproxy)")
    machine.tries("guardian unlatch web --reason 'the next test'")
    said = machine.tries("guardian switch web --reason 'with a broken edit' --wait")
    assert said.code != 0
    assert "unknown keyword 'keyword'" in said.out + said.err
    assert machine.does("sha256sum /etc/haproxy/haproxy.cfg") == broken
    assert machine.does("pgrep -P $(systemctl show -p MainPID --value haproxy)") == worker
    assert machine.does("curl -s http://127.0.0.1:8080/") == "blue\n"


def staged(machine: Machine, stages: str, **files: str) -> None:
    """Have the service with these stages, and these files beside guardian.yaml."""
    for name, text in files.items():
        place = name.replace("_", ".")
        (machine.files / place).write_text(text)
        machine.does(f"install -m 755 /test/{place} /etc/guardian/")
    (machine.files / "stages").write_text(stages)
    machine.does("cat /test/stages >> /etc/guardian/guardian.yaml")
    machine.does("guardian check --config /etc/guardian/guardian.yaml && systemctl restart guardian")
    machine.until(LIVE)
    machine.tries("guardian unlatch web --reason 'the next test'")
    machine.until("guardian deploy web --version 4.3 --reason 'with stages'")
    machine.until("guardian status web | grep -q watching")


def test_programs_of_stages_run_in_the_daemons_sandbox(mended: Machine) -> None:
    """They do their work as the user guardian, where guardian itself may write, and can do nothing beyond it."""
    machine = mended
    staged(machine, STAGES, told_sh=TOLD, closed_sh=CLOSED)
    assert machine.does("cat /var/lib/guardian/told") == "told\n"
    assert machine.tries("test -e /tmp/own").code != 0
    back(machine)


def test_taken_out_nothing_stays(machine: Machine) -> None:
    """The installer takes out the apply unit, its directories and the polkit rule, too; HAProxy's file is what it was."""
    machine.does("rm -f /etc/systemd/system/guardian-apply?*.service")
    machine.does("/test/src/deploy/install.sh --uninstall --purge")
    machine.does("cmp /etc/haproxy/haproxy.cfg /root/original.cfg")
    assert machine.does(f"find {PLACES} -xdev -iname '*guardian*' -not -name '*guardian-test*'") == ""
    assert machine.tries("id guardian").code != 0
    machine.until("curl -sf http://127.0.0.1:8080/")


@pytest.mark.long
def test_a_playbook_is_played_in_the_daemons_sandbox(tmp_path: Path) -> None:
    """Ansible, installed by the installer, on this very host: as the user guardian, who may write his own files and no others."""
    with booted(tmp_path / "m", ANSIBLE) as machine:
        machine.does("/test/src/deploy/install.sh --wheels /test/wheels --ansible --init", 300)
        staged(machine, PLAYED, deploy_yml=PLAYBOOK, hosts_ini=HOSTS)
        assert machine.does("cat /var/lib/guardian/release") == "4.3 on green"
        assert machine.tries("test -e /etc/by-a-stage").code != 0
        machine.does("/test/src/deploy/install.sh --wheels /test/wheels", 300)  # an upgrade keeps it
        machine.does("ls -d /opt/guardian/current/lib/python3*/site-packages/ansible_runner")
