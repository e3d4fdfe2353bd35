"""How guardian uses a Sentry: for its own errors, for a sign of life, and for the releases of the services that it guards."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SentryReleases:
    """Where the releases of services are registered. Holds no secret, only the name of the file that does."""

    url: str
    """Of the Sentry, without a path."""
    organization: str
    token_file: Path
    """A token with the scope ``project:releases``."""
    projects: Mapping[str, str] = field(default_factory=dict)
    """The project of each service; one that has none is left out."""
    timeout: float = 10.0
    """Seconds in which it must have answered."""


@dataclass(frozen=True, slots=True)
class SentrySettings:
    """What is told to a Sentry."""

    dsn_file: Path | None
    """Where guardian's own errors go; ``None``: nowhere."""
    environment: str = "production"
    monitor: str | None = None
    """The slug of the monitor that hears guardian's signs of life; ``None``: none does."""
    releases: SentryReleases | None = None
