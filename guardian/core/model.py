"""The nouns that everything else is said in: environment, split, service."""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Self

from guardian.core.shield import Shield
from guardian.core.stages import Stages
from guardian.core.strategy import Strategy

BASIS_POINTS = 10_000
"""Shares are whole ten-thousandths: 10,000 is all of the traffic, 500 is 5 %."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")
"""Names that may reach a HAProxy socket line: no blank, no ``;``, no newline, nothing that starts an option."""


class Environment(StrEnum):
    """One of the two identical environments behind the balancer."""

    BLUE = "blue"
    GREEN = "green"

    @property
    def other(self) -> "Environment":
        """The environment on the other side."""
        return Environment.GREEN if self is Environment.BLUE else Environment.BLUE


@dataclass(frozen=True, slots=True)
class Split:
    """How the traffic of one service is divided: green's share in basis points, 0 to 10,000; blue has the rest."""

    green: int

    def __post_init__(self) -> None:
        """Refuse a share outside 0 to 10,000 with ``ValueError``: such a value must never reach a balancer."""
        if not 0 <= self.green <= BASIS_POINTS:
            message = f"green's share must be 0 to {BASIS_POINTS} basis points, not {self.green}"
            raise ValueError(message)

    @classmethod
    def all_on(cls, environment: Environment) -> Self:
        """All traffic on one environment."""
        return cls.giving(environment, BASIS_POINTS)

    @classmethod
    def giving(cls, environment: Environment, share: int) -> Self:
        """``share`` basis points for ``environment``, the rest for the other."""
        return cls(share if environment is Environment.GREEN else BASIS_POINTS - share)

    def share(self, environment: Environment) -> int:
        """The share of ``environment`` in basis points."""
        return self.green if environment is Environment.GREEN else BASIS_POINTS - self.green

    @property
    def sole(self) -> Environment | None:
        """The environment that has all of the traffic, or ``None`` while both serve."""
        if self.green == BASIS_POINTS:
            return Environment.GREEN
        return Environment.BLUE if self.green == 0 else None

    @property
    def main(self) -> Environment:
        """The environment with the larger share; blue at an even split."""
        return Environment.GREEN if self.green > BASIS_POINTS // 2 else Environment.BLUE


VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+:@~-]{0,127}")
"""Names of releases: nothing in them means anything to a shell, to YAML, to a path or to an option parser."""

TOKEN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
"""Names of cookies and headers that may stand in HAProxy's configuration as they are."""


class Way(StrEnum):
    """How a change of routing reaches HAProxy."""

    RUNTIME = "runtime"
    """Through a map that HAProxy asks for every request: a change takes a millisecond, and nothing is reloaded."""
    RELOAD = "reload"
    """Through the configuration itself: guardian's block is rewritten, checked, loaded, and proved."""


class Holding(StrEnum):
    """What a visitor is recognised by in a sticky split."""

    COOKIE = "cookie"
    HEADER = "header"
    SOURCE = "source"


@dataclass(frozen=True, slots=True)
class Sticky:
    """Visitors stay on the side where they are, and a growing share only ever moves visitors forward."""

    by: Holding
    name: str = ""
    """The name of the cookie or header; empty for the source address."""

    def __post_init__(self) -> None:
        """Refuse a name that does not fit with ``ValueError``: it would stand in HAProxy's configuration."""
        if bool(self.name) is (self.by is Holding.SOURCE) or (self.name and not TOKEN.fullmatch(self.name)):
            message = f"{self.by} cannot go with the name {self.name!r}"
            raise ValueError(message)


@dataclass(frozen=True, slots=True)
class Preview:
    """People and programs who reach the side that is verified through the real frontend, while everyone else does not."""

    by: Holding
    """A header or a cookie."""
    name: str
    secret_file: Path
    """Holds what they send in it."""

    def __post_init__(self) -> None:
        """Refuse what could not stand in HAProxy's configuration with ``ValueError``."""
        if self.by is Holding.SOURCE or not TOKEN.fullmatch(self.name):
            message = f"testers cannot be recognised by {self.by} {self.name!r}"
            raise ValueError(message)


class Ending(StrEnum):
    """What becomes of connections to the abandoned environment that outlive a switch."""

    DRAIN = "drain"
    """They may finish what they are doing."""
    CUT = "cut"
    """They are closed."""


@dataclass(frozen=True, slots=True)
class Routing:
    """How the traffic of one service is moved."""

    way: Way = Way.RUNTIME
    sticky: Sticky | None = None
    """``None``: each request, or each connection in TCP mode, is drawn anew."""
    fallback: bool = False
    """Whether HAProxy itself sends the traffic to the other environment while the one that should have it has no healthy server."""
    frontends: tuple[str, ...] = ()
    """The only frontends and listens that guardian may touch; empty for all that send the service's traffic."""
    ending: Ending = Ending.DRAIN
    grace: float = 0.0
    """Seconds that connections to the abandoned environment have before they are cut."""
    testers: Preview | None = None
    """``None``: nobody is let through to the idle side."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service whose traffic guardian moves: its name, and the HAProxy backend of each environment."""

    name: str
    blue: str
    green: str
    watch_seconds: float = 600.0
    """How long a release is watched after its cutover, in seconds."""
    routing: Routing = Routing()
    stages: Stages = field(default_factory=Stages)
    """The work around a switch."""
    strategy: Strategy = field(default_factory=Strategy)
    shield: Shield | None = None
    """What HAProxy saves while a release is on trial; ``None`` for nothing."""

    def backend(self, environment: Environment) -> str:
        """The HAProxy backend that serves ``environment``."""
        return self.green if environment is Environment.GREEN else self.blue
