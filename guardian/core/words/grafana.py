"""What a deployment says of itself on Grafana's graphs, and what Grafana answers."""

from guardian.core.words.quotes import visible


def annotation(deployment: str, version: str, candidate: str, phase: str) -> str:
    """The first line of an annotation."""
    what = f"{deployment} ({visible(version)})" if version else deployment
    return f"{what}: {candidate} {phase}" if candidate else f"{what}: {phase}"


def asked(by: str, reason: str) -> str:
    """The second line: who wanted it, and why."""
    return f"asked for by {visible(by)}: {visible(reason)}" if reason else f"asked for by {visible(by)}"


def no_number() -> str:
    """An answer without the annotation's number."""
    return "it answers without the number of the annotation: is the address that of a Grafana?"


def one_target() -> str:
    """A channel that leads to two places."""
    return "stands beside `grafana`; a channel leads to one place: make two channels of it"
