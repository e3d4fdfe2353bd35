"""The condition of a rule, ``if …`` or ``unless …``, taken apart so that guardian's own can be joined to it.

Follows ``parse_acl_cond()`` of HAProxy's ``src/acl.c``. HAProxy has no parentheses: a condition is alternatives, joined by ``or``,
of tests that must all hold. So a condition with one more test is a condition whose every alternative has that test.
"""

from collections.abc import Sequence
from itertools import product
from typing import TypeAlias

from guardian.balancers.haproxy.syntax import Word

Alternatives: TypeAlias = tuple[tuple[str, ...], ...]
"""Alternatives of tests, each test as it is written in the file: a name or ``{ … }``, with ``!`` before it when it is denied."""

ALWAYS: Alternatives = ((),)
"""The condition of a rule without one."""


def read(words: Sequence[Word]) -> Alternatives | None:
    """The condition that these words are, from ``if`` or ``unless`` on, as alternatives that hold when it does.

    ``None`` when HAProxy would refuse it, or what it says depends on the environment.
    """
    if not words:
        return ALWAYS
    polarity, *rest = words
    alternatives = _alternatives(rest) if polarity.value in {"if", "unless"} else None
    if not alternatives or polarity.value == "if":
        return alternatives
    return tuple(tuple(map(_deny, chosen)) for chosen in product(*alternatives))


def _alternatives(words: Sequence[Word]) -> Alternatives | None:
    alternatives: list[tuple[str, ...]] = [()]
    denied = False
    position = 0
    while position < len(words):
        word = words[position]
        if word.value is None or _denials(word.value) != _denials(word.raw):
            return None
        name = word.value.lstrip("!")
        denied ^= _denials(word.raw) % 2 == 1
        end = position + 1
        if name == "{":
            end = next((at + 1 for at in range(end, len(words)) if words[at].value == "}"), 0)
        if not end or any("[*]" in one.raw for one in words[position:end]):
            return None
        if name.lower() == "or" or name == "||":
            alternatives.append(())
            denied = False
        elif name:
            test = " ".join([word.raw.lstrip("!"), *(one.raw for one in words[position + 1 : end])])
            alternatives[-1] += (_deny(test) if denied else test,)
            denied = False
        position = end
    return tuple(filter(None, alternatives)) or None


def _denials(text: str) -> int:
    return len(text) - len(text.lstrip("!"))


def _deny(test: str) -> str:
    return test[1:] if test.startswith("!") else f"!{test}"
