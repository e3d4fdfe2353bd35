"""What may be sent to the API, and what it answers beside the views of :mod:`guardian.app.views`."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from guardian.core.model import BASIS_POINTS
from guardian.core.people import Role, Scope
from guardian.core.words import drill, shell
from guardian.core.words.access import LONGEST_DAYS

LONGEST_REASON = 500
LONGEST_KEY = 200
LONGEST_FREEZE = 90 * 86400.0
MOST_DEPLOYMENTS = 1000


def clean(text: str) -> str:
    """``text`` on one line, without control characters and marks that would deceive whoever reads it in a terminal or a log."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


Reason = Annotated[str, Field(max_length=LONGEST_REASON, description=shell.FORMS["reason"]), AfterValidator(clean)]
BreakGlass = Annotated[bool, Field(strict=True, description=shell.FORMS["break_glass"])]
Share = Annotated[int, Field(strict=True, ge=1, le=BASIS_POINTS, description=shell.FORMS["share"])]


class PlainOrder(BaseModel):
    """Why somebody wants it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: Reason = ""


class SwitchOrder(PlainOrder):
    """Which environment is to get how much of the traffic. By default all of it goes to the one that is not the safe side.

    By the steps of the service's strategy, if it has one; at once where a share is named, or `now` is.
    """

    to: Annotated[Literal["blue", "green"] | None, Field(description=shell.FORMS["to"])] = None
    share: Share = BASIS_POINTS
    now: Annotated[bool, Field(strict=True, description=shell.FORMS["now"])] = False
    break_glass: BreakGlass = False


class RollbackOrder(PlainOrder):
    """Whether to take the traffic back onto an environment without a healthy server, too."""

    force: Annotated[bool, Field(strict=True, description=shell.FORMS["force"])] = False
    redeploy: Annotated[bool, Field(strict=True, description=shell.FORMS["redeploy"])] = False


class DeployOrder(PlainOrder):
    """Which version is to be deployed."""

    version: Annotated[str, Field(min_length=1, max_length=LONGEST_REASON, description=shell.FORMS["version"])]
    key: Annotated[str, Field(max_length=LONGEST_KEY, pattern=r"^[\x21-\x7e]*$", description=shell.FORMS["key"])] = ""
    again: Annotated[bool, Field(strict=True, description=shell.FORMS["again"])] = False
    break_glass: BreakGlass = False


class AnswerOrder(PlainOrder):
    """Which question of a deployment is answered."""

    generation: Annotated[int | None, Field(ge=1, description=shell.FORMS["generation"])] = None
    break_glass: BreakGlass = False


class AbortOrder(PlainOrder):
    """Which deployment is to end; by default the one that is under way."""

    deployment: Annotated[str | None, Field(max_length=LONGEST_REASON, description=shell.FORMS["deployment"])] = None


class FreezeOrder(PlainOrder):
    """For how long nothing moves forward, and why."""

    reason: Annotated[Reason, Field(min_length=1, description=shell.FORMS["reason"])]
    seconds: Annotated[float, Field(gt=0, le=LONGEST_FREEZE, description=shell.FORMS["seconds"])]


class UnmuteOrder(PlainOrder):
    """Which rule is to act again."""

    rule: Annotated[str, Field(min_length=1, max_length=LONGEST_REASON, description=shell.FORMS["rule"])]


class MuteOrder(UnmuteOrder):
    """Which rule is without consequence, for how long, and why."""

    reason: Annotated[Reason, Field(min_length=1, description=shell.FORMS["reason"])]
    seconds: Annotated[float, Field(gt=0, le=LONGEST_FREEZE, description=shell.FORMS["seconds"])]


class DrillOrder(PlainOrder):
    """How much of the traffic goes to the idle side for a moment."""

    share: Annotated[int, Field(strict=True, ge=0, description=drill.form())] = 1


class UnlatchOrder(PlainOrder):
    """Why the service may move forward again."""

    reason: Annotated[Reason, Field(min_length=1, description=shell.FORMS["reason"])]


class ReloadOrder(PlainOrder):
    """Which running watches go on with the new rules."""

    rejudge: Annotated[list[str], Field(max_length=1000, description=shell.FORMS["rejudge"])] = []


TokenName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$", description=shell.FORMS["name"])]


class NewTokenOrder(BaseModel):
    """What the token is to be."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: TokenName
    role: Annotated[Role | None, Field(description=shell.FORMS["role"])] = None
    scope: Annotated[Scope, Field(description=shell.FORMS["scope"])] = Scope.API
    services: Annotated[list[str], Field(max_length=1000, description=shell.FORMS["services"])] = []
    days: Annotated[int, Field(strict=True, ge=1, le=LONGEST_DAYS, description=shell.FORMS["days"])] = 90


class HistoryQuery(BaseModel):
    """Which deployments to list."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    service: Annotated[str | None, Field(description=shell.FORMS["service"])] = None
    limit: Annotated[int, Field(ge=1, le=MOST_DEPLOYMENTS, description=shell.FORMS["limit"])] = 20


class NewsQuery(BaseModel):
    """Where to begin."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    after: Annotated[int, Field(ge=0, description=shell.FORMS["after"])] = 0


@dataclass(frozen=True, slots=True)
class Problem:
    """Why something was not done, and what to do instead."""

    detail: str
    """One sentence; for a request that cannot be understood, one for each of ``fields``."""
    fields: dict[str, str] = field(default_factory=dict)
    """The sentence of each field that does not fit."""


@dataclass(frozen=True, slots=True)
class Me:
    """Who asks."""

    name: str
    role: Role | None
    services: tuple[str, ...]
    """The only services that they may see and steer; empty for all."""


@dataclass(frozen=True, slots=True)
class Alive:
    """The program runs. It ends as soon as any of its parts does, so whatever answers is whole."""

    version: str


@dataclass(frozen=True, slots=True)
class Ready:
    """Whether a rollback of every service would work right now."""

    ready: bool
    faults: dict[str, tuple[str, ...]]
    """Why not, by service."""
