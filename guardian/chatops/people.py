"""Who may do what in the chat: user groups and users to roles.

Forward it fails closed: where Slack does not say who is in a group, nobody is. For a rollback it fails open: then the last known
members count, and where there are none, every full member of the workspace.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol, TypeVar

from guardian.core.chat import GROUP_ID, SlackSettings, account_of, identity
from guardian.core.people import Role
from guardian.core.words import chat as words

logger = logging.getLogger(__name__)

T = TypeVar("T")

FRESH_SECONDS = 300.0
"""How long an answer of Slack's about people is believed."""
FORWARD_PATIENCE, BACK_PATIENCE = 5.0, 1.0
"""Seconds that an order waits for Slack's answer about people."""


class NoAnswer(Exception):
    """Slack did not say. The message is a phrase for people, without a secret. Arises in :class:`Directory`."""


class NotAllowed(Exception):
    """Somebody may not do what they want. The message is a sentence for people."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account as Slack describes it."""

    team: str
    guest: bool
    deactivated: bool


class Directory(Protocol):
    """Slack, as far as it knows people. Every answer within ``patience`` seconds, or :class:`NoAnswer`."""

    async def group(self, group: str, patience: float) -> frozenset[str]:
        """The members of a user group."""

    async def account(self, user: str, patience: float) -> Account:
        """One account."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever typed or clicked, as the payload says."""

    user: str
    name: str
    team: str

    @property
    def by(self) -> str:
        """As journals and messages know them."""
        return identity(self.name, self.user)


class People:
    """Answers who may. ``monotonic`` is a clock that does not step."""

    def __init__(self, settings: SlackSettings, directory: Directory, monotonic: Callable[[], float]) -> None:
        self._settings, self._directory, self._monotonic = settings, directory, monotonic
        self._groups: dict[str, tuple[float, frozenset[str]]] = {}
        self._accounts: dict[str, tuple[float, Account]] = {}

    def forget(self) -> None:
        """Ask Slack again: somebody joined or left. Who was a member last is still known, for rollbacks."""
        self._groups = {name: (-FRESH_SECONDS, members) for name, (_, members) in self._groups.items()}
        self._accounts.clear()

    async def check(self, caller: Caller, needed: Role, *, back: bool = False) -> None:
        """Return where ``caller`` may do what takes the role ``needed``; :class:`NotAllowed` otherwise. ``back``: a rollback."""
        if caller.team != self._settings.team:
            raise NotAllowed(words.from_elsewhere())
        patience = BACK_PATIENCE if back else FORWARD_PATIENCE
        try:
            await self._check(caller.user, needed, patience)
        except NoAnswer as silent:
            if not back or not self._last_known(caller.user, needed):
                raise NotAllowed(words.cannot_tell(needed, str(silent))) from silent
            logger.warning("%s", words.let_through(caller.by, str(silent)))

    def approves(self, by: str) -> bool:
        """Whether ``by``, who agreed to something, may still do so, as far as Slack has said within the last minutes.

        Asked when an approval takes effect, so it waits for nobody; :meth:`refresh` keeps it well informed. Whoever is known by
        other means than the chat is none of its business.
        """
        user = account_of(by)
        if user is None:
            return True
        known = self._accounts.get(user)
        if known and (known[1].deactivated or known[1].team != self._settings.team):
            return False
        if self._named(user, Role.APPROVER):
            return True
        now = self._monotonic()
        fresh = [self._groups.get(group) for group in self._groups_for(Role.APPROVER)]
        return any(found is not None and now - found[0] < FRESH_SECONDS and user in found[1] for found in fresh)

    async def refresh(self) -> None:
        """Ask again who approves, where the answer is getting old."""
        for group in self._groups_for(Role.APPROVER):
            if self._monotonic() - self._groups.get(group, (-FRESH_SECONDS,))[0] < FRESH_SECONDS / 2:
                continue
            with suppress(NoAnswer):
                members = await _within(FORWARD_PATIENCE, self._directory.group(group, FORWARD_PATIENCE))
                self._groups[group] = (self._monotonic(), members)

    async def _check(self, user: str, needed: Role, patience: float) -> None:
        named = self._named(user, needed)
        account = await self._account(user, patience)
        if account.team != self._settings.team:
            raise NotAllowed(words.from_elsewhere())
        if account.deactivated:
            raise NotAllowed(words.no_longer_here())
        if named:
            return
        if account.guest:
            raise NotAllowed(words.guest())
        if needed is Role.VIEWER and not self._settings.roles.get(Role.VIEWER):
            return
        groups = self._groups_for(needed)
        answers = await asyncio.gather(*(self._group(group, patience) for group in groups), return_exceptions=True)
        if any(isinstance(answer, frozenset) and user in answer for answer in answers):
            return
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        raise NotAllowed(words.lacks_role(needed, [f"<!subteam^{group}>" for group in groups]))

    def _entries(self, needed: Role) -> list[str]:
        return [entry for role, entries in self._settings.roles.items() if role.covers(needed) for entry in entries]

    def _named(self, user: str, needed: Role) -> bool:
        return user in self._entries(needed)

    def _groups_for(self, needed: Role) -> list[str]:
        return list(dict.fromkeys(entry for entry in self._entries(needed) if GROUP_ID.fullmatch(entry)))

    async def _group(self, group: str, patience: float) -> frozenset[str]:
        at, members = self._groups.get(group, (-FRESH_SECONDS, frozenset()))
        if self._monotonic() - at < FRESH_SECONDS:
            return members
        members = await _within(patience, self._directory.group(group, patience))
        self._groups[group] = (self._monotonic(), members)
        return members

    async def _account(self, user: str, patience: float) -> Account:
        known = self._accounts.get(user)
        if known and self._monotonic() - known[0] < FRESH_SECONDS:
            return known[1]
        account = await _within(patience, self._directory.account(user, patience))
        self._accounts[user] = (self._monotonic(), account)
        return account

    def _last_known(self, user: str, needed: Role) -> bool:
        """What is known without asking. Only a rollback rests on it."""
        if self._named(user, needed):
            return True
        known = self._accounts.get(user)
        if known and (known[1].guest or known[1].deactivated):
            return False
        groups = self._groups_for(needed)
        if any(user in self._groups[group][1] for group in groups if group in self._groups):
            return True
        return any(group not in self._groups for group in groups)


async def _within(patience: float, answer: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(patience):
            return await answer
    except TimeoutError:
        raise NoAnswer(words.too_slow(patience)) from None
