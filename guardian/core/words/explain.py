"""What `guardian explain` says: the arithmetic of a verdict, and whether it comes out again."""

from collections.abc import Sequence
from pathlib import Path

from guardian.core.rules import Measure
from guardian.core.words.figures import count, one_in, seconds
from guardian.core.words.quotes import listed, quoted

# What cannot be explained.


def no_evidence(identifier: str) -> str:
    """The evidence is gone, or was never kept."""
    return f"no evidence of {identifier} is kept; what was recorded of its verdicts stands in `guardian history {identifier}`"


def unknown_rule(identifier: str, rule: str, known: Sequence[str]) -> str:
    """Another rule was asked for."""
    return f"no evidence of a rule {quoted(rule)} is kept for {identifier}; there is that of {listed(known)}"


def no_bundle() -> str:
    """The file holds something else."""
    return "this is no evidence bundle; `guardian explain DEPLOYMENT --bundle FILE` writes one"


def other_schema(found: str, known: int) -> str:
    """The bundle of another version."""
    return f"this bundle has schema {quoted(found)}, and this guardian reads {known}; explain it with the guardian that wrote it"


def tampered() -> str:
    """The digest does not match."""
    return "this bundle is not as it was written: its digest does not match, so nothing that it says can be believed"


def unfit_bundle(reason: str) -> str:
    """A digest that matches what no guardian wrote."""
    return f"this bundle holds what no guardian writes, although its digest matches: {reason}"


def unreadable(path: Path, reason: str) -> str:
    """The file cannot be read or written."""
    return f"{path}: {reason}"


def too_large(path: Path, most: int) -> str:
    """No bundle is that large."""
    return f"{path} is larger than {count(most >> 20)} MiB, which no bundle is"


def bundled(path: Path, rules: int) -> str:
    """A bundle was written."""
    what = "1 rule" if rules == 1 else f"{count(rules)} rules"
    return f"{path}: the evidence of {what}; `guardian explain {path}` computes it again, on any machine"


# The explanation of a verdict.


def headline(identifier: str, phase: str, candidate: str) -> str:
    """Which deployment."""
    return f"{identifier} to {candidate} is {phase}"


def rolled_back(identifier: str, rule: str, summary: str) -> str:
    """The rule that took the traffic back."""
    return f"{identifier} was rolled back by {rule}: {summary}"


def watched(rule: str, summary: str) -> str:
    """Any other rule."""
    return f"{rule}: {summary}"


def read_of(measure: Measure) -> str:
    """What a rule reads without asking."""
    return f"{measure}, of the candidate's backend in HAProxy"


def alerts_with(conditions: Sequence[str]) -> str:
    """Which alerts a rule listens for."""
    return f"alerts with {', '.join(conditions)}"


def measured(measure: str, value: str, samples: int, window: float) -> str:
    """What was measured in the balancer."""
    return f"{measure} is {value}, from {count(samples)} requests in {seconds(window)}"


def answered(measure: str, value: str) -> str:
    """What a source said."""
    return f"{measure} is {value}"


def counted(events: int, samples: int, value: str) -> str:
    """The division behind a ratio."""
    return f"{count(events)} / {count(samples)} = {value}"


def compared(value: float, limit: float) -> str:
    """The value in terms of the limit."""
    if limit:
        return f"what was measured is {value / limit:.3g} times that"
    return "what was measured is above that" if value > 0 else "what was measured is that"


def sequential_test(false_alarm: float, evidence: float) -> str:
    """What a sequential test asks for, and what it got."""
    return f"evidence {evidence:.2f}; a release within the limit reaches 1, a breach, in at most {one_in(false_alarm)} watches"


def threshold_test(direction: str, needed: int, of: int, every: float) -> str:
    """What a threshold rule asks for."""
    return f"{direction} the limit in {needed} of the last {of} checks, one every {seconds(every)}"


def recomputed(looks: int, *, identical: bool) -> str:
    """Whether the recorded evidence leads to the recorded verdict."""
    if identical:
        return f"the {count(looks)} recorded looks lead to the same verdict, to the last digit"
    return f"NOT THE SAME: the {count(looks)} recorded looks lead to another verdict; report this as a fault of guardian"
