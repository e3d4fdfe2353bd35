"""``guardian check``: all faults of all files at once."""
# ruff: noqa: ASYNC240  a test may wait for its own disk

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Shell

SETTINGS = """\
state_dir: state
rules: rules
haproxy:
  socket: haproxy.sock
  map: guardian.map
api:
  socket: api.sock
services:
  web: {blue: web_blue, green: web_green}
  shop: {blue: shop_blue, green: shop_green}
"""
RULES = """\
service: web
rules:
  - name: server-errors
    summary: Too many 5xx
    source: haproxy
    ratio: responses_5xx / responses
    test: sequential
    limit: 1%
    on_no_data: hold
    action: rollback
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration without a fault, but with a service that nobody watches."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "web.yaml").write_text(RULES)
    path = tmp_path / "guardian.yaml"
    path.write_text(SETTINGS)
    return path


async def test_a_good_configuration_passes_with_its_warnings(config: Path, shell: Shell) -> None:
    """0, what was read, and what is probably not meant."""
    said = await shell.run("check", "--config", str(config))
    assert (said.code, said.err) == (0, "")
    assert f"{config}: no fault; 2 services, 1 rules\n" in said.out
    assert "no rule watches `shop`" in said.out


async def test_all_faults_of_all_files_are_listed(config: Path, shell: Shell) -> None:
    """1, and each as ``file:line: path: sentence``."""
    config.write_text(SETTINGS.replace("state_dir: state", "state_dri: state"))
    rules = config.parent / "rules" / "web.yaml"
    rules.write_text(RULES.replace("1%", "1").replace("hold", "maybe"))
    said = await shell.run("check", "--config", str(config))
    assert said.code == 1
    lines = said.out.splitlines()
    assert any(line.startswith(f"{config}:1: state_dri: ") for line in lines)
    assert any(line.startswith(f"{rules}:8: rules[0].limit: ") for line in lines)
    assert any(line.startswith(f"{rules}:9: rules[0].on_no_data: ") for line in lines)


async def test_a_missing_configuration_is_a_fault(tmp_path: Path, shell: Shell) -> None:
    """1, and the sentence names the file."""
    said = await shell.run("check", "--config", str(tmp_path / "none.yaml"))
    assert said.code == 1
    assert "none.yaml:1: cannot be read" in said.out


async def test_json_has_faults_and_warnings(config: Path, shell: Shell) -> None:
    """For programs, with file, line, path and sentence apart."""
    good = await shell.run("check", "--config", str(config), "--json")
    found = json.loads(good.out)
    assert (good.code, found["faults"], found["balancer"]) == (0, [], [])
    assert found["warnings"][0]["path"] == "services.shop"
    config.write_text(SETTINGS.replace("rules: rules", "rules: nowhere"))
    bad = await shell.run("check", "--config", str(config), "--json")
    assert bad.code == 1
    assert {(fault["file"], fault["line"], fault["path"]) for fault in json.loads(bad.out)["faults"]} == {(str(config), 2, "rules")}


async def test_online_asks_the_balancer_too(config: Path, shell: Shell) -> None:
    """A HAProxy that does not answer is a fault that only ``--online`` finds."""
    said = await shell.run("check", "--config", str(config), "--online")
    assert said.code == 1
    assert "haproxy.sock" in said.out
    assert "no fault" not in said.out
