"""What rules have in common: defaults of a file, and files that several services include."""

from pathlib import Path

import pytest

from guardian.config.faults import ConfigFaults
from guardian.config.rulefiles import load_rules
from guardian.core.model import Service
from guardian.core.rules import Action, Lack, Link, Rule, Sequential, Severity, Threshold

SERVICES = {name: Service(name, f"{name}_blue", f"{name}_green") for name in ("web", "shop")}
ERRORS = "{name: errors, summary: Errors, source: haproxy, ratio: responses_5xx / responses, test: sequential, limit: 1%"
SLOW = "{name: slow, summary: Slow, source: haproxy, value: latency, above: 1s"


def rules_of(directory: Path, text: str, service: str = "web") -> dict[str, Rule]:
    """The rules of ``service``, whose file says ``text``, by name."""
    (directory / f"{service}.yaml").write_text(f"service: {service}\n{text}")
    return {rule.name: rule for rule in load_rules(directory, SERVICES)[service].rules}


def test_links_severity_and_shadow_arrive(tmp_path: Path) -> None:
    """A rule carries where people read on, how loud it is, and that it only tries itself out."""
    links = "links: {dashboard: 'https://grafana.example.org/d/1?var=web', runbook: https://wiki.example.org/errors}"
    found = rules_of(tmp_path, f"rules: [{ERRORS}, on_no_data: hold, {links}, severity: info, shadow: true}}]")["errors"]
    assert found.links == (
        Link("runbook", "https://wiki.example.org/errors"),
        Link("dashboard", "https://grafana.example.org/d/1?var=web"),
    )
    assert (found.severity, found.shadow) == (Severity.INFO, True)


@pytest.mark.parametrize(
    ("action", "severity"),
    [(Action.ROLLBACK, Severity.CRITICAL), (Action.PAUSE, Severity.WARNING), (Action.NOTIFY, Severity.WARNING)],
)
def test_a_rollback_is_critical_and_the_rest_a_warning(tmp_path: Path, action: Action, severity: Severity) -> None:
    """Unless the rule says otherwise."""
    found = rules_of(tmp_path, f"rules: [{ERRORS}, on_no_data: hold, action: {action}}}]")["errors"]
    assert (found.action, found.severity, found.shadow) == (action, severity, False)


def test_defaults_fill_what_a_rule_leaves_open(tmp_path: Path) -> None:
    """Each rule takes what it has a use for, and its own word wins."""
    text = f"""\
defaults: {{on_no_data: hold, action: notify, every: 2s, window: 20s, for: 2 of 3, min_requests: 50}}
rules: [{ERRORS}}}, {SLOW}, on_no_data: pass, every: 5s}}]
"""
    rules = rules_of(tmp_path, text)
    errors, slow = rules["errors"], rules["slow"]
    assert (errors.on_no_data, errors.action, errors.min_requests) == (Lack.HOLD, Action.NOTIFY, 50)
    assert isinstance(errors.test, Sequential)
    assert (slow.on_no_data, slow.action) == (Lack.PASS, Action.NOTIFY)
    assert isinstance(slow.test, Threshold)
    assert (slow.test.every, slow.test.window, slow.test.needed, slow.test.of) == (5.0, 20.0, 2, 3)


def test_included_rules_come_first_and_take_the_defaults(tmp_path: Path) -> None:
    """Two services share a file; each has the rules with its own defaults."""
    (tmp_path / "common").mkdir()
    (tmp_path / "common" / "http.yaml").write_text(f"rules: [{ERRORS}}}]")
    web = rules_of(tmp_path, f"include: [common/http.yaml]\ndefaults: {{on_no_data: hold}}\nrules: [{SLOW}}}]")
    shop = rules_of(tmp_path, "include: [common/http.yaml]\ndefaults: {on_no_data: fail}", "shop")
    assert list(web) == ["errors", "slow"]
    assert (web["errors"].on_no_data, shop["errors"].on_no_data) == (Lack.HOLD, Lack.FAIL)


def test_the_fingerprint_covers_what_is_included(tmp_path: Path) -> None:
    """A change of a shared file is a change of every set of rules that includes it."""
    (tmp_path / "common").mkdir()
    shared = tmp_path / "common" / "http.yaml"
    shared.write_text(f"rules: [{ERRORS}, on_no_data: hold}}]")
    rules_of(tmp_path, "include: [common/http.yaml]")
    before = load_rules(tmp_path, SERVICES)["web"].digest
    shared.write_text(f"rules: [{ERRORS}, on_no_data: fail}}]")
    after = load_rules(tmp_path, SERVICES)["web"].digest
    assert before != after
    assert len(after) == 64


def faults(directory: Path, text: str, shared: str) -> str:
    """What is told of web.yaml and of the file that it includes."""
    (directory / "common").mkdir()
    (directory / "common" / "http.yaml").write_text(shared)
    with pytest.raises(ConfigFaults) as refused:
        rules_of(directory, text)
    return str(refused.value).replace(f"{directory}/", "")


def test_a_name_stands_once_in_all_files_together(tmp_path: Path) -> None:
    """The second of two rules of one name is told with the place of the first."""
    told = faults(
        tmp_path, f"include: [common/http.yaml]\nrules:\n  - {ERRORS}, on_no_data: hold}}", f"rules: [{ERRORS}, on_no_data: hold}}]"
    )
    assert told == "web.yaml:4: rules[0].name: `errors` is the name of the rule in common/http.yaml:1 already; choose another"


def test_faults_of_an_included_file_are_told_where_they_stand(tmp_path: Path) -> None:
    """Once, however many services include it."""
    (tmp_path / "shop.yaml").write_text("service: shop\ninclude: [common/http.yaml]\n")
    told = faults(tmp_path, "include: [common/http.yaml]", f"rules:\n  - {ERRORS}, on_no_data: maybe}}")
    assert told.startswith("common/http.yaml:2: rules[0].on_no_data: `maybe` does not fit")
    assert "\n" not in told


def test_an_included_file_includes_nothing(tmp_path: Path) -> None:
    """So there is no chain and no circle."""
    told = faults(tmp_path, "include: [common/http.yaml]", f"include: [common/http.yaml]\nrules: [{ERRORS}, on_no_data: hold}}]")
    assert told == (
        "common/http.yaml:1: include: `include` stands in the file of a service; "
        "a file that is included holds `rules` and nothing else"
    )


def test_an_included_file_may_not_lead_out(tmp_path: Path) -> None:
    """A link out of the directory of rules is refused."""
    inside = tmp_path / "rules"
    (inside / "common").mkdir(parents=True)
    (tmp_path / "http.yaml").write_text(f"rules: [{ERRORS}, on_no_data: hold}}]")
    (inside / "common" / "http.yaml").symlink_to(tmp_path / "http.yaml")
    with pytest.raises(ConfigFaults, match="leads out of the rules directory"):
        rules_of(inside, "include: [common/http.yaml]")
