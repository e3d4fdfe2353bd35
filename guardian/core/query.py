"""Queries with variables: which there are, what they stand for, and when a window fits behind a cutover."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from guardian.core.judges.trial import Trial
from guardian.core.model import NAME
from guardian.core.rules import Query, Rule, Threshold
from guardian.core.words import prometheus as words

VARIABLES = ("candidate", "baseline", "service", "window", "since_cutover")
_DOLLAR = re.compile(r"\$(?:(\$)|([A-Za-z0-9_]+))?")
_NOISE = 1e-6
"""Milliseconds by which a product of floats may fall short of the number that was meant."""


@dataclass(frozen=True, slots=True)
class Values:
    """What the variables stand for in one evaluation of a rule. ``ValueError`` with a sentence for what must not reach a query."""

    candidate: str
    """The environment on trial: ``blue`` or ``green``."""
    baseline: str
    service: str
    window: float
    """Seconds that the rule looks back."""
    since_cutover: float
    """Seconds since the cutover, at the moment for which the query is evaluated."""

    def __post_init__(self) -> None:
        """Refuse names that could end a string or start a selector."""
        for name in ("candidate", "baseline", "service"):
            value = getattr(self, name)
            if not NAME.fullmatch(value):
                raise ValueError(words.unfit_value(name, value))


def variables(query: str) -> frozenset[str]:
    """The names after a ``$`` in ``query``, known or not."""
    return frozenset(name for _, name in _DOLLAR.findall(query) if name)


def faults(query: str, known: Sequence[str] = VARIABLES) -> tuple[str, ...]:
    """What is wrong with the variables of ``query``, as sentences; empty where :func:`render` can go on."""
    unknown = sorted(variables(query) - set(known))
    bare = any(match[0] == "$" for match in _DOLLAR.finditer(query))
    return (*(words.unknown_variable(name, known) for name in unknown), *((words.bare_dollar(),) if bare else ()))


def render(query: str, values: Values) -> str:
    """``query`` with its variables replaced, times written as PromQL durations, and ``$$`` as one dollar sign.

    ``ValueError`` with a sentence where the query has :func:`faults`, or a time is shorter than a millisecond.
    """
    if wrong := faults(query):
        raise ValueError(wrong[0])

    def valued(name: str) -> str:
        value: str | float = getattr(values, name)
        return value if isinstance(value, str) else _duration(name, value)

    return replaced(query, valued)


def replaced(text: str, valued: Callable[[str], str]) -> str:
    """``text``, which has no :func:`faults`, each variable replaced by what ``valued`` gives, and ``$$`` by one dollar sign."""
    return _DOLLAR.sub(lambda found: "$" if found[2] is None else valued(found[2]), text)


def rendered(service: str, rule: Rule, trial: Trial, at: float) -> str:
    """The query of ``rule`` as it is sent for the moment ``at`` of ``trial``. ``TypeError`` for a rule without one."""
    if not isinstance(rule.measure, Query) or not isinstance(rule.test, Threshold):
        raise TypeError(f"{rule.name} holds no query against a limit")
    values = Values(
        candidate=str(trial.candidate),
        baseline=str(trial.baseline),
        service=service,
        window=rule.test.window,
        since_cutover=at - trial.since,
    )
    return render(rule.measure.promql, values)


def _duration(name: str, seconds: float) -> str:
    """``seconds`` as PromQL writes them, in whole milliseconds. Rounded down: a window must not reach behind the cutover."""
    milliseconds = math.floor(seconds * 1000 + _NOISE)
    if milliseconds < 1:
        raise ValueError(words.no_duration(name))
    return f"{milliseconds // 1000}s" if milliseconds % 1000 == 0 else f"{milliseconds}ms"
