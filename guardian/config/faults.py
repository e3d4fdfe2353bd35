"""What is wrong with a configuration, and where."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from guardian.config.asked import Asked
from guardian.core.words import faults as words

MOST_FAULTS = 1000
"""Faults of one file that are told at once: nobody reads more, and a hostile file has one for every character."""


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing that is wrong, and what to write instead. Faults sort by file and line."""

    file: str
    line: int
    """Counted from 1, as editors do."""
    path: str
    """Where in the file's structure, as ``rules[0].limit``; empty for the file as a whole."""
    sentence: str
    check: str = "fault"
    """What kind of thing it is, for programs: ``fault`` for what makes the file unusable."""

    def __str__(self) -> str:
        """``file:line: path: sentence``."""
        return ": ".join(part for part in (f"{self.file}:{self.line}", self.path, self.sentence) if part)


class ConfigFaults(Exception):
    """A configuration that is not used, with all of its faults. As text: one fault a line."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(set(faults)))  # what several services share is read for each of them
        super().__init__("\n".join(map(str, self.faults)))


class GivenUp(Exception):
    """A file with so many faults that it is not read on. Arises in :meth:`Findings.add`, ends where the file's reading began."""


class Findings:
    """All faults of all files, as they are found."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self._in_file: Counter[str] = Counter()

    def add(self, fault: Fault) -> None:
        """Keep ``fault``; :class:`GivenUp` when it is one too many for its file."""
        self._in_file[fault.file] += 1
        if self._in_file[fault.file] > MOST_FAULTS:
            self.faults.append(Fault(fault.file, fault.line, "", words.too_many_faults(MOST_FAULTS)))
            raise GivenUp
        self.faults.append(fault)

    def heard(self, place: "Place", asked: Asked) -> None:
        """A reader asks the mapping at ``place`` for a key: nothing to find in that."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands."""

    file: str
    line: int = 1
    path: str = ""

    def fault(self, sentence: str, check: str = "fault") -> Fault:
        """What is wrong with the value that stands here."""
        return Fault(self.file, self.line, self.path, sentence, check)

    def below(self, key: str, line: int | None = None) -> "Place":
        """The place of the value called ``key`` in the mapping that stands here."""
        return Place(self.file, line or self.line, f"{self.path}.{key}" if self.path else key)

    def item(self, index: int, line: int) -> "Place":
        """The place of an item of the list that stands here; ``index`` counts from 0."""
        return Place(self.file, line, f"{self.path}[{index}]")
