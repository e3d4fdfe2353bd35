"""HAProxy's configuration as a document that forgets nothing: what is read is written back byte for byte.

The document keeps every line as it is and knows what HAProxy would find in it: sections, their statements, which ``defaults`` they
inherit from, what stands in a conditional block, and the blocks that guardian marked as its own. A change is a list of edits, each
of which puts some lines in the place of others; all other lines stay what they were.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from guardian.balancers.haproxy import syntax
from guardian.core.model import NAME
from guardian.core.words import adoption as words

SECTIONS = frozenset(
    {
        "global",
        "defaults",
        "frontend",
        "backend",
        "listen",
        "userlist",
        "peers",
        "mailers",
        "namespace_list",
        "resolvers",
        "cache",
        "http-errors",
        "ring",
        "program",
        "fcgi-app",
        "log-forward",
        "log-profile",
        "crt-store",
        "traces",
        "acme",
        "healthcheck",
        "spoe-agent",
        "spoe-group",
        "spoe-message",
    }
)
"""The words that begin a section, from HAProxy 2.4 to 3.5; any other first word belongs to the section before it."""

_MARK = re.compile(rf"[ \t]*# (>>>|<<<) guardian ({NAME.pattern})(?![^ \t\r\n])(?: sections(?: ([0-9a-f]{{16}}))?)?")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_DIRECTIVES = frozenset({".if", ".elif", ".else", ".endif"})


@dataclass(frozen=True, slots=True, eq=False)
class File:
    """One file of the configuration."""

    path: str
    lines: tuple[str, ...]
    """With their line ends. Bytes that are not UTF-8 stand as lone surrogates (PEP 383), so none is lost."""

    @classmethod
    def of(cls, path: str, data: bytes) -> "File":
        """The file at ``path``, which holds ``data``."""
        return cls(path, tuple(_LINE.findall(data.decode("utf-8", "surrogateescape"))))

    @property
    def data(self) -> bytes:
        """Exactly the bytes it was read from, or those that edits made of it."""
        return "".join(self.lines).encode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """A line that says something to HAProxy."""

    file: File
    line: int
    """Counted from 0."""
    keyword: str
    depth: int
    """How many ``.if`` are open around it."""
    owner: str
    """The service in whose marked block it stands; empty for all that guardian did not write."""

    @property
    def text(self) -> str:
        """The whole line."""
        return self.file.lines[self.line]

    @property
    def words(self) -> tuple[syntax.Word, ...]:
        """Its words; empty when HAProxy could not read it."""
        return syntax.words(self.text)

    @property
    def where(self) -> str:
        """The place for people: ``haproxy.cfg:12``."""
        return f"{self.file.path}:{self.line + 1}"

    def argument(self, number: int) -> str | None:
        """The value of a word, counted from the keyword as 0; ``None`` where there is none, or it depends on the environment."""
        word = next(islice(syntax.read(self.text), number, None), None)
        return word.value if word else None


Matcher: TypeAlias = Callable[[Statement], bool]


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """A section: its heading and the statements under it."""

    heading: Statement
    name: str | None
    """``None`` for a section without a name, or with one that depends on the environment."""
    parents: tuple["Section", ...]
    """The ``defaults`` that it inherits from: one, or several, the nearest first, where a conditional block decides among them."""
    inherits: bool
    """Whether one of them is sure to be there."""
    statements: tuple[Statement, ...]
    end: int
    """The line after its last, counted from 0."""

    @property
    def kind(self) -> str:
        """``frontend``, ``backend``, ``listen``, and so on."""
        return self.heading.keyword

    @property
    def title(self) -> str:
        """Its name for people: ``frontend www``."""
        return f"{self.kind} {self.name}" if self.name else self.kind

    def find(self, *keywords: str) -> Iterator[Statement]:
        """Its statements with one of these first words, in order."""
        return (statement for statement in self.statements if statement.keyword in keywords)

    def deciding(self, matches: Matcher) -> list[Statement | None]:
        """The statements of which one decides a setting of the section: its own last, or else that of its ``defaults``.

        One element where this is certain; several where it depends on a conditional block. ``None`` stands for HAProxy's own
        default.
        """
        found: list[Statement | None] = []
        for statement in reversed(self.statements):
            if matches(statement):
                found.append(statement)
                if statement.depth <= self.heading.depth:
                    return found
        for parent in self.parents:
            found += parent.deciding(matches)
        return found if self.inherits else [*found, None]

    @property
    def mode(self) -> str | None:
        """``http`` or ``tcp``, HAProxy's default; ``None`` where that depends on a conditional block or the environment."""
        modes = {one.argument(1) if one else "tcp" for one in self.deciding(lambda one: one.keyword == "mode")}
        return modes.pop() if len(modes) == 1 else None


@dataclass(frozen=True, slots=True)
class Span:
    """Some lines of one file: from ``first``, up to but without ``end``, counted from 0."""

    file: File
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class Block(Span):
    """The lines between guardian's marks, marks included."""

    service: str
    digest: str = ""
    """For whole sections: that of the lines between the marks as guardian wrote them."""


@dataclass(frozen=True, slots=True)
class Damage:
    """A mark of guardian that makes no block: the other one is missing, or belongs to another section or conditional block."""

    service: str
    where: str
    opens: bool


@dataclass(frozen=True, slots=True)
class Edit(Span):
    """Puts ``text`` in the place of the lines of a span; into a gap between two lines when the span is empty."""

    text: str


