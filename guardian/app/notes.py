"""Deployment notes: written and published through the outbox as the cards of two channels, and shown to whoever asks."""

import asyncio
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from guardian.app.account import account_of
from guardian.app.threads import Aside
from guardian.core.account import Account
from guardian.core.notebook import LeftAlone, Notebook, NotWritten
from guardian.core.ports import Clock, Store, StoreError
from guardian.core.sending import Dispatch, Later, Never, NotYet
from guardian.core.switch import Refused, Unknown
from guardian.core.words import refusals

EVIDENCE_SECONDS = 10.0
"""How long the last note of a deployment waits for the evidence of its rules, which is kept once everything else is done."""


SETTLE_SECONDS = 15.0
"""After the end of a deployment, before its note is published: what it leaves behind on the old side is told by then."""


@dataclass(frozen=True, slots=True)
class NoteView:
    """The note of one deployment."""

    deployment: str
    service: str
    phase: str
    path: str
    """Where it is; empty where it is not written."""
    url: str
    """Where people read it; empty where nobody said."""
    text: str
    """As it stands, with what people wrote; where it is not written, as it would be."""


class NoteWriter:
    """The :class:`~guardian.core.sending.Sender` that writes the notes: a draft at every change, the last word at the end."""

    def __init__(self, store: Store, notebook: Notebook, clock: Clock) -> None:
        self._store, self._notebook, self._clock = store, notebook, clock

    async def deliver(self, dispatch: Dispatch) -> str:
        """Write the note of the letter's deployment."""
        account = await recorded(self._store, dispatch)
        ended = account.deployment.ended_at
        if ended is not None and not account.watched and account.deployment.cutover_at is not None:
            rules = account.deployment.conclusions or (account.deployment.rollback and account.deployment.rollback.verdict)
            if rules and self._clock.now() - ended < EVIDENCE_SECONDS:
                raise NotYet(0.5)
        try:
            return str(await self._notebook.write(account))
        except LeftAlone as alone:
            raise Never(str(alone)) from alone
        except NotWritten as error:
            raise Later(str(error)) from error


class NotePublisher:
    """The :class:`~guardian.core.sending.Sender` that commits and pushes the notes of deployments that are over."""

    def __init__(self, store: Store, notebook: Notebook, clock: Clock, settle: float = SETTLE_SECONDS) -> None:
        self._store, self._notebook, self._clock, self._settle = store, notebook, clock, settle

    async def deliver(self, dispatch: Dispatch) -> str:
        """Publish the note of the letter's deployment; drafts are nobody's business yet."""
        account = await recorded(self._store, dispatch)
        ended = account.deployment.ended_at
        if account.deployment.phase.active or ended is None:
            return "draft"
        if (left := ended + self._settle - self._clock.now()) > 0:
            raise NotYet(left)
        try:
            return await self._notebook.publish(account)
        except LeftAlone as alone:
            raise Never(str(alone)) from alone
        except NotWritten as error:
            raise Later(str(error)) from error


async def recorded(store: Store, dispatch: Dispatch) -> Account:
    """What is recorded of the letter's deployment. :class:`Later` while that cannot be read; the journal may be behind."""
    try:
        account = await asyncio.to_thread(account_of, store, dispatch.letter.deployment or "")
    except StoreError as error:
        raise Later(str(error)) from error
    if account is None:
        raise NotYet(1.0)
    return account


class Notes:
    """What people may ask about notes. Every method raises :class:`~guardian.core.switch.Refused` when it cannot be."""

    def __init__(self, store: Store, notebook: Notebook, url: str | None = None) -> None:
        """``url``: where people read the notes."""
        self._store, self._notebook, self._url, self._reading = store, notebook, url, Aside()

    def link(self, deployment: str) -> str:
        """Where people read the note of ``deployment``; empty where nobody said."""
        return f"{self._url.rstrip('/')}/{quote(self._notebook.name(deployment))}" if self._url else ""

    async def note(self, identifier: str) -> NoteView:
        """The note of a deployment as it stands; as it would be written, where it is not."""
        account = await self._account(identifier)
        with _refusing():
            path, text = await self._reading.do(lambda: self._notebook.kept(identifier) or (None, self._notebook.text(account)))
        return self._view(account.service, account.deployment.id, str(account.deployment.phase), path, text)

    async def preview(self, identifier: str) -> NoteView:
        """The note as the records have it now, with what people wrote into the one that is there. Nothing is written."""
        account = await self._account(identifier)
        with _refusing():
            text = await self._reading.do(lambda: self._notebook.text(account))
        return self._view(account.service, account.deployment.id, str(account.deployment.phase), None, text)

    async def render(self, identifier: str) -> NoteView:
        """Write the note as the records have it now, with its charts and with what people wrote into the one that is there."""
        with _refusing():
            await self._notebook.write(await self._account(identifier))
        return await self.note(identifier)

    async def notes(self, service: str | None, limit: int, among: Collection[str] = ()) -> list[NoteView]:
        """The notes of the newest deployments, without their text; with ``among``, of those of these services."""
        return await self._reading.do(lambda: self._notes(service, limit, among))

    def _notes(self, service: str | None, limit: int, among: Collection[str]) -> list[NoteView]:
        paths = [(record, self._notebook.where(record["id"])) for record in self._store.deployments(service, limit, among)]
        return [self._view(record["service"], record["id"], record["phase"], path, "") for record, path in paths]

    async def _account(self, identifier: str) -> Account:
        account = await self._reading.do(lambda: account_of(self._store, identifier))
        if account is None:
            raise Unknown(refusals.unknown_deployment(identifier))
        return account

    def _view(self, service: str, deployment: str, phase: str, path: Path | None, text: str) -> NoteView:
        return NoteView(deployment, service, phase, str(path or ""), self.link(deployment) if path else "", text)


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except NotWritten as error:
        raise Refused(str(error)) from error
