"""The one writer: journal first, people refused where it cannot be, rollbacks never."""

import pytest

from guardian.app.codec import event_from_record, state_from_record
from guardian.core.deployment import Phase
from guardian.core.events import RollbackOrdered, Unlatched
from guardian.core.model import Environment, Split
from guardian.core.switch import Refused, Unknown, replay
from tests.unit.app.conftest import Rig

BLUE, GREEN = Split.all_on(Environment.BLUE), Split.all_on(Environment.GREEN)


async def test_a_switch_is_journalled_before_anything_is_moved(rig: Rig) -> None:
    """When the first command reaches the balancer, the order stands in the journal."""
    seen = []
    route = rig.balancer.route

    async def watching(service: str, split: Split) -> object:
        seen.append([entry.event["kind"] for entry in rig.store.journal()])
        return await route(service, split)

    rig.balancer.route = watching  # type: ignore[method-assign,assignment]
    await rig.switch()
    await rig.until_phase(Phase.WATCHING)
    assert seen[0] == ["switch requested"]


async def test_the_journal_replayed_is_the_state(rig: Rig) -> None:
    """After a switch and a rollback the stored state is the present one, and so is the last of the journal."""
    await rig.switch()
    await rig.until(lambda: rig.state.ended == 1)
    await rig.decider.submit("web", RollbackOrdered(rig.clock.now(), "bob", "no"))
    await rig.until(lambda: rig.state.ended == 2)
    assert state_from_record(rig.store.services()["web"]) == rig.state
    events = [event_from_record(entry.event) for entry in rig.store.journal()]
    assert [event.kind for event in events] == ["switch requested", "routed", "ended", "rollback ordered", "routed", "ended"]
    with pytest.raises(ValueError, match="does not begin with its adoption"):
        replay("web", events)


async def test_what_cannot_be_recorded_is_not_begun(rig: Rig) -> None:
    """A switch is refused on a store that takes nothing; nothing is moved, and the order does not rise later."""
    rig.store.fail()
    with pytest.raises(Refused, match="could not be recorded"):
        await rig.switch()
    assert rig.state.deployment is None
    assert rig.balancer.calls == []
    rig.store.heal()
    await rig.recorder.retry()
    assert rig.store.journal() == []


async def test_a_rollback_does_not_need_the_journal(rig: Rig) -> None:
    """On a store that takes nothing traffic is taken back all the same; the journal is completed, in order, when it can be."""
    await rig.switch()
    await rig.until(lambda: rig.state.ended == 1)
    rig.store.fail()
    await rig.decider.submit("web", RollbackOrdered(rig.clock.now(), "bob", "no"))
    await rig.until(lambda: rig.state.ended == 2)
    assert rig.balancer.workers[0].splits["web"] == BLUE
    assert len(rig.store.journal()) == 3
    assert rig.recorder.waiting == 3
    rig.store.heal()
    await rig.recorder.retry()
    assert [entry.event["kind"] for entry in rig.store.journal()][3:] == ["rollback ordered", "routed", "ended"]
    assert rig.recorder.waiting == 0


async def test_a_person_may_unlatch_only_what_is_latched(rig: Rig) -> None:
    """A refusal leaves state and journal alone."""
    with pytest.raises(Refused, match="not latched"):
        await rig.decider.submit("web", Unlatched(rig.clock.now(), "alice", "fine"))
    assert rig.store.journal() == []


async def test_an_unknown_service_is_named(rig: Rig) -> None:
    """The sentence says which services there are."""
    with pytest.raises(Unknown, match=r"there is no service shop; guardian\.yaml names web"):
        rig.decider.state("shop")
