"""Matchers: which alerts a rule means.

They are written in Alertmanager's notation (``severity="critical"``, ``team=~"web|shop"``), which is also that of a
PromQL selector. Expressions are anchored at both ends, as there.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from guardian.core import query
from guardian.core.judges.trial import Trial
from guardian.core.words import alerts as words

VARIABLES = ("candidate", "baseline", "service")
"""What may stand in a matcher's value, after a dollar sign."""
LONGEST_LABEL = 256
"""Characters of a label's value; what is longer is cut when it arrives."""
UNBOUNDED = 2
"""Repetitions without bound in one expression: matching a value takes at most the square of its length."""
_NOTATION = re.compile(r'\s*([A-Za-z_][A-Za-z0-9_]*)\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|([^\s"{},=~!]+))\s*', re.ASCII)
_ESCAPE = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", '"': '"', "\\": "\\"}
_ODD_CLASS = re.compile(r"\[|--|&&|\|\||~~")
"""What Python may read as an operation on classes one day."""
_TOKEN = re.compile(r"\\.|\[\^?+\]?+(?:\\.|[^\]\\])*\]|\(\?|\)[*+?{]|[*+{]|.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Matcher:
    """A condition on one label; a label that an alert does not have is empty. ``ValueError`` with a sentence for an unfit one."""

    label: str
    sign: str
    """``=``, ``!=``, ``=~`` or ``!~``."""
    value: str

    def __post_init__(self) -> None:
        """Refuse an expression that is none, or that some value would keep busy for ever."""
        if "~" in self.sign:
            _check(self.value)

    @classmethod
    def of(cls, text: str) -> Self:
        """The matcher that is written as ``text``; ``ValueError`` with a sentence where that is none."""
        parts = _NOTATION.fullmatch(text)
        if not parts:
            raise ValueError(words.no_matcher(text))
        label, sign, quoted, bare = parts.groups()
        return cls(label, sign, bare or _ESCAPE.sub(lambda found: _ESCAPES.get(found[1], found[0]), quoted or ""))

    def __str__(self) -> str:
        """As Alertmanager and Prometheus write it."""
        value = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.label}{self.sign}"{value}"'

    def fits(self, labels: Mapping[str, str]) -> bool:
        """Whether ``labels`` fulfil the condition."""
        value = labels.get(self.label, "")
        found = bool(re.fullmatch(self.value, value)) if "~" in self.sign else value == self.value
        return found is not self.sign.startswith("!")


def _check(expression: str) -> None:
    """Refuse what may keep :mod:`re` busy, or mean something else to another version of it."""
    unbounded = 0
    for token in map(re.Match.group, _TOKEN.finditer(expression)):
        if token == "(?" or (token[0] == "\\" and token[1:].isdecimal()) or (token[0] == ")" and len(token) > 1):
            raise ValueError(words.too_clever(expression))
        if token == "[":
            raise ValueError(words.no_expression(expression, "unterminated character set"))
        if token[0] == "[" and _ODD_CLASS.search(token, 1):
            raise ValueError(words.odd_class(expression))
        unbounded += token in ("*", "+", "{")
    if unbounded > UNBOUNDED:
        raise ValueError(words.too_many_repetitions(expression, UNBOUNDED))
    try:
        re.compile(expression)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(words.no_expression(expression, str(error))) from error


def matchers(notation: Sequence[str], service: str, trial: Trial) -> tuple[Matcher, ...]:
    """The matchers of a rule in one trial, their variables filled in."""
    values = {"candidate": str(trial.candidate), "baseline": str(trial.baseline), "service": service}
    return tuple(_filled(Matcher.of(text), values.__getitem__) for text in notation)


def _filled(matcher: Matcher, valued: Callable[[str], str]) -> Matcher:
    return Matcher(matcher.label, matcher.sign, query.replaced(matcher.value, valued))
