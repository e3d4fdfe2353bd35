"""Reading guardian.yaml when nothing is wrong with it."""

from pathlib import Path

import pytest

from guardian.config.faults import ConfigFaults
from guardian.config.settings import ApiSettings, HaproxySettings, LogFormat, LogLevel, LogSettings, load_settings
from guardian.core.channels import ChannelSettings, Grafana, Webhook
from guardian.core.drift import Policy, Unloaded
from guardian.core.letters import Kind, Route
from guardian.core.model import Ending, Holding, Preview, Routing, Service, Sticky, Way
from guardian.core.notebook import GitSettings, NotesSettings
from guardian.core.rules import Severity
from guardian.core.sentry import SentryReleases, SentrySettings
from guardian.core.shield import Shield

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
        "web": Service("web", "web_blue", "web_green", 600.0, shield=Shield()),
        "shop.eu-1": Service("shop.eu-1", "shop:blue", "shop_green", 5400.0, shield=Shield()),
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


def test_drift_and_files_are_read(tmp_path: Path) -> None:
    """What becomes of hand-made changes, and where HAProxy's configuration is looked at."""
    haproxy = load_settings(written(tmp_path, haproxy=", drift: restore, files: [/etc/haproxy/haproxy.cfg]")).haproxy
    assert (haproxy.drift, haproxy.files) == (Policy.RESTORE, (Path("/etc/haproxy/haproxy.cfg"),))


def test_a_further_instance_carries_the_services_that_it_names(tmp_path: Path) -> None:
    """Beside the instance that stands under haproxy itself, each has its own socket and map."""
    edge = ", instances: {edge: {socket: /run/edge.sock, map: /var/lib/guardian/edge.map, services: [web]}}"
    instance = load_settings(written(tmp_path, haproxy=edge)).haproxy.instances["edge"]
    assert (instance.socket, instance.map) == (Path("/run/edge.sock"), Path("/var/lib/guardian/edge.map"))
    assert (instance.master_socket, instance.files, instance.services) == (None, (), ("web",))


@pytest.mark.parametrize(
    ("instances", "sentence"),
    [
        ("{edge: {socket: /e, map: /m, services: [shop]}}", "there is no service `shop`"),
        ("{a: {socket: /a, map: /m, services: [web]}, b: {socket: /b, map: /n, services: [web]}}", "web is carried by a already"),
    ],
)
def test_each_service_is_carried_once(tmp_path: Path, instances: str, sentence: str) -> None:
    """By an instance that exists, and by no other."""
    with pytest.raises(ConfigFaults, match=sentence):
        load_settings(written(tmp_path, haproxy=f", instances: {instances}"))


def test_where_further_instances_carry_everything_the_first_need_not_be_another(tmp_path: Path) -> None:
    """It must be named, and nothing is written for it: nothing is lost to it, or by it."""
    first = load_settings(written(tmp_path)).haproxy
    edge = f", instances: {{edge: {{socket: {first.socket}, map: {first.map}, services: [web]}}}}"
    haproxy = load_settings(written(tmp_path, haproxy=edge)).haproxy
    assert (haproxy.instances["edge"].socket, haproxy.instances["edge"].map) == (haproxy.socket, haproxy.map)


def test_backends_of_two_instances_have_two_names(tmp_path: Path) -> None:
    """Counters are asked for by the backend's name alone."""
    edge = ", instances: {edge: {socket: /e, map: /m, services: [web]}}"
    path = written(tmp_path, haproxy=edge)
    path.write_text(path.read_text().replace(SERVICES, SERVICES[:-1] + ", shop: {blue: web_blue, green: shop_green}}"))
    with pytest.raises(ConfigFaults, match="backends of the same name, web_blue"):
        load_settings(path)


def routing(tmp_path: Path, text: str) -> Routing:
    """The routing of a service with this section."""
    path = written(tmp_path, haproxy=", files: [/h.cfg]")
    path.write_text(path.read_text().replace("green: web_green}", f"green: web_green, routing: {text}}}"))
    return load_settings(path).services["web"].routing


def test_a_service_may_say_how_its_traffic_is_moved(tmp_path: Path) -> None:
    """Every key of `routing` arrives; without any, each request is drawn anew by the map, and connections are drained."""
    text = "{way: reload, sticky: cookie JSESSIONID, fallback: true, frontends: [www, api.tls], ending: cut, grace: 30s}"
    expected = Routing(Way.RELOAD, Sticky(Holding.COOKIE, "JSESSIONID"), True, ("www", "api.tls"), Ending.CUT, 30.0)  # noqa: FBT003  as it is declared
    assert routing(tmp_path, text) == expected
    assert routing(tmp_path, "{}") == Routing(Way.RUNTIME, None, fallback=False, frontends=(), ending=Ending.DRAIN, grace=0.0)


@pytest.mark.parametrize(
    ("text", "sticky"),
    [
        ("source", Sticky(Holding.SOURCE)),
        ("header X-User-Id", Sticky(Holding.HEADER, "X-User-Id")),
        ("'cookie   __Host-sid'", Sticky(Holding.COOKIE, "__Host-sid")),
    ],
)
def test_visitors_are_held_by_what_is_named(tmp_path: Path, text: str, sticky: Sticky) -> None:
    """The three ways to recognise a visitor, as people write them."""
    assert routing(tmp_path, f"{{sticky: {text}}}").sticky == sticky


