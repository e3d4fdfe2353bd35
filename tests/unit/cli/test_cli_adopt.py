"""``guardian haproxy adopt``: shown, checked by a real HAProxy, written, and taken out again to the byte."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from guardian.demo.haproxy import debian_binary, wheel_binary
from tests.unit.cli.conftest import Said, Shell

HAPROXY = """\
global
    # our own comment, with a tab\there
    maxconn 100

defaults
    mode http
    timeout connect 1s
    timeout client 1s
    timeout server 1s

frontend www
    bind 127.0.0.1:8080
    default_backend web_blue    # blue for now

backend web_blue
    server b1 127.0.0.1:1

backend web_green
    server g1 127.0.0.1:2
"""

GUARDIAN = """\
state_dir: state
rules: rules
haproxy: {socket: admin.sock, map: haproxy.map}
api: {socket: api.sock}
services:
  web: {blue: web_blue, green: web_green}
"""


@dataclass(frozen=True)
class Site:
    """A directory with both configurations, and the command that adopts in it."""

    directory: Path
    shell: Shell
    binary: Path

    @property
    def haproxy(self) -> Path:
        """The user's haproxy.cfg."""
        return self.directory / "haproxy.cfg"

    async def adopt(self, *options: str) -> Said:
        """Run the command."""
        config, file = str(self.directory / "guardian.yaml"), str(self.haproxy)
        return await self.shell.run(
            "haproxy", "adopt", "web", "--config", config, "--file", file, "--haproxy", str(self.binary), *options
        )


@pytest.fixture(params=[debian_binary, wheel_binary], ids=["debian", "wheel"])
def site(request: pytest.FixtureRequest, tmp_path: Path, shell: Shell) -> Site:
    """A site that guardian does not know yet."""
    (tmp_path / "guardian.yaml").write_text(GUARDIAN)
    (tmp_path / "rules").mkdir()
    (tmp_path / "haproxy.cfg").write_text(HAPROXY)
    return Site(tmp_path, shell, request.param())


async def test_a_diff_changes_nothing(site: Site) -> None:
    """By default it is shown, and that is all."""
    said = await site.adopt()
    assert said.code == 0
    assert "+    # >>> guardian web" in said.out
    assert "--apply" in said.out
    assert site.haproxy.read_text() == HAPROXY
    assert not (site.directory / "haproxy.map").exists()


async def test_adopted_and_removed_is_as_before(site: Site) -> None:
    """The block stands before the rule, a second time changes nothing, and its removal gives back every byte."""
    assert (await site.adopt("--apply")).code == 0
    adopted = site.haproxy.read_text()
    assert adopted.index("# >>> guardian web") < adopted.index("default_backend web_blue")
    assert (site.directory / "haproxy.map").read_text() == "web 0\n"
    again = await site.adopt("--apply")
    assert (again.code, site.haproxy.read_text()) == (0, adopted)
    assert "nothing to change" in again.out
    assert (await site.adopt("--remove")).code == 0
    assert site.haproxy.read_text() == HAPROXY
    assert sorted(path.name for path in site.directory.glob(".*")) == []


async def test_what_haproxy_refuses_is_not_written(site: Site) -> None:
    """HAProxy's own words say why."""
    broken = HAPROXY.replace("mode http", "mode nonsense")
    site.haproxy.write_text(broken)
    said = await site.adopt("--apply")
    assert said.code == 1
    assert "nothing was changed" in said.err
    assert "nonsense" in said.err
    assert site.haproxy.read_text() == broken


async def test_a_configuration_that_does_not_fit_gets_a_sentence(site: Site) -> None:
    """It says what to change."""
    site.haproxy.write_text(HAPROXY.replace("web_green", "web_other"))
    said = await site.adopt("--apply")
    assert said.code == 1
    assert "web_green" in said.err


async def test_a_file_that_is_not_there_is_named(site: Site) -> None:
    """With what to do."""
    site.haproxy.unlink()
    said = await site.adopt()
    assert said.code == 1
    assert "haproxy.cfg cannot be read" in said.err


async def test_an_unknown_service_is_named(site: Site) -> None:
    """With those that are known."""
    (site.directory / "guardian.yaml").write_text(GUARDIAN.replace("  web:", "  shop:"))
    said = await site.adopt()
    assert said.code == 1
    assert "there is no service web; guardian.yaml names shop" in said.err
