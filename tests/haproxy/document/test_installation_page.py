"""What deploy/README.md tells people to write is what HAProxy and guardian take."""

import re
import subprocess
from pathlib import Path

import pytest

from guardian.balancers.haproxy.adoption import Adoption, adopt
from guardian.balancers.haproxy.document import load, parse
from guardian.config.settings import load_settings
from guardian.core.model import Routing, Service, Way
from guardian.demo.haproxy import debian_binary

DEPLOY = Path(__file__).parents[3] / "deploy"
PAGE = (DEPLOY / "README.md").read_text()
DEBIANS = Path("/etc/haproxy/haproxy.cfg")


def snippet(language: str) -> str:
    """The first block of the page in this language."""
    found = re.search(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Debian's own haproxy.cfg with what the page adds to it; its groups and sockets need not exist here."""
    debians = (
        DEBIANS.read_text() if DEBIANS.exists() else "global\n\tstats socket /run/haproxy/admin.sock\n\ndefaults\n\tmode http\n"
    )
    socket = re.search(r"^\tstats socket .*$", PAGE, re.MULTILINE)
    assert socket
    text = re.sub(r"^\tstats socket .*$", socket[0].replace("group guardian", "gid 0"), debians, flags=re.MULTILINE)
    file = tmp_path / "haproxy.cfg"
    file.write_text(f"{text}\n{snippet('haproxy')}")
    return file


@pytest.mark.parametrize("way", Way)
def test_the_page_fits_debians_configuration(site: Path, way: Way, tmp_path: Path) -> None:
    """It is adopted by either way, without advice but on the hard stop, and HAProxy takes the result."""
    service = Service("web", "web_blue", "web_green", routing=Routing(way, fallback=True))
    document, map_path = load([site]), tmp_path / "haproxy.map"
    plan = adopt(document, service, map_path)
    assert isinstance(plan, Adoption), plan.sentences
    assert ["hard-stop-after" in advice for advice in plan.advice] == [True]
    adopted = document.apply(plan.edits)
    assert parse([(str(site), adopted.files[0].data)]).damages == ()
    site.write_bytes(adopted.files[0].data)
    map_path.write_text("web 0\n")
    done = subprocess.run([debian_binary(), "-c", "-f", site], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr


def test_the_settings_beside_it_name_the_same(tmp_path: Path) -> None:
    """Sockets, map and backends of deploy/guardian.yaml are those of the page; every file that it installs is there."""
    settings = load_settings(DEPLOY / "guardian.yaml")
    assert str(settings.haproxy.socket) in PAGE
    assert str(settings.haproxy.map) in PAGE
    assert (settings.services["web"].blue, settings.services["web"].green) == ("web_blue", "web_green")
    for name in re.findall(r"\b((?:deploy|rules)/[\w.-]+\.\w+)", PAGE):
        assert (DEPLOY.parent / name).is_file(), name


def test_root_s_part_is_what_polkit_lets_guardian_start() -> None:
    """The unit of the rule is the unit of the file, and what it runs is the program."""
    rules, unit = (DEPLOY / "guardian-apply.rules").read_text(), (DEPLOY / "guardian-apply.service").read_text()
    assert 'action.lookup("unit") == "guardian-apply.service"' in rules
    assert 'action.lookup("verb") == "start"' in rules
    assert 'subject.user == "guardian"' in rules
    assert "guardian haproxy apply --config /etc/guardian/guardian.yaml" in unit
    assert "User=guardian" in (DEPLOY / "guardian.service").read_text()
