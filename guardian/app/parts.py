"""What the orders of people and programs are carried out with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from guardian.app.decide import Decider
from guardian.app.notes import Notes
from guardian.app.readiness import Prober
from guardian.app.rulebook import RuleBook
from guardian.app.stages import NoStages
from guardian.app.tell import Feed
from guardian.app.threads import Aside
from guardian.app.watch import Watcher
from guardian.core.calendar import Zone
from guardian.core.deployment import Shielded
from guardian.core.model import Service
from guardian.core.ports import Balancer, Clock, StageRunner, Store

NO_STAGES = NoStages()


def everybody(by: str) -> bool:
    """Whoever may use guardian at all may approve: so it is where nobody is named."""
    del by
    return True


def unshielded(service: str) -> Shielded | None:
    """Nothing is saved where nobody counts it."""
    del service
    return None


def uncounted(service: str) -> bool:
    """Nobody counts."""
    del service
    return False


@dataclass(frozen=True, slots=True)
class Parts:
    """What the orders are carried out with."""

    services: Mapping[str, Service]
    balancer: Balancer
    store: Store
    decider: Decider
    watcher: Watcher
    prober: Prober
    feed: Feed
    rules: RuleBook
    clock: Clock
    stages: StageRunner = NO_STAGES
    may_approve: Callable[[str], bool] = everybody
    """Whether a person may approve deployments: asked when an approval is given, and again when it takes effect."""
    zone: Zone = ZoneInfo
    notes: Notes | None = None
    shielded: Callable[[str], Shielded | None] = unshielded
    """What the shield has done for the latest deployment of a service."""
    counting: Callable[[str], bool] = uncounted
    """Whether that still grows."""
    reading: Aside = field(default_factory=Aside)
    """Where questions read the records."""


@dataclass(frozen=True, slots=True)
class Order:
    """Who wants something, and why."""

    by: str
    reason: str = ""
    break_glass: bool = False
    """Past approvals, a freeze and closed windows: needs a reason, and is told to everybody."""
