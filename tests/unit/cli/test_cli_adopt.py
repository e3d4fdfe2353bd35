"""``guardian haproxy adopt``: shown, checked by a real HAProxy, written, and taken out again to the byte."""

import contextlib
from dataclasses import dataclass, replace
from pathlib import Path

import click
import pytest

from guardian.balancers.haproxy import turn
from guardian.cli import haproxy as command
from guardian.demo.haproxy import debian_binary, wheel_binary
from tests.unit.cli.conftest import HAPROXY, Said, Shell

GUARDIAN = """\
state_dir: state
rules: rules
haproxy: {socket: admin.sock, map: haproxy.map, files: [haproxy.cfg]}
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

    async def adopt(self, *options: str, services: tuple[str, ...] = ("web",)) -> Said:
        """Run the command."""
        return await self.shell.run(*self.command(*options, services=services))

    def command(self, *options: str, services: tuple[str, ...] = ("web",)) -> tuple[str, ...]:
        """What is typed."""
        config, file = str(self.directory / "guardian.yaml"), str(self.haproxy)
        return ("haproxy", "adopt", *services, "--config", config, "--file", file, "--haproxy", str(self.binary), *options)

    def say(self, routing: str, more: str = "") -> None:
        """Write guardian.yaml anew, with this routing for web, and with more services."""
        web = f"  web: {{blue: web_blue, green: web_green, routing: {routing}}}\n"
        (self.directory / "guardian.yaml").write_text(GUARDIAN.rpartition("  web:")[0] + web + more)


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


@pytest.mark.parametrize("way", ["runtime", "reload"])
async def test_a_removal_that_would_move_traffic_is_asked_for(site: Site, way: str) -> None:
    """Where the rules that stay name another side than the one that serves, nothing is changed until somebody says so."""
    site.say(f"{{way: {way}}}")
    assert (await site.adopt("--apply")).code == 0
    if way == "runtime":
        (site.directory / "haproxy.map").write_text("web 10000\n")
    else:
        site.haproxy.write_text(site.haproxy.read_text().replace("int(0)", "int(10000)"))
    adopted = site.haproxy.read_text()
    said = await site.adopt("--remove")
    assert said.code == 1
    assert "web: green has 100 % of the traffic, and 0 % by the rules that stay" in said.err
    assert "`guardian switch web --to blue`" in said.err
    assert site.haproxy.read_text() == adopted
    site.haproxy.write_text(adopted.replace("default_backend web_blue ", "default_backend web_green "))
    assert (await site.adopt("--remove")).code == 0
    assert site.haproxy.read_text() == HAPROXY.replace("default_backend web_blue ", "default_backend web_green ")
    site.haproxy.write_text(adopted)
    assert (await site.adopt("--remove", "--moving")).code == 0
    assert site.haproxy.read_text() == HAPROXY


async def test_what_is_left_of_a_haproxy_that_is_gone(site: Site) -> None:
    """Its configuration can be cleared of guardian's lines all the same, so that guardian can go; nothing goes in unchecked."""
    assert (await site.adopt("--apply")).code == 0
    gone = replace(site, binary=site.directory / "gone")
    said = await gone.adopt("--remove")
    assert said.code == 0
    assert "gone that could check it" in said.out
    assert site.haproxy.read_text() == HAPROXY
    assert "could not be checked" in (await gone.adopt("--apply")).err
    assert site.haproxy.read_text() == HAPROXY


async def test_the_files_of_guardian_yaml_are_haproxys(site: Site) -> None:
    """Unless others are named."""
    named = site.command("--apply")
    at = named.index("--file")
    assert (await site.shell.run(*named[:at], *named[at + 2 :])).code == 0
    assert "# >>> guardian web" in site.haproxy.read_text()


async def test_what_haproxy_refuses_is_not_written(site: Site) -> None:
    """HAProxy's own words say why."""
    broken = HAPROXY.replace("mode http", "mode nonsense")
    site.haproxy.write_text(broken)
    said = await site.adopt("--apply")
    assert said.code == 1
    assert "nothing was changed" in said.err
    assert "nonsense" in said.err
    assert site.haproxy.read_text() == broken


async def test_a_haproxy_that_is_not_there_checks_nothing(site: Site) -> None:
    """The sentence says how to name another, and nothing is written."""
    said = await replace(site, binary=Path("no-such-haproxy")).adopt("--apply")
    assert said.code == 1
    assert "(no-such-haproxy: not found; name it with --haproxy); nothing was changed" in said.err
    assert site.haproxy.read_text() == HAPROXY


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


SHOP = """
frontend shop
    bind 127.0.0.1:8081
    default_backend shop_green

backend shop_blue
    server b1 127.0.0.1:1

backend shop_green
    server g1 127.0.0.1:2
"""
MIXED = """
listen shop
    bind 127.0.0.1:8081
    balance source
    server blue1 127.0.0.1:1 check
    server green1 127.0.0.1:2 check backup
"""
SHOPS = "  shop: {blue: shop_blue, green: shop_green}\n"


