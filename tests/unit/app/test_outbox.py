"""The outbox: everything is told, nothing twice, and nobody waits for it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from guardian.app.gauges import Gauges
from guardian.app.outbox import Channel, Outbox
from guardian.core.deployment import Phase
from guardian.core.events import RollbackOrdered
from guardian.core.letters import Kind, Route
from guardian.core.line import Pace
from guardian.core.rules import Severity
from tests.doubles.channel import FakeChannel, Fault, broken, hang, later, lost, never, not_yet
from tests.unit.app.conftest import Rig

EVERYTHING = frozenset(Kind)


def channel_of(sender: FakeChannel, name: str = "ops", **more: object) -> Channel:
    """A channel that takes everything."""
    given: dict[str, object] = {"route": Route(name, EVERYTHING), "deadline": 0.2}
    return Channel(sender=sender, **(given | more))  # type: ignore[arg-type]


@asynccontextmanager
async def telling(rig: Rig, *channels: Channel) -> AsyncIterator[Outbox]:
    """The rig with an outbox, which goes on with what the store has."""
    outbox = Outbox(channels, rig.recorder, rig.clock)
    outbox.recall(rig.store.letters())
    rig.decider.connect(rig.actor.act, outbox)
    running = asyncio.create_task(outbox.run())
    try:
        yield outbox
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def moved(rig: Rig) -> None:
    """A switch, all of it."""
    await rig.switch()
    await rig.until_phase(Phase.WATCHING)
    await rig.until(lambda: rig.state.ended == rig.state.generation)


async def back(rig: Rig) -> None:
    """A rollback, all of it."""
    await rig.decider.submit("web", RollbackOrdered(rig.clock.now(), "bob", "no"))
    await rig.until_phase(Phase.ROLLED_BACK)
    await rig.until(lambda: rig.state.ended == rig.state.generation)


def quiet(outbox: Outbox) -> Callable[[], bool]:
    """Whether nothing waits any more."""
    return lambda: not any(channel.waiting for channel in outbox.channels)


async def test_what_happens_is_told_once_and_in_order(rig: Rig) -> None:
    """The channel has the sentences of the log, below a card that shows the present phase; nothing is left in the record but it."""
    ops = FakeChannel()
    async with telling(rig, channel_of(ops)) as outbox:
        await moved(rig)
        await rig.until(quiet(outbox))
        await rig.until(lambda: len(rig.store.letters()) == 1)
    assert ops.sentences == rig.sentences
    assert {dispatch.card for dispatch in ops.shown} == {"card of web-1"}
    assert (ops.cards, ops.posted) == ({"web-1": "watching"}, 1)
    assert [(kept.letter["key"], kept.reference, kept.settled) for kept in rig.store.letters()] == [
        ("card:web-1", "card of web-1", True)
    ]


async def test_a_switch_waits_for_no_channel(rig: Rig) -> None:
    """With every channel hanging, a switch is as quick as without any."""
    ops, hook = FakeChannel(always=hang), FakeChannel(always=hang)
    async with telling(rig, channel_of(ops, deadline=60.0), channel_of(hook, "hook", deadline=60.0)):
        started = time.monotonic()
        await moved(rig)
        assert time.monotonic() - started < 5.0
    assert (ops.shown, hook.shown) == ([], [])


async def test_what_could_not_be_told_is_told_after_a_restart(rig: Rig) -> None:
    """Letters are recorded with the journal: the next run has them, in order."""
    async with telling(rig, channel_of(FakeChannel(always=later(60.0)))):
        await moved(rig)
    ops = FakeChannel()
    async with telling(rig, channel_of(ops)) as outbox:
        await rig.until(quiet(outbox))
    assert (ops.sentences, ops.cards) == (rig.sentences, {"web-1": "watching"})


async def test_a_lost_answer_is_no_second_message(rig: Rig) -> None:
    """The next attempt says that the letter may be there already."""
    ops = FakeChannel()
    ops.faults.extend([lost] * 4)
    async with telling(rig, channel_of(ops)) as outbox:
        await moved(rig)
        await rig.until(quiet(outbox))
    assert (ops.sentences, ops.posted) == (rig.sentences, 1)


async def test_a_hung_delivery_is_tried_again_with_doubt(rig: Rig) -> None:
    """After its deadline nobody knows whether it arrived."""
    ops = FakeChannel()
    seen: list[bool] = []

    def remember(_channel: FakeChannel, dispatch: object) -> None:
        seen.append(dispatch.unsure)  # type: ignore[attr-defined]

    ops.faults.extend([hang, remember])
    async with telling(rig, channel_of(ops)) as outbox:
        await moved(rig)
        await rig.until(quiet(outbox))
    assert seen == [True]
    assert ops.sentences == rig.sentences


@pytest.mark.parametrize("fault", [never, broken])
async def test_what_one_letter_does_to_a_channel_ends_with_it(rig: Rig, fault: Fault, caplog: pytest.LogCaptureFixture) -> None:
    """A letter that is refused for ever, or that breaks the channel's code, is told in the log; the others get through."""
    ops = FakeChannel()
    ops.faults.append(fault)
    async with telling(rig, channel_of(ops)) as outbox:
        await moved(rig)
        await rig.until(quiet(outbox))
    assert ops.sentences == rig.sentences  # the first letter is the card
    assert any(record.levelname == "ERROR" and "channel ops" in record.getMessage() for record in caplog.records)


