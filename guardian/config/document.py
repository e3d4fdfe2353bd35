"""YAML with line numbers, read from files that nobody vouches for.

Scalars stay text: ``no``, ``5:30`` and ``0660`` mean what their key says they mean, never what YAML would guess. The tree is built
from the parser's events with bounds on size, depth and number, so that a hostile file costs little before it is refused. Anchors,
aliases, tags and directives are refused outright: no configuration of guardian needs them.

The parser is libyaml's, which every wheel of PyYAML holds: the one written in Python takes seconds for 1 MiB.
"""

import codecs
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from guardian.config.faults import Fault, Findings, Place
from guardian.config.files import Unreadable, read_file
from guardian.core.words import faults as words
from guardian.core.words.quotes import clipped, visible

DEEPEST = 20
MOST_VALUES = 20_000
"""Keys, values and containers in one file: twice what a thousand services need."""

_HIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff]")
"""Control characters, line separators that editors do not count, and marks that reorder what a reader sees."""
_TOO_DEEP = "exceeded maximum nesting depth"
_TAB_INDENT = re.compile(r"^ *\t[ \t]*\S", re.MULTILINE)
_DIRECTIVE = re.compile(r"^%", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ScalarNode:
    """One value, as text."""

    place: Place
    text: str


@dataclass(frozen=True, slots=True)
class ListNode:
    """A list of values."""

    place: Place
    items: "list[Node]" = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class MapNode:
    """Values by key. Where a key stood twice, the first value counts."""

    place: Place
    entries: "dict[str, Node]" = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RefusedNode:
    """A value whose fault is on record already: nobody complains of it again."""

    place: Place


Node: TypeAlias = ScalarNode | ListNode | MapNode | RefusedNode


@dataclass(frozen=True, slots=True)
class Document:
    """One file, read: its values, and the SHA-256 of its bytes in hexadecimal."""

    root: Node
    digest: str


def read_document(path: Path, findings: Findings, within: Path | None = None) -> Document | None:
    """The file at ``path``, or ``None`` where too little of it can be read; what is wrong with it is added to ``findings``.

    ``within`` is the directory that a symbolic link may not leave.
    """
    top = Place(visible(str(path)))
    try:
        data = read_file(path, within)
    except Unreadable as error:
        findings.add(top.fault(str(error)))
        return None
    text = _decode(data, top, findings)
    root = None if text is None else _parse(text, top, findings)
    return None if root is None else Document(root, hashlib.sha256(data).hexdigest())


def _decode(data: bytes, top: Place, findings: Findings) -> str | None:
    if data.startswith(codecs.BOM_UTF8):
        findings.add(top.fault(words.byte_order_mark()))
        return None
    try:
        text = data.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        findings.add(Place(top.file, line).fault(words.not_utf8(data[error.start])))
        return None
    unfit = list(_unfit_text(text))
    for start, sentence in unfit:
        findings.add(Place(top.file, text.count("\n", 0, start) + 1).fault(sentence))
    return None if unfit else text


def _unfit_text(text: str) -> Iterator[tuple[int, str]]:
    """Where the text holds what the parser must not see, and why."""
    if hidden := _HIDDEN.search(text):
        yield hidden.start(), words.hidden_character(hidden[0])
    if tab := _TAB_INDENT.search(text):
        yield tab.start(), words.tabs(sum(1 for _ in _TAB_INDENT.finditer(text)))
    # libyaml takes half a minute for 1 MiB of them.
    if directive := _DIRECTIVE.search(text):
        yield directive.start(), words.directive()


def _parse(text: str, top: Place, findings: Findings) -> Node | None:
    tree = _Tree(top, findings)
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            tree.take(event)
    except _Stop as stop:
        findings.add(stop.fault)
        return None
    except yaml.MarkedYAMLError as error:
        findings.add(_syntax_fault(error, top.file))
        return None
    if tree.root is None:
        findings.add(top.fault(words.empty_file()))
    return tree.root


def _syntax_fault(error: yaml.MarkedYAMLError, file: str) -> Fault:
    line = error.problem_mark.line + 1 if error.problem_mark else 1
    problem = str(error.problem)
    if problem == _TOO_DEEP:  # libyaml since 0.2.6 has a bound of its own, and may reach it before it tells of the first bracket
        return Place(file, line).fault(words.too_deep(DEEPEST))
    if error.context and error.context_mark:
        problem = words.within(problem, error.context, error.context_mark.line + 1)
    return Place(file, line).fault(words.no_yaml(problem))


class _Stop(Exception):
    """A fault after which the rest of the file is not read."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        super().__init__(str(fault))


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end is still to come."""

    node: ListNode | MapNode
    key: tuple[str, int] | None = None
    """The key whose value comes next, and its line."""


class _Tree:
    """Builds nodes from events, without recursion."""

    def __init__(self, top: Place, findings: Findings) -> None:
        self.root: Node | None = None
        self._top = top
        self._findings = findings
        self._open: list[_Open] = []
        self._values = 0

    def take(self, event: Any) -> None:
        """Take the parser's next event."""
        line = event.start_mark.line + 1
        match event:
            case yaml.DocumentStartEvent() if self.root is not None:
                raise _Stop(Place(self._top.file, line).fault(words.second_document()))
            case yaml.CollectionEndEvent():
                self._open.pop()
            case yaml.NodeEvent():
                self._count(line)
                parent = self._open[-1] if self._open else None
                if parent and isinstance(parent.node, MapNode) and parent.key is None:
                    parent.key = self._key(event, line, parent.node)
                else:
                    self._value(event, line, parent)

    def _count(self, line: int) -> None:
        self._values += 1
        if self._values > MOST_VALUES:
            raise _Stop(Place(self._top.file, line).fault(words.too_many_values(MOST_VALUES)))

    def _key(self, event: Any, line: int, mapping: MapNode) -> tuple[str, int]:
        if not isinstance(event, yaml.ScalarEvent):
            raise _Stop(Place(self._top.file, line, mapping.place.path).fault(words.key_not_text()))
        place = mapping.place.below(clipped(event.value), line)
        self._refuse(event, place)
        if event.value in mapping.entries:
            first = mapping.entries[event.value].place.line
            self._findings.add(place.fault(words.given_twice(event.value, first)))
        return event.value, line

    def _value(self, event: Any, line: int, parent: _Open | None) -> None:
        place = self._place(line, parent)
        refused = self._refuse(event, place)
        node: Node
        match event:
            case yaml.ScalarEvent() if not refused:
                node = ScalarNode(place, event.value)
            case yaml.SequenceStartEvent():
                node = self._begin(ListNode(place), line)
            case yaml.MappingStartEvent():
                node = self._begin(MapNode(place), line)
            case _:
                node = RefusedNode(place)
        self._attach(node, parent)

    def _place(self, line: int, parent: _Open | None) -> Place:
        if parent is None:
            return Place(self._top.file, line)
        if isinstance(parent.node, ListNode):
            return parent.node.place.item(len(parent.node.items), line)
        key, key_line = parent.key or ("", line)
        return parent.node.place.below(clipped(key), key_line)

    def _begin(self, node: ListNode | MapNode, line: int) -> ListNode | MapNode:
        if len(self._open) >= DEEPEST:
            raise _Stop(Place(self._top.file, line).fault(words.too_deep(DEEPEST)))
        self._open.append(_Open(node))
        return node

    def _attach(self, node: Node, parent: _Open | None) -> None:
        if parent is None:
            self.root = node
        elif isinstance(parent.node, ListNode):
            parent.node.items.append(node)
        elif parent.key is not None:
            parent.node.entries.setdefault(parent.key[0], node)
            parent.key = None

    def _refuse(self, event: Any, place: Place) -> bool:
        """Note what is not used here; whether the value itself is lost by it."""
        if isinstance(event, yaml.AliasEvent):
            self._findings.add(place.fault(words.alias(str(event.anchor))))
            return True
        if event.anchor:
            self._findings.add(place.fault(words.anchor(event.anchor)))
        if event.tag:
            self._findings.add(place.fault(words.tag(event.tag)))
        hidden = _HIDDEN.search(event.value) if isinstance(event, yaml.ScalarEvent) else None
        if hidden:
            self._findings.add(place.fault(words.hidden_character(hidden[0])))
        return hidden is not None
