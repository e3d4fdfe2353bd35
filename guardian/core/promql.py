"""As much of PromQL as can be said of a query by reading it: which series it names, how far it looks back, what it adds up.

A lexer, no parser: the server parses. What it cannot make out, it leaves out; nothing here judges whether a query is valid.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

_TOKEN = re.compile(
    r"""(?P<blank>\s+|\#[^\n]*)
    |(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)
    |(?P<duration>(?:[0-9]+(?:ms|[smhdwy]))+(?![A-Za-z0-9_]))
    |(?P<number>0x[0-9a-fA-F]+|[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?)
    |(?P<variable>\$[A-Za-z0-9_$]*)
    |(?P<name>[A-Za-z_:][A-Za-z0-9_:]*)
    |(?P<sign>=~|!~|!=|==|<=|>=|.)""",
    re.VERBOSE | re.DOTALL,
)
_PART = re.compile(r"([0-9]+)(ms|[smhdwy])")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "y": 365 * 86400}
AGGREGATORS = frozenset(
    ("sum", "avg", "min", "max", "count", "group", "stddev", "stdvar", "quantile", "topk", "bottomk", "count_values")
)
ONE = frozenset(("sum", "avg", "min", "max", "count", "group", "stddev", "stdvar", "quantile"))
"""Those of which one series comes, where nothing is said of labels."""
DEEPEST = 50
"""Brackets within brackets that are followed."""
_SINGLE = frozenset(("scalar", "vector", "time", "absent", "absent_over_time", "pi"))
"""Functions of which at most one series comes."""
_LISTS = frozenset(("by", "without", "on", "ignoring", "group_left", "group_right"))
"""Words before a list of labels."""
_WORDS = frozenset((*_LISTS, "bool", "and", "or", "unless", "offset", "atan2", "inf", "nan", "start", "end"))
_NOT_NUMBERS = frozenset(("inf", "nan"))


@dataclass(frozen=True, slots=True)
class Token:
    """One word or sign."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Selector:
    """One selector: the name of its series, and the text between its braces."""

    metric: str
    matchers: str


@dataclass(frozen=True)
class Reading:
    """One query, taken apart."""

    tokens: tuple[Token, ...]

    @classmethod
    def of(cls, query: str) -> "Reading":
        """Take ``query`` apart."""
        found = (Token(match.lastgroup or "", match[0]) for match in _TOKEN.finditer(query))
        return cls(tuple(token for token in found if token.kind != "blank"))

    @cached_property
    def selectors(self) -> tuple[Selector, ...]:
        """Every selector, in order."""
        return tuple(self._selectors())

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of all series that are asked for, each once."""
        return tuple(dict.fromkeys(selector.metric for selector in self.selectors if selector.metric))

    @property
    def ranges(self) -> tuple[float, ...]:
        """The ranges and offsets that are written as times, in seconds."""
        pairs = zip(self.tokens, self.tokens[1:], strict=False)
        return tuple(duration(token.text) for before, token in pairs if token.kind == "duration" and before.text in ("[", "offset"))

    @property
    def strings(self) -> tuple[str, ...]:
        """What stands between quotes."""
        return tuple(token.text[1:-1] for token in self.tokens if token.kind == "string")

    def calls(self, function: str) -> bool:
        """Whether ``function`` is called."""
        pairs = zip(self.tokens, self.tokens[1:], strict=False)
        return any(token.text == function and after.text == "(" for token, after in pairs)

    @property
    def single(self) -> bool:
        """Whether one series comes of it, going by what stands outermost; ``True`` where that cannot be made out."""
        return max(_depths(self.tokens), default=0) > DEEPEST or _single(self.tokens)

    @property
    def sides(self) -> "tuple[Reading, Reading] | None":
        """Both sides of the one division that is outermost; ``None`` where it is another thing."""
        at = [index for index, depth in enumerate(_depths(self.tokens)) if depth == 0 and self.tokens[index].text in _OPERATORS]
        if len(at) != 1 or self.tokens[at[0]].text != "/":
            return None
        return Reading(self.tokens[: at[0]]), Reading(self.tokens[at[0] + 1 :])

    def _selectors(self) -> Iterator[Selector]:
        index = 0
        while index < len(self.tokens):
            token, after = self.tokens[index], self._text(index + 1)
            if token.text in _LISTS and after == "(":
                index = _end(self.tokens, index + 1)
            elif token.text == "[":
                index = _end(self.tokens, index)
            elif token.text == "{" or (token.kind == "name" and self._is_metric(token.text, after)):
                start = index if token.text == "{" else index + 1
                end = _end(self.tokens, start) if self._text(start) == "{" else start - 1
                matchers = self.tokens[start + 1 : end]
                yield Selector(token.text if token.kind == "name" else _named(matchers), "".join(each.text for each in matchers))
                index = end
            index += 1

    def _is_metric(self, text: str, after: str) -> bool:
        lower = text.lower()
        return after != "(" and lower not in _WORDS and not (lower in AGGREGATORS and after in ("by", "without"))

    def _text(self, index: int) -> str:
        return self.tokens[index].text if index < len(self.tokens) else ""


_OPERATORS = frozenset(("+", "-", "*", "/", "%", "^", "==", "!=", "<", ">", "<=", ">=", "and", "or", "unless", "atan2"))


def duration(text: str) -> float:
    """Seconds of a duration such as ``1h30m``."""
    return sum(int(number) * _SECONDS[unit] for number, unit in _PART.findall(text))


def _named(matchers: Sequence[Token]) -> str:
    for name, sign, value in zip(matchers, matchers[1:], matchers[2:], strict=False):
        if (name.text, sign.text) == ("__name__", "="):
            return value.text[1:-1]
    return ""


def _depths(tokens: Sequence[Token]) -> Iterator[int]:
    """How deep each token lies in brackets of any kind."""
    depth = 0
    for token in tokens:
        if token.text in (")", "]", "}"):
            depth -= 1
        yield depth
        if token.text in ("(", "[", "{"):
            depth += 1


def _end(tokens: Sequence[Token], start: int) -> int:
    """The index of the bracket that closes the one at ``start``, or of the last token."""
    depth = 0
    for index in range(start, len(tokens)):
        depth += (tokens[index].text in ("(", "[", "{")) - (tokens[index].text in (")", "]", "}"))
        if depth == 0:
            return index
    return len(tokens) - 1


def _single(tokens: Sequence[Token]) -> bool:
    """Whether at most one series comes of ``tokens``. Of two sides of an operator it is enough that one is sure, but for ``or``."""
    parts: list[list[Token]] = [[]]
    of_both = False
    for token, depth in zip(tokens, _depths(tokens), strict=True):
        if depth == 0 and token.text in _OPERATORS:
            of_both = of_both or token.text == "or"
            parts.append([])
        elif not (token.text == "bool" and depth == 0):
            parts[-1].append(token)
    if len(parts) > 1:
        asked = [part for part in parts if any(token.kind == "name" and token.text.lower() not in _NOT_NUMBERS for token in part)]
        return not asked or (all if of_both else any)(map(_single, asked))
    return _alone(parts[0])


def _alone(tokens: Sequence[Token]) -> bool:
    """The same for what holds no operator outermost."""
    if not tokens or tokens[0].kind != "name":
        inner = tokens[1 : _end(tokens, 0)] if tokens and tokens[0].text == "(" else ()
        return _single(inner) if inner else not (tokens and tokens[0].text == "{")
    function, after = tokens[0].text.lower(), tokens[1].text if len(tokens) > 1 else ""
    if function in _SINGLE and after == "(":
        return True
    if function in AGGREGATORS:
        return function in ONE and _labels(tokens) == set()
    if after != "(":
        return function in _NOT_NUMBERS
    arguments = tokens[2 : _end(tokens, 1)]
    if function == "histogram_quantile":
        return _labels(_last(arguments)) == {"le"}
    return _single(_first(arguments) if function == "label_replace" else _last(arguments))


def _labels(tokens: Sequence[Token]) -> set[str] | None:
    """The labels that an aggregation keeps, as told in front of what it adds up or behind; ``None`` where nobody can say."""
    if not tokens or tokens[0].text.lower() not in AGGREGATORS:
        return None
    for index, depth in enumerate(_depths(tokens)):
        if depth == 0 and tokens[index].text == "without":
            return None
        if depth == 0 and tokens[index].text == "by":
            return {token.text for token in tokens[index + 2 : _end(tokens, index + 1)] if token.kind == "name"}
    return set()


def _last(arguments: Sequence[Token]) -> Sequence[Token]:
    """The last argument of a call: of the functions of a vector it is the vector, but for rounding and clamping."""
    at = [index for index, depth in enumerate(_depths(arguments)) if depth == 0 and arguments[index].text == ","]
    last = arguments[at[-1] + 1 :] if at else arguments
    numbers = all(token.kind in ("number", "sign", "variable", "duration") for token in last)
    return arguments[: at[0]] if at and numbers else last


def _first(arguments: Sequence[Token]) -> Sequence[Token]:
    at = next((index for index, depth in enumerate(_depths(arguments)) if depth == 0 and arguments[index].text == ","), None)
    return arguments[:at]