async def test_without_a_name_all_services_are_adopted_and_taken_out(site: Site) -> None:
    """Each gets its blocks and its entry in the map, in one change; and all that is guardian's goes, of forgotten services too."""
    site.haproxy.write_text(HAPROXY + SHOP)
    site.say("{}", SHOPS)
    assert (await site.adopt("--apply", services=())).code == 0
    text = site.haproxy.read_text()
    assert ("# >>> guardian web" in text, "# >>> guardian shop" in text) == (True, True)
    assert sorted((site.directory / "haproxy.map").read_text().splitlines()) == ["shop 10000", "web 0"]
    site.say("{}")
    assert (await site.adopt("--remove", services=())).code == 0
    assert site.haproxy.read_text() == HAPROXY + SHOP


async def test_when_one_service_does_not_fit_none_is_adopted(site: Site) -> None:
    """All that must be changed is told at once, and nothing is written."""
    site.say("{}", SHOPS + "  api: {blue: api_blue, green: api_green}\n")
    said = await site.adopt("--apply", services=())
    assert said.code == 1
    assert ("shop_blue" in said.err, "api_blue" in said.err) == (True, True)
    assert site.haproxy.read_text() == HAPROXY
    assert not (site.directory / "haproxy.map").exists()


async def test_a_listen_is_converted_when_that_is_asked_for(site: Site) -> None:
    """Without the request a sentence tells the way; with it the new sections are checked and written; removal gives back all."""
    site.haproxy.write_text(HAPROXY + MIXED)
    site.say("{}", SHOPS)
    refused = await site.adopt("--apply", services=("shop",))
    assert refused.code == 1
    assert "--convert" in refused.err
    said = await site.adopt("--apply", "--convert", services=())
    assert said.code == 0, said.err
    assert "listen shop becomes `frontend shop`, `backend shop_blue` and `backend shop_green`; shop_blue serves" in said.out
    assert "\nfrontend shop\n" in site.haproxy.read_text()
    assert (await site.adopt("--remove", services=())).code == 0
    assert site.haproxy.read_text() == HAPROXY + MIXED


async def test_the_split_goes_along_when_the_way_changes(site: Site) -> None:
    """From the map into the blocks, where no map is needed, and back into the map: nothing moves."""
    (site.directory / "haproxy.map").write_text("web 2500\n")
    site.say("{way: reload, sticky: source, fallback: true}")
    assert (await site.adopt("--apply")).code == 0
    text = site.haproxy.read_text()
    assert "int(2500)" in text
    assert "haproxy.map" not in text
    (site.directory / "haproxy.map").write_text("web 0\n")
    site.say("{}")
    assert (await site.adopt("--apply")).code == 0
    assert (site.directory / "haproxy.map").read_text() == "web 2500\n"
    assert "int(2500)" not in site.haproxy.read_text()


async def test_only_the_frontends_of_guardian_yaml_are_touched(site: Site) -> None:
    """A frontend that is not named is left alone, and one that is not there is a fault."""
    preview = "\nfrontend preview\n    bind 127.0.0.1:8082\n    default_backend web_green\n"
    site.haproxy.write_text(HAPROXY + preview)
    assert "cannot be both" in (await site.adopt()).err
    site.say("{frontends: [www]}")
    said = await site.adopt("--apply")
    assert (said.code, site.haproxy.read_text().endswith(preview)) == (0, True)
    assert "frontend preview also sends to the service's backends and is left alone" in said.out
    site.say("{frontends: [wwww]}")
    assert "There is no frontend or listen wwww" in (await site.adopt()).err


async def test_a_change_waits_for_one_that_is_under_way(site: Site) -> None:
    """While a daemon switches by reload nothing is written, which is said; a diff waits for nobody."""
    with contextlib.ExitStack() as held:
        assert held.enter_context(turn.queued([site.haproxy]))()
        assert (await site.adopt()).code == 0
        async with site.shell.start(*site.command("--apply")) as typed:
            assert "another change of HAProxy's configuration is under way" in await typed.says("waiting for its end")
            assert site.haproxy.read_text() == HAPROXY
            site.haproxy.write_text(HAPROXY + "\nbackend written_by_that_change\n")
            held.close()
            assert (await typed.end()).code == 0
    text = site.haproxy.read_text()
    assert "backend written_by_that_change" in text
    assert ">>> guardian web" in text


def test_a_change_that_never_gets_its_turn_says_so(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a sentence, and nothing is changed, neither by an adoption nor by a removal."""
    monkeypatch.setattr(command, "LOCK_PATIENCE", 0.1)
    with turn.queued([site.haproxy]) as taken:
        assert taken()
        for mode in (command.Mode.APPLY, command.Mode.REMOVE):
            order = command.Request(
                site.directory / "guardian.yaml", "web", (), usual=site.haproxy, mode=mode, convert=False, binary="haproxy"
            )
            with pytest.raises(click.ClickException, match=r"is under way and has not ended within 0\.10 s; nothing was changed"):
                command.adopt(order)
    assert site.haproxy.read_text() == HAPROXY
    assert not (site.directory / "haproxy.map").exists()
