"""A channel in memory: it remembers what it was shown, knows letters by their keys, and fails as it is told to."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from guardian.core.letters import Kind
from guardian.core.sending import Dispatch, Later, Never, NotYet

Fault = Callable[["FakeChannel", Dispatch], str | None]
"""What happens at one delivery instead: it says what a letter is called, raises, or gives ``None`` to go on as if nothing were."""


@dataclass
class FakeChannel:
    """The :class:`~guardian.core.sending.Sender` of a channel that shows every letter, and finds those it has shown already."""

    shown: list[Dispatch] = field(default_factory=list)
    """News and charts, each time that people saw one."""
    cards: dict[str, str] = field(default_factory=dict)
    """What the card of each deployment says: its phase when it was shown last."""
    posted: int = 0
    """Cards that were begun; one more than there are deployments is one twice."""
    attempts: int = 0
    faults: deque[Fault] = field(default_factory=deque)
    """What goes wrong next."""
    always: Fault | None = None
    """What goes wrong every time, until somebody takes it away."""

    async def deliver(self, dispatch: Dispatch) -> str:
        """As the protocol says."""
        self.attempts += 1
        fault = self.faults.popleft() if self.faults else self.always
        called = fault(self, dispatch) if fault else None
        if called is None:
            called = self.show(dispatch)
        if called == "hang":
            await asyncio.Event().wait()
        return called

    def show(self, dispatch: Dispatch) -> str:
        """Show a letter, unless it is asked for one that it has."""
        letter = dispatch.letter
        if letter.kind is Kind.CARD:
            self.posted += not dispatch.card and not (dispatch.unsure and letter.lane in self.cards)
            self.cards[letter.lane] = letter.phase or ""
            return f"card of {letter.lane}"
        if not (dispatch.unsure and letter.key in self.keys):
            self.shown.append(dispatch)
        return f"message {letter.key}"

    @property
    def keys(self) -> list[str]:
        """The keys of all that was shown."""
        return [dispatch.letter.key for dispatch in self.shown]

    @property
    def sentences(self) -> list[str]:
        """What people read."""
        return [dispatch.letter.sentence for dispatch in self.shown]


def later(after: float | None = None, *, unsure: bool = False, alone: bool = False) -> Fault:
    """The channel cannot take it now."""

    def fail(_channel: FakeChannel, _dispatch: Dispatch) -> str:
        raise Later("not now", after=after, unsure=unsure, alone=alone)

    return fail


def not_yet(_channel: FakeChannel, _dispatch: Dispatch) -> str:
    """What it tells of is not ready."""
    raise NotYet(0.01)


def lost(channel: FakeChannel, dispatch: Dispatch) -> str:
    """It is shown, and the answer does not come."""
    channel.show(dispatch)
    raise Later("the answer was lost", after=0.01, unsure=True)


def never(_channel: FakeChannel, _dispatch: Dispatch) -> str:
    """The channel will not take it."""
    raise Never("too ugly")


def hang(_channel: FakeChannel, _dispatch: Dispatch) -> str:
    """No answer, ever, and nothing is shown."""
    return "hang"


def broken(_channel: FakeChannel, _dispatch: Dispatch) -> str:
    """The channel's own code has a fault."""
    raise KeyError("text")
