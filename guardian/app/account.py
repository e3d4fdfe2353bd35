"""Gathering the account of a deployment from the records."""

from collections.abc import Mapping
from typing import Any

from guardian.app.codec import deployment_from_record
from guardian.app.evidence import recorded_verdict, rule_and_trial
from guardian.core.account import Account, Watched
from guardian.core.deployment import Deployment
from guardian.core.ports import Store
from guardian.core.rules import Sequential

MOST_ENTRIES = 2000
"""Of a journal that an account tells: a deployment whose routing fails for a day has no more to say after that."""


def account_of(store: Store, identifier: str) -> Account | None:
    """All that ``store`` has of a deployment; ``None`` where it knows none of that name. Blocking."""
    record = store.deployment(identifier)
    if record is None:
        return None
    deployment = deployment_from_record(record)
    culprit = deployment.rollback.verdict.rule if deployment.rollback and deployment.rollback.verdict else None
    evidence = sorted(store.evidence(identifier).items(), key=lambda each: (each[0] != culprit, each[0]))
    return Account(
        service=record["service"],
        deployment=deployment,
        journal=tuple(store.journal(deployment=identifier, limit=MOST_ENTRIES)),
        watched=tuple(_watched(deployment, name, kept) for name, kept in evidence),
    )


def _watched(deployment: Deployment, name: str, kept: Mapping[str, Any]) -> Watched:
    rule, trial = rule_and_trial(kept)
    base = kept["evidence"]["base"]
    whole = base is None or isinstance(rule.test, Sequential)
    return Watched(
        rule=rule,
        trial=trial,
        verdict=recorded_verdict(deployment, name, kept),
        looks=tuple((at, seconds, tuple(numbers)) for at, seconds, *numbers in kept["evidence"]["looks"]),
        events_before=int((base or {}).get("whole", {}).get("events", 0)),
        whole=whole,
    )