@dataclass(frozen=True, slots=True)
class Document:
    """One or several files, in the order in which HAProxy reads them."""

    files: tuple[File, ...]
    sections: tuple[Section, ...]
    blocks: tuple[Block, ...]
    damages: tuple[Damage, ...]
    conditionals: tuple[Span, ...]
    """The outermost ``.if`` to ``.endif``."""

    def proxies(self, *kinds: str) -> Iterator[Section]:
        """The sections of these kinds that guardian did not write, in order."""
        return (section for section in self.sections if section.kind in kinds and not section.heading.owner)

    def apply(self, edits: Iterable[Edit]) -> "Document":
        """The document after ``edits`` of it, which must not overlap. ``ValueError`` for an edit of another document."""
        lines = {file: list(file.lines) for file in self.files}
        for edit in sorted(edits, key=lambda edit: edit.first, reverse=True):
            if edit.file not in lines:
                raise ValueError(words.edit_of_another_document(edit.file.path))
            lines[edit.file][edit.first : edit.end] = [edit.text]
        return parse((file.path, File(file.path, tuple(lines[file])).data) for file in self.files)


def load(paths: Iterable[Path]) -> Document:
    """The configuration that HAProxy reads with ``-f`` for each of ``paths``, files or directories. ``OSError`` as it comes."""
    return parse((str(file), file.read_bytes()) for path in paths for file in _expand(path))


def _expand(path: Path) -> Sequence[Path]:
    """A directory stands for its files whose names end in ``.cfg``, in the order of their bytes, without hidden ones."""
    if not path.is_dir():
        return [path]
    files = [file for file in path.iterdir() if file.name.partition(".cfg")[1:] == (".cfg", "") and file.name[0] != "."]
    return sorted(filter(Path.is_file, files), key=lambda file: os.fsencode(file.name))


def parse(files: Iterable[tuple[str, bytes]]) -> Document:
    """The document of these files, given as path and bytes in the order in which HAProxy reads them. Never fails."""
    reader = _Reader()
    read = tuple(File.of(path, data) for path, data in files)
    for file in read:
        reader.read(file)
    return Document(read, tuple(reader.sections), tuple(reader.blocks), tuple(reader.damages), tuple(reader.conditionals))


class _Reader:
    """Walks once over the lines and remembers what is open."""

    def __init__(self) -> None:
        self.sections: list[Section] = []
        self._defaults: list[Section] = []
        self.blocks: list[Block] = []
        self.damages: list[Damage] = []
        self.conditionals: list[Span] = []
        self._depth = 0
        self._opened = 0
        self._mark: tuple[str, int, str] | None = None
        """The service of the block that is open, its first line, and its digest where it holds whole sections."""
        self._heading: Statement | None = None
        self._body: list[Statement] = []

    def read(self, file: File) -> None:
        """Read one file. Sections, conditional blocks and marked blocks end with it."""
        self._depth = 0
        for number, text in enumerate(file.lines):
            keyword = syntax.keyword(text)
            if keyword:
                self._statement(file, number, keyword)
            elif "guardian" in text and (mark := _MARK.match(text)):
                self._marked(file, number, mark)
        self._unclose(file)
        self._end(len(file.lines))
        if self._depth:
            self.conditionals.append(Span(file, self._opened, len(file.lines)))

    def _statement(self, file: File, number: int, keyword: str) -> None:
        heading = keyword in SECTIONS
        if keyword in _DIRECTIVES or (heading and not (self._mark and self._mark[2])):
            self._unclose(file)
        if keyword == ".endif" and self._depth:
            self._depth -= 1
            if not self._depth:
                self.conditionals.append(Span(file, self._opened, number + 1))
        statement = Statement(file, number, keyword, self._depth, self._mark[0] if self._mark else "")
        if keyword == ".if":
            self._opened = self._opened if self._depth else number
            self._depth += 1
        if heading:
            self._end(number)
            self._heading = statement
        else:
            self._body.append(statement)

    def _end(self, line: int) -> None:
        if self._heading:
            values = [word.value for word in self._heading.words[1:]]
            parent = values.pop() if values[-2:-1] == ["from"] else None
            name = values[0] if values and not (parent and values == ["from"]) else None
            parents, inherits = self._parents(self._heading.keyword, parent)
            section = Section(self._heading, name, parents, inherits, tuple(self._body), line)
            self.sections.append(section)
            if section.kind == "defaults":
                self._defaults.append(section)
        self._heading, self._body = None, []

    def _parents(self, kind: str, name: str | None) -> tuple[tuple[Section, ...], bool]:
        """With a name the last ``defaults`` of that name; else the last of all, and those before it while it is conditional."""
        above = self._defaults[::-1]
        if name:
            found = tuple(one for one in above if one.name == name)[:1]
            return found, bool(found)
        if kind == "defaults":
            return (), False
        certain = next((number for number, one in enumerate(above) if not one.heading.depth), None)
        return (tuple(above), False) if certain is None else (tuple(above[: certain + 1]), True)

    def _marked(self, file: File, number: int, mark: re.Match[str]) -> None:
        service, digest = mark[2], mark[3] or ""
        if mark[1] == ">>>":
            self._unclose(file)
            self._mark = (service, number, digest)
        elif self._mark and self._mark[0] == service:
            self.blocks.append(Block(file, self._mark[1], number + 1, service, self._mark[2]))
            self._mark = None
        else:
            self._unclose(file)
            self.damages.append(Damage(service, f"{file.path}:{number + 1}", opens=False))

    def _unclose(self, file: File) -> None:
        if self._mark:
            self.damages.append(Damage(self._mark[0], f"{file.path}:{self._mark[1] + 1}", opens=True))
            self._mark = None
