"""The channels that ``guardian.yaml`` names: where letters go, and which."""

from dataclasses import dataclass
from pathlib import Path

from guardian.core.letters import Route


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that takes letters as JSON. Holds no secret, only the names of the files that do."""

    url: str | None = None
    url_file: Path | None = None
    """Where the address is the secret; one of the two is given."""
    token_file: Path | None = None
    """What is sent as ``Authorization: Bearer …``."""
    timeout: float = 10.0
    """Seconds in which it must have answered."""


@dataclass(frozen=True, slots=True)
class SlackChannel:
    """A channel of the Slack workspace that the section ``slack`` names: one message for each deployment, with its thread."""

    id: str


@dataclass(frozen=True, slots=True)
class Grafana:
    """A Grafana that shows deployments as annotations."""

    url: str
    token_file: Path
    """The token of a service account that may write annotations."""
    dashboard: str = ""
    """The uid of the one dashboard that shows them; empty for every dashboard that asks for their tags."""
    timeout: float = 10.0
    """Seconds in which it must have answered."""


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """One channel."""

    route: Route
    stale: float
    """Seconds after which news are not told any more."""
    target: Webhook | SlackChannel | Grafana
