"""What people can wish for in a chat, and how each wish is typed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from guardian.core.model import Environment
from guardian.core.words import chat as words

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Verb(StrEnum):
    """What can be wished for."""

    STATUS = "status"
    DEPLOY = "deploy"
    SWITCH = "switch"
    ROLLBACK = "rollback"
    APPROVE = "approve"
    REJECT = "reject"
    PAUSE = "pause"
    RESUME = "resume"
    PROMOTE = "promote"
    ABORT = "abort"
    FREEZE = "freeze"
    UNFREEZE = "unfreeze"
    MUTE = "mute"
    UNMUTE = "unmute"
    UNLATCH = "unlatch"
    RULES = "rules"
    HISTORY = "history"
    EXPLAIN = "explain"
    NOTE = "note"
    HELP = "help"


OF_SERVICES = frozenset(
    {
        *(Verb.DEPLOY, Verb.SWITCH, Verb.ROLLBACK, Verb.PAUSE, Verb.RESUME, Verb.PROMOTE, Verb.ABORT),
        *(Verb.FREEZE, Verb.UNFREEZE, Verb.UNLATCH),
    }
)
OF_ALL = frozenset({Verb.STATUS, Verb.RULES, Verb.HISTORY})
"""Questions about one service, or about all."""
OF_RULES = frozenset({Verb.MUTE, Verb.UNMUTE})
"""About one rule of a service."""
OF_DEPLOYMENTS = frozenset({Verb.APPROVE, Verb.REJECT, Verb.EXPLAIN, Verb.NOTE})
QUESTIONS = OF_ALL | {Verb.EXPLAIN, Verb.NOTE, Verb.HELP}
NEED_REASON = frozenset({Verb.FREEZE, Verb.MUTE, Verb.UNLATCH})


@dataclass(frozen=True, slots=True)
class Known:
    """What guardian knows by name."""

    services: tuple[str, ...]
    rules: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The rules of each service."""

    def having(self, rule: str) -> list[str]:
        """The services that have ``rule``."""
        return [service for service in self.services if rule in self.rules.get(service, ())]


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants."""

    verb: Verb
    subject: str = ""
    """A service or a deployment; empty for all."""
    to: Environment | None = None
    share: int | None = None
    """Basis points; ``None`` for all of the traffic, or where nobody said."""
    version: str = ""
    seconds: float | None = None
    limit: int | None = None
    force: bool = False
    """Onto an unhealthy side for a rollback; past what protects others, for all else."""
    redeploy: bool = False
    """For a rollback: bring back first what was retired."""
    again: bool = False
    """For a deployment: also a version that was taken back."""
    reason: str = ""
    rule: str = ""
    """One of the service's."""

    @property
    def question(self) -> bool:
        """Whether it changes nothing."""
        return self.verb in QUESTIONS

    @property
    def back(self) -> bool:
        """Whether it takes traffic back, which nothing may stand in the way of."""
        return self.verb in (Verb.ROLLBACK, Verb.ABORT)

    @property
    def bare(self) -> bool:
        """Whether nothing but the service was said: then a form may ask for the rest."""
        return self == Wish(self.verb, self.subject)


class Misread(Exception):
    """A text that is no wish. The message is a sentence for people; ``suggestion`` is what was probably meant, or empty."""

    def __init__(self, sentence: str, suggestion: str = "") -> None:
        super().__init__(words.did_you_mean(sentence, suggestion))
        self.suggestion = suggestion


def written(wish: Wish) -> str:
    """``wish`` as it is typed after ``/bg``: :func:`guardian.chatops.commands.parse` reads it back."""
    about = [wish.rule, f"in {wish.subject}"] if wish.rule else [wish.subject]
    parts = [str(wish.verb), *about, wish.version]
    parts += [f"to {wish.to}" if wish.to else "", f"--share {wish.share / 100:g}%" if wish.share else ""]
    parts += [f"--for {_time(wish.seconds)}" if wish.seconds else "", f"--limit {wish.limit}" if wish.limit else ""]
    parts += ["--force" if wish.force else "", "--redeploy" if wish.redeploy else "", "--again" if wish.again else ""]
    parts += [f"--reason {wish.reason}" if wish.reason else ""]
    return " ".join(part for part in parts if part)


def _time(seconds: float) -> str:
    """As the grammar reads it, in the largest unit that is whole."""
    for unit, size in reversed(UNITS.items()):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds:.10g}s"