def test_connections_may_be_cut_at_once(tmp_path: Path) -> None:
    """Without a grace, what is to be cut is cut when the switch is done."""
    assert routing(tmp_path, "{ending: cut}") == Routing(ending=Ending.CUT)


def test_the_examples_of_routing_are_read_when_they_are_uncommented(tmp_path: Path) -> None:
    """What deploy/guardian.yaml shows in comments is accepted as it stands there."""
    above, _, below = (ROOT / "deploy" / "guardian.yaml").read_text().partition("    # routing:\n")
    lines = [line.replace("    # ", "    ", 1) for line in f"    # routing:\n{below}".splitlines(keepends=True)]
    path = tmp_path / "guardian.yaml"
    path.write_text(above + "".join(lines))
    assert load_settings(path).services["web"].routing == Routing(
        sticky=Sticky(Holding.COOKIE, "JSESSIONID"),
        frontends=("www",),
        testers=Preview(Holding.HEADER, "X-Guardian-Tester", Path("/etc/guardian/web-testers")),
    )


def test_channels_are_read_with_their_routes(tmp_path: Path) -> None:
    """A channel takes all services and everything unless it says otherwise; its news are worth a day."""
    rest = (
        "channels:\n  ops: {webhook: {url: 'https://example.org/hook?team=ops'}}\n"
        "  pager: {webhook: {url_file: u, token_file: t, timeout: 3s}, services: [web], severity: critical, forget_after: 1h}\n"
    )
    assert load_settings(written(tmp_path, rest=rest)).channels == {
        "ops": ChannelSettings(Route("ops"), 86_400.0, Webhook(url="https://example.org/hook?team=ops")),
        "pager": ChannelSettings(
            Route("pager", services=frozenset({"web"}), severity=Severity.CRITICAL),
            3600.0,
            Webhook(url_file=tmp_path / "u", token_file=tmp_path / "t", timeout=3.0),
        ),
    }
    assert load_settings(written(tmp_path)).channels == {}


def test_a_grafana_is_a_channel_of_deployments(tmp_path: Path) -> None:
    """It gets one card a deployment and no news; the address may end with a slash."""
    rest = (
        "channels:\n  graphs: {grafana: {url: 'https://g.example.org/grafana/', token_file: t, dashboard: abc}, services: [web]}\n"
    )
    assert load_settings(written(tmp_path, rest=rest)).channels == {
        "graphs": ChannelSettings(
            Route("graphs", frozenset({Kind.CARD}), frozenset({"web"})),
            86_400.0,
            Grafana("https://g.example.org/grafana", tmp_path / "t", "abc"),
        )
    }


def test_how_haproxy_is_reloaded_is_read(tmp_path: Path) -> None:
    """Its unit, and what becomes of edits that others have not loaded; without a word they are never loaded along."""
    more = ", files: [/etc/haproxy/haproxy.cfg], unit: haproxy@edge.service, unloaded_edits: load"
    haproxy = load_settings(written(tmp_path, haproxy=more)).haproxy
    assert (haproxy.unit, haproxy.unloaded_edits) == ("haproxy@edge.service", Unloaded.LOAD)
    assert load_settings(written(tmp_path)).haproxy.unloaded_edits is Unloaded.REFUSE


def test_notes_are_read_with_their_repository(tmp_path: Path) -> None:
    """A directory is enough; a repository may be on this host only, or have a remote with a key or a token."""
    assert load_settings(written(tmp_path)).notes is None
    assert load_settings(written(tmp_path, rest="notes: {directory: notes}\n")).notes == NotesSettings(tmp_path / "notes")
    rest = (
        "notes:\n  directory: /n\n  url: https://git.example.org/notes/\n  git:\n    remote: git@git.example.org:ops/notes.git\n"
        "    branch: releases/web\n    author: guardian of lb1\n    email: g@example.org\n    ssh_key_file: key\n    timeout: 10s\n"
    )
    git = GitSettings(
        "git@git.example.org:ops/notes.git", "releases/web", "guardian of lb1", "g@example.org", tmp_path / "key", timeout=10.0
    )
    assert load_settings(written(tmp_path, rest=rest)).notes == NotesSettings(Path("/n"), "https://git.example.org/notes/", git)
    assert load_settings(written(tmp_path, rest="notes: {directory: n, git: {author: g}}\n")).notes == NotesSettings(
        tmp_path / "n", git=GitSettings(author="g")
    )


def test_a_sentry_is_read_with_its_monitor_and_releases(tmp_path: Path) -> None:
    """Signs of life are on unless somebody says otherwise, under the name of this host unless there is another."""
    assert load_settings(written(tmp_path)).sentry is None
    plain = load_settings(written(tmp_path, rest="sentry: {dsn_file: dsn}\n")).sentry
    assert plain is not None
    assert (plain.dsn_file, plain.environment, plain.releases) == (tmp_path / "dsn", "production", None)
    assert (plain.monitor or "").startswith("guardian-")
    silent = load_settings(written(tmp_path, rest="sentry: {dsn_file: dsn, check_in: false}\n")).sentry
    assert silent == SentrySettings(tmp_path / "dsn")
    rest = (
        "sentry:\n  environment: staging\n  releases:\n    url: https://sentry.example.org\n    organization: acme\n"
        "    token_file: token\n    projects: {web: shop}\n    timeout: 3s\n"
    )
    releases = SentryReleases("https://sentry.example.org", "acme", tmp_path / "token", {"web": "shop"}, 3.0)
    assert load_settings(written(tmp_path, rest=rest)).sentry == SentrySettings(None, "staging", None, releases)
