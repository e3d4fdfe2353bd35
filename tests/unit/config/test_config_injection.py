"""Names that would be a second command to HAProxy: no file gets one into a socket line, or into a query."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from guardian.balancers.haproxy.runtime import safe_name
from guardian.config.faults import ConfigFaults
from guardian.config.rulefiles import load_rules
from guardian.config.settings import load_settings
from guardian.core.judges.trial import Trial
from guardian.core.model import NAME, Environment, Service
from guardian.core.ports import BalancerUnfit
from guardian.core.query import rendered
from guardian.core.readings import History
from guardian.core.rules import Direction, Lack, Query, Rule, Source, Threshold

NAMES = (
    "web; disable server web_blue/a",
    "web;shutdown sessions",
    "web\nset map #0 a b",
    "web\r\nquit",
    "web disabled",
    "web\x00",
    "-1",
    "@1 shutdown",
    "#1",
    "<<",
    'web"} or vector(0) #',
    "web\\",
    "$candidate",
    "../../etc/passwd",
    "wéb",
    "w" * 65,
    "\u2028web",
    "",
)
PLACES = ("services", "blue", "green", "frontends", "sticky")
SETTINGS = {
    "state_dir": "state",
    "rules": "rules",
    "haproxy": {"socket": "a.sock", "map": "guardian.map"},
    "api": {"socket": "b.sock"},
    "services": {"web": {"blue": "web_blue", "green": "web_green", "routing": {}}},
}


def with_name(place: str, name: str) -> dict[str, object]:
    """Settings that would be good, but for a name in one place."""
    service: dict[str, object] = {"blue": "web_blue", "green": "web_green"}
    if place in service:
        service[place] = name
    if place in ("frontends", "sticky"):
        service["routing"] = {place: [name] if place == "frontends" else f"cookie {name}"}
    return {**SETTINGS, "services": {name if place == "services" else "web": service}}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", NAMES)
def test_no_name_in_guardian_yaml_reaches_a_socket_line_as_a_command(place: str, name: str, tmp_path: Path) -> None:
    """Refused where it stands, on one line that shows it."""
    path = tmp_path / "guardian.yaml"
    path.write_text(yaml.safe_dump(with_name(place, name), allow_unicode=True))
    with pytest.raises(ConfigFaults) as refused:
        load_settings(path)
    assert all(str(fault).isprintable() for fault in refused.value.faults)


@pytest.mark.parametrize("key", ["service", "name"])
@pytest.mark.parametrize("name", NAMES)
def test_no_name_in_a_rule_file_does(key: str, name: str, tmp_path: Path) -> None:
    """A rule's name stands in messages and metrics, a service's in queries and socket lines."""
    rule = {"name": "a", "summary": "A", "source": "haproxy", "value": "queued", "above": "1", "on_no_data": "hold"}
    document: dict[str, object] = {"service": "web", "rules": [rule]}
    (document if key == "service" else rule)[key] = name
    (tmp_path / "web.yaml").write_text(yaml.safe_dump(document, allow_unicode=True))
    with pytest.raises(ConfigFaults) as refused:
        load_rules(tmp_path, {"web": Service("web", "web_blue", "web_green"), name: Service(name, "a", "b")})
    assert all(str(fault).isprintable() for fault in refused.value.faults)


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=70) | st.sampled_from(NAMES))
def test_whatever_comes_only_safe_names_are_sent(name: str) -> None:
    """The last border holds, whoever should have checked before: to the socket, and into a query."""
    rule = Rule("a", "A", Source.PROMETHEUS, Query('up{service="$service"}'), Threshold(Direction.ABOVE, 1.0), Lack.HOLD)
    trial = Trial(Environment.GREEN, 0.0, 60.0, 0.05, shared=False, history=History())
    if NAME.fullmatch(name):
        assert safe_name(name) == name
        assert rendered(name, rule, trial, 30.0) == f'up{{service="{name}"}}'
        assert not set(name) & set(" ;\n\r\"'\\{}#<@")
        return
    with pytest.raises(BalancerUnfit):
        safe_name(name)
    with pytest.raises(ValueError, match="service"):
        rendered(name, rule, trial, 30.0)