async def test_with_a_full_disk_people_are_told_all_the_same(rig: Rig) -> None:
    """What cannot be recorded is told from memory, and is not told again once it can be."""
    ops = FakeChannel()
    async with telling(rig, channel_of(ops)) as outbox:
        await moved(rig)
        rig.store.fail()
        await back(rig)
        await rig.until(lambda: any("rolled back" in sentence for sentence in ops.sentences))
        await rig.until(quiet(outbox))
        rig.store.heal()
        await rig.recorder.retry()
    again = FakeChannel()
    async with telling(rig, channel_of(again)) as outbox:
        await rig.until(quiet(outbox))
    assert (ops.sentences.count(rig.sentences[-1]), again.shown) == (1, [])
    assert {kept.letter["key"]: kept.reference for kept in rig.store.letters()} == {"card:web-1": "card of web-1"}


async def test_what_is_refused_is_not_told(rig: Rig) -> None:
    """An order that could not be recorded has not happened."""
    ops = FakeChannel()
    async with telling(rig, channel_of(ops)) as outbox:
        rig.store.fail()
        with pytest.raises(Exception, match="could not be recorded"):
            await rig.switch()
        await rig.until(quiet(outbox))
    assert (ops.attempts, rig.store.letters()) == (0, [])


async def test_channels_do_not_wait_for_one_another(rig: Rig) -> None:
    """One that is down has its letters later; the other has them now, those that are its."""
    down, pager = FakeChannel(always=later()), FakeChannel()
    loud = Channel(Route("pager", severity=Severity.CRITICAL), pager)
    async with telling(rig, channel_of(down), loud) as outbox:
        await moved(rig)
        await back(rig)
        await rig.until(lambda: len(pager.shown) == 2)
        await rig.until(lambda: not next(state.waiting for state in outbox.channels if state.name == "pager"))
        states = {state.name: state for state in outbox.channels}
        assert states["ops"].trouble == "not now"
        assert states["ops"].waiting >= 5
        assert states["pager"].trouble == ""
        gauges = Gauges()
        gauges.show_channels(lambda: outbox.channels)
        assert b'guardian_channel_reached{channel="ops"} 0.0' in gauges.text()
        assert b'guardian_channel_waiting{channel="pager"} 0.0' in gauges.text()


async def test_an_outage_is_logged_once_and_so_is_its_end(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """Not every attempt of many is a line."""
    caplog.set_level("INFO")
    ops = FakeChannel()
    ops.faults.extend([later(0.01)] * 5)
    async with telling(rig, channel_of(ops)) as outbox:
        await moved(rig)
        await rig.until(quiet(outbox))
    told = [record.getMessage() for record in caplog.records if "channel ops" in record.getMessage()]
    assert [line.split(":")[0].split(" after")[0] for line in told] == ["channel ops cannot be told", "channel ops is told again"]


async def test_what_is_not_ready_is_no_trouble(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is logged, nothing is given up, however long it takes."""
    ops = FakeChannel()
    ops.faults.extend([not_yet] * 20)
    async with telling(rig, channel_of(ops)) as outbox:
        await moved(rig)
        await rig.until(quiet(outbox))
    assert ops.sentences == rig.sentences
    assert not [record for record in caplog.records if "channel ops" in record.getMessage()]


async def test_stale_news_are_dropped_and_said_to_be(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """After an outage of days a channel is not flooded; the card says how it ended."""
    async with telling(rig, channel_of(FakeChannel(always=later(60.0)))):
        await moved(rig)
    ops = FakeChannel()
    async with telling(rig, channel_of(ops, pace=Pace(stale=0.0))) as outbox:
        await rig.until(quiet(outbox))
    assert (ops.shown, ops.cards) == ([], {"web-1": "watching"})
    assert sum("not told there any more" in record.getMessage() for record in caplog.records) == len(rig.sentences)


async def test_a_card_can_be_shown_again_without_news(rig: Rig) -> None:
    """For what changes besides the state: the time that is left, a rule's value."""
    ops = FakeChannel()
    async with telling(rig, channel_of(ops)) as outbox:
        await moved(rig)
        await rig.until(quiet(outbox))
        before = ops.attempts
        outbox.touch(rig.state)
        await rig.until(lambda: ops.attempts == before + 1)
        assert outbox.card("ops", "web-1") == "card of web-1"
        assert outbox.card("ops", "web-9") == outbox.card("nobody", "web-1") == ""
    assert ops.posted == 1


async def test_letters_of_a_channel_that_is_gone_are_left_alone(rig: Rig) -> None:
    """guardian.yaml changed: nothing breaks, and nothing is told elsewhere."""
    async with telling(rig, channel_of(FakeChannel(always=later(60.0)), "old")):
        await moved(rig)
    ops = FakeChannel()
    async with telling(rig, channel_of(ops)) as outbox:
        await rig.until(quiet(outbox))
    assert ops.attempts == 0
