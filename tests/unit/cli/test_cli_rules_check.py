"""``guardian rules check``: for people, for programs, for GitHub, and quick."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner, Result

from guardian.cli.main import cli

ROOT = Path(__file__).parents[3]
RULE = """\
service: {service}
rules:
  - name: server-errors
    summary: Too many 5xx
    source: haproxy
    ratio: responses_5xx / responses
    test: sequential
    limit: 1%
    on_no_data: hold
  - name: slow
    summary: Too slow
    source: prometheus
    query: histogram_quantile(0.99, sum by (le) (rate(seconds_bucket{{env="$candidate"}}[$window])))
    above: 800ms
    window: 1m
    on_no_data: hold
"""
TEXT, WHERE = {"type": "string", "minLength": 1}, {"type": "string", "pattern": "^[^ :,]+$"}


def closed(**properties: Any) -> dict[str, Any]:
    """An object that has these properties and no others."""
    return {"type": "object", "additionalProperties": False, "required": list(properties), "properties": properties}


SARIF = closed(
    version={"const": "2.1.0"},
    runs={
        "type": "array",
        "minItems": 1,
        "items": closed(
            tool=closed(
                driver=closed(
                    name={"const": "guardian"},
                    version=TEXT,
                    rules={"type": "array", "uniqueItems": True, "items": closed(id=WHERE, shortDescription=closed(text=TEXT))},
                )
            ),
            columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
            results={
                "type": "array",
                "items": closed(
                    ruleId=WHERE,
                    ruleIndex={"type": "integer", "minimum": 0},
                    level={"enum": ["none", "note", "warning", "error"]},
                    message=closed(text=TEXT),
                    locations={
                        "type": "array",
                        "items": closed(
                            physicalLocation=closed(
                                artifactLocation=closed(uri=WHERE), region=closed(startLine={"type": "integer", "minimum": 1})
                            )
                        ),
                    },
                ),
            },
        ),
    },
)
"""What guardian uses of the OASIS standard's schema of SARIF 2.1.0, and nothing that it does not know."""


def run(*words: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(cli, ["rules", "check", *words])


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of rules, with one that is well, one with a fault and a warning, and tests that are none of its business."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules" / "tests").mkdir(parents=True)
    (tmp_path / "rules" / "web.yaml").write_text(RULE.format(service="web"))
    (tmp_path / "rules" / "tests" / "web.yaml").write_text("rule_file: ../web.yaml\n")
    return tmp_path


@pytest.fixture
def spoil(here: Path) -> Callable[[str, str], None]:
    """Changes the rules."""

    def spoil(was: str, now: str) -> None:
        path = here / "rules" / "web.yaml"
        assert was in path.read_text()
        path.write_text(path.read_text().replace(was, now))

    return spoil


def test_good_rules_pass(here: Path) -> None:
    """0, and how much was read; neither guardian.yaml nor anything else is needed."""
    assert (run("rules").exit_code, run("rules").output) == (0, "2 rules in 1 file: nothing to say against them\n")
    assert run("rules/web.yaml").exit_code == 0


def test_faults_come_with_their_lines(here: Path, spoil: Callable[[str, str], None]) -> None:
    """1, as ``file:line: path: sentence``."""
    spoil("    on_no_data: hold\n  - name: slow", "  - name: server-errors")
    done = run("rules")
    assert done.exit_code == 1
    assert "rules/web.yaml:3: rules[0].on_no_data: is missing; write `hold`" in done.output
    assert "rules/web.yaml:9: rules[1].name: `server-errors` is the name of the rule in line 3 already" in done.output
    assert done.output.endswith("1 file: 2 faults, 0 warnings\n")


def test_warnings_are_told_and_count_where_that_is_wanted(here: Path, spoil: Callable[[str, str], None]) -> None:
    """0 with a warning, 1 with ``--strict``, and nothing at all of a check that is ignored."""
    spoil("window: 1m", "window: 20s")
    said = "rules/web.yaml:15: rules[1].window: 20 s hold fewer than two samples, if it is scraped every 15 s"
    assert run("rules").exit_code == 0
    assert said in run("rules").output
    assert "(a warning)" in run("rules").output
    assert run("rules", "--strict").exit_code == 1
    assert run("rules", "--strict", "--ignore", "short-window").exit_code == 0
    assert run("rules", "--strict", "--scrape-interval", "10s").exit_code == 0
    assert run("rules", "--scrape-interval", "10").exit_code == 2


def test_what_never_fires_is_an_error(here: Path, spoil: Callable[[str, str], None]) -> None:
    """1: no matter of taste."""
    spoil("responses_5xx / responses", "responses / responses")
    assert run("rules").exit_code == 1
    assert "rules/web.yaml:6: rules[0].ratio: is always 100 %" in run("rules").output


def test_json_is_for_programs(here: Path, spoil: Callable[[str, str], None]) -> None:
    """Each with file, line, path, sentence and check."""
    spoil("window: 1m", "window: 20s")
    assert run("rules", "--json").output == run("rules", "--format", "json").output
    found = json.loads(run("rules", "--format", "json").output)
    assert (found["faults"], found["files"], found["rules"]) == ([], 1, 2)
    warning = found["warnings"][0]
    assert (warning["file"], warning["line"], warning["path"], warning["check"]) == (
        "rules/web.yaml",
        15,
        "rules[1].window",
        "short-window",
    )


