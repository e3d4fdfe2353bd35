"""The only writer of state: one event of a service after the other, journalled before anything is done about it."""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from guardian.app.precedence import Precedence
from guardian.app.record import Durable, Entry, Recorder
from guardian.app.tell import Feed
from guardian.core.commands import Command
from guardian.core.deployment import ServiceState
from guardian.core.events import (
    Breached,
    DrillOrdered,
    Event,
    FellBack,
    Promoted,
    Rejudged,
    RollbackOrdered,
    RoutingFailed,
    SwitchRequested,
    Unlatched,
    WatchEnded,
)
from guardian.core.letters import Change
from guardian.core.line import Posting
from guardian.core.ports import Clock
from guardian.core.release_events import (
    AbortOrdered,
    Approved,
    DeployRequested,
    Muted,
    PutOff,
    Rejected,
    Resumed,
    Skipped,
    StageEnded,
    StageProgressed,
    TurnCame,
    Unfrozen,
    WentOn,
    Withdrawn,
)
from guardian.core.switch import Refused, Unknown, step
from guardian.core.words import refusals
from guardian.core.words.story import GUARDIAN, announce

logger = logging.getLogger(__name__)

ROLLBACK_PATIENCE = 0.25
"""Seconds that taking traffic back, or recording what has happened anyway, waits for the journal."""
FORWARD_PATIENCE = 2.0
"""Seconds that what moves forward waits for the journal."""

_BY_ITSELF = (TurnCame, WentOn)
"""What guardian begins by itself, and may begin later."""
_BEGINNINGS = (SwitchRequested, DeployRequested, *_BY_ITSELF)
"""What begins something that must not begin unrecorded."""
_FORWARD = (*_BEGINNINGS, Promoted, Unlatched, DrillOrdered, Rejudged, Approved, Resumed, Skipped, Unfrozen, Muted)
"""What moves something forward, or lets it: refused where it cannot be recorded."""
_BACK = (Breached, RollbackOrdered, AbortOrdered, Rejected, WatchEnded, StageEnded, FellBack)
"""What takes traffic back, or may."""

Act = Callable[[ServiceState, tuple[Command, ...]], None]


class PostOffice(Protocol):
    """Who tells the outside: :class:`guardian.app.outbox.Outbox`. None of it may block."""

    def address(self, change: Change, instead: Iterable[Posting] = ()) -> tuple[Posting, ...]:
        """The letters that ``change`` leads to, to be recorded with it; in the place of the news among ``instead``."""

    def post(self, postings: Iterable[Posting]) -> None:
        """Let them go out from now on."""


