"""What the rules of a file have in common: ``defaults``, put into each rule that does not say otherwise and has a use for it."""

from collections.abc import Mapping

from guardian.config.document import MapNode, Node, ScalarNode
from guardian.config.faults import Findings
from guardian.config.fields import Fields
from guardian.core.rules import Source

ALWAYS = ("on_no_data", "on_source_error", "action", "severity", "shadow", "links")
"""What every rule has a use for."""
FITTING: Mapping[Source, tuple[str, ...]] = {
    Source.HAPROXY: ("every", "window", "for", "warm_up", "min_requests"),
    Source.PROMETHEUS: ("every", "window", "for", "warm_up"),
    Source.ALERTS: ("every", "window", "warm_up"),
    Source.COMMAND: ("every", "window", "for", "warm_up"),
}
"""What else the rules of a source have a use for."""
SEQUENTIAL = ("min_requests",)
"""What is left of that for a sequential test, which has no windows and no checks."""
KEYS = tuple(dict.fromkeys((*ALWAYS, *(key for keys in FITTING.values() for key in keys))))


class Defaults:
    """The ``defaults`` of one rule file."""

    def __init__(self, node: Node | None, findings: Findings) -> None:
        """Read ``node``; keys that no rule knows are added to ``findings``. What is wrong with values shows in the rules."""
        fields = Fields(node, findings)
        fields.overlook(KEYS)
        fields.close()
        self._entries = {key: entry for key, entry in fields.entries().items() if key in KEYS}

    def complete(self, rule: Node) -> Node:
        """``rule`` with what it does not say itself. Each value keeps its place, so that a fault is told where it stands."""
        if not isinstance(rule, MapNode) or not self._entries:
            return rule
        fitting = _fitting(rule)
        added = {key: entry for key, entry in self._entries.items() if key in fitting and key not in rule.entries}
        return MapNode(rule.place, rule.entries | added)


def _fitting(rule: MapNode) -> tuple[str, ...]:
    source = rule.entries.get("source")
    named = source.text if isinstance(source, ScalarNode) else ""
    keys = FITTING[Source(named)] if named in list(Source) else ()
    if "test" in rule.entries:
        keys = tuple(key for key in keys if key in SEQUENTIAL)
    return (*ALWAYS, *keys)
