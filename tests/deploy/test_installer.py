"""How guardian comes onto a host and leaves it, whatever its state and whoever calls: played in a layer that is thrown away."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doubles.throwaway import TAKES_ROOT, Host, thrown_away

INSTALL = "/test/src/deploy/install.sh --wheels /nowhere"
PACKAGE = "cd /test/src && PATH=$PATH:/usr/sbin sh deploy/debian"
KILLER = """\
trap 'if [[ $BASH_SUBSHELL == 0 ]] && ((STEPS-- == 0)); then kill -9 $$; fi' DEBUG
set -o functrace
"""
"""For BASH_ENV: ends the script before its command number STEPS."""
PLACES = "/etc/guardian /etc/haproxy /etc/systemd/system /etc/polkit-1 /opt /usr/local/bin /usr/share/doc /var/lib/guardian"
WHOLE = (
    f"find {PLACES} -xdev -name '*guardian*' -printf '%p %M %u %g %l\\n' | sort; cat /etc/haproxy/haproxy.cfg;"
    "cat /etc/systemd/system/guardian* /etc/guardian/guardian.yaml; systemctl is-enabled guardian; guardian --version"
)
"""What stands there afterwards, and how."""
GUARDIAN = f"""\
#!/bin/sh
exec {sys.executable} -c 'from guardian.cli.main import main; main()' "$@"
"""
INSTALLED = """\
Package: guardian
Status: install ok installed
Version: 1
Architecture: all
Maintainer: somebody
Description: what dpkg knows of it

"""
BLOCK = "# >>> guardian web"

pytestmark = [TAKES_ROOT, pytest.mark.timeout(300)]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """A host on which the packages are there already, under the name that the installer gives them."""
    with thrown_away(tmp_path / "h") as host:
        host.does("rm -rf /opt/guardian /etc/guardian /var/lib/guardian; mkdir -p /opt")
        ready(host)
        yield host


def ready(host: Host) -> str:
    """Make what takes the installer most of its time; the directory's name, which the installer says."""
    said = host.tries(f"mount -t tmpfs -o ro none /opt; {INSTALL}; umount /opt")
    place = said.err.partition("making ")[2].splitlines()[0]
    assert "Read-only file system" in said.err  # and nothing else has come of it
    (host.files / "guardian").write_text(GUARDIAN)
    host.does(f"mkdir -p {place}/bin && install /test/guardian {place}/bin/guardian && touch {place}/complete")
    return place


def killed(host: Host, command: str, step: int) -> bool:
    """Run it, and end it before its command number ``step``; whether it came so far."""
    (host.files / "killer").write_text(KILLER)
    return host.tries(f"STEPS={step} BASH_ENV=/test/killer {command}").code == -signal.SIGKILL


def upgrade(host: Host) -> str:
    """Make the checkout one of a later version; where that is going to be."""
    host.does("sed -i 's/__version__ = .*/__version__ = \"9.0.0\"/' /test/src/guardian/__init__.py")
    return ready(host)


def refused(host: Host, command: str) -> str:
    """What the installer says, which must not do it."""
    said = host.tries(command)
    assert said.code != 0, said
    return said.err


