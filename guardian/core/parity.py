"""How far the two environments are alike: facts of both, side by side."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from guardian.core.words import parity as words

MOST_FACTS = 20_000
"""Facts of one environment."""
LONGEST_VALUE = 300


@dataclass(frozen=True, slots=True)
class Row:
    """One fact, as it stands on each side."""

    name: str
    blue: str | None
    """``None`` where the side does not have it."""
    green: str | None
    allowed: bool = False
    """Whether the two may differ in it."""

    @property
    def same(self) -> bool:
        """Whether both say the same."""
        return self.blue == self.green


@dataclass(frozen=True, slots=True)
class Comparison:
    """What comparing two environments found."""

    rows: tuple[Row, ...] = ()
    """All facts, differences first."""
    troubles: tuple[str, ...] = ()
    """What could not be found out, a sentence each: then nobody knows whether the two are alike."""

    @property
    def differences(self) -> tuple[Row, ...]:
        """The facts in which the environments differ and may not."""
        return tuple(row for row in self.rows if not row.same and not row.allowed)

    @property
    def alike(self) -> bool:
        """Whether nothing speaks against it, and everything was found out."""
        return not self.differences and not self.troubles


def compare(
    blue: Mapping[str, str], green: Mapping[str, str], exceptions: Sequence[str], troubles: Iterable[str] = ()
) -> Comparison:
    """The facts of both sides as rows. ``exceptions`` are names, with ``*`` for any text."""
    rows = [
        Row(name, blue.get(name), green.get(name), any(fnmatchcase(name, each) for each in exceptions))
        for name in dict.fromkeys([*blue, *green])
    ]
    rows.sort(key=lambda row: (row.same, row.allowed))
    return Comparison(tuple(rows), tuple(troubles))


def numbered(lines: Iterable[str], prefix: str) -> dict[str, str]:
    """Lines of a configuration as facts: each is named by its first words, so that two values of one option stand side by side."""
    facts: dict[str, str] = {}
    for line in lines:
        keyword, _, rest = line.partition(" ")
        if keyword in ("option", "timeout", "http-request", "http-response", "http-check", "no"):
            second, _, rest = rest.partition(" ")
            keyword = f"{keyword} {second}"
        name, number = f"{prefix} {keyword}".strip(), 2
        while name in facts:
            name, number = f"{prefix} {keyword} ({number})".strip(), number + 1
        facts[name] = rest or words.is_set()
    return facts


def read_facts(lines: Iterable[str]) -> dict[str, str]:
    """Facts as a program prints them: a name, a blank, a value; a line each. ``ValueError`` says which line is none."""
    facts: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        name, _, value = line.strip().partition(" ")
        if not name:
            continue
        if name in facts:
            raise ValueError(words.fact_twice(name, number))
        facts[name] = value.strip()[:LONGEST_VALUE]
    return facts
