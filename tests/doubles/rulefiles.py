"""A rule to judge by, and rule files in memory, which a test may change, spoil and mend."""

from collections.abc import Mapping

from guardian.app.rulebook import Files, RulesUnfit
from guardian.core.rules import Lack, Ratio, Rule, RuleSet, Sequential, Source

SERVER_ERRORS = Rule(
    name="server-errors",
    summary="Too many 5xx",
    source=Source.HAPROXY,
    measure=Ratio(("responses_5xx",), ("responses",)),
    test=Sequential(limit=0.01),
    on_no_data=Lack.HOLD,
)
"""The rule that most tests judge by."""


class RuleFiles:
    """What would be read, and how often it was."""

    def __init__(self, rules: Mapping[str, RuleSet]) -> None:
        self.rules = rules
        self.faults = ""
        """What is wrong with them; empty when nothing is."""
        self.reads = 0
        self._changes = 0

    @property
    def files(self) -> Files:
        """As the program sees them."""
        return Files(self._read, lambda: self._changes)

    def change(self, rules: Mapping[str, RuleSet] | None = None, faults: str = "") -> None:
        """Write other files."""
        self.rules, self.faults = rules or self.rules, faults
        self._changes += 1

    def _read(self) -> Mapping[str, RuleSet]:
        self.reads += 1
        if self.faults:
            raise RulesUnfit(self.faults)
        return self.rules
