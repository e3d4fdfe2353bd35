"""guardian as it is really run: installed beside HAProxy under a real systemd, with its units and its sandbox."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.doubles.machine import CHECKOUT, LOCK, Machine, booted, wheels

INSTALL = "/test/src/deploy/install.sh --wheels /test/wheels"
NEWER = """\
import sqlite3
connection = sqlite3.connect("/var/lib/guardian/guardian.db")
connection.execute("UPDATE meta SET schema = 9000")
connection.commit()
"""
DROP_INS = "/etc/systemd/system/guardian.service.d"
NEWER_SYSTEMD = """\
#!/bin/sh
[ "$1" = --version ] && exec echo "systemd 254 (254.1-1)"
exec /usr/bin/systemctl "$@"
"""
LATER_ANALYZE = os.environ.get("GUARDIAN_TEST_SYSTEMD_ANALYZE", "")
"""The `systemd-analyze` of a later Debian: `tests/run.sh --all` has it made."""
LIVE = "systemctl is-active --quiet guardian && curl -s --fail-with-body --unix-socket /run/guardian/api.sock http://g/readyz"

pytestmark = [
    pytest.mark.skipif(os.getuid() != 0, reason="booting a system takes root: run tests/run.sh as root"),
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("systemd"),
]


def test_the_unit_is_as_closed_as_it_is_said_to_be() -> None:
    """`systemd-analyze security` finds an exposure of at most 1.5, and no line that it does not understand."""
    unit = CHECKOUT / "deploy" / "guardian.service"
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=15", unit], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "Unknown" not in done.stderr


def complaints(analyze: str | Path, directory: Path) -> str:
    """What a systemd has to say of the unit with its drop-in. That guardian itself is not installed here is no fault of theirs."""
    unit = (CHECKOUT / "deploy" / "guardian.service").read_text().replace("/opt/guardian/bin/guardian", "/bin/true")
    (directory / "guardian.service").write_text(unit)
    (directory / "guardian.service.d").mkdir()
    shutil.copy(CHECKOUT / "deploy" / "guardian-restart.conf", directory / "guardian.service.d" / "restart.conf")
    command = [analyze, "verify", "--man=no", directory / "guardian.service"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_a_systemd_knows_the_restarts_or_warns(tmp_path: Path) -> None:
    """This host's, by its version: from 254 on without a word; before, it names both keys, which is why they are not installed."""
    version = subprocess.run(["systemctl", "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    said = complaints("systemd-analyze", tmp_path)
    unknown = [key for key in ("RestartSteps", "RestartMaxDelaySec") if f"Unknown key '{key}'" in said or f"name '{key}'" in said]
    assert unknown == ([] if int(version) >= 254 else ["RestartSteps", "RestartMaxDelaySec"])


@pytest.mark.long
@pytest.mark.skipif(not LATER_ANALYZE, reason="takes a later Debian's systemd-analyze: run tests/run.sh --all")
def test_a_later_systemd_reads_unit_and_drop_in_without_a_word(tmp_path: Path) -> None:
    """Debian 13's: nothing in them is unknown to it, and the restarts count for something."""
    version = subprocess.run([LATER_ANALYZE, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    assert int(version) >= 254
    assert complaints(LATER_ANALYZE, tmp_path) == ""


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A machine without guardian."""
    with booted(tmp_path / "m") as machine:
        yield machine


def switched(machine: Machine) -> None:
    """Move the traffic to the idle side, as soon as HAProxy finds it healthy."""
    machine.until("guardian switch web --reason 'release 4.2'")
    machine.until("guardian status web | grep -q watching")


def started_again(machine: Machine, pid: int) -> float:
    """How long it takes until another process than ``pid`` is the daemon, and a rollback would work."""
    took = machine.until(f"now=$(systemctl show -p MainPID --value guardian); test $now -gt 0 -a $now != {pid}")
    machine.until(LIVE)
    return took


def systemd(machine: Machine) -> int:
    """The version of what runs there."""
    return int(machine.does("systemctl --version").split()[1])


def bad_release(machine: Machine) -> float:
    """Let green fail, and wait until guardian has taken the traffic back; how long that took."""
    machine.does("echo 500 > /run/app-green")
    return machine.until("guardian status web | grep -q 'rolled back'")


def dies_again_and_again(machine: Machine) -> None:
    """Let it, by a drop-in of somebody's own: between two starts systemd does not call it active."""
    (machine.files / "own.conf").write_text("[Service]\nExecStartPre=/bin/false\n")
    machine.does(f"cp /test/own.conf {DROP_INS}/; systemctl daemon-reload; ! systemctl restart guardian")
    machine.until("test $(systemctl show -p SubState --value guardian) = auto-restart")


def test_installed_and_run_beside_haproxy(machine: Machine) -> None:
    """Installed by the installer: switches, rolls back by itself, is reloaded, killed and taken out; HAProxy loses nothing."""
    before = machine.does("sha256sum /etc/haproxy/haproxy.cfg; stat -c '%U %G %a' /etc/haproxy/haproxy.cfg")
    machine.does("install -d -m 700 /etc/guardian/credentials && echo secret > /etc/guardian/credentials/slack-token")
    machine.does(f"umask 077; PATH=/usr/bin:/bin {INSTALL} --init", 300)  # as `su` on a hardened host
    machine.until(LIVE)
    assert machine.does("ls /run/credentials/guardian.service").split() == ["credentials_slack-token"]
    status = machine.does("systemctl status guardian --no-pager")
    assert 'Status: "web on blue"' in status
    exposure = machine.does("systemd-analyze security guardian.service | tail -1")
    assert float(exposure.split()[-3]) <= 1.5, exposure

    load = machine.answers(25)
    load.start()
    switched(machine)
    machine.until("systemctl show --property StatusText guardian | grep 'web-1 is watching, green'")
    bad_release(machine)
    assert "PRIORITY" in machine.does("journalctl GUARDIAN_DEPLOYMENT=web-1 GUARDIAN_VERDICT=breached -o export --no-pager")
    assert machine.does("curl -s http://127.0.0.1:8080/") == "blue\n"

    # A file with a fault fails the reload and changes nothing; mended, it is taken.
    machine.does("cp /etc/guardian/rules/web.yaml /root/; echo nonsense >> /etc/guardian/rules/web.yaml")
    refused = machine.tries("systemctl reload guardian")
    assert refused.code != 0
    machine.does("cp /root/web.yaml /etc/guardian/rules/; systemctl reload guardian")
    machine.until(LIVE)

    # It comes back, also where somebody has tidied up too much.
    pid = machine.pid
    assert machine.does("stat -c '%U %a' /etc/guardian/credentials") == "root 700\n"
    machine.does(f"rm -r /etc/guardian/credentials; kill -9 {pid}")
    started_again(machine, pid)
    assert machine.does("stat -c %a /etc/guardian/credentials") == "700\n"
    assert "rolled back" in machine.does("guardian history web-1")

    load.join(60)
    assert not load.is_alive()
    answers = machine.came_back()
    assert {status for _, status, _ in answers} == {200}  # what green failed, blue has answered
    assert sum(status == 500 for _, status, _ in answers) < 100
    assert len(answers) > 500

    # Restarts that slow down are for a systemd that knows them. What somebody put beside them stays.
    assert machine.tries(f"ls {DROP_INS}").out == ("" if systemd(machine) < 254 else "restart.conf\n")
    newer = machine.files / "newer" / "systemctl"
    newer.parent.mkdir()
    newer.write_text(NEWER_SYSTEMD)
    newer.chmod(0o755)
    machine.does(f"PATH=/test/newer:$PATH {INSTALL}", 300)
    machine.does(f"cmp /test/src/deploy/guardian-restart.conf {DROP_INS}/restart.conf")
    dies_again_and_again(machine)
    machine.does("/test/src/deploy/install.sh --uninstall --purge")
    assert machine.does("systemctl show -p ActiveState --value guardian") == "inactive\n"
    assert machine.does("sha256sum /etc/haproxy/haproxy.cfg; stat -c '%U %G %a' /etc/haproxy/haproxy.cfg") == before
    assert machine.does(f"ls {DROP_INS}") == "own.conf\n"
    places = "/opt/guardian /etc/guardian /var/lib/guardian /usr/local/bin/guardian /etc/systemd/system/guardian.service"
    assert machine.tries(f"ls -d {places}; id guardian").out == ""
    machine.until("curl -sf http://127.0.0.1:8080/")
    assert machine.tries("test -e /run/haproxy/guardian.sock").code != 0


@pytest.mark.long
def test_frozen_rebooted_upgraded_and_not_downgraded(machine: Machine, record_property: Callable[[str, object], None]) -> None:
    """A watch survives a frozen daemon and a reboot; an upgrade keeps all records; a guardian that is too old is refused."""
    machine.does(f"{INSTALL} --init", 300)
    machine.until(LIVE)

    switched(machine)
    pid = machine.pid
    machine.does(f"kill -STOP {pid}")
    record_property("frozen, then another pid", f"{started_again(machine, pid):.1f} s")
    assert machine.does("systemctl show -p NRestarts --value guardian") == "1\n"
    machine.until("guardian status web | grep -q watching")

    boot = machine.does("cat /proc/sys/kernel/random/boot_id; systemctl show -p UserspaceTimestampMonotonic")
    with suppress(OSError, ValueError):  # whoever would answer goes down
        machine.tries("systemctl reboot", 5)
    machine.until("test -e /run/haproxy/guardian.sock && systemctl is-active --quiet guardian-test-agent", 120)
    machine.until(LIVE, 120)
    assert machine.does("cat /proc/sys/kernel/random/boot_id; systemctl show -p UserspaceTimestampMonotonic") != boot
    machine.until("guardian status web | grep -q watching")
    machine.until(
        "curl -s http://127.0.0.1:8080/ | grep green"
    )  # the intended share, restored after HAProxy came up with the safe one

    kept = machine.does("guardian audit export --config /etc/guardian/guardian.yaml")
    machine.does("sed -i 's/__version__ = .*/__version__ = \"9.0.0\"/' /test/src/guardian/__init__.py")
    pid = machine.pid
    machine.does(INSTALL, 300)
    started_again(machine, pid)
    assert machine.does("guardian --version") == "guardian 9.0.0\n"
    assert machine.does("guardian audit export --config /etc/guardian/guardian.yaml").startswith(kept)
    machine.until("guardian status web | grep -q watching")

    pid = machine.pid
    (machine.files / "newer.py").write_text(NEWER)
    machine.does("python3 /test/newer.py")
    machine.does("sed -i 's/__version__ = .*/__version__ = \"0.0.9\"/' /test/src/guardian/__init__.py")
    refused = machine.tries(INSTALL, 300)
    assert refused.code == 1
    assert "has schema 9000, and this guardian reads schemas up to" in refused.err
    assert "nothing was changed, the one before goes on" in refused.err
    assert machine.pid == pid
    assert machine.does("guardian --version") == "guardian 9.0.0\n"


@pytest.mark.long
def test_the_debian_package(machine: Machine) -> None:
    """Built by one command, installed and purged by dpkg: the same guardian, and HAProxy as it was."""
    before = machine.does("sha256sum /etc/haproxy/haproxy.cfg")
    command = [CHECKOUT / "deploy" / "build-deb.sh", "--wheels", wheels(LOCK), machine.files]
    built = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600, umask=0o077)
    assert built.returncode == 0, built.stderr
    machine.does("dpkg --install /test/guardian_*.deb", 300)
    backoff = machine.tries("ls /lib/systemd/system/guardian.service.d").out
    assert backoff == ("" if systemd(machine) < 254 else "restart.conf\n")
    machine.does("guardian init --yes && guardian haproxy adopt --apply && chown -R guardian: /var/lib/guardian", 60)
    machine.does("systemctl reload haproxy; systemctl start guardian")
    machine.until(LIVE)
    load = machine.answers(10)
    load.start()
    switched(machine)
    bad_release(machine)
    load.join(60)
    # Where HAProxy's own rules would take the traffic elsewhere it is not removed, and goes on.
    machine.does("cp -p /etc/haproxy/haproxy.cfg /root/; sed -i '/^\\tdefault_backend/s/blue/green/' /etc/haproxy/haproxy.cfg")
    refused = machine.tries("dpkg --purge guardian", 120)
    assert "HAProxy's next reload would move it" in refused.err + refused.out
    machine.until(LIVE)
    machine.does("cp -p /root/haproxy.cfg /etc/haproxy/; dpkg --purge guardian", 120)
    assert machine.does("sha256sum /etc/haproxy/haproxy.cfg") == before
    assert machine.tries("ls -d /opt/guardian /etc/guardian /var/lib/guardian; id guardian").out == ""
    machine.until("curl -sf http://127.0.0.1:8080/")
