"""The evidence of rules as plain JSON values, the judges that rise from it again, and the bundle that carries it elsewhere."""

import hashlib
import json
import shlex
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from guardian import __version__
from guardian.app.codec import deployment_from_record
from guardian.app.views import Explanation, RuleExplanation
from guardian.core.deployment import Deployment
from guardian.core.invocation import invocation
from guardian.core.judges import judge_for
from guardian.core.judges.judge import Judge
from guardian.core.judges.trial import Trial
from guardian.core.matchers import matchers
from guardian.core.query import rendered
from guardian.core.rules import Alerts, Command, Query, Rule
from guardian.core.switch import Refused
from guardian.core.verdicts import Verdict
from guardian.core.words import explain as words

_RULE = TypeAdapter(Rule)
_TRIAL = TypeAdapter(Trial)
SCHEMA = 1
"""Raised with every change of what a bundle holds; guardian reads no other."""
LAST_LOOKS = 20
_AS_BEFORE = {"at_cutover": 1.0, "clumps": False, "stepwise": False}
"""What a trial was that does not say it: verdicts that were recorded come out as they were."""


class Unfit(Exception):
    """A bundle that is none, or not as it was written. The message is a sentence for people."""


def evidence_of(judge: Judge) -> dict[str, Any]:
    """All that is needed to come to this judge's verdict again: rule, trial, readings; and the verdict, to compare with."""
    return {
        "rule": _RULE.dump_python(judge.rule, mode="json"),
        "trial": _TRIAL.dump_python(judge.trial, mode="json"),
        "evidence": judge.evidence(),
        "verdict": judge.verdict().to_record(),
    }


def rule_and_trial(record: Mapping[str, Any]) -> tuple[Rule, Trial]:
    """The rule that :func:`evidence_of` recorded, and the trial that it judged."""
    return _RULE.validate_python(record["rule"]), _TRIAL.validate_python({**_AS_BEFORE, **record["trial"]})


def revived(record: Mapping[str, Any]) -> Judge:
    """The judge that ``record`` was taken from, as it stood then."""
    judge = judge_for(*rule_and_trial(record))
    judge.replay(record["evidence"])
    return judge


def bundle(record: Mapping[str, Any], evidence: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """One deployment with the ``evidence`` of all of its rules, as plain JSON values that explain it on any machine.

    The digest tells a bundle that was altered or damaged from one that was not; it is no signature.
    """
    deployment = deployment_from_record(record)
    rules = [{**each, "verdict": recorded_verdict(deployment, name, each).to_record()} for name, each in evidence.items()]
    content = {"schema": SCHEMA, "guardian": __version__, "deployment": dict(record), "rules": rules}
    return {**content, "digest": _digest(content)}


def checked(text: bytes) -> dict[str, Any]:
    """The bundle that ``text`` holds; :class:`Unfit` where it is another thing, or not what was written."""
    try:
        held = json.loads(text)
        content = {key: value for key, value in held.items() if key != "digest"}
        schema, digest = held["schema"], held["digest"]
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError) as error:
        raise Unfit(words.no_bundle()) from error
    if schema != SCHEMA:
        raise Unfit(words.other_schema(str(schema), SCHEMA))
    if digest != _digest(content):
        raise Unfit(words.tampered())
    return dict(held)


def explained(bundle: Mapping[str, Any], only: str | None = None) -> Explanation:
    """Compute every verdict of ``bundle`` again, or that of the rule ``only``; what took the traffic back comes first.

    :class:`~guardian.core.switch.Refused` where there is no such rule, or no evidence at all.
    """
    record, deployment = bundle["deployment"], deployment_from_record(bundle["deployment"])
    names = [each["rule"]["name"] for each in bundle["rules"]]
    if not names:
        raise Refused(words.no_evidence(deployment.id))
    if only is not None and only not in names:
        raise Refused(words.unknown_rule(deployment.id, only, names))
    culprit = deployment.rollback.verdict.rule if deployment.rollback and deployment.rollback.verdict else None
    chosen = sorted(
        (each for each in bundle["rules"] if only in (None, each["rule"]["name"])), key=lambda each: each["rule"]["name"] != culprit
    )
    rules = tuple(_explained(record["service"], each, culprit) for each in chosen)
    return Explanation(
        deployment=deployment.id,
        service=record["service"],
        phase=str(deployment.phase),
        candidate=str(deployment.candidate),
        cutover_at=deployment.cutover_at,
        identical=all(each.identical for each in rules),
        rules=rules,
    )


def _explained(service: str, record: Mapping[str, Any], culprit: str | None) -> RuleExplanation:
    judge = revived(record)
    recorded, recomputed, looks = Verdict.from_record(record["verdict"]), judge.verdict(), judge.evidence()["looks"]
    since = judge.trial.since
    return RuleExplanation(
        rule=dict(record["rule"]),
        fired=judge.rule.name == culprit,
        asked=_asked(service, judge, looks[-1][0] if looks else None),
        recorded=recorded,
        recomputed=recomputed,
        identical=recorded == recomputed,
        looks=len(looks),
        last_looks=tuple((at - since, *numbers) for at, _, *numbers in looks[-LAST_LOOKS:]),
    )


def _asked(service: str, judge: Judge, at: float | None) -> str:
    """What the source was asked last, with its variables as they stood; of counters, which they are."""
    rule, trial = judge.rule, judge.trial
    match rule.measure:
        case Query():
            return "" if at is None else rendered(service, rule, trial, at)
        case Command() as command:
            return shlex.join(command.argv if at is None else invocation(service, rule, trial, at).argv)
        case Alerts() as alerts:
            return words.alerts_with([str(matcher) for matcher in matchers(alerts.matchers, service, trial)])
        case measure:
            return words.read_of(measure)


def recorded_verdict(deployment: Deployment, rule: str, record: Mapping[str, Any]) -> Verdict:
    """The verdict that was acted on, as the journal has it; while nothing was, the one that was kept with the evidence."""
    told = [conclusion.verdict for conclusion in deployment.conclusions]
    if deployment.rollback and deployment.rollback.verdict:
        told.append(deployment.rollback.verdict)
    return next((verdict for verdict in told if verdict.rule == rule), None) or Verdict.from_record(record["verdict"])


def _digest(content: Mapping[str, Any]) -> str:
    """SHA-256 over the one JSON text of ``content``: sorted keys, no blanks, ASCII."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
