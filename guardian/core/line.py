"""The line in which letters wait for one channel: in order for each deployment, the loudest deployment first, at a pace.

Pure: time is an argument. :mod:`guardian.app.outbox` delivers what :meth:`Line.next` gives, and says what came of it.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf

from guardian.core.letters import RANK, Kind, Letter

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds between attempts: twice as long each time, and never so long that a recovery is noticed late."""
MOST_TRIES = 12
"""Attempts at a letter that fails while others get through; after that it is given up."""
TURN = 1.0
"""Seconds by which a letter that failed lets others go before it."""
MOST_CARDS = 500
"""Cards that are remembered: when there are more, those that were settled longest ago go, and are not changed any more."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a channel may be told, and for how long news are worth telling."""

    every: float = 0.0
    """Seconds between two deliveries in the long run."""
    burst: int = 1
    """Deliveries that may follow one another at once after a rest."""
    stale: float = 86_400.0
    """Seconds after which news are not told any more. A card is never stale."""


@dataclass(slots=True, eq=False)
class Posting:
    """A letter on its way: what is known of it in this run of the program, and what is recorded of it."""

    letter: Letter
    unsure: bool = False
    """It may have arrived although nobody said so: an answer was lost, or the program died."""
    reference: str = ""
    """What the channel calls it; of a card, so that it can be changed."""
    settled: bool = False
    """Nothing is to be done about it."""
    tries: int = 0
    """How often it failed though others got through."""
    heard: int | None = None
    """How many letters the channel had taken when this one failed last."""
    version: int = 0
    """Counts what was to be told by a card."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt."""

    posting: Posting
    letter: Letter
    version: int
    unsure: bool
    card: str
    """What the channel calls the card of the letter's deployment; empty where there is none yet."""


@dataclass(slots=True)
class _Lane:
    """The letters of one deployment."""

    waiting: deque[Posting] = field(default_factory=deque)
    rests_until: float = 0.0


