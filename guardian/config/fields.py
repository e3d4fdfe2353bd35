"""Reading the keys of a mapping into typed values: what is wrong is collected, never raised.

A key that could not be read gives a stand-in of the right type, so that reading goes on and finds the next fault; nothing that was
built from stand-ins leaves this package, because a file with faults is refused as a whole.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from guardian.config.asked import Asked
from guardian.config.document import ListNode, MapNode, Node, RefusedNode, ScalarNode
from guardian.config.faults import Fault, Findings, Place
from guardian.core.words import faults as words
from guardian.core.words import rule_faults
from guardian.core.words.quotes import nearest

T = TypeVar("T")
D = TypeVar("D")


class Misfit(Exception):
    """A text that is not what its key asks for. The message is a sentence for people. Arises in :attr:`Kind.read`."""


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """What a key asks for."""

    read: Callable[[str], T]
    """The value of a text; :class:`Misfit` where it has none."""
    form: str
    """What to write: the end of a sentence."""
    stand_in: T
    """A value in place of one that could not be read."""
    choices: tuple[str, ...] = ()
    """The only texts that have a value; empty where there are others."""


class Fields:
    """The keys of one mapping. Take each that may stand there, then :meth:`close`."""

    def __init__(self, node: Node | None, findings: Findings) -> None:
        """Read ``node``. Where it is ``None`` or no mapping, every key gives its stand-in and no fault."""
        self._findings = findings
        self._mapping = node if isinstance(node, MapNode) else None
        self._place = node.place if node else Place("")
        self._asked: set[str] = set()
        self._unsound: set[str] = set()
        self._missing: dict[str, Fault] = {}
        if isinstance(node, ScalarNode | ListNode):
            findings.add(node.place.fault(words.must_be_keys()))

    def required(self, key: str, kind: Kind[T]) -> T:
        """The value of ``key``, which must be there."""
        self._tell(key, kind, required=True)
        node = self._find(key)
        if node is None:
            self._lack(key, words.missing(kind.form))
            return kind.stand_in
        return self._read(key, node, kind, kind.stand_in)

    def optional(self, key: str, kind: Kind[T], default: D) -> T | D:
        """The value of ``key``, or ``default`` where it is absent or faulty."""
        self._tell(key, kind)
        node = self._find(key)
        return default if node is None else self._read(key, node, kind, default)

    def section(self, key: str) -> "Fields":
        """The mapping under ``key``, which must be there."""
        node = self._find(key)
        if node is None:
            self._lack(key, words.missing_section())
        return Fields(node, self._findings)

    def optional_section(self, key: str) -> "Fields":
        """The mapping under ``key``; where it is absent, every key in it is."""
        self._tell(key)
        return Fields(self._find(key), self._findings)

    def node(self, key: str) -> Node | None:
        """Whatever stands under ``key``; ``None`` where it is absent."""
        return self._find(key)

    def items(self, key: str) -> list[Node]:
        """The items of the list under ``key``, which must be there."""
        self._tell(key, required=True, many=True)
        return self._items(key)

    def _items(self, key: str) -> list[Node]:
        node = self._find(key)
        if isinstance(node, ListNode):
            return node.items
        if node is None:
            self._lack(key, words.missing_list())
        elif not isinstance(node, RefusedNode):
            self.fault(key, words.must_be_a_list())
        return []

    def optional_list(self, key: str, kind: Kind[T]) -> tuple[T, ...]:
        """The values of the list under ``key``, which may name each only once; none where it is absent."""
        self._tell(key, kind, many=True)
        found: dict[T, None] = {}
        for node in self._items(key) if self._find(key) else ():
            value = self._read(key, node, kind, kind.stand_in)
            if value in found and self.sound(key):
                self._findings.add(node.place.fault(rule_faults.twice(str(value))))
            found[value] = None
        return tuple(found)

    def series(self, key: str, kind: Kind[T], *, required: bool = False) -> tuple[T, ...]:
        """The values of the list under ``key`` in their order, the same one as often as it stands there."""
        self._tell(key, kind, required=required, many=True)
        nodes = self._items(key) if required or self._find(key) else ()
        return tuple(self._read(key, node, kind, kind.stand_in) for node in nodes)

    def mapping(self, key: str, kind: Kind[T]) -> Mapping[str, T]:
        """The values of the mapping under ``key``, whose keys are names; empty where it is absent."""
        self._findings.heard(self._place, Asked(key, required=False, form=kind.form, named=True))
        inner = Fields(self._find(key), self._findings)
        found = {name: inner.required(name, kind) for name in inner.entries()}
        if found and not inner.sound(*found):
            self._unsound.add(key)
        return found

    def entries(self) -> Mapping[str, Node]:
        """All values of a mapping whose keys are names, by name."""
        entries = self._mapping.entries if self._mapping else {}
        self._asked.update(entries)
        return entries

    @property
    def empty(self) -> bool:
        """Whether this is a mapping without keys."""
        return self._mapping is not None and not self._mapping.entries

    def has(self, key: str) -> bool:
        """Whether ``key`` is there."""
        return self._mapping is not None and key in self._mapping.entries

    def sound(self, *keys: str) -> bool:
        """Whether nothing is known to be wrong with the values of ``keys``: only then may they be compared."""
        return self._mapping is not None and self._unsound.isdisjoint(keys)

    def text(self, key: str) -> str:
        """What stands behind ``key`` in the file; empty where that is no single value."""
        node = self._mapping.entries.get(key) if self._mapping else None
        return node.text if isinstance(node, ScalarNode) else ""

    def place(self, key: str) -> Place:
        """Where ``key`` stands or should stand."""
        node = self._mapping.entries.get(key) if self._mapping else None
        return node.place if node else self._place.below(key)

    def fault(self, key: str, sentence: str) -> None:
        """Note what is wrong with ``key``."""
        self._unsound.add(key)
        if self._mapping is not None:
            self._findings.add(self.place(key).fault(sentence))

    def fault_here(self, sentence: str) -> None:
        """Note what is wrong with the mapping as a whole."""
        if self._mapping is not None:
            self._findings.add(self._place.fault(sentence))

    def refuse(self, keys: Iterable[str], because: Callable[[str], str]) -> None:
        """Note each of ``keys`` that is there, though it makes no sense beside the others."""
        for key in keys:
            if self._find(key) is not None:
                self.fault(key, because(key))

    def overlook(self, keys: Iterable[str]) -> None:
        """Let ``keys`` stand unread, for what they mean cannot be known."""
        self._asked.update(keys)

    def close(self) -> None:
        """Note what is missing, and every key that nobody asked for. A key that is nearly a missing one stands for it."""
        known = sorted(self._asked)
        for key, node in self._mapping.entries.items() if self._mapping else ():
            if key not in self._asked and not isinstance(node, RefusedNode):
                self._findings.add(node.place.fault(words.unknown_key(key, known)))
                self._missing.pop(nearest(key, known) or "", None)
        for fault in self._missing.values():
            self._findings.add(fault)

    def _tell(self, key: str, kind: Kind[Any] | None = None, *, required: bool = False, many: bool = False) -> None:
        form, choices = (kind.form, kind.choices) if kind else ("", ())
        self._findings.heard(self._place, Asked(key, required, form, choices, many))

    def _find(self, key: str) -> Node | None:
        self._asked.add(key)
        return self._mapping.entries.get(key) if self._mapping else None

    def _lack(self, key: str, sentence: str) -> None:
        self._unsound.add(key)
        if self._mapping is not None:
            self._missing[key] = self.place(key).fault(sentence)

    def _read(self, key: str, node: Node, kind: Kind[T], otherwise: D) -> T | D:
        sentence = ""
        if isinstance(node, ScalarNode) and node.text:
            try:
                return kind.read(node.text)
            except Misfit as misfit:
                sentence = str(misfit)
        elif isinstance(node, ScalarNode):
            sentence = words.no_value(kind.form)
        elif not isinstance(node, RefusedNode):
            sentence = words.must_be_one_value(kind.form)
        self._unsound.add(key)
        if sentence:
            self._findings.add(node.place.fault(sentence))
        return otherwise