class Decider:
    """Holds the state of every service and takes it from event to event."""

    def __init__(self, states: Mapping[str, ServiceState], recorder: Recorder, clock: Clock, feed: Feed) -> None:
        self._states = dict(states)
        self._precedence = {service: Precedence() for service in states}
        self._put_off: dict[str, Entry] = {}
        self._recorder, self._clock, self._feed = recorder, clock, feed
        self._act: Act = lambda _state, _commands: None
        self._office: PostOffice | None = None

    def connect(self, act: Act, office: PostOffice | None = None) -> None:
        """Give the commands of every step to ``act``, which must not block, and what is to be told outside to ``office``."""
        self._act, self._office = act, office

    def state(self, service: str) -> ServiceState:
        """The present state of ``service``. :class:`Unknown` for one that is not configured."""
        try:
            return self._states[service]
        except KeyError:
            raise Unknown(refusals.unknown_service(service, sorted(self._states))) from None

    def watching(self) -> list[str]:
        """The services whose release is on trial."""
        return [state.service for state in self.states() if state.deployment and state.deployment.exposed]

    def states(self) -> list[ServiceState]:
        """The present state of every service, by name."""
        return [self._states[service] for service in sorted(self._states)]

    def put_off(self, service: str) -> bool:
        """Whether something of ``service`` was put off, and the disk has not answered since."""
        entry = self._put_off.get(service)
        return entry is not None and not entry.number

    async def submit(self, service: str, event: Event) -> ServiceState:
        """Let ``event`` happen to ``service`` and return what it led to. :class:`Refused` only for the orders of people."""
        self.state(service)
        async with self._precedence[service].turn(back=isinstance(event, _BACK)):
            before = self._states[service]
            after, commands = step(before, event)
            change = Change(event.at, before, after, announce(before, event, after))
            entry = self._entry(event, change)
            if isinstance(event, _FORWARD) and (after != before or commands):
                await self._record_forward(before, entry)
            elif after != before or commands or event.kind in ("noted", "drifted", "stage progressed"):
                await self._recorder.record(entry, ROLLBACK_PATIENCE, must=True)
            self._done(change, entry, commands)
        return after

    def _entry(self, event: Event, change: Change, instead: Iterable[Posting] = ()) -> Entry:
        """What is to be journalled, with the letters that tell of it. What a stage says while it works is for those who watch."""
        told = self._office is not None and not isinstance(event, StageProgressed)
        letters = self._office.address(change, instead) if self._office and told else ()
        return Entry(change.after.service, event, change.after, letters)

    def _done(self, change: Change, entry: Entry, commands: tuple[Command, ...]) -> None:
        """What was recorded holds: it is carried out, and told."""
        self._states[entry.service] = entry.state
        self._feed.tell(change.at, entry.state, change.announcement)
        if commands:
            self._act(entry.state, commands)
        self._post(entry)

    def _post(self, entry: Entry) -> None:
        if self._office:
            self._office.post(entry.letters)

    async def _record_forward(self, before: ServiceState, entry: Entry) -> None:
        """What cannot be recorded is not begun. What takes traffic back has it wait no longer than that waits itself."""
        hurry, began = self._precedence[entry.service].hurry, self._clock.monotonic()
        durable = await self._recorder.record(entry, FORWARD_PATIENCE, must=False, hurry=hurry, least=ROLLBACK_PATIENCE)
        if durable is Durable.YES or (durable is Durable.LATE and not isinstance(entry.event, _BEGINNINGS)):
            return
        waited = min(FORWARD_PATIENCE, round(self._clock.monotonic() - began, 2))
        reason = self._recorder.trouble or refusals.disk_silent(waited)
        if durable is Durable.LATE:
            await self._undo(before, entry, reason)
        raise Refused(refusals.not_recorded(before.service, reason))

    async def _undo(self, before: ServiceState, late: Entry, reason: str) -> None:
        """The beginning may still reach the journal. So that it never rises from there, it is followed by its end."""
        now = self._clock.now()
        if isinstance(late.event, _BY_ITSELF):
            event = PutOff(now, late.event.deployment, reason)
            self._put_off[before.service] = await self._follow(before, event, late.letters)
        else:
            self._post(late)
            await self._follow(late.state, _end_of(before, late.state, now, reason))

    async def _follow(self, state: ServiceState, event: Event, instead: Iterable[Posting] = ()) -> Entry:
        """Let ``event`` happen to ``state``, in line behind what is late."""
        after, commands = step(state, event)
        change = Change(event.at, state, after, announce(state, event, after))
        entry = self._entry(event, change, instead)
        await self._recorder.record(entry, 0.0, must=True)
        self._done(change, entry, commands)
        return entry


def _end_of(before: ServiceState, after: ServiceState, at: float, reason: str) -> Event:
    """What undoes the step from ``before`` to ``after`` while nothing has been done for it yet."""
    if len(after.queue) > len(before.queue):
        return Withdrawn(at, GUARDIAN, reason, after.queue[-1].id)
    if after.proved and after.deployment and after.deployment.phase.active:
        return AbortOrdered(at, GUARDIAN, reason)
    return RoutingFailed(at, after.generation, reason)
