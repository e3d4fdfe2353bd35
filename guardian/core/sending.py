"""What an outbox needs from whoever carries its letters to a channel."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # a letter names nothing of this module; only the type checker needs to look back
    from guardian.core.letters import Letter


class Later(Exception):
    """A letter was not delivered, and is to be tried again. The message is a sentence for people, without a secret.

    Arises in :meth:`Sender.deliver`; with ``alone``, other letters may get through meanwhile.
    """

    def __init__(self, reason: str, *, after: float | None = None, unsure: bool = False, alone: bool = False) -> None:
        """``after``: seconds that the channel asks for. ``unsure``: the letter may have arrived, for the answer was lost."""
        super().__init__(reason)
        self.after, self.unsure, self.alone = after, unsure, alone


class NotYet(Exception):
    """What a letter tells of is not ready: it is tried again ``after`` so many seconds, and nothing has failed.

    Whoever raises it in :meth:`Sender.deliver` sees to it that it ends. Other letters may get through meanwhile.
    """

    def __init__(self, after: float) -> None:
        """``after``: seconds."""
        super().__init__()
        self.after = after


class Never(Exception):
    """A letter that the channel will not take, however often. The message is a sentence for people. As for :class:`Later`."""


@dataclass(frozen=True, slots=True)
class Dispatch:
    """One attempt to deliver a letter."""

    letter: "Letter"
    card: str = ""
    """What :meth:`Sender.deliver` called the card of the letter's deployment; empty where there is none yet. Of a card, it is the
    one to change; of news, the one that they belong under."""
    unsure: bool = False
    """An earlier attempt may have arrived: look for the letter's key, where that is possible, before it is told twice."""


class Sender(Protocol):
    """The way to one channel. ``tests/contract/`` holds every adapter to the same behaviour."""

    async def deliver(self, dispatch: Dispatch) -> str:
        """Deliver a letter, and return what the channel calls it (may be empty).

        :class:`Later`, :class:`NotYet` or :class:`Never` otherwise.
        """
