"""A disk that takes too long to record what guardian begins by itself: that is put off, and begun when the disk has answered."""

import asyncio
import copy
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from threading import Semaphore
from typing import Any

import pytest

from guardian.app.codec import state_from_record
from guardian.app.outbox import Channel, Outbox
from guardian.core.deployment import Phase, ServiceState
from guardian.core.events import SwitchRequested
from guardian.core.letters import Change, Kind, Route
from guardian.core.model import Environment, Split
from guardian.core.rules import Severity
from guardian.core.strategy import Queueing, StageKind, Strategy
from guardian.core.switch import Refused, step
from guardian.core.words.announcement import Announcement
from tests.doubles.channel import FakeChannel, later
from tests.doubles.store import MemoryStore
from tests.unit.app.test_pace import ANNA, ASK, BOB, DEADLINE, SLICE, Works

BLUE, GREEN = Split.all_on(Environment.BLUE), Split.all_on(Environment.GREEN)
SILENT = "the disk did not answer in 0.1 s"
WAITS = f"its next step is put off: {SILENT}; nothing was begun, and guardian tries again once it can be recorded"


class HangingStore(MemoryStore):
    """Takes no entry while it hangs, but for those that are let through."""

    def __init__(self) -> None:
        super().__init__()
        self.hangs, self._passes = False, Semaphore(0)

    def before_append(self) -> None:
        """In its own time."""
        if self.hangs:
            assert self._passes.acquire(timeout=2 * DEADLINE)

    def let_through(self, entries: int = 1) -> None:
        """Take so many entries, and hang on."""
        for _ in range(entries):
            self._passes.release()

    @contextmanager
    def hanging(self, patience: float = 0.1) -> Iterator[None]:
        """A disk that hangs for a while, with people and guardian who are less patient than in the field."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("guardian.app.decide.FORWARD_PATIENCE", patience)
            patch.setattr("guardian.app.outbox.RECORD_PATIENCE", 0.1)
            self.hangs = True
            try:
                yield
            finally:
                self.hangs = False
                self._passes.release()  # of what hangs now

    def after_death(self) -> MemoryStore:
        """What is there when guardian dies now."""
        left = MemoryStore()
        for kept in ("_entries", "_services", "_deployments", "_evidence", "_letters"):
            setattr(left, kept, copy.deepcopy(getattr(self, kept)))
        return left


def begin(*steps: Any, **given: Any) -> tuple[Works, HangingStore]:
    """The program with a strategy, and nothing to deploy with."""
    store = HangingStore()
    web = Works(Strategy(steps, **given), store)
    web.stages.offered = {}
    return web, store


def kinds(store: MemoryStore, deployment: str | None = None) -> list[str]:
    """What happened, as the journal has it."""
    return [entry.event["kind"] for entry in store.journal(deployment=deployment)]


def told(web: Works) -> list[str]:
    """Every sentence, in order."""
    return [each.announcement.sentence for each in web.feed._told]


def recorded(store: MemoryStore) -> ServiceState:
    """The state that a start goes by."""
    return state_from_record(store.services()["web"])


def put_off(web: Works) -> Callable[[], bool]:
    """Whether the next step waits for the disk."""
    return lambda: web.decider.put_off("web")


async def turns(web: Works, number: int) -> None:
    """Let the pacer look so many times more."""
    seen: list[None] = []
    web.pacer.turned = lambda: seen.append(None)
    await web.until(lambda: len(seen) > number)


async def asked(web: Works) -> None:
    """A switch that has come to its question."""
    await web.orders.switch("web", ANNA)
    await web.until_phase(Phase.AWAITING_APPROVAL)


async def test_a_step_that_the_disk_holds_up_is_put_off_and_done_when_it_answers() -> None:
    """In mid-canary: the traffic stays, nothing is aborted; it is told once however long it takes, and then the release goes on."""
    web, store = begin(SLICE, ASK)
    async with web.running():
        await asked(web)
        with store.hanging():
            await web.orders.approve("web-1", BOB)
            ready, calls = web.state, list(web.balancer.calls)
            await web.until(put_off(web))
            await turns(web, 5)
            assert (web.state, web.state.live) == (ready, Split(500))
            assert web.balancer.calls == calls
            assert kinds(store)[-1] != "approved"
            assert [sentence for sentence in told(web) if "put off" in sentence] == [f"web-1: {WAITS}"]
            assert web.recorder.waiting == 3
        await web.until_phase(Phase.VERIFIED)
        assert web.state.live == GREEN
        await web.until(lambda: web.recorder.waiting == 0 and recorded(store) == web.state)
        steps = [kind for kind in kinds(store, "web-1") if kind in ("approved", "went on", "put off")]
        assert steps[-4:] == ["approved", "went on", "put off", "went on"]
        assert [sentence for sentence in told(web) if "put off" in sentence or "moves web to green" in sentence][1:] == [
            f"web-1: {WAITS}",
            "web-1: anna moves web to green (release 4.2)",
        ]


async def _rolled_back(web: Works) -> None:
    await web.orders.rollback("web", BOB)


async def _aborted(web: Works) -> None:
    await web.orders.abort("web", BOB)


async def _breached(web: Works) -> None:
    def fail() -> bool:
        web.balancer.count("web_green", requests=20, responses_5xx=20)
        return web.deployment.rollback is not None

    await web.until(fail)


@pytest.mark.parametrize("back", [_rolled_back, _aborted, _breached])
async def test_what_takes_the_traffic_back_supersedes_what_is_put_off(back: Callable[[Works], Coroutine[Any, Any, None]]) -> None:
    """While the disk hangs as ever; when it answers, nothing begins any more, and the journal has it in order."""
    web, store = begin(SLICE, ASK)
    async with web.running():
        await asked(web)
        with store.hanging():
            await web.orders.approve("web-1", BOB)
            await web.until(put_off(web))
            await back(web)
            await web.until(lambda: web.deployment.phase in (Phase.ROLLED_BACK, Phase.ABORTED))
            assert web.balancer.workers[0].splits["web"] == BLUE
            over = web.deployment
            assert "approved" not in kinds(store)
        await web.until(lambda: web.recorder.waiting == 0)
        await turns(web, 3)
        assert web.deployment == over
        assert ("route", "web 10000") not in web.balancer.calls
        assert kinds(store).count("went on") == 1
        after = kinds(store)[kinds(store).index("went on") :]
        assert after[1] == "put off"
        assert after[2] in ("rollback ordered", "abort ordered", "breached")
        assert recorded(store) == web.state


@pytest.mark.parametrize("back", [_rolled_back, _aborted, _breached])
async def test_what_takes_the_traffic_back_does_not_wait_until_it_is_put_off(
    back: Callable[[Works], Coroutine[Any, Any, None]],
) -> None:
    """While the record of a step is waited for, however patiently: the step is put off at once, and the traffic goes back."""
    web, store = begin(SLICE, ASK)
    async with web.running():
        await asked(web)
        with store.hanging(patience=100 * DEADLINE):
            store.let_through()
            await web.orders.approve("web-1", BOB)
            await web.until(lambda: web.recorder.waiting == 1)
            assert web.deployment.ready
            await back(web)
            await web.until(lambda: web.deployment.phase in (Phase.ROLLED_BACK, Phase.ABORTED))
            assert web.balancer.workers[0].splits["web"] == BLUE
            assert [sentence for sentence in told(web) if "put off" in sentence]
        await web.until(lambda: web.recorder.waiting == 0)
        went, held, over = kinds(store)[kinds(store).index("went on") :][:3]
        assert (went, held) == ("went on", "put off")
        assert over in ("rollback ordered", "abort ordered", "breached")
        assert recorded(store) == web.state


@pytest.mark.parametrize(("durable", "begun"), [(0, False), (1, False), (2, True), (3, False)])
async def test_a_death_leaves_the_old_state_or_the_step(durable: int, begun: bool) -> None:  # noqa: FBT001  a parameter
    """However much of `approved`, `went on`, `put off` the disk has when guardian dies: what is routed then is in the journal."""
    web, store = begin(ASK)
    async with web.running():
        await asked(web)
        with store.hanging():
            await web.orders.approve("web-1", BOB)
            await web.until(put_off(web))
            before = len(kinds(store))
            store.let_through(durable)
            await web.until(lambda: len(kinds(store)) == before + durable)
            assert web.balancer.workers[0].splits["web"] == BLUE
            left = store.after_death()
    state = recorded(left)
    assert state.live == (GREEN if begun else BLUE)
    again = Works(Strategy((ASK,)), left)
    again.stages.offered = {}
    route, unrecorded = again.balancer.route, []

    async def watching(service: str, split: Split) -> Any:
        unrecorded.extend([split] if recorded(left).live != split else [])
        return await route(service, split)

    again.balancer.route = watching  # type: ignore[method-assign,assignment]
    async with again.running():
        if durable == 0:
            assert again.deployment.undecided
            await again.orders.approve("web-1", BOB)
        await again.until_phase(Phase.VERIFIED)
        assert again.balancer.workers[0].splits["web"] == GREEN
    assert unrecorded == []
    assert kinds(left).count("went on") == (2 if durable == 3 else 1)


@asynccontextmanager
async def _serving(outbox: Outbox) -> AsyncIterator[None]:
    running = asyncio.create_task(outbox.run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.wait([running])


@pytest.mark.parametrize("sender", [FakeChannel(), FakeChannel(always=later(3600.0))], ids=["told at once", "not told yet"])
async def test_channels_are_told_that_it_waits_and_not_that_it_begins(sender: FakeChannel) -> None:
    """The record of the step that is late has its letter; what tells that it is put off takes its place, delivered or not."""
    web, store = begin(ASK)
    channel = Channel(Route("ops", frozenset(Kind)), sender)
    outbox = Outbox([channel], web.recorder, web.clock)
    web.decider.connect(web.actor.act, outbox)

    def letters() -> list[str]:
        return [kept.letter["sentence"] for kept in store.letters() if "moves web to" in kept.letter["sentence"]]

    async with web.running(), _serving(outbox):
        await asked(web)
        with store.hanging():
            store.let_through()  # what is held up is the step itself, and its letter is on its way
            await web.orders.approve("web-1", BOB)
            await web.until(put_off(web))
            if sender.always is None:
                await web.until(lambda: f"web-1: {WAITS}" in sender.sentences)
            await web.orders.pause("web", BOB)
        await web.until(lambda: web.recorder.waiting == 0)
        await web.recorder.perform(lambda: None)
        await web.recorder.retry()
        assert letters() == []
        waiting = [kept.letter["sentence"] for kept in store.letters() if "put off" in kept.letter["sentence"]]
        assert waiting == ([] if sender.always is None else [f"web-1: {WAITS}"])
        assert sender.sentences.count(f"web-1: {WAITS}") == (sender.always is None)
        assert not [sentence for sentence in sender.sentences if "moves web to" in sentence]


def test_news_that_are_not_told_after_all_are_recorded_no_more() -> None:
    """Where their entry is not written yet; those that take their place have their key. The card is the card."""
    web, _ = begin()
    outbox = Outbox([Channel(Route("ops", frozenset(Kind)), FakeChannel())], web.recorder, web.clock)
    before, (after, _) = web.state, step(web.state, SwitchRequested(1.0, "anna", "", Environment.GREEN, 10_000, 60.0))
    change = Change(1.0, before, after, Announcement(Severity.INFO, "web-1: it begins"))
    card, begins = outbox.address(change)
    same, waits = outbox.address(replace(change, announcement=Announcement(Severity.WARNING, "web-1: it waits")), [card, begins])
    assert (begins.settled, waits.settled, card.settled) == (True, False, False)
    assert (waits.letter.key, waits.letter.sentence) == (begins.letter.key, "web-1: it waits")
    assert same is card
    assert outbox.address(change)[1].letter.key != begins.letter.key


async def _queued(web: Works, store: HangingStore) -> None:
    """One under way, a second one in the queue."""
    web.stages.offered = {StageKind.DEPLOY: 60.0}
    await web.orders.deploy("web", "4.2", ANNA)
    await web.orders.deploy("web", "4.3", BOB)
    await web.until(lambda: web.stages.working is not None)
    assert store.hangs is False


async def _held_up(web: Works) -> None:
    """The first one ends, and the turn of the second one cannot be recorded."""
    await web.orders.abort("web", BOB)
    await web.until(put_off(web))


async def test_a_turn_that_the_disk_holds_up_is_put_off() -> None:
    """The deployment stays in the queue, no stage is run, and its turn comes when the disk answers."""
    web, store = begin(queue=Queueing.WAIT)
    async with web.running():
        await _queued(web, store)
        with store.hanging():
            await _held_up(web)
            await turns(web, 3)
            assert [view.id for view in web.orders.queue("web")] == ["web-2"]
            assert (web.deployment.id, web.deployment.phase, len(web.stages.jobs)) == ("web-1", Phase.ABORTED, 1)
            assert [sentence for sentence in told(web) if "put off" in sentence] == [f"web-2: {WAITS}"]
        await web.until(lambda: web.deployment.id == "web-2")
        await web.work(StageKind.DEPLOY)
        await web.until_phase(Phase.VERIFIED)
        assert [kind for kind in kinds(store, "web-2") if kind in ("turn came", "put off")] == ["turn came", "put off", "turn came"]


async def test_a_deployment_withdrawn_while_its_turn_is_put_off_never_was() -> None:
    """Nobody is shown a deployment under way that never began."""
    web, store = begin(queue=Queueing.WAIT)
    async with web.running():
        await _queued(web, store)
        with store.hanging():
            await _held_up(web)
            await web.orders.abort("web", BOB, "web-2")
        await web.until(lambda: web.recorder.waiting == 0)
        await turns(web, 3)
        assert (web.deployment.id, web.state.queue, len(web.stages.jobs)) == ("web-1", (), 1)
        assert [record["id"] for record in store.deployments()] == ["web-1"]
        assert kinds(store)[-3:] == ["turn came", "put off", "withdrawn"]


async def test_a_turn_that_was_durable_at_the_death_is_begun() -> None:
    """What the journal says last is what holds."""
    web, store = begin(queue=Queueing.WAIT)
    async with web.running():
        await _queued(web, store)
        with store.hanging():
            await _held_up(web)
            store.let_through(2)
            await web.until(lambda: kinds(store)[-1] == "turn came")
            left = store.after_death()
    again = Works(Strategy((), queue=Queueing.WAIT), left)
    async with again.running():
        assert again.deployment.id == "web-2"
        await again.work(StageKind.DEPLOY)
        await again.until_phase(Phase.VERIFIED)
        assert again.stages.jobs[0].deployment == "web-2"


@pytest.mark.parametrize("steps", [(), (ASK,)], ids=["at once", "in steps"])
async def test_the_order_of_a_person_is_refused_and_ended(steps: tuple[Any, ...]) -> None:
    """Whoever asked has the sentence, and asks again when the disk is well: nothing begins by itself later."""
    web, store = begin(*steps)
    async with web.running():
        with store.hanging():
            with pytest.raises(Refused, match=r"the change of web could not be recorded \(the disk did not answer in 0\.1 s\)"):
                await web.orders.switch("web", ANNA)
            assert not put_off(web)()
        await web.until(lambda: web.recorder.waiting == 0)
        await turns(web, 3)
        assert web.deployment.phase is Phase.ABORTED
        assert web.state.live == BLUE
        assert kinds(store)[1] == "switch requested"
        assert recorded(store) == web.state
