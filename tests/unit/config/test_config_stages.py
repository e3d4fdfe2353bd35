"""Reading the stages of a service when nothing is wrong with them."""

from pathlib import Path

import pytest

from guardian.config.settings import load_settings
from guardian.core.stages import Check, Command, Expectation, Load, Parity, Playbook, Policy, Stages, Through, Verify

HEAD = """\
state_dir: /s
rules: /r
haproxy: {socket: /h.sock, map: /m}
api: {socket: /a}
services:
  web:
    blue: web_blue
    green: web_green
"""
ALL = """\
    routing:
      testers: {by: header X-Guardian-Tester, secret_file: testers}
    stages:
      deploy:
        playbook: ansible/deploy.yml
        inventory: /etc/ansible/$environment.ini
        limit: web
        variables: {branch: "release-$version", cost: "5 $$"}
        timeout: 20m
      verify:
        health: false
        settle: 1m
        entrance: http://[::1]:8080/
        host: www.example.org:8443
        tls: true
        checks:
          - name: home
            path: /$environment?x=1
            method: HEAD
            send: {X-Probe: "$deployment"}
            status: 200, 204
            header: {X-Version: $version}
            body: "version $version$$"
            json: {checks.0.name: ok, ready: "true"}
            within: 750ms
            through: both
        load: {path: /, rate: 50, for: 20s, at_once: 10, errors: 0.5%, latency: p99 300ms, timeout: 2s}
        commands:
          - name: selenium
            command: [/usr/bin/suite, --base, "https://$backend"]
            report: report.xml
            environment: {MODE: "$version"}
      parity:
        policy: warn
        version: /version
        facts: {command: [/usr/local/bin/facts, $environment], timeout: 30s}
        except: ["file:/etc/hostname", "haproxy.cfg server*"]
      retire:
        command: [/usr/local/bin/retire, $environment]
        note: "$environment of $service is free: take its hosts from the pool"
"""


def stages(tmp_path: Path, text: str) -> Stages:
    """The stages of the one service."""
    (tmp_path / "guardian.yaml").write_text(HEAD + text)
    return load_settings(tmp_path / "guardian.yaml").services["web"].stages


def test_everything_that_may_be_ordered_is_read(tmp_path: Path) -> None:
    """Each key of each stage arrives with the value that was written; relative paths start at the file."""
    assert stages(tmp_path, ALL) == Stages(
        deploy=Playbook(
            tmp_path / "ansible/deploy.yml",
            Path("/etc/ansible/$environment.ini"),
            "web",
            (("branch", "release-$version"), ("cost", "5 $$")),
            1200.0,
        ),
        verify=Verify(
            health=False,
            settle=60.0,
            entrance="http://[::1]:8080",
            host="www.example.org:8443",
            tls=True,
            checks=(
                Check(
                    "home",
                    "/$environment?x=1",
                    "HEAD",
                    (("X-Probe", "$deployment"),),
                    Expectation(
                        (200, 204),
                        (("X-Version", "$version"),),
                        "version $version$$",
                        (("checks.0.name", "ok"), ("ready", "true")),
                        0.75,
                    ),
                    Through.BOTH,
                ),
            ),
            load=Load("/", 50.0, 20.0, 10, 0.005, 0.99, 0.3, 2.0),
            commands=(
                Command(
                    ("/usr/bin/suite", "--base", "https://$backend"),
                    (("MODE", "$version"),),
                    900.0,
                    tmp_path / "report.xml",
                    "selenium",
                ),
            ),
        ),
        parity=Parity(
            Policy.WARN,
            "/version",
            Command(("/usr/local/bin/facts", "$environment"), timeout=30.0),
            ("file:/etc/hostname", "haproxy.cfg server*"),
        ),
        retire=Command(
            ("/usr/local/bin/retire", "$environment"), note="$environment of $service is free: take its hosts from the pool"
        ),
    )


@pytest.mark.parametrize("text", ["", "    stages: {}\n"])
def test_a_service_may_do_without_stages(tmp_path: Path, text: str) -> None:
    """Then guardian moves traffic, and somebody else releases."""
    assert stages(tmp_path, text) == Stages()


def test_a_playbook_touches_the_hosts_of_one_environment_unless_told_otherwise(tmp_path: Path) -> None:
    """Without a limit, the group that is called as the environment is."""
    found = stages(tmp_path, "    stages: {deploy: {playbook: p.yml, inventory: hosts}}\n").deploy
    assert isinstance(found, Playbook)
    assert found.limit == "$environment"
    assert found.timeout == 900.0


def test_an_empty_section_orders_the_usual(tmp_path: Path) -> None:
    """``parity: {}`` compares what HAProxy knows, ``verify: {}`` asks for health."""
    assert stages(tmp_path, "    stages: {verify: {}, parity: {}}\n") == Stages(verify=Verify(), parity=Parity())


def test_an_error_budget_may_be_nothing_at_all(tmp_path: Path) -> None:
    """0 % is a budget: not one request may fail."""
    found = stages(tmp_path, "    stages: {verify: {load: {path: /, errors: 0%}}}\n").verify
    assert found is not None
    assert found.load == Load("/", errors=0.0)
