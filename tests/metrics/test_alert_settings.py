"""The settings for other programs in deploy/: each is checked by its own program, as far as there is one."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from guardian.core.alerts import Alert
from guardian.core.rules import Sender
from guardian.metrics.alerts import zabbix
from tests.metrics.servers import program

DEPLOY = Path(__file__).parents[2] / "deploy"
NOW = 1_700_000_000.0


def read(name: str) -> Any:
    """One of the files."""
    return yaml.safe_load((DEPLOY / name).read_text())


@pytest.mark.parametrize(
    ("checker", "arguments", "file"),
    [
        ("amtool", ["check-config"], "alertmanager/alertmanager.yml"),
        ("promtool", ["check", "rules"], "alertmanager/rules.yml"),
    ],
)
def test_their_own_programs_find_no_fault(checker: str, arguments: list[str], file: str) -> None:
    """What is taken over unread works."""
    ran = subprocess.run([program(checker), *arguments, DEPLOY / file], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "SUCCESS" in ran.stdout


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ({"alertname": "Watchdog"}, "guardian"),
        ({"alertname": "ServerErrors", "env": "green"}, "guardian,people"),
        ({"alertname": "ServerErrors", "env": "staging"}, "people"),
    ],
)
def test_alerts_of_an_environment_go_to_guardian_and_to_people(labels: dict[str, str], receiver: str) -> None:
    """Alertmanager's own routing: the heartbeat to guardian only, alerts of blue and green to it as well."""
    command = [program("amtool"), "config", "routes", "test", f"--config.file={DEPLOY / 'alertmanager/alertmanager.yml'}"]
    labelled = [f"{name}={value}" for name, value in labels.items()]
    ran = subprocess.run([*command, *labelled], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.strip() == receiver


def test_the_example_of_a_rule_fires_for_the_environment_that_fails(tmp_path: Path) -> None:
    """With the labels that guardian's matchers ask for, and a summary that people can read."""
    series = {"web_green": "0+60x20", "web_blue": "0+0x20"}
    test = {
        "rule_files": [str(DEPLOY / "alertmanager/rules.yml")],
        "evaluation_interval": "15s",
        "tests": [
            {
                "interval": "15s",
                "input_series": [
                    {"series": f'haproxy_backend_http_responses_total{{proxy="{proxy}",code="{code}"}}', "values": values}
                    for proxy, bad in series.items()
                    for code, values in (("5xx", bad), ("2xx", "0+540x20"))
                ],
                "alert_rule_test": [
                    {
                        "eval_time": "2m",
                        "alertname": "ServerErrors",
                        "exp_alerts": [
                            {
                                "exp_labels": {"service": "web", "severity": "page", "env": "green", "proxy": "web_green"},
                                "exp_annotations": {"summary": "10% of the answers of web_green are errors"},
                            }
                        ],
                    }
                ],
            }
        ],
    }
    (tmp_path / "test.yml").write_text(yaml.safe_dump(test))
    ran = subprocess.run(
        [program("promtool"), "test", "rules", tmp_path / "test.yml"], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_grafanas_contact_point_sends_to_its_address_with_a_token_from_elsewhere() -> None:
    """As its provisioning reads it; ends of alerts are told, too, and the token stands in no file."""
    (point,) = read("grafana/contact-point.yaml")["contactPoints"]
    (receiver,) = point["receivers"]
    settings = receiver["settings"]
    assert (receiver["type"], receiver["disableResolveMessage"]) == ("webhook", False)
    assert settings["url"].endswith("/v1/alerts/grafana")
    assert (settings["httpMethod"], settings["authorization_scheme"]) == ("POST", "Bearer")
    assert settings["authorization_credentials"] == "$GUARDIAN_TOKEN"


# Zabbix runs its script with an engine of ECMAScript 5, and so does this.

HARNESS = """
function HttpRequest() { this.headers = []; }
HttpRequest.prototype.addHeader = function (header) { this.headers.push(header); };
HttpRequest.prototype.post = function (url, body) {
    print(JSON.stringify({url: url, headers: this.headers, body: body}));
    return '{"detail": "no"}';
};
HttpRequest.prototype.getStatus = function () { return STATUS; };
function run(value) {
SCRIPT
}
try { print(JSON.stringify(run(VALUE))); } catch (error) { print(JSON.stringify(String(error))); }
"""
MACROS = {
    "{EVENT.ID}": "4711",
    "{EVENT.VALUE}": "1",
    "{EVENT.NAME}": 'Too many "errors" on web-green-1\nnow',
    "{EVENT.SEVERITY}": "High",
    "{HOST.NAME}": "web-green-1",
    "{EVENT.TAGSJSON}": '[{"tag":"service","value":"web"},{"tag":"env","value":"green"}]',
    "{EVENT.TIMESTAMP}": "1699999990",
    "{ALERT.MESSAGE}": "17 per second",
    "{$ZABBIX.URL}": "https://zabbix.example",
    "{TRIGGER.ID}": "5",
    "<TOKEN>": "a-token",
}


def send(tmp_path: Path, status: int = 200, **changes: str) -> tuple[dict[str, Any], str]:
    """What the script sends, and how it ends."""
    (media,) = read("zabbix/media_guardian.yaml")["zabbix_export"]["media_types"]
    given = {each["name"]: each["value"] for each in media["parameters"]}
    for macro, value in (MACROS | changes).items():
        given = {name: text.replace(macro, value) for name, text in given.items()}
    script = HARNESS.replace("STATUS", str(status)).replace("SCRIPT", media["script"])
    (tmp_path / "run.js").write_text(script.replace("VALUE", json.dumps(json.dumps(given))))
    ran = subprocess.run([program("mujs"), tmp_path / "run.js"], capture_output=True, text=True, timeout=60, check=True)
    sent, ended = ran.stdout.splitlines()
    return json.loads(sent), json.loads(ended)


def test_zabbix_tells_what_guardian_reads(tmp_path: Path) -> None:
    """The script of the media type sends one event to the address, with the token, and is content with the answer."""
    sent, ended = send(tmp_path)
    assert ended == "OK"
    assert sent["url"].endswith("/v1/alerts/zabbix")
    assert sent["headers"] == ["Content-Type: application/json", "Authorization: Bearer a-token"]
    assert "a-token" not in sent["body"]
    (alert,) = zabbix.read(sent["body"].encode(), NOW).alerts
    assert alert == Alert(
        sender=Sender.ZABBIX,
        fingerprint="4711",
        name='Too many "errors" on web-green-1 now',
        labels={
            "service": "web",
            "env": "green",
            "severity": "High",
            "host": "web-green-1",
            "alertname": 'Too many "errors" on web-green-1 now',
        },
        began=1_699_999_990.0,
        since=1_699_999_990.0,
        heard=NOW,
        summary="17 per second",
        link="https://zabbix.example/tr_events.php?triggerid=5&eventid=4711",
    )


def test_zabbix_without_some_macros_tells_the_rest(tmp_path: Path) -> None:
    """An older Zabbix, or one without its address, leaves macros as they are; a problem without tags has none."""
    sent, ended = send(
        tmp_path, **{"{EVENT.TAGSJSON}": "*UNKNOWN*", "{EVENT.TIMESTAMP}": "{EVENT.TIMESTAMP}", "{$ZABBIX.URL}": "{$ZABBIX.URL}"}
    )
    (alert,) = zabbix.read(sent["body"].encode(), NOW).alerts
    assert (ended, alert.since, alert.link, alert.labels["host"]) == ("OK", NOW, "", "web-green-1")


def test_zabbix_tells_of_the_end_and_tries_again_where_it_was_not_heard(tmp_path: Path) -> None:
    """A script that throws is run again by Zabbix."""
    sent, ended = send(tmp_path, 503, **{"{EVENT.VALUE}": "0"})
    assert ended == 'guardian answers 503: {"detail": "no"}'
    assert [alert.resolved for alert in zabbix.read(sent["body"].encode(), NOW).alerts] == [True]
