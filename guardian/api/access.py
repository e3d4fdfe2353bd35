"""Who is calling, and what they may do.

On the unix socket the kernel says who called, and nobody can say otherwise; its mode and group decide who may call at all. What a
caller says about itself is never asked there. Names are true only where guardian sees the host's users: in a user namespace of its
own (systemd's ``PrivateUsers=``) the kernel shows every other user as ``nobody``. Over TCP a caller shows a token.
"""

import asyncio
import os
import pwd
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated

from fastapi import Depends, HTTPException, Request

from guardian.core.people import Person, Role, Scope
from guardian.core.words import access as words

NAME_SECONDS = 0.5
"""How long an order waits for the name of its caller: the user database may be a directory server that is down."""


@dataclass(frozen=True, slots=True)
class Admission:
    """Who has which role."""

    groups: Mapping[int, Role] | None = None
    """The role of each group of this host, by its number; ``None``: whoever may use the socket is an administrator."""
    holder: Callable[[str], Person | None] = field(default=lambda _text: None)
    """Who shows a token, if it is a valid one."""

    def peer(self, uid: int, groups: frozenset[int]) -> Person:
        """Who has this ``uid`` and is in these ``groups``. Root and guardian's own user could do everything anyway."""
        name = f"uid {uid}"
        if self.groups is None or uid in (0, os.geteuid()):
            return Person(name, Role.ADMIN)
        roles = [self.groups[group] for group in groups & set(self.groups)]
        return Person(name, max(roles, key=lambda role: role.rank, default=None))


def person_of(request: Request) -> Person:
    """Who sent ``request``, as the gate found out; on the unix socket without a name."""
    person: Person = request.scope["state"]["person"]
    return person


async def named(request: Request) -> Person:
    """Who sent ``request``, by name; ``uid 1234`` for a user of this host that has none."""
    person, client = person_of(request), request.scope["client"]
    return replace(person, name=await _name(client[1])) if client and client[0] == "uid" else person


async def caller(who: Annotated[Person, Depends(named)]) -> str:
    """The name of who sent the request, as it goes into records."""
    return who.name


async def _name(uid: int) -> str:
    try:
        async with asyncio.timeout(NAME_SECONDS):
            entry = await asyncio.to_thread(pwd.getpwuid, uid)
    except (KeyError, TimeoutError):
        return f"uid {uid}"
    return entry.pw_name


def may_break_glass(person: Person, *, wanted: bool) -> None:
    """Return where ``person`` may go past approvals, freezes and windows, or does not want to; else raise 403 with a sentence."""
    if wanted and not person.may(Role.APPROVER):
        raise HTTPException(403, words.glass_needs(person, Role.APPROVER))


class Needs:
    """What an endpoint takes. Every endpoint has one of these among its dependencies; the API is not built otherwise."""

    def __init__(self, role: Role | None, *, alerts: bool = False, everything: bool = False) -> None:
        """``None``: anybody may. ``alerts``: a token for alerts may, too. ``everything``: but not who was given some services."""
        self.role, self.alerts, self.everything = role, alerts, everything

    async def __call__(self, request: Request) -> None:
        """Let ``request`` pass, or raise 403 with a sentence. The service or deployment in its path or query counts, too."""
        if self.role is None:
            return
        person = person_of(request)
        if self.alerts and person.scope is Scope.ALERTS:
            return
        if not person.may(self.role):
            raise HTTPException(403, await self._refusal(request))
        if self.everything and person.services:
            raise HTTPException(403, words.all_services_needed(person))
        service = request.path_params.get("service") or request.query_params.get("service")
        if deployment := request.path_params.get("deployment"):
            service = deployment.rpartition("-")[0]  # a deployment is called after its service, with a number
        if service is not None and not person.sees(service):
            raise HTTPException(403, words.not_your_service(person, service))

    async def _refusal(self, request: Request) -> str:
        person = await named(request)
        if person.scope is Scope.API and person.role is None:
            return words.no_role(person.name)
        return words.alerts_needed(person) if self.alerts else words.role_too_low(person, self.role or Role.VIEWER)


ANYBODY = Depends(Needs(None))
VIEWER = Depends(Needs(Role.VIEWER))
VIEWER_OF_ALL = Depends(Needs(Role.VIEWER, everything=True))
"""For what shows all services at once."""
OPERATOR = Depends(Needs(Role.OPERATOR))
APPROVER = Depends(Needs(Role.APPROVER))
ADMIN = Depends(Needs(Role.ADMIN, everything=True))
ALERTS = Depends(Needs(Role.OPERATOR, alerts=True))
"""For the addresses that alerts are sent to."""
EVERY_SERVICE = Depends(Needs(Role.OPERATOR, everything=True))
"""For orders that concern all services at once."""
