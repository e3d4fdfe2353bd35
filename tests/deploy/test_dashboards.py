"""The dashboard and the rules for guardian itself: Prometheus' own tool reads them, and every series in them exists."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from guardian.app.gauges import ChatState, Gauges
from guardian.app.outbox import ChannelState
from guardian.demo.haproxy import HAProxyProcess
from tests.doubles.house import House

DEPLOY = Path(__file__).parents[2] / "deploy"
PROMETHEUS = DEPLOY / "prometheus"
DASHBOARD = DEPLOY / "grafana" / "dashboard.json"
_NAME = re.compile(r"\b(?:guardian|haproxy)_[a-z0-9_]+\b")
_RECORDED = re.compile(r"\bguardian:[a-z0-9_]+:[a-z0-9_]+\b")


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Prometheus' tool."""
    program = shutil.which("promtool")
    assert program, "promtool comes with Debian's package prometheus"
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=60, cwd=PROMETHEUS)


def rules() -> list[Mapping[str, Any]]:
    """All rules for Prometheus."""
    groups = yaml.safe_load((PROMETHEUS / "guardian.rules.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[Mapping[str, Any]]:
    """All panels of the dashboard that show something."""
    return [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row"]


def expressions() -> list[str]:
    """Every query of rules and dashboard, with a service in the place of its variable."""
    shown = [target["expr"].replace("$service", "web") for panel in panels() for target in panel["targets"]]
    return [*(rule["expr"] for rule in rules()), *shown]


@pytest.mark.parametrize("arguments", [("check", "guardian.rules.yml"), ("test", "guardian.rules.test.yml")], ids=["check", "test"])
def test_promtool_accepts_the_rules_and_their_tests(arguments: tuple[str, str]) -> None:
    """Syntax, and what each of them does with made-up series."""
    kind, name = arguments
    found = promtool(kind, "rules", name)
    assert found.returncode == 0, found.stdout + found.stderr


def test_promtool_reads_every_query_of_the_dashboard(tmp_path: Path) -> None:
    """As rules, since that is what promtool checks."""
    recorded = [{"record": f"panel:{number}", "expr": expr} for number, expr in enumerate(expressions())]
    (tmp_path / "panels.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": recorded}]}))
    found = promtool("check", "rules", str(tmp_path / "panels.yml"))
    assert found.returncode == 0, found.stdout + found.stderr


def test_each_alert_is_proved_to_fire_and_to_keep_quiet() -> None:
    """No alert without a test in which it fires, and one in which it does not yet; each says what to do."""
    tested = yaml.safe_load((PROMETHEUS / "guardian.rules.test.yml").read_text())["tests"]
    cases = [case for test in tested for case in test.get("alert_rule_test", ())]
    alerts = {rule["alert"]: rule for rule in rules() if "alert" in rule}
    for name, rule in alerts.items():
        assert any(case["alertname"] == name and case.get("exp_alerts") for case in cases), name
        assert set(rule["annotations"]) == {"summary", "description"}, name
        if rule.get("for", "1m") != "1m":
            assert any(case["alertname"] == name and not case.get("exp_alerts") for case in cases), name


def test_every_recorded_series_is_recorded() -> None:
    """What the dashboard and the alerts take from rules is what the rules record."""
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    asked = {name for expr in expressions() for name in _RECORDED.findall(expr)}
    assert asked <= recorded
    assert recorded <= asked | {"guardian:errors:rate1m"}


async def test_every_series_of_guardian_exists() -> None:
    """What is asked for is what /metrics shows: no dashboard of names that were renamed."""
    house = House()
    house.gauges.show_channels(lambda: [ChannelState("ops", 0, None, "")])
    house.gauges.show_chat(lambda: ChatState(connected=True, connections=1, heard=1.0))
    shown = set(_described(house.gauges))
    asked = {name for expr in expressions() for name in _NAME.findall(expr) if name.startswith("guardian_")}
    bare = {re.sub(r"_(bucket|sum|count|total)$", "", name) for name in asked}
    assert len(asked) > 10
    assert bare <= shown


def _described(gauges: Gauges) -> Iterator[str]:
    for line in gauges.text().decode().splitlines():
        if line.startswith("# TYPE "):
            yield line.split()[2].removesuffix("_total")


async def test_every_series_of_haproxy_exists(haproxy: HAProxyProcess) -> None:
    """HAProxy's own exporter shows what is asked for, by the label `proxy` that guardian_backend_info has, too."""
    text = haproxy.configuration.read_text()
    exporter = f"    http-request use-service prometheus-exporter if {{ path /metrics }}\n    bind 127.0.0.1:{haproxy.port}\n"
    haproxy.configuration.write_text(text.replace(f"    bind 127.0.0.1:{haproxy.port}\n", exporter))
    await haproxy.reload()
    async with httpx.AsyncClient(trust_env=False) as http:
        shown = (await http.get(f"http://127.0.0.1:{haproxy.port}/metrics")).text
    asked = {name for expr in expressions() for name in _NAME.findall(expr) if name.startswith("haproxy_")}
    assert asked
    for name in asked:
        assert re.search(rf'^{name}{{proxy="web_green"', shown, re.MULTILINE), name


def test_the_dashboard_shows_deployments_and_overlaps_nothing() -> None:
    """Deployments are annotations by tag, and no panel lies on another."""
    dashboard = json.loads(DASHBOARD.read_text())
    (annotations,) = dashboard["annotations"]["list"]
    assert annotations["target"]["tags"] == ["guardian", "$service"]
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
