"""What is said of the rules in force: read again, refused, taken over by a running watch."""

from collections.abc import Mapping, Sequence
from typing import Any

from guardian.core.words.figures import count
from guardian.core.words.quotes import listed

SHORT = 12
"""Characters of a fingerprint that people are shown."""


def reloaded(changed: Sequence[str], watched: Sequence[str]) -> str:
    """Rule files were read again without a fault."""
    if not changed:
        return "the rule files were read again: no rule has changed"
    begun = f"; the watch of {listed(watched)} goes on with the rules that it began with" if watched else ""
    return f"the rule files were read again: new rules for {listed(changed)} from now on{begun}"


def refused(faults: str) -> str:
    """Rule files were read again, and nothing of them is used."""
    lines = faults.splitlines()
    more = f" (and {count(len(lines) - 1)} more faults)" if len(lines) > 1 else ""
    return f"the rule files are not used, the rules that were in force stay so: {lines[0] if lines else faults}{more}"


def needs_restart() -> str:
    """guardian.yaml is another than the one that the program started with."""
    return "guardian.yaml has changed: rules are taken from it at once, everything else at the next start"


def rejudged(identifier: str, by: str, digest: str) -> str:
    """A running watch was given the rules as they are now."""
    return (
        f"{identifier}: {by} has it judged by the rules as they are now ({digest[:SHORT]}); "
        f"a rule that did not change keeps its evidence, a new one begins now"
    )


def not_on_trial(service: str) -> str:
    """Nobody judges a release of this service."""
    return f"no release of {service} is on trial; the rules of its next watch are the new ones anyway"


def action(rule: Mapping[str, Any]) -> str:
    """What follows from a breach of ``rule``."""
    return f"{rule['action']} (shadow)" if rule["shadow"] else str(rule["action"])


def not_used(faults: str) -> str:
    """Why the files as they are now are not used, with every fault."""
    return f"The rule files have changed, and are not used:\n{faults}"


def no_rules() -> str:
    """No service has a rule."""
    return "no rule is in force; nothing would take a release back"
