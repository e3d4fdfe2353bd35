"""Whatever fails and whenever guardian dies: everything that was recorded is told once, in order."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from guardian.app.outbox import Channel, Outbox
from guardian.app.record import Entry
from guardian.core.deployment import Deployment, Phase, ServiceState
from guardian.core.events import Drifted
from guardian.core.letters import Change, Kind, Route
from guardian.core.line import Pace
from guardian.core.model import Environment, Split
from guardian.core.readings import History
from guardian.core.rules import Severity
from guardian.core.sending import Dispatch, Later, NotYet
from guardian.core.words.story import Announcement
from tests.doubles.channel import FakeChannel
from tests.doubles.inline import InlineRecorder
from tests.doubles.store import MemoryStore
from tests.doubles.virtual import VirtualClock, run

BLUE, GREEN = Split.all_on(Environment.BLUE), Split.all_on(Environment.GREEN)
FAULTS = ("later", "alone", "429", "not yet", "lost", "arrives and hangs", "hangs", "dies before", "dies after", "breaks")


class Killed(BaseException):
    """guardian has died: nothing of it runs any more."""


@dataclass
class World:
    """A store and a channel that outlive guardian, and a guardian that may die."""

    store: MemoryStore = field(default_factory=MemoryStore)
    channel: FakeChannel = field(default_factory=FakeChannel)
    happened: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    doubtful: set[str] = field(default_factory=set)
    """What may be told twice: shown while nothing could be recorded, before a death."""
    failing: bool = False
    dies_at_write: int = 0
    """The number of the write, from now on, around which guardian dies; negative: after it. 0: it does not."""

    def start(self) -> None:
        """Guardian starts, and goes on with what the store has."""
        self.recorder = InlineRecorder(self.store)
        self.recorder.before, self.recorder.after = self._before, self._after
        channel = Channel(Route("ops", frozenset(Kind)), self.channel, Pace(every=1.0, burst=2, stale=1e9), 20.0)
        self.outbox = Outbox([channel], self.recorder, VirtualClock())
        self.outbox.recall(self.store.letters())
        for kept in self.store.letters():  # what was shown from memory before a death may be more than is recorded
            service, number = str(kept.letter["deployment"]).split("-")
            self.outbox.touch(state(service, 4 * int(number)))
        self.running = asyncio.ensure_future(self.outbox.run())

    def _before(self) -> None:
        if self.dies_at_write > 0:
            self.dies_at_write -= 1
            if not self.dies_at_write:
                raise Killed

    def _after(self) -> None:
        if self.dies_at_write < 0:
            self.dies_at_write += 1
            if not self.dies_at_write:
                raise Killed

    async def happen(self, service: str, severity: Severity) -> None:
        """Something is recorded, and told."""
        self.happened[service] += 1
        number = self.happened[service]
        before, after = state(service, number - 1), state(service, number)
        change = Change(VirtualClock().now(), before, after, Announcement(severity, f"{service} {number}"))
        entry = Entry(service, Drifted(change.at, "a", "b", "c", "d"), after, self.outbox.address(change))
        await self.recorder.record(entry, 1.0, must=True)
        self.outbox.post(entry.letters)

    async def rest(self, seconds: float) -> None:
        """Time passes; a guardian that has died is started again."""
        await asyncio.sleep(seconds)
        if self.running.done():
            await self.restart()

    async def restart(self) -> None:
        """Guardian is killed, and started again."""
        self.running.cancel()
        with suppress(asyncio.CancelledError, BaseExceptionGroup):
            await self.running
        self.dies_at_write = 0
        if self.failing:
            self.doubtful.update(self.channel.keys)
        self.start()

    async def heal(self) -> None:
        """The disk takes writes again, and what waited is written."""
        self.store.heal()
        self.failing = False
        with suppress(Killed):
            await self.recorder.retry()

    async def drain(self) -> None:
        """Nothing fails any more, and all the time that there is passes."""
        self.channel.faults.clear()
        await self.heal()
        await self.restart()
        await self.rest(100_000.0)
        assert not any(each.waiting for each in self.outbox.channels)
        self.running.cancel()
        with suppress(asyncio.CancelledError):
            await self.running


def state(service: str, number: int) -> ServiceState:
    """A state that differs from number to number; four of them make a deployment."""
    phase = list(Phase)[number % 4]
    deployment = Deployment(
        f"{service}-{number // 4}", 1, Environment.GREEN, BLUE, GREEN, phase, 0.0, "a", "", 600.0, str(number), History()
    )
    return ServiceState(service, GREEN, BLUE, deployment=deployment)


def fault(world: World, name: str) -> None:
    """Let the next delivery end so."""

    def fail(channel: FakeChannel, dispatch: Dispatch) -> str | None:
        if name in ("lost", "arrives and hangs", "dies after"):
            channel.show(dispatch)
        if name in ("hangs", "arrives and hangs"):
            return "hang"
        if name.startswith("dies"):
            raise Killed
        if name == "not yet":
            raise NotYet(7.0)
        if name == "breaks":
            raise KeyError
        raise Later(name, after=33.0 if name == "429" else None, unsure=name == "lost", alone=name == "alone")

    world.channel.faults.append(fail)


steps = st.one_of(
    st.tuples(st.just("happen"), st.sampled_from(["web", "shop"]), st.sampled_from(Severity)),
    st.tuples(st.just("fault"), st.sampled_from(FAULTS)),
    st.tuples(st.just("rest"), st.sampled_from([0.0, 0.1, 5.0, 200.0])),
    st.tuples(st.just("restart")),
    st.tuples(st.just("die at"), st.integers(-4, 4)),
    st.tuples(st.just("disk"), st.booleans()),
)


async def live(script: list[tuple[object, ...]]) -> World:
    """Let ``script`` happen, and then let everything come to rest."""
    world = World()
    world.start()
    for step in script:
        try:
            match step:
                case "happen", str(service), Severity() as severity:
                    await world.happen(service, severity)
                case "fault", str(name):
                    fault(world, name)
                case "rest", float(seconds):
                    await world.rest(seconds)
                case ("restart",):
                    await world.restart()
                case "die at", int(number) if not world.failing:
                    world.dies_at_write = number
                case "disk", True:
                    world.store.fail()
                    world.failing = True
                case "disk", False:
                    await world.heal()
        except Killed:
            await world.restart()
    await world.drain()
    return world


def recorded(world: World) -> Iterator[tuple[str, int]]:
    """What stands in the journal: service and how many things happened to it."""
    counts: dict[str, int] = defaultdict(int)
    for entry in world.store.journal():
        counts[entry.service] += 1
    return iter(counts.items())


@given(st.lists(steps, max_size=40))
def test_what_is_recorded_is_told_once_and_in_order(script: list[tuple[object, ...]]) -> None:
    """No letter is lost or doubled by a death at any point, a lost answer, a hung or broken channel; each lane is in order.

    What could not be recorded may be lost with a death, and told twice if it was shown before one; nothing else.
    """
    world = run(live(script))
    keys = [key for key in world.channel.keys if key not in world.doubtful]
    assert len(keys) == len(set(keys))
    told = list(dict.fromkeys(world.channel.sentences))
    numbers: dict[str, list[int]] = defaultdict(list)
    for sentence in told:
        service, number = sentence.split()
        numbers[service].append(int(number))
    for service, found in numbers.items():
        lanes = defaultdict(list)
        for number in found:
            lanes[number // 4].append(number)
        assert all(lane == sorted(lane) for lane in lanes.values()), (service, lanes)
    if "disk" not in {step[0] for step in script}:
        for service, count in recorded(world):
            assert len(numbers[service]) == count
    assert world.store.letters() == [each for each in world.store.letters() if each.settled]


@given(st.lists(steps, max_size=40))
def test_each_deployment_has_one_card_that_shows_how_it_stands(script: list[tuple[object, ...]]) -> None:
    """Whatever was lost on the way, the card says at the end what the record says."""
    world = run(live(script))
    cards = {each.letter["deployment"]: each for each in world.store.letters()}
    for deployment, card in cards.items():
        assert world.channel.cards[deployment] == card.letter["phase"]
        assert card.reference == f"card of {deployment}"
    if "disk" not in {step[0] for step in script}:
        assert world.channel.posted == len(cards)
