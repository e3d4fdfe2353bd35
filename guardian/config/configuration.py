"""Everything guardian is told by files: read as a whole, or refused as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from guardian.config.faults import ConfigFaults, Fault, Findings
from guardian.config.rulefiles import for_services, read_rules
from guardian.config.settings import Draft, Settings, read_settings
from guardian.core.rules import RuleSet, Source
from guardian.core.words import faults as words


@dataclass(frozen=True, slots=True)
class Configuration:
    """``guardian.yaml`` and all rule files, without a fault."""

    settings: Settings
    rules: Mapping[str, RuleSet]
    """By service; each of ``settings.services`` is there."""
    warnings: tuple[Fault, ...] = ()
    """What is probably not meant, but keeps nobody from starting."""


def _must_not_ask(found: Mapping[str, RuleSet], draft: Draft, findings: Findings) -> None:
    """Note each rule that asks a Prometheus which ``guardian.yaml`` does not name."""
    for service, rule in ((own.service, rule) for own in found.values() for rule in own.rules):
        if rule.source is Source.PROMETHEUS and draft.prometheus_at:
            findings.add(draft.prometheus_at.fault(words.no_prometheus(f"{service}/{rule.name}")))


def load(path: Path) -> Configuration:
    """The configuration whose ``guardian.yaml`` is at ``path``; :class:`ConfigFaults` with all that is wrong in any file."""
    findings = Findings()
    draft = read_settings(path, findings)
    found: Mapping[str, RuleSet] = {}
    if draft is not None and draft.rules_at is not None:
        found = read_rules(draft.settings.rules, draft.rules_at, draft.watches, findings)
        if not draft.settings.prometheus:
            _must_not_ask(found, draft, findings)
    if draft is None or findings.faults:
        raise ConfigFaults(findings.faults)
    rules = for_services(found, draft.settings.services)
    warnings = (draft.services_at[name].fault(words.no_rules(name)) for name, own in rules.items() if not own.rules)
    return Configuration(draft.settings, rules, tuple(sorted(warnings)))
