"""What a checkout sets up for itself on somebody's host leaves no trace that hurts: played in a layer that is thrown away."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doubles.throwaway import TAKES_ROOT, Host, thrown_away

POLICY = "/usr/sbin/policy-rc.d"
APT = f"""\
#!/bin/sh
# Says what Debian's packages would find, and waits to be killed where that is asked for.
cat {POLICY} >>/test/found
test ! -e /test/hang || exec sleep 60
"""
INSTALL = "source /test/src/deploy/prepare.sh; PATH=/test/bin:$PATH prepare_install something"

pytestmark = [TAKES_ROOT, pytest.mark.timeout(120)]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """A host whose apt-get installs nothing."""
    with thrown_away(tmp_path / "h") as host:
        (host.files / "bin").mkdir()
        (host.files / "bin" / "apt-get").write_text(APT)
        host.does(f"chmod +x /test/bin/apt-get; rm -f {POLICY}")
        yield host


def test_services_are_kept_from_starting_only_for_as_long_as_it_installs(host: Host) -> None:
    """Also where an earlier run was killed in the midst of it. What somebody else has put there stays."""
    host.does(INSTALL)
    assert "exit 101" in (host.files / "found").read_text()
    assert host.tries(f"ls {POLICY}").out == ""
    host.does("touch /test/hang; rm /test/found")
    host.does(f"setsid bash -c '{INSTALL}' & until test -s /test/found; do sleep 0.1; done; kill -9 -- -$!")
    host.does(f"test -e {POLICY}; rm /test/hang")
    host.does(INSTALL)
    assert host.tries(f"ls {POLICY}").out == ""
    host.does(f"echo exit 0 > {POLICY}")
    host.does(INSTALL)
    assert host.does(f"cat {POLICY}") == "exit 0\n"
