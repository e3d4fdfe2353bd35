"""Judges: one per rule and watch, fed with readings, asked for a verdict at any time.

A judge is deterministic: its evidence is the list of the numbers it was fed (with its own state before them, once the list has
grown long), and a judge fed with the same evidence gives the same verdict. ``guardian explain`` rests on that.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from guardian.core.judges.rows import Rows
from guardian.core.judges.trial import Trial
from guardian.core.readings import Look, SourceFailure
from guardian.core.rules import Action, Lack, Link, Rule
from guardian.core.verdicts import Conclusion, Finding, Verdict
from guardian.core.words import verdicts as words

Numbers = tuple[float, ...]
"""What a judge reads of one look."""

CHUNK = 2000
"""Evidence keeps between one and two chunks of looks, so that a watch of days stays bounded."""


class Judge(ABC):
    """One rule's judge in one watch."""

    def __init__(self, rule: Rule, trial: Trial) -> None:
        self.rule = rule
        self.trial = trial
        self._base: dict[str, Any] | None = None
        self._middle: dict[str, Any] | None = None
        self._kept = Rows()
        self._failure: SourceFailure | None = None
        self._last = trial.since
        self._said, self._link = "", ""

    # What a kind of test must say of itself.

    @abstractmethod
    def extract(self, look: Look) -> Numbers:
        """The numbers of ``look`` that this judge reads."""

    @abstractmethod
    def _take(self, at: float, seconds: float, numbers: Numbers) -> None:
        """Judge the numbers of one look that ended ``at`` and covers ``seconds``."""

    @abstractmethod
    def _verdict(self) -> Verdict:
        """The verdict as of the last reading, without what the rule says of its consequences."""

    @abstractmethod
    def _lacks(self) -> str:
        """What is missing for ``healthy`` to mean something, for people; empty when nothing is."""

    @abstractmethod
    def _snapshot(self) -> dict[str, Any]:
        """All of this judge's state as plain JSON values."""

    @abstractmethod
    def _resume(self, state: Mapping[str, Any]) -> None:
        """Take over the state that :meth:`_snapshot` gave."""

    # What all kinds share.

    def look(self, look: Look) -> Finding:
        """Judge one look. Looks come in order, and none starts before the cutover."""
        return self.feed(look.at, look.seconds, self.extract(look))

    def verdict(self) -> Verdict:
        """The verdict as of the last reading, with all that a message about it needs."""
        rule = self.rule
        links = (*rule.links, Link("more", self._link)) if self._link else rule.links
        verdict = self._verdict()
        reason = words.with_source(verdict.reason, self._said)
        return replace(verdict, reason=reason, action=rule.action, severity=rule.severity, shadow=rule.shadow, links=links)

    def hear(self, said: str, link: str) -> None:
        """What the source says of the next reading, for people."""
        self._said, self._link = said, link

    def feed(self, at: float, seconds: float, numbers: Numbers) -> Finding:
        """Judge the extracted numbers of one look, and keep them as evidence."""
        self._failure = None
        self._last = at
        self._take(at, seconds, numbers)
        self._keep(at, seconds, numbers)
        return self.finding

    def fail(self, failure: SourceFailure) -> Finding:
        """The source did not answer. What was known of the release stays known."""
        self._failure = failure
        self._last = max(self._last, failure.at)
        return self.finding

    @property
    def last(self) -> float:
        """The moment of the last reading, or of the cutover before the first."""
        return self._last

    @property
    @abstractmethod
    def finding(self) -> Finding:
        """The finding of :meth:`verdict`, cheaper."""

    def conclude(self) -> Conclusion:
        """What the end of the watch makes of this rule."""
        verdict, lacking = self.verdict(), self._lacks()
        if self.rule.shadow:
            return Conclusion(verdict=verdict, enough=False, missing=words.shadow(verdict.reason), lack=Lack.PASS)
        match verdict.finding:
            case Finding.BREACHED:  # the last look of a watch may bring the breach: it is never taken for health
                return Conclusion(verdict=verdict, enough=False, missing=verdict.reason, lack=_AFTER_BREACH[self.rule.action])
            case Finding.FAILED:
                return Conclusion(verdict=verdict, enough=False, missing=verdict.reason, lack=self.rule.on_source_error)
            case Finding.HEALTHY if not lacking:
                return Conclusion(verdict=verdict, enough=True, lack=self.rule.on_no_data)
            case _:
                return Conclusion(verdict=verdict, enough=False, missing=lacking or verdict.reason, lack=self.rule.on_no_data)

    def evidence(self) -> dict[str, Any]:
        """All that is needed to come to the same verdict again, as plain JSON values."""
        return {
            "base": self._base,
            "looks": [[at, seconds, *numbers] for at, seconds, numbers in self._kept],
            "failure": None if self._failure is None else [self._failure.at, self._failure.reason],
            "said": [self._said, self._link],
        }

    def replay(self, evidence: Mapping[str, Any]) -> None:
        """Take over evidence that another judge of the same rule and trial gave."""
        if evidence["base"] is not None:
            self._resume(evidence["base"])
            self._base = evidence["base"]
        for at, seconds, *numbers in evidence["looks"]:
            self.feed(at, seconds, tuple(numbers))
        self.hear(*evidence.get("said", ("", "")))
        if evidence["failure"] is not None:
            self.fail(SourceFailure(*evidence["failure"]))

    def _keep(self, at: float, seconds: float, numbers: Numbers) -> None:
        self._kept.add(at, seconds, numbers)
        if len(self._kept) == CHUNK:
            self._middle = self._snapshot()
        elif len(self._kept) == 2 * CHUNK:
            self._base, self._middle = self._middle, self._snapshot()
            self._kept.drop(CHUNK)

    def _failed(self, samples: int) -> Verdict | None:
        """The verdict while the source does not answer."""
        if self._failure is None:
            return None
        reason = words.source_failed(self._failure.reason)
        return Verdict(self.rule.name, Finding.FAILED, self._failure.at, None, None, samples, self._last - self.trial.since, reason)


_AFTER_BREACH = {Action.ROLLBACK: Lack.FAIL, Action.PAUSE: Lack.HOLD, Action.NOTIFY: Lack.PASS}


def outcome(conclusions: Sequence[Conclusion]) -> Lack:
    """What the end of a watch makes of its rules: ``PASS`` is verified, ``HOLD`` unverified, ``FAIL`` a rollback.

    Verified needs at least one rule with enough evidence: rules that may all be left out prove nothing.
    """
    lacking = {conclusion.lack for conclusion in conclusions if not conclusion.enough}
    if Lack.FAIL in lacking:
        return Lack.FAIL
    if Lack.HOLD in lacking or not any(conclusion.enough for conclusion in conclusions):
        return Lack.HOLD
    return Lack.PASS
