"""Everything guardian is told by files: read as a whole, or refused as a whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from guardian.config.faults import ConfigFaults, Fault, Findings, Place
from guardian.config.rulefiles import Written, for_services, read_shelf
from guardian.config.settings import Draft, Settings, read_settings
from guardian.core.alerts import Ear
from guardian.core.invocation import allowed, startable
from guardian.core.rules import Alerts, Command, Query, RuleSet, Sender
from guardian.core.words import alerts as alert_words
from guardian.core.words import command as command_words
from guardian.core.words import rule_faults


@dataclass(frozen=True, slots=True)
class Configuration:
    """``guardian.yaml`` and all rule files, without a fault."""

    settings: Settings
    rules: Mapping[str, RuleSet]
    """By service; each of ``settings.services`` is there."""
    warnings: tuple[Fault, ...] = ()
    """What is probably not meant, but keeps nobody from starting."""
    written: tuple[Written, ...] = ()
    """Each rule with its place."""


def _check_sources(found: Mapping[str, RuleSet], draft: Draft, findings: Findings) -> None:
    """Note each rule whose source ``guardian.yaml`` does not name, or does not let it use."""
    for service, rule in ((own.service, rule) for own in found.values() for rule in own.rules):
        name, measure = f"{service}/{rule.name}", rule.measure
        if isinstance(measure, Query) and draft.prometheus_at:
            findings.add(draft.prometheus_at.fault(rule_faults.no_prometheus(name)))
        if isinstance(measure, Alerts) and draft.alerts_at:
            _check_senders(name, measure, draft.alerts_at, draft.settings.alerts, findings)
        if isinstance(measure, Command) and draft.commands_at:
            _check_program(name, measure, draft.commands_at, draft.settings.commands, findings)


def _check_senders(rule: str, alerts: Alerts, named_at: Place, senders: Mapping[Sender, Ear], findings: Findings) -> None:
    if not senders:
        findings.add(named_at.fault(rule_faults.no_alerts(rule)))
        return
    for sender in alerts.senders:
        if sender not in senders:
            findings.add(named_at.fault(alert_words.not_named(rule, sender)))


def _check_program(rule: str, command: Command, named_at: Place, directories: Sequence[Path], findings: Findings) -> None:
    program = next(iter(command.argv), "")
    if startable(program) and not allowed(program, directories):
        findings.add(named_at.fault(command_words.not_allowed(rule, program, directories)))


def load(path: Path) -> Configuration:
    """The configuration whose ``guardian.yaml`` is at ``path``; :class:`ConfigFaults` with all that is wrong in any file."""
    findings = Findings()
    draft = read_settings(path, findings)
    found: Mapping[str, RuleSet] = {}
    written: tuple[Written, ...] = ()
    if draft is not None and draft.rules_at is not None:
        shelf = read_shelf(draft.settings.rules, draft.rules_at, draft.watches, findings)
        found, written = shelf.found, tuple(shelf.written)
        _check_sources(found, draft, findings)
    if draft is None or findings.faults:
        raise ConfigFaults(findings.faults)
    rules = for_services(found, draft.settings.services)
    warnings = (
        draft.services_at[name].fault(rule_faults.no_rules(name), "unwatched") for name, own in rules.items() if not own.rules
    )
    return Configuration(draft.settings, rules, tuple(sorted(warnings)), written)
