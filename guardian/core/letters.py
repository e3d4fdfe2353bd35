"""Letters: what is told outside, on which channel, and how loudly."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from guardian.core.deployment import Phase, ServiceState
from guardian.core.rules import Link, Severity
from guardian.core.words.story import Announcement

RANK = {severity: number for number, severity in enumerate(Severity)}


class Kind(StrEnum):
    """What a letter is."""

    CARD = "card"
    """The standing account of one deployment, kept up to date: only its present state matters, and that is looked up when it is
    delivered."""
    NEWS = "news"
    """One announcement, told once."""
    CHART = "chart"
    """The picture of why a deployment was taken back by a rule, told once."""


ORDER = {kind: number for number, kind in enumerate(Kind)}


@dataclass(frozen=True, slots=True)
class Letter:
    """Something to be told on one channel."""

    channel: str
    key: str
    """The same at every attempt and after every restart, and no other letter of the channel has it: by it a channel can tell
    whether it has the letter already."""
    kind: Kind
    at: float
    service: str
    deployment: str | None
    phase: str | None
    severity: Severity
    sentence: str = ""
    """Empty for what is no news."""
    links: tuple[Link, ...] = ()

    @property
    def lane(self) -> str:
        """Letters of one lane are delivered in order."""
        return self.deployment or self.service


@dataclass(frozen=True, slots=True)
class Route:
    """Which letters a channel gets."""

    channel: str
    kinds: frozenset[Kind] = frozenset({Kind.NEWS})
    services: frozenset[str] = frozenset()
    """Empty for all."""
    severity: Severity = Severity.INFO
    """The least that it gets."""


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to a service, as far as it is to be told."""

    at: float
    before: ServiceState | None
    after: ServiceState
    announcement: Announcement | None

    @property
    def severity(self) -> Severity:
        """How loud it is."""
        return self.announcement.severity if self.announcement else Severity.INFO


def card_key(deployment: str) -> str:
    """The key of a deployment's card."""
    return f"card:{deployment}"


def letters(routes: Iterable[Route], change: Change, key: str, known: Callable[[str, str], bool]) -> Iterator[Letter]:
    """What ``change`` leads to, in the order in which it is to be told. ``known``: whether a channel has a deployment's card.

    A channel for the loud only has no card of what went well: its card begins with the first news that reaches it.
    """
    deployment = change.after.deployment
    identifier, phase = (deployment.id, str(deployment.phase)) if deployment else (None, None)
    for route in routes:
        if route.services and change.after.service not in route.services:
            continue
        about = (route.channel, change.at, change.after.service, identifier, phase, change.severity)
        loud = RANK[change.severity] >= RANK[route.severity]
        stands = identifier and change.before != change.after and (loud or known(route.channel, identifier))
        if Kind.CARD in route.kinds and identifier and stands:
            yield _letter(card_key(identifier), Kind.CARD, *about)
        if Kind.NEWS in route.kinds and change.announcement and loud:
            yield _letter(key, Kind.NEWS, *about, change.announcement.sentence, change.announcement.links)
        if Kind.CHART in route.kinds and loud and _taken_back_by_a_rule(change):
            yield _letter(f"chart:{identifier}", Kind.CHART, *about)


def _letter(key: str, kind: Kind, channel: str, *rest: Any) -> Letter:
    return Letter(channel, key, kind, *rest)


def _taken_back_by_a_rule(change: Change) -> bool:
    before, after = change.before.deployment if change.before else None, change.after.deployment
    if after is None or after.phase is not Phase.ROLLED_BACK or (before is not None and before.phase is Phase.ROLLED_BACK):
        return False
    return after.rollback is not None and after.rollback.verdict is not None
