"""What a rule made of its readings: one of four verdicts, always with its reason."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

from guardian.core.rules import Action, Lack, Link, Severity


class Finding(StrEnum):
    """What a verdict says. A source that fails is not a release that fails, and silence is not health."""

    HEALTHY = "healthy"
    BREACHED = "breached"
    NO_DATA = "no_data"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rule's verdict at one moment."""

    rule: str
    finding: Finding
    at: float
    """Seconds since the epoch."""
    value: float | None
    """What was measured, in the unit of the limit (ratios as fractions, times in seconds)."""
    limit: float | None
    """What it was held against."""
    samples: int
    """Requests that the value rests on."""
    window: float
    """Seconds that the value covers."""
    reason: str
    """One sentence for people."""
    evidence: float | None = None
    """For a sequential test, how far the evidence has come: the e-value over what is needed, on a log scale, 1.0 fires."""
    action: Action = Action.ROLLBACK
    """What a breach leads to, unless the rule is a shadow."""
    severity: Severity = Severity.CRITICAL
    shadow: bool = False
    links: tuple[Link, ...] = ()

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """The verdict that :meth:`to_record` wrote."""
        links = tuple(Link(**link) for link in record.get("links", ()))
        action, severity = Action(record.get("action", Action.ROLLBACK)), Severity(record.get("severity", Severity.CRITICAL))
        finding = Finding(record["finding"])
        return cls(**{**record, "finding": finding, "action": action, "severity": severity, "links": links})

    def to_record(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What the end of a watch makes of one rule."""

    verdict: Verdict
    enough: bool
    """Whether the rule saw enough evaluations and requests for ``healthy`` to mean something."""
    lack: Lack
    """What the rule says becomes of the watch when it is not ``enough``."""
    missing: str = ""
    """What was lacking, for people; empty when ``enough``."""
    muted: bool = False
    """Whether a person had muted the rule: then it is left out of the outcome."""
