"""The directory of rule files: one ``*.yaml`` for each service; what several services share stands in directories below."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from types import MappingProxyType

from guardian.config import kinds
from guardian.config.defaults import Defaults
from guardian.config.document import MapNode, Node, read_document
from guardian.config.faults import ConfigFaults, Findings, GivenUp, Place
from guardian.config.fields import Fields
from guardian.config.files import Unreadable, list_files
from guardian.config.rule import read_rule
from guardian.core.model import Service
from guardian.core.rules import Rule, RuleSet
from guardian.core.words import rule_faults
from guardian.core.words.quotes import visible


@dataclass(frozen=True, slots=True)
class Written:
    """One rule as it stands in a file."""

    service: str
    rule: Rule
    watch: float
    """Seconds that its service is watched, infinite where nobody knows."""
    place: Place
    entries: Mapping[str, Node] = field(default_factory=dict)
    """What was written, by key, with what the file's ``defaults`` add."""

    def at(self, *keys: str) -> Place:
        """Where the first of ``keys`` stands that is there; else where the rule does."""
        return next((self.entries[key].place for key in keys if key in self.entries), self.place)


def load_rules(directory: Path, services: Mapping[str, Service]) -> Mapping[str, RuleSet]:
    """The rules in ``directory`` for every one of ``services``, by name; a service without a file has none.

    :class:`ConfigFaults` with all that is wrong in any of the files.
    """
    findings = Findings()
    watches = {name: service.watch_seconds for name, service in services.items()}
    found = read_rules(directory, Place(visible(str(directory))), watches, findings)
    if findings.faults:
        raise ConfigFaults(findings.faults)
    return for_services(found, services)


def for_services(found: Mapping[str, RuleSet], services: Iterable[str]) -> Mapping[str, RuleSet]:
    """What was found for each of ``services``, an empty set where that is nothing."""
    return MappingProxyType({name: found.get(name, RuleSet(name)) for name in services})


def read_rules(directory: Path, named_at: Place, watches: Mapping[str, float] | None, findings: Findings) -> Mapping[str, RuleSet]:
    """The rules in ``directory``, which is named ``named_at``, by service; what is wrong is added to ``findings``.

    ``watches`` says for how many seconds each known service is watched; with ``None`` no service is known, and none is refused.
    """
    return read_shelf(directory, named_at, watches, findings).found


def read_shelf(directory: Path, named_at: Place, watches: Mapping[str, float] | None, findings: Findings) -> "Shelf":
    """The same, with where each rule stands."""
    shelf = Shelf(directory, watches, findings)
    try:
        files = list_files(directory)
    except Unreadable as error:
        with suppress(GivenUp):
            findings.add(named_at.fault(str(error)))
        return shelf
    for file in files:
        if file.suffix == ".yaml":
            shelf.read(file)
        elif file.suffix == ".yml":
            findings.add(Place(visible(str(file))).fault(rule_faults.wrong_ending()))
    return shelf


def read_rule_file(file: Path, findings: Findings) -> RuleSet | None:
    """The rules of the one file at ``file``, of whatever service; ``None`` where that cannot be read.

    What is wrong is added to ``findings``.
    """
    shelf = Shelf(file.parent, None, findings)
    shelf.read(file)
    return next(iter(shelf.found.values()), None)


class Shelf:
    """The rule files of one directory."""

    def __init__(self, directory: Path, watches: Mapping[str, float] | None, findings: Findings) -> None:
        self.found: dict[str, RuleSet] = {}
        self.written: list[Written] = []
        self.files: list[Path] = []
        """What was read for a service, good or not."""
        self._directory = directory
        self._watches = watches
        self._findings = findings
        self._places: dict[str, Place] = {}

    def read(self, file: Path) -> None:
        """Read one file."""
        self.files.append(file)
        with suppress(GivenUp):
            self._read(file)

    def _read(self, file: Path) -> None:
        document = read_document(file, self._findings, within=self._directory)
        if document is None:
            return
        fields = Fields(document.root, self._findings)
        service = self._service(fields)
        watch = inf if service is None or self._watches is None else self._watches[service]
        bench = _Bench(self._directory, watch, Defaults(fields.node("defaults"), self._findings), self._findings)
        included = fields.optional_list("include", kinds.BELOW)
        for name in included if fields.sound("include") else ():
            bench.include(self._directory / name)
        if fields.has("rules") or not included:  # a file that includes others needs no rules of its own
            bench.take(fields.items("rules"))
        fields.close()
        if service is not None:
            self.written += [Written(service, rule, watch, node.place, node.entries) for rule, node in bench.written]
            self.found[service] = RuleSet(service, tuple(bench.rules), _digest([document.digest, *bench.digests]))

    def _service(self, fields: Fields) -> str | None:
        """The file's service, unless it is unknown or has a file already."""
        name = fields.required("service", kinds.name("web"))
        if not fields.sound("service"):
            return None
        if self._watches is not None and name not in self._watches:
            fields.fault("service", rule_faults.unknown_service(name, sorted(self._watches)))
            return None
        place = fields.place("service")
        first = self._places.setdefault(name, place)
        if first is not place:
            fields.fault("service", rule_faults.second_rule_file(name, f"{first.file}:{first.line}"))
        return name


def _digest(digests: Sequence[str]) -> str:
    """One fingerprint of all files that a service's rules were read from."""
    return digests[0] if len(digests) == 1 else hashlib.sha256(" ".join(digests).encode()).hexdigest()


class _Bench:
    """The rules of one service, from its own file and from those that it includes."""

    def __init__(self, directory: Path, watch: float, defaults: Defaults, findings: Findings) -> None:
        self.rules: list[Rule] = []
        self.digests: list[str] = []
        """Of the included files."""
        self.written: list[tuple[Rule, MapNode]] = []
        self._directory, self._watch, self._defaults, self._findings = directory, watch, defaults, findings
        self._places: dict[str, Place] = {}

    def include(self, path: Path) -> None:
        """Take the rules of a file that holds nothing else. What is wrong in it is told there."""
        with suppress(GivenUp):
            document = read_document(path, self._findings, within=self._directory)
            if document is not None:
                self.digests.append(document.digest)
                fields = Fields(document.root, self._findings)
                fields.refuse(("service", "defaults", "include"), rule_faults.only_rules_here)
                self.take(fields.items("rules"))
                fields.close()

    def take(self, nodes: Iterable[Node]) -> None:
        """Take the rules in ``nodes``."""
        for node in nodes:
            complete = self._defaults.complete(node)
            rule = read_rule(complete, self._watch, self._findings)
            if rule is None:
                continue
            if isinstance(complete, MapNode):
                self.written.append((rule, complete))
            first = self._places.setdefault(rule.name, node.place)
            if first is not node.place:
                self._findings.add(node.place.below("name").fault(rule_faults.same_rule_name(rule.name, _where(first, node.place))))
            self.rules.append(rule)


def _where(first: Place, second: Place) -> str:
    return f"line {first.line}" if first.file == second.file else f"{first.file}:{first.line}"