def adopted(host: Host) -> str:
    """Install guardian with a first configuration; HAProxy's as it was before."""
    before = host.does("cat /etc/haproxy/haproxy.cfg")
    host.does(f"{INSTALL} --init")
    assert BLOCK in host.does("cat /etc/haproxy/haproxy.cfg")
    return before


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What an installation that nothing has interrupted leaves."""
    with thrown_away(tmp_path_factory.mktemp("whole") / "h") as host:
        ready(host)
        adopted(host)
        return host.does(WHOLE)


WORTH = (81, 102, 110, 112)
"""Steps at which something is half-done: a unit beside its place, one link of two, guardian.yaml and no lines of it, no owner."""


def as_it_should_be(host: Host, whole: str) -> None:
    """A run that nobody disturbs leaves what it leaves on a new host."""
    host.does(f"{INSTALL} --init")
    assert host.does(WHOLE) == whole
    assert host.does("find /etc /opt /usr/local -xdev -name '*guardian*.new'") == ""


def half_done(host: Host, step: int) -> bool:
    """End an installation before this command; whether it came so far. Each file that stands is whole."""
    came = killed(host, f"{INSTALL} --init", step)
    host.does("haproxy -c -f /etc/haproxy/haproxy.cfg")
    host.does("cd /etc/systemd/system; for unit in guardian*.service; do test ! -e $unit || cmp $unit /test/src/deploy/$unit; done")
    return came


def test_a_second_run_does_what_ended_ones_have_left(host: Host, whole: str) -> None:
    """Ended in several places, one after the other: whatever stands then is whole, and the next run leaves nothing undone."""
    assert all(half_done(host, step) for step in WORTH)
    as_it_should_be(host, whole)


@pytest.mark.long
@pytest.mark.parametrize("step", range(34, 141))
def test_a_second_run_does_what_an_end_at_any_step_has_left(host: Host, whole: str, step: int) -> None:
    """The same before every single command."""
    half_done(host, step)
    as_it_should_be(host, whole)


def test_a_file_with_a_fault_never_costs_the_guardian_that_runs(host: Host) -> None:
    """Neither installing again, nor an upgrade, nor taking it out takes anything away before it is sure to come to its end."""
    adopted(host)
    host.does("echo nonsense >> /etc/guardian/guardian.yaml")
    assert "nothing was changed, the one before goes on" in refused(host, INSTALL)
    assert host.does("guardian --version") == "guardian 0.1.0\n"
    upgrade(host)
    assert "nothing was changed, the one before goes on" in refused(host, INSTALL)
    assert host.does("guardian --version") == "guardian 0.1.0\n"
    assert "is not YAML" in refused(host, "/test/src/deploy/install.sh --uninstall --purge")
    assert host.does("guardian --version") == "guardian 0.1.0\n"


def test_the_one_before_stays_and_what_was_never_complete_goes(host: Host) -> None:
    """Also where an attempt in between was ended; what somebody else has put there stays. Who has disabled guardian meant it."""
    host.does(INSTALL)
    first = host.does("readlink /opt/guardian/current").strip()
    host.does("mkdir -p /opt/guardian/5.0.0-half/bin /opt/guardian/by-hand; systemctl disable --quiet guardian")
    second = upgrade(host)
    host.does(INSTALL)
    there = set(host.does("ls -d /opt/guardian/*-*").split())
    assert there == {first, second, "/opt/guardian/by-hand"}
    assert host.does("readlink -f /usr/local/bin/guardian") == f"{second}/bin/guardian\n"
    assert host.tries("systemctl is-enabled guardian").out == "disabled\n"


def test_a_full_disk_is_as_empty_afterwards_as_it_was(host: Host) -> None:
    """What could not be completed would only fill it."""
    host.does("mount -t tmpfs -o size=2m none /opt")
    refused(host, INSTALL)
    assert host.does("ls -A /opt/guardian; umount /opt") == ""


def test_polkits_directory_keeps_its_mode(host: Host) -> None:
    """Debian's is for polkit alone. Installed from a directory with spaces in its name, from within."""
    host.does("mkdir -p /etc/polkit-1/rules.d && chmod 700 /etc/polkit-1/rules.d; cp -r /test/src '/test/a checkout'")
    host.does("cd '/test/a checkout/deploy' && ./install.sh --wheels /nowhere")
    assert host.does("stat -c %a /etc/polkit-1/rules.d /etc/polkit-1/rules.d/60-guardian-apply.rules") == "700\n644\n"


def test_one_installation_waits_for_another(host: Host) -> None:
    """Two at once would write into the same places."""
    said = host.does(
        f"exec 9</etc/systemd/system; flock 9; {INSTALL} 2>/test/said 9<&- & until grep -q waiting /test/said; do sleep 0.1; done;"
        "test ! -e /usr/local/bin/guardian || exit; exec 9<&-; wait; cat /test/said"
    )
    assert "another installation is under way: waiting for it to end" in said
    assert "guardian 0.1.0 is installed" in said


def test_uninstalling_never_moves_traffic_unasked(host: Host) -> None:
    """Where HAProxy's own rules name another side than the one that serves, nothing is taken out until somebody says so."""
    before = adopted(host)
    host.does("sed -i 's/^web .*/web 10000/' /var/lib/guardian/haproxy.map")
    said = refused(host, "/test/src/deploy/install.sh --uninstall --purge")
    assert "web: green has 100 % of the traffic, and 0 % by the rules that stay" in said
    assert "guardian stays as it is" in said
    assert BLOCK in host.does("cat /etc/haproxy/haproxy.cfg; guardian --version")
    host.does("/test/src/deploy/install.sh --uninstall --moving")
    assert host.does("cat /etc/haproxy/haproxy.cfg") == before


def test_lines_in_another_file_of_haproxys_are_taken_out_or_named(host: Host) -> None:
    """What guardian.yaml names is cleared, also through a link; what nothing names is told, since it needs the map."""
    host.does("mkdir /srv/lb && mv /etc/haproxy/haproxy.cfg /srv/lb/real.cfg && ln -s /srv/lb/real.cfg /etc/haproxy/haproxy.cfg")
    before = adopted(host)
    host.does("cp /etc/haproxy/haproxy.cfg /etc/haproxy/more.cfg")
    said = refused(host, "/test/src/deploy/install.sh --uninstall --purge")
    assert host.does("test -L /etc/haproxy/haproxy.cfg; cat /srv/lb/real.cfg") == before
    assert "without whose map HAProxy would not start: /etc/haproxy/more.cfg" in said
    host.does("test -e /var/lib/guardian/haproxy.map; guardian haproxy adopt --remove --file /etc/haproxy/more.cfg")
    host.does(
        "mv /srv/lb/real.cfg /srv/lb/own.cfg; rm /etc/haproxy/*.cfg;"
        "sed -i 's|files: .*|files: [/srv/lb/own.cfg]|' /etc/guardian/guardian.yaml"
    )
    host.does("guardian haproxy adopt --apply; grep guardian /srv/lb/own.cfg; /test/src/deploy/install.sh --uninstall --purge")
    assert "guardian web" not in host.does("cat /srv/lb/own.cfg")


