"""The outbox: what is to be told outside waits here, recorded, until each channel has it. A change of traffic waits for none of it.

Letters are recorded in the transaction of the journal entry that they tell of, so that no death of the program comes between; what
cannot be recorded, because the disk is full, is told from memory. Each channel has a task of its own and one delivery at a time.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import isinf
from uuid import uuid4

from guardian.app.codec import posting_of
from guardian.app.record import Recorder
from guardian.app.stride import Stride
from guardian.core.deployment import ServiceState
from guardian.core.letters import Change, Kind, Letter, Route, letters
from guardian.core.line import Delivery, Line, Pace, Posting
from guardian.core.ports import Clock, KeptLetter
from guardian.core.sending import Dispatch, Later, Never, NotYet, Sender
from guardian.core.words import outbox as words

logger = logging.getLogger(__name__)

RECORD_PATIENCE = 2.0
"""Seconds that a delivery waits for its record: a disk that is silent keeps nothing from being told."""


@dataclass(frozen=True, slots=True)
class Channel:
    """Where letters go, which, and how fast."""

    route: Route
    sender: Sender
    pace: Pace = field(default_factory=Pace)
    deadline: float = 20.0
    """Seconds after which a delivery is given up, and tried again."""

    @property
    def name(self) -> str:
        """As it is called in ``guardian.yaml``."""
        return self.route.channel


@dataclass(frozen=True, slots=True)
class ChannelState:
    """How it stands with one channel."""

    name: str
    waiting: int
    oldest: float | None
    """Since when the first of them waits; ``None`` where none does."""
    trouble: str
    """Why it cannot be told; empty when it can."""


class _Desk:
    """One channel with its line."""

    def __init__(self, channel: Channel, clock: Clock) -> None:
        self.channel, self.line, self.wake = channel, Line(channel.pace), asyncio.Event()
        self.stride = Stride(clock.monotonic)
        self.under_way: Posting | None = None
        self.trouble_since: float | None = None

    @property
    def waiting(self) -> list[Posting]:
        """What is not told yet."""
        waiting = self.line.waiting
        return waiting if self.under_way is None or self.under_way in waiting else [self.under_way, *waiting]


class Outbox:
    """Addresses what happens, keeps what waits, and delivers it."""

    def __init__(self, channels: Iterable[Channel], recorder: Recorder, clock: Clock) -> None:
        self._desks = {channel.name: _Desk(channel, clock) for channel in channels}
        self._recorder, self._clock = recorder, clock

    @property
    def channels(self) -> list[ChannelState]:
        """How it stands with every channel, by name."""
        return [self._state(desk) for _, desk in sorted(self._desks.items())]

    @property
    def stuck(self) -> tuple[str, ...]:
        """The channels that have outstayed their own deadlines, by name. Who waits for an answer within its deadline has not."""
        return tuple(sorted(name for name, desk in self._desks.items() if desk.stride.stuck))

    def _state(self, desk: _Desk) -> ChannelState:
        waiting = desk.waiting
        oldest = min((posting.letter.at for posting in waiting), default=None)
        return ChannelState(desk.channel.name, len(waiting), oldest, desk.line.trouble)

    def recall(self, kept: Sequence[KeptLetter]) -> None:
        """Go on with what an earlier run of the program could not deliver. Letters of channels that are gone are left alone."""
        for each in kept:
            posting = posting_of(each)
            if desk := self._desks.get(posting.letter.channel):
                desk.line.recall(posting)
        for state in self.channels:
            if state.waiting:
                logger.info("%s", words.recalled(state.name, state.waiting))

    def address(self, change: Change, instead: Iterable[Posting] = ()) -> tuple[Posting, ...]:
        """The letters that ``change`` leads to, to be recorded with it. They go out with :meth:`post`.

        ``instead``: of these the news are not told after all. They may be recorded all the same: those of ``change`` replace them.
        """
        news = [posting for posting in instead if posting.letter.kind is Kind.NEWS]
        for posting in news:
            posting.settled = True
        key = news[0].letter.key if news else uuid4().hex
        routes = [desk.channel.route for desk in self._desks.values()]
        made = letters(routes, change, key, lambda channel, deployment: bool(self._desks[channel].line.card(deployment)))
        return tuple(self._desks[letter.channel].line.posting(letter) for letter in made)

    def post(self, postings: Iterable[Posting]) -> None:
        """Let them go out from now on. It returns at once."""
        for posting in postings:
            desk = self._desks[posting.letter.channel]
            desk.line.add(posting)
            desk.wake.set()

    def touch(self, state: ServiceState) -> None:
        """Have the cards of the service's deployment shown again: what they show besides the state has changed.

        It is not recorded, and a channel that cannot be told now has it with its next letter.
        """
        for desk in self._desks.values():
            card = desk.line.card(state.deployment.id) if state.deployment else None
            if card and card.reference and not desk.line.trouble:
                self.post([card])

    def card(self, channel: str, deployment: str) -> str:
        """What ``channel`` calls the card of ``deployment``; empty where it has none."""
        desk = self._desks.get(channel)
        card = desk.line.card(deployment) if desk else None
        return card.reference if card else ""

    async def run(self) -> None:
        """Deliver for ever."""
        async with asyncio.TaskGroup() as group:
            for name, desk in self._desks.items():
                group.create_task(self._serve(desk), name=f"channel {name}")

    async def _serve(self, desk: _Desk) -> None:
        line = desk.line
        while True:
            for posting in line.expire(self._clock.now()):
                logger.warning("%s", words.stale(desk.channel.name, posting.letter.sentence), extra=_extra(posting.letter))
                desk.stride.step(RECORD_PATIENCE)
                await self._mark(posting)
            delivery = line.next(self._clock.now())
            if delivery is None:
                await self._pause(desk)
            else:
                desk.under_way = delivery.posting
                await self._deliver(desk, delivery)
                desk.under_way = None

    async def _pause(self, desk: _Desk) -> None:
        seconds = desk.line.wait(self._clock.now())
        desk.stride.step(seconds)
        desk.wake.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(None if isinf(seconds) else seconds):
                await desk.wake.wait()

    async def _deliver(self, desk: _Desk, delivery: Delivery) -> None:
        posting, line, channel = delivery.posting, desk.line, desk.channel
        desk.stride.step(channel.deadline + 2 * RECORD_PATIENCE)
        await self._begin(posting)
        dispatch = Dispatch(delivery.letter, delivery.card, delivery.unsure)
        now, reason, kept = self._clock.now, "", True
        try:
            async with asyncio.timeout(channel.deadline):
                reference = await channel.sender.deliver(dispatch)
        except Later as later:
            posting.unsure, reason = delivery.unsure, str(later)
            if later.alone:
                kept = line.deferred(delivery, now(), later.after, unsure=later.unsure)
            else:
                kept = line.delayed(delivery, now(), reason, later.after, unsure=later.unsure)
        except NotYet as not_yet:
            posting.unsure = delivery.unsure
            line.postponed(delivery, now(), not_yet.after)
        except Never as never:
            line.dropped(delivery)
            reason, kept = str(never), False
        except TimeoutError:
            reason = words.no_answer(channel.deadline)
            kept = line.delayed(delivery, now(), reason, unsure=True)
        except Exception as fault:  # the root of what a channel's task does: its fault must not end what protects the traffic
            logger.exception("%s", words.faulty(channel.name), extra=_extra(delivery.letter))
            reason, kept = repr(fault), line.deferred(delivery, now(), unsure=True)
        else:
            line.delivered(delivery, reference)
        self._say(desk, delivery.letter, reason, kept=kept)
        await self._mark(posting)

    async def _begin(self, posting: Posting) -> None:
        """Record that an attempt is under way, so that after a death it is known that the letter may have arrived."""
        if posting.reference or posting.unsure:  # changing a card twice does no harm
            return
        posting.unsure = True
        await self._mark(posting)

    async def _mark(self, posting: Posting) -> None:
        """Record what has become of it, or wait no longer: then it is recorded when the disk takes it again."""
        with suppress(TimeoutError):
            async with asyncio.timeout(RECORD_PATIENCE):
                await self._recorder.mark(posting)

    def _say(self, desk: _Desk, letter: Letter, trouble: str, *, kept: bool) -> None:
        """Log what changed: not every failure of many."""
        name, since = desk.channel.name, desk.trouble_since
        if not kept:
            logger.error("%s", words.given_up(name, letter.sentence, trouble), extra=_extra(letter))
        elif trouble and since is None:
            logger.warning("%s", words.unreachable(name, trouble), extra=_extra(letter))
            desk.trouble_since = self._clock.now()
        elif not trouble and since is not None:
            logger.info("%s", words.reachable(name, self._clock.now() - since))
            desk.trouble_since = None


def _extra(letter: Letter) -> dict[str, object]:
    return {"service": letter.service, "deployment": letter.deployment}
