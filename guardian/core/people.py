"""Who may do what: four roles, each of which may do all that the one before may."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What somebody may do, from the least to the most. Taking traffic back takes an operator, and never an approval."""

    VIEWER = "viewer"
    """Sees everything that is no secret, and changes nothing."""
    OPERATOR = "operator"
    """Deploys, moves traffic and takes it back, pauses, freezes, mutes rules."""
    APPROVER = "approver"
    """Also lets the deployments of others go forward, and goes past what protects people: approvals, freezes, windows."""
    ADMIN = "admin"
    """Also grants access, and reads the audit log."""

    @property
    def rank(self) -> int:
        """0 for the least."""
        return tuple(Role).index(self)

    def covers(self, needed: "Role") -> bool:
        """Whether this role may do what ``needed`` may."""
        return self.rank >= needed.rank


class Scope(StrEnum):
    """Which part of the API a token opens."""

    API = "api"
    """Questions and orders, as far as the token's role goes."""
    ALERTS = "alerts"
    """Only the addresses that alerts are sent to: a monitoring system needs no more, and can do no more with it."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody, or a program, that asks or orders: known by the host's users, by a token, or by a chat."""

    name: str
    """As it stands in journals and messages; approvals tell people apart by it."""
    role: Role | None = None
    """``None``: no role at all, so not even questions are answered."""
    services: frozenset[str] = frozenset()
    """The only services that this person may see and steer; empty for all."""
    scope: Scope = Scope.API

    def may(self, needed: Role, service: str | None = None) -> bool:
        """Whether this person may do what takes the role ``needed``, to ``service`` where one is meant."""
        fits = self.scope is Scope.API and self.role is not None and self.role.covers(needed)
        return fits and (service is None or self.sees(service))

    def sees(self, service: str) -> bool:
        """Whether ``service`` is any of this person's business."""
        return not self.services or service in self.services