def test_a_group_that_haproxy_needs_and_a_user_of_somebody_elses_stay(host: Host) -> None:
    """HAProxy does not start with an unknown group in it; an account that was there before is nobody's to remove."""
    host.does(INSTALL)
    host.does("sed -i 's/admin.sock mode 660/& group guardian/' /etc/haproxy/haproxy.cfg")
    said = host.tries("/test/src/deploy/install.sh --uninstall --purge")
    assert "the user and the group guardian stay" in said.err
    assert "/etc/haproxy/haproxy.cfg" in said.err
    host.does("haproxy -c -f /etc/haproxy/haproxy.cfg; cp /test/haproxy.cfg /etc/haproxy/")
    host.does("userdel guardian; useradd --create-home guardian")
    ready(host)
    host.does(INSTALL)
    said = host.tries("/test/src/deploy/install.sh --uninstall --purge")
    assert "the user guardian stays: it was here before" in said.err
    host.does("id guardian; ls -d /home/guardian; userdel -r guardian")
    ready(host)
    host.does(INSTALL)
    host.does("/test/src/deploy/install.sh --uninstall --purge")
    assert host.tries("getent passwd guardian; getent group guardian").out == ""


def test_one_that_was_made_by_hand_goes_on_until_another_takes_over(host: Host) -> None:
    """A virtual environment in /opt/guardian itself, as deploy/README.md once had it; the package refuses to go over it."""
    host.does("mkdir -p /opt/guardian/bin /opt/guardian/lib && echo by hand > /opt/guardian/bin/guardian")
    assert "was made by hand: move it out of the way first" in refused(host, f"{PACKAGE}/preinst install")
    host.does(INSTALL)
    assert host.does("guardian --version; cat /opt/guardian/bin.by-hand/guardian; ls -d /opt/guardian/lib").startswith(
        "guardian 0.1.0\nby"
    )


def test_package_and_installer_know_of_each_other(host: Host) -> None:
    """Neither goes over the other, and a removed package that is purged takes nothing from the other."""
    adopted(host)
    assert "its --uninstall takes it out" in refused(host, f"{PACKAGE}/preinst install")
    assert "deploy/install.sh has installed guardian here" in host.tries(f"{PACKAGE}/postrm purge").err
    host.does("guardian check; test -e /var/lib/guardian/haproxy.map; id guardian")
    host.does("/test/src/deploy/install.sh --uninstall")
    host.does(f"{PACKAGE}/preinst install")
    (host.files / "status").write_text(INSTALLED)
    host.does("cat /test/status >> /var/lib/dpkg/status")
    assert "guardian is here as a Debian package" in refused(host, INSTALL)
    assert "guardian is here as a Debian package" in refused(host, "/test/src/deploy/install.sh --uninstall")


def test_the_package_leaves_guardian_enabled_disabled_or_masked(host: Host) -> None:
    """It is enabled when it is first installed; afterwards as people want it, and an upgrade of a masked one succeeds."""
    enabled = "systemctl is-enabled guardian"
    host.does("cp /test/src/deploy/guardian.service /lib/systemd/system/")
    host.does(f"{PACKAGE}/postinst configure ''")
    assert host.does(enabled) == "enabled\n"
    host.does(f"systemctl disable --quiet guardian; {PACKAGE}/postinst configure 0.0.9")
    assert host.tries(enabled).out == "disabled\n"
    host.does(f"systemctl mask guardian; {PACKAGE}/postinst configure 0.0.9; {PACKAGE}/postinst configure ''")
    assert host.tries(enabled).out == "masked\n"


def test_the_package_is_removed_as_the_installer_takes_guardian_out(host: Host) -> None:
    """Not where that would move traffic; an upgrade leaves what root's part works with; nothing is left of a purge."""
    before = adopted(host)
    host.does("rm /usr/local/bin/guardian; ln -s /opt/guardian/bin/guardian /usr/bin/guardian; mkdir /run/guardian-apply")
    host.does(f"{PACKAGE}/postrm upgrade 9.0.0; {PACKAGE}/prerm upgrade 9.0.0; ls -d /run/guardian-apply")
    host.does("sed -i 's/^web .*/web 10000/' /var/lib/guardian/haproxy.map")
    assert "it stays installed, see above" in refused(host, f"{PACKAGE}/prerm remove")
    host.does(f"guardian haproxy adopt --remove --moving; {PACKAGE}/prerm remove; {PACKAGE}/postrm remove; {PACKAGE}/postrm purge")
    assert host.does("cat /etc/haproxy/haproxy.cfg") == before
    assert host.tries("ls -d /run/guardian-apply /opt/guardian /etc/guardian /var/lib/guardian; id guardian").out == ""
