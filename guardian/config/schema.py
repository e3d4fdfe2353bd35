"""The JSON Schema of rule files, for editors: what the readers of rules ask for, taken down while they read.

There is no second list of keys: each kind of rule is read once from a stand-in, and whatever the readers ask of it becomes the
schema. What a schema cannot say (units, PromQL, limits that contradict one another) is left to ``guardian rules check``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any

from guardian.config.asked import Asked
from guardian.config.defaults import KEYS
from guardian.config.document import ListNode, MapNode, Node, ScalarNode
from guardian.config.faults import Fault, Findings, Place
from guardian.config.kinds import BELOW
from guardian.config.rule import read_rule
from guardian.core.rules import Source
from guardian.core.words import schema as words

DRAFT = "https://json-schema.org/draft/2020-12/schema"
SCALAR = ["string", "number", "boolean"]
"""What YAML makes of a value that guardian reads as text."""
LIMITS = ("above", "below")
MEASURES = ("ratio", "value")
SHAPES: Mapping[Source, tuple[Mapping[str, str], ...]] = {
    Source.HAPROXY: ({"ratio": "responses_5xx / responses", "test": "sequential"}, {"value": "latency", "above": "1s"}),
    Source.PROMETHEUS: ({"query": "vector(0)", "above": "1"},),
    Source.ALERTS: ({},),
    Source.COMMAND: ({"above": "1"}, {}),
}
"""The kinds of rules that a source knows, each by what tells it from the others."""


class _Probe(Findings):
    """Takes down what readers ask for, and does not mind what they miss."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: dict[str, dict[str, Asked]] = {}

    def add(self, fault: Fault) -> None:
        """Stand-ins have faults."""

    def heard(self, place: Place, asked: Asked) -> None:
        """A reader asks the mapping at ``place`` for a key."""
        self.asked.setdefault(place.path, {})[str(asked.key)] = asked


@dataclass(frozen=True, slots=True)
class _Shape:
    """One kind of rule."""

    source: Source
    given: Mapping[str, str]
    asked: Mapping[str, Mapping[str, Asked]] = field(default_factory=dict)

    def schema(self) -> dict[str, Any]:
        """What such a rule looks like."""
        own = self._object("rule")
        if self.source is Source.HAPROXY:
            own["oneOf"] = [{"required": [key]} for key in MEASURES]
        if "above" in self.given:
            own["anyOf"] = [{"required": [key]} for key in LIMITS]
        return own

    def _object(self, path: str) -> dict[str, Any]:
        properties = {key: self._value(path, asked) for key, asked in sorted(self.asked[path].items())}
        required = sorted(key for key, asked in self.asked[path].items() if asked.required and key not in (*LIMITS, *KEYS))
        return {"type": "object", "additionalProperties": False, "properties": properties, "required": required}

    def _value(self, path: str, asked: Asked) -> dict[str, Any]:
        inner = f"{path}.{asked.key}"
        if inner in self.asked:
            return {**self._object(inner), **_described(asked.key)}
        if asked.named:
            return {"type": "object", "additionalProperties": _scalar(asked), **_described(asked.key)}
        return _scalar(asked) if not asked.many else {"type": "array", "items": _scalar(asked), **_described(asked.key)}


def rule_schema() -> dict[str, Any]:
    """The schema of a rule file; of one with ``service``, or of one that others include."""
    shapes = [_Shape(source, given, _asked(source, given)) for source, all_given in SHAPES.items() for given in all_given]
    cases = [_case(source, [shape for shape in shapes if shape.source is source]) for source in SHAPES]
    rule = {
        "type": "object",
        "required": ["source"],
        "properties": {"source": {"enum": list(SHAPES), **_described("source")}},
        "allOf": cases,
    }
    defaults = {key: shape.schema()["properties"][key] for shape in shapes for key in KEYS if key in shape.asked["rule"]}
    return {
        "$schema": DRAFT,
        "$id": "urn:guardian:rules",
        "title": words.title(),
        "description": words.description(),
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "service": {"type": "string", **_described("service")},
            "include": {"type": "array", "items": {"type": "string", "description": BELOW.form}, **_described("include")},
            "defaults": {"type": "object", "additionalProperties": False, "properties": defaults, **_described("defaults")},
            "rules": {"type": "array", "items": {"$ref": "#/$defs/rule"}, **_described("rules")},
        },
        "anyOf": [{"required": ["rules"]}, {"required": ["service", "include"]}],
        "if": {"required": ["service"], "properties": {"defaults": {"not": {"required": ["on_no_data"]}}}},
        "then": {"properties": {"rules": {"items": {"required": ["on_no_data"]}}}},
        "$defs": {"rule": rule},
    }


def _case(source: Source, shapes: list[_Shape]) -> dict[str, Any]:
    """What holds for the rules of one source."""
    of_source = {"properties": {"source": {"const": source}}}
    if len(shapes) == 1:
        return {"if": of_source, "then": shapes[0].schema()}
    mark = "test" if any("test" in shape.given for shape in shapes) else "above"
    with_mark = next(shape for shape in shapes if mark in shape.given)
    without = next(shape for shape in shapes if mark not in shape.given)
    marked = {"required": ["test"]} if mark == "test" else {"anyOf": [{"required": [key]} for key in LIMITS]}
    return {"if": of_source, "then": {"if": marked, "then": with_mark.schema(), "else": without.schema()}}


def _asked(source: Source, given: Mapping[str, str]) -> Mapping[str, Mapping[str, Asked]]:
    """What the readers ask of a rule of ``source`` that holds what is ``given``."""
    probe, place = _Probe(), Place("", 1, "rule")
    texts = {"name": "a", "summary": "a", "source": str(source), "on_no_data": "hold", **given}
    entries: dict[str, Node] = {key: ScalarNode(place.below(key), text) for key, text in texts.items()}
    entries["links"] = MapNode(place.below("links"))
    for key in ("match", "command"):
        entries[key] = ListNode(place.below(key))
    read_rule(MapNode(place, entries), inf, probe)
    if "above" in given:  # each rule has one of its limits, and may have either
        entries["below"] = entries.pop("above")
        read_rule(MapNode(place, entries), inf, probe)
    if source is Source.HAPROXY:  # each rule has one of its measures, and may have either
        probe.asked["rule"] = {key: asked for key, asked in probe.asked["rule"].items() if "test" not in given or key != "value"}
    return probe.asked


def _scalar(asked: Asked) -> dict[str, Any]:
    choices: list[Any] = [_as_yaml(choice) for choice in asked.choices]
    kind: dict[str, Any] = {"enum": choices} if choices else {"type": SCALAR}
    return {**kind, "description": words.key(asked.key, asked.form)}


def _as_yaml(choice: str) -> str | bool:
    return {"true": True, "false": False}.get(choice, choice)


def _described(key: str) -> dict[str, str]:
    return {"description": words.key(key, "")}