class Line:
    """All that waits for one channel, and the cards that it has."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._lanes: dict[str, _Lane] = {}
        self._cards: dict[str, Posting] = {}
        self._closed_until, self._failures, self._taken = 0.0, 0, 0
        self._credit, self._credited_at = float(pace.burst), 0.0
        self.trouble = ""
        """Why the channel cannot be told; empty when it can."""

    @property
    def waiting(self) -> list[Posting]:
        """What is not told yet, the attempt that is under way left out."""
        return [posting for lane in self._lanes.values() for posting in lane.waiting]

    def posting(self, letter: Letter) -> Posting:
        """``letter`` on its way. A deployment has one card: its letter takes the place of the one before."""
        if letter.kind is not Kind.CARD:
            return Posting(letter)
        card = self._cards.setdefault(letter.lane, Posting(letter))
        card.letter, card.settled, card.version = letter, False, card.version + 1
        return card

    def recall(self, posting: Posting) -> None:
        """What an earlier run of the program has recorded."""
        if posting.letter.kind is Kind.CARD:
            self._cards[posting.letter.lane] = posting
            self._forget()
        if not posting.settled:
            self.add(posting)

    def add(self, posting: Posting) -> None:
        """Have it delivered. A card goes before the news that it stands above, and is told once however often it changes."""
        waiting = self._lanes.setdefault(posting.letter.lane, _Lane()).waiting
        if posting.letter.kind is not Kind.CARD:
            waiting.append(posting)
        elif posting not in waiting:
            waiting.appendleft(posting)

    def card(self, deployment: str) -> Posting | None:
        """The card of ``deployment``, if it has one."""
        return self._cards.get(deployment)

    def next(self, now: float) -> Delivery | None:
        """What is to be delivered now; ``None`` where nothing is, or may be. It leaves the line until its outcome is told."""
        if self.wait(now) > 0:
            return None
        _, lane = min((self._urgency(lane), lane) for lane in self._ready(now))
        posting = self._lanes[lane].waiting.popleft()
        self._credit -= 1.0
        card = self._cards.get(lane)
        return Delivery(posting, posting.letter, posting.version, posting.unsure, card.reference if card else "")

    def wait(self, now: float) -> float:
        """Seconds until there may be something to deliver; infinite while nothing waits."""
        resting = [lane.rests_until - now for lane in self._lanes.values() if lane.waiting]
        if not resting:
            return inf
        self._credit = min(float(self._pace.burst), self._credit + (now - self._credited_at) / (self._pace.every or 1e-9))
        self._credited_at = now
        paced = max(0.0, 1.0 - self._credit) * self._pace.every
        return max(0.0, min(resting), self._closed_until - now, paced)

    def _ready(self, now: float) -> Iterator[str]:
        return (name for name, lane in self._lanes.items() if lane.waiting and lane.rests_until <= now)

    def _urgency(self, lane: str) -> tuple[int, float]:
        """The loudest first; among equals, whoever waits longest."""
        waiting = self._lanes[lane].waiting
        return -max(RANK[posting.letter.severity] for posting in waiting), min(posting.letter.at for posting in waiting)

    # What came of a delivery.

    def delivered(self, delivery: Delivery, reference: str) -> None:
        """The channel has it."""
        posting = delivery.posting
        posting.unsure, posting.tries, posting.reference = False, 0, reference or posting.reference
        posting.settled = posting.version == delivery.version
        self._failures, self.trouble, self._taken = 0, "", self._taken + 1
        self._sweep(posting.letter.lane)

    def delayed(self, delivery: Delivery, now: float, reason: str, after: float | None = None, *, unsure: bool = False) -> bool:
        """The channel cannot be told now. ``after``: the seconds that it asks for.

        Other lanes are tried before this letter is. ``False``: it failed again and again while they got through, and is given up.
        """
        posting = delivery.posting
        self._failures, self.trouble = self._failures + 1, reason
        self._closed_until = now + (_pause(self._failures) if after is None else after)
        posting.tries += posting.heard not in (None, self._taken)
        posting.heard = self._taken
        others = len(self._lanes) > (posting.letter.lane in self._lanes)
        return self._back(delivery, self._closed_until + (TURN if others else 0.0), unsure=unsure)

    def deferred(self, delivery: Delivery, now: float, after: float | None = None, *, unsure: bool = False) -> bool:
        """This letter cannot be delivered now, others may be. ``False``: it was tried too often, and is given up."""
        posting = delivery.posting
        posting.tries += 1
        return self._back(delivery, now + (_pause(posting.tries) if after is None else after), unsure=unsure)

    def postponed(self, delivery: Delivery, now: float, after: float) -> None:
        """What this letter tells of is not ready. Nothing has failed."""
        self._back(delivery, now + after, unsure=False)

    def dropped(self, delivery: Delivery) -> None:
        """The channel will never take it."""
        posting = delivery.posting
        posting.settled, posting.unsure, posting.tries = posting.version == delivery.version, False, 0
        self._sweep(posting.letter.lane)

    def expire(self, now: float) -> list[Posting]:
        """Take out the news that are too old to be told."""
        old = [each for each in self.waiting if each.letter.kind is not Kind.CARD and now - each.letter.at > self._pace.stale]
        for posting in old:
            posting.settled = True
            self._lanes[posting.letter.lane].waiting.remove(posting)
            self._sweep(posting.letter.lane)
        return old

    def _back(self, delivery: Delivery, until: float, *, unsure: bool) -> bool:
        posting = delivery.posting
        if posting.tries >= MOST_TRIES:
            self.dropped(delivery)
            return False
        posting.unsure = posting.unsure or unsure
        lane = self._lanes.setdefault(posting.letter.lane, _Lane())
        if posting not in lane.waiting:  # a card that changed meanwhile waits there already
            lane.waiting.appendleft(posting)
        lane.rests_until = until
        return True

    def _sweep(self, lane: str) -> None:
        if lane in self._lanes and not self._lanes[lane].waiting:
            del self._lanes[lane]
        self._forget()

    def _forget(self) -> None:
        """Let go of the oldest cards, so that years of deployments take no more memory than the last few hundred."""
        while len(self._cards) > MOST_CARDS:
            settled = (lane for lane, card in self._cards.items() if card.settled and lane not in self._lanes)
            if (oldest := next(settled, None)) is None:
                return
            del self._cards[oldest]


def _pause(failures: int) -> float:
    return float(min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (min(failures, 10) - 1)))
