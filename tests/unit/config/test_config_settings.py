"""Reading guardian.yaml when nothing is wrong with it."""

from pathlib import Path

import pytest

from guardian.config.settings import ApiSettings, HaproxySettings, LogFormat, LogLevel, LogSettings, load_settings
from guardian.core.model import Service

ROOT = Path(__file__).parents[3]
GOOD = Path(__file__).parent / "good"

HAPROXY = "haproxy: {socket: /run/haproxy/admin.sock, map: /var/lib/guardian/haproxy.map"
SERVICES = "services: {web: {blue: web_blue, green: web_green}}"


def written(tmp_path: Path, *, haproxy: str = "", api: str = "", rest: str = "") -> Path:
    """A guardian.yaml with more in some of its sections."""
    path = tmp_path / "guardian.yaml"
    path.write_text(f"state_dir: /s\nrules: /r\n{HAPROXY}{haproxy}}}\napi: {{socket: /a{api}}}\n{SERVICES}\n{rest}")
    return path


def test_what_is_left_out_has_the_documented_default() -> None:
    """A guardian.yaml with only what must be there looks every 50 ms, waits one second, and lets the group steer."""
    settings = load_settings(GOOD / "guardian.yaml")
    assert settings.haproxy == HaproxySettings(
        socket=Path("/run/haproxy/admin.sock"),
        map=Path("/var/lib/guardian/haproxy.map"),
        master_socket=None,
        look_every=0.05,
        timeout=1.0,
    )
    assert settings.api == ApiSettings(socket=GOOD / "api.sock", group=None, mode=0o660)
    assert settings.log == LogSettings(LogFormat.TEXT, LogLevel.INFO)


def test_services_are_read_with_their_backends_and_watch() -> None:
    """Each service has the backends it names and a watch of ten minutes unless it says otherwise."""
    assert load_settings(GOOD / "guardian.yaml").services == {
        "web": Service("web", "web_blue", "web_green", 600.0),
        "shop.eu-1": Service("shop.eu-1", "shop:blue", "shop_green", 5400.0),
    }


def test_relative_paths_start_at_the_file(tmp_path: Path) -> None:
    """A relative path in guardian.yaml does not depend on the working directory; an absolute one stays."""
    settings = load_settings(GOOD / "guardian.yaml")
    assert (settings.state_dir, settings.rules) == (GOOD / "state", GOOD / "rules")
    assert load_settings(written(tmp_path)).state_dir == Path("/s")


def test_the_map_is_named_as_haproxy_must_name_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The path of the map is absolute even where guardian.yaml and the map are both named from the working directory."""
    path = written(tmp_path)
    path.write_text(path.read_text().replace("/var/lib/guardian/haproxy.map", "haproxy.map"))
    monkeypatch.chdir(tmp_path)
    assert load_settings(Path("guardian.yaml")).haproxy.map == tmp_path / "haproxy.map"


def test_everything_that_may_be_set_is_read(tmp_path: Path) -> None:
    """Optional keys of all sections arrive with the value that was written."""
    path = written(
        tmp_path,
        haproxy=", master_socket: m.sock, look_every: 0.2 s, timeout: 250ms",
        api=", group: _guardian, mode: 0600",
        rest="log: {format: json, level: debug}\n",
    )
    settings = load_settings(path)
    assert (settings.haproxy.master_socket, settings.haproxy.look_every, settings.haproxy.timeout) == (
        tmp_path / "m.sock",
        0.2,
        0.25,
    )
    assert (settings.api.group, settings.api.mode) == ("_guardian", 0o600)
    assert settings.log == LogSettings(LogFormat.JSON, LogLevel.DEBUG)


@pytest.mark.parametrize("mode", ["0660", "660", "0o660", '"0660"'])
def test_a_mode_is_octal_however_it_is_written(tmp_path: Path, mode: str) -> None:
    """YAML's own octal rules play no part in the mode of the socket."""
    assert load_settings(written(tmp_path, api=f", mode: {mode}")).api.mode == 0o660


def test_line_ends_of_other_systems_are_read(tmp_path: Path) -> None:
    """A file with carriage returns means the same as one without."""
    path = tmp_path / "guardian.yaml"
    path.write_bytes((GOOD / "guardian.yaml").read_bytes().replace(b"\n", b"\r\n"))
    assert load_settings(path).services == load_settings(GOOD / "guardian.yaml").services


def test_guardian_yaml_may_be_a_link_to_anywhere(tmp_path: Path) -> None:
    """The operator names guardian.yaml, so a link is followed, and relative paths start beside the link."""
    link = tmp_path / "guardian.yaml"
    link.symlink_to(GOOD / "guardian.yaml")
    assert load_settings(link).rules == tmp_path / "rules"


def test_settings_cannot_be_changed() -> None:
    """What was read stays as it was read, mappings included."""
    settings = load_settings(GOOD / "guardian.yaml")
    with pytest.raises(TypeError):
        settings.services["other"] = settings.services["web"]  # type: ignore[index]  # the test is that this fails


def test_the_example_for_debian_is_read_without_a_fault() -> None:
    """deploy/guardian.yaml is a configuration that guardian accepts, with Debian's paths."""
    settings = load_settings(ROOT / "deploy" / "guardian.yaml")
    assert settings.haproxy.socket == Path("/run/haproxy/admin.sock")
    assert settings.haproxy.map == Path("/var/lib/guardian/haproxy.map")
    assert settings.rules == Path("/etc/guardian/rules")
    assert settings.api == ApiSettings(Path("/run/guardian/api.sock"), "guardian", 0o660)
    assert list(settings.services) == ["web"]
