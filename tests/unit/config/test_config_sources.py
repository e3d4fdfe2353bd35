"""Rules that run commands or wait for alerts, and what guardian.yaml must allow them."""

from pathlib import Path

import pytest

from guardian.config.configuration import load
from guardian.config.faults import ConfigFaults
from guardian.core.rules import Alerts, Command, Direction, Lack, Rule, Sender, Source, Threshold, Unit

SETTINGS = """state_dir: state
rules: rules
haproxy: {socket: admin.sock, map: haproxy.map}
api: {socket: api.sock}
services:
  web: {blue: web_blue, green: web_green, watch: 10m}
"""
COMMON = "    summary: Nobody buys\n    on_no_data: hold\n"
NUMBER = f"""  - name: revenue
{COMMON}    source: command
    command: [/srv/checks/revenue, --env, $candidate, --env, $candidate]
    below: 80%
"""
VERDICT = f"""  - name: load
{COMMON}    source: command
    command:
      - /srv/checks/fast/k6
      - run
    at_fault: [99, 2]
    every: 3m
    timeout: 2m
    window: 1m
    warm_up: 10s
    for: 2 of 3
    environment: {{VUS: 20, PGPASSFILE: /etc/guardian/pg}}
"""
ALERTS = f"""  - name: paging
{COMMON}    source: alerts
    match: [severity=page, 'env=~"$candidate|all"', 'note != "a \\"quoted\\" \\\\ word"']
    from: [alertmanager, zabbix]
    window: 5m
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules").mkdir()
    return tmp_path


def rules(here: Path, text: str, settings: str) -> tuple[Rule, ...]:
    """The rules of ``text`` under ``settings``."""
    (here / "guardian.yaml").write_text(SETTINGS + settings)
    (here / "rules" / "web.yaml").write_text(f"service: web\nrules:\n{text}")
    return load(Path("guardian.yaml")).rules["web"].rules


def test_a_command_that_gives_a_number(here: Path) -> None:
    """It needs its limit and little else; arguments may repeat, and the limit says what the number is."""
    assert rules(here, NUMBER, "commands: {allowed: [/srv/checks]}\n") == (
        Rule(
            name="revenue",
            summary="Nobody buys",
            source=Source.COMMAND,
            measure=Command(("/srv/checks/revenue", "--env", "$candidate", "--env", "$candidate"), 10.0, Unit.SHARE),
            test=Threshold(Direction.BELOW, 0.8, every=15.0, window=0.0),
            on_no_data=Lack.HOLD,
        ),
    )


def test_a_command_whose_exit_code_is_a_verdict(here: Path) -> None:
    """It has no limit, and everything else that may be said."""
    (read,) = rules(here, VERDICT, "commands: {allowed: [/srv/other, /srv/checks]}\n")
    assert read.measure == Command(
        argv=("/srv/checks/fast/k6", "run"),
        timeout=120.0,
        by_exit_code=True,
        at_fault=(99, 2),
        environment=(("VUS", "20"), ("PGPASSFILE", "/etc/guardian/pg")),
    )
    assert read.test == Threshold(Direction.ABOVE, 0.0, needed=2, of=3, every=180.0, window=60.0, warm_up=10.0)


def test_only_programs_in_allowed_directories_are_run(here: Path) -> None:
    """Whoever writes rules cannot run what the host's owner has not put there; a name that begins alike is another directory."""
    with pytest.raises(ConfigFaults) as refused:
        rules(here, NUMBER + VERDICT, "commands:\n  allowed: [/srv/check, /srv/checks/fast]\n")
    assert str(refused.value) == (
        "guardian.yaml:7: commands: web/revenue runs `/srv/checks/revenue`, which does not lie in `/srv/check` or "
        "`/srv/checks/fast`; put it there, or name its directory"
    )


def test_without_an_allowed_directory_no_command_is_accepted(here: Path) -> None:
    """The sentence says what to write, and what that means."""
    with pytest.raises(ConfigFaults) as refused:
        rules(here, NUMBER, "")
    assert str(refused.value) == (
        "guardian.yaml:1: commands: web/revenue runs `/srv/checks/revenue`, and no directory is named whose programs may be run; "
        "write `commands: {allowed: [/srv/checks]}` if whoever writes rules may run what lies there as guardian's user"
    )


def test_defaults_reach_the_rules_that_have_a_use_for_them(here: Path) -> None:
    """What several rules have in common stands once; a rule of a command takes its interval, window and confirmations."""
    (here / "guardian.yaml").write_text(SETTINGS + "commands: {allowed: [/srv/checks]}\n")
    defaults = "defaults: {every: 1m, window: 30s, for: 3, warm_up: 5s, min_requests: 20}\n"
    (here / "rules" / "web.yaml").write_text(f"service: web\n{defaults}rules:\n{NUMBER}")
    (read,) = load(Path("guardian.yaml")).rules["web"].rules
    assert read.test == Threshold(Direction.BELOW, 0.8, needed=3, of=3, every=60.0, window=30.0, warm_up=5.0)


def test_alerts_need_somebody_who_sends_them(here: Path) -> None:
    """A rule that nobody can ever breach is refused."""
    with pytest.raises(ConfigFaults) as refused:
        rules(here, ALERTS, "")
    assert str(refused.value).startswith("guardian.yaml:1: alerts: is missing, and web/paging waits for alerts; write `alerts:`")


def test_matchers_are_kept_in_one_notation() -> None:
    """However they are quoted in the file, they are what Prometheus could be asked."""
    assert Alerts(('severity="page"',), (Sender.GRAFANA,)).senders == (Sender.GRAFANA,)