def test_github_gets_annotations(here: Path, spoil: Callable[[str, str], None]) -> None:
    """One workflow command a line, with all that would end it escaped."""
    spoil("responses_5xx / responses", "responses / responses")
    spoil("window: 1m", "window: 20s")
    lines = run(str(here / "rules"), "--format", "github").output.splitlines()
    assert lines[0] == (
        "::error file=rules/web.yaml,line=6,title=The limit is always exceeded::rules[0].ratio: is always 100 %25, for both sides "
        "of the `/` count the same; write what is bad on the left"
    )
    assert lines[1].startswith(
        "::warning file=rules/web.yaml,line=15,title=A window holds fewer than two samples::rules[1].window: 20 s"
    )
    assert len(lines) == 2


def test_odd_names_of_files_do_not_break_an_annotation(here: Path) -> None:
    """A comma or a colon in a name would end the property it stands in."""
    (here / "rules" / "a,b::c%.yaml").write_text("service: a,b\n")
    lines = run("rules", "--format", "github").output.splitlines()
    assert all(re.fullmatch(r"::(error|warning) file=[^,:]+,line=[0-9]+,title=[^,:]+::.+", line) for line in lines)
    assert "file=rules/a%2Cb%3A%3Ac%25.yaml,line=1" in lines[0]


def test_sarif_has_the_shape_of_the_standard(here: Path, spoil: Callable[[str, str], None]) -> None:
    """With each check described, and places as GitHub, GitLab and editors read them."""
    jsonschema.validate(json.loads(run("rules", "--format", "sarif").output), SARIF)
    spoil("responses_5xx / responses", "responses / responses")
    spoil("window: 1m", "window: 20s")
    (here / "rules" / "odd name.yaml").write_text("rules: []\n")
    log = json.loads(run("rules", "--format", "sarif").output)
    jsonschema.validate(log, SARIF)
    (only,) = log["runs"][0]["results"]
    assert (only["ruleId"], only["level"]) == ("fault", "error")
    assert only["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "rules/odd%20name.yaml"
    (here / "rules" / "odd name.yaml").unlink()
    run_ = json.loads(run("rules", "--format", "sarif").output)["runs"][0]
    checks = [rule["id"] for rule in run_["tool"]["driver"]["rules"]]
    assert [(each["level"], checks[each["ruleIndex"]]) for each in run_["results"]] == [
        ("error", "always-fires"),
        ("warning", "short-window"),
    ]


def test_with_guardian_yaml_the_rules_are_those_of_the_daemon(here: Path, spoil: Callable[[str, str], None]) -> None:
    """Its services, its watches, its sources; a service that nobody watches is a warning."""
    (here / "guardian.yaml").write_text(
        "state_dir: state\nrules: rules\nhaproxy: {socket: a.sock, map: guardian.map}\napi: {socket: b.sock}\n"
        "services:\n  web: {blue: web_blue, green: web_green}\n  shop: {blue: shop_blue, green: shop_green}\n"
        "prometheus: {url: 'http://127.0.0.1:9090'}\n"
    )
    done = run("--config", "guardian.yaml")
    assert (done.exit_code, "no rule watches `shop`" in done.output) == (0, True)
    assert run("--config", "guardian.yaml", "--strict").exit_code == 1
    spoil("window: 1m", "window: 1m\n    for: 40")
    assert "take 10 min 45 s, the service is watched for 10 min" in run("--config", "guardian.yaml").output


def test_nothing_to_check_is_no_success(here: Path) -> None:
    """1, and what belongs there; a path that is not there is a fault."""
    (here / "empty").mkdir()
    assert run("empty").exit_code == 1
    assert "no rule files in empty" in run("empty").output
    assert run("nowhere").exit_code == 1
    assert "nowhere:1: cannot be read: No such file or directory" in run("nowhere").output


def test_online_needs_somebody_to_ask(here: Path) -> None:
    """2, and how to name him."""
    done = run("rules", "--online")
    assert done.exit_code == 2
    assert "--prometheus with an address" in done.output


def _seconds(*command: str, directory: Path) -> float:
    """The best of three runs."""
    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        subprocess.run(
            command, cwd=directory, check=True, capture_output=True, timeout=60, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
        best = min(best, time.perf_counter() - began)
    return best


def test_a_hundred_files_are_quickly_read(tmp_path: Path) -> None:
    """A second on a machine that nobody else uses; here, where others do, in terms of what Python itself needs to start."""
    for number in range(100):
        (tmp_path / f"service-{number}.yaml").write_text(RULE.format(service=f"service-{number}"))
    bare = _seconds(sys.executable, "-c", "import yaml, json, asyncio", directory=tmp_path)
    command = (sys.executable, "-c", "from guardian.cli.main import main; main()", "rules", "check", "--strict")
    assert _seconds(*command, directory=tmp_path) < 8 * bare + 0.5
