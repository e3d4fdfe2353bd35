"""The evidence of one rule in one deployment as plain JSON values, and the judge that rises from it again."""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from guardian.core.judges import judge_for
from guardian.core.judges.judge import Judge
from guardian.core.judges.trial import Trial
from guardian.core.rules import Rule

_RULE = TypeAdapter(Rule)
_TRIAL = TypeAdapter(Trial)


def evidence_of(judge: Judge) -> dict[str, Any]:
    """All that is needed to come to this judge's verdict again: rule, trial, readings; and the verdict, to compare with."""
    return {
        "rule": _RULE.dump_python(judge.rule, mode="json"),
        "trial": _TRIAL.dump_python(judge.trial, mode="json"),
        "evidence": judge.evidence(),
        "verdict": judge.verdict().to_record(),
    }


def revived(record: Mapping[str, Any]) -> Judge:
    """The judge that ``record`` was taken from, as it stood then."""
    judge = judge_for(_RULE.validate_python(record["rule"]), _TRIAL.validate_python(record["trial"]))
    judge.replay(record["evidence"])
    return judge
