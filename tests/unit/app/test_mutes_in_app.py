"""Mutes in the running program: what a muted rule sees has no consequence, then or later, and nobody stops judging for it."""

import asyncio

from guardian.app.codec import state_from_record, state_to_record
from guardian.app.evidence import evidence_of
from guardian.app.watching import Wires
from guardian.core.deployment import Phase
from guardian.core.events import Breached, Event, RollbackOrdered
from guardian.core.model import Environment
from guardian.core.release_events import Muted, TimeCame, Unmuted
from guardian.core.rules import Action, Lack
from guardian.core.verdicts import Finding
from tests.unit.app.conftest import Rig, server_errors

GREEN = Environment.GREEN
NAME = "server-errors"
TOLD = "nothing was moved (muted until"


async def mute(rig: Rig, seconds: float = 3_600.0, rule: str = NAME) -> None:
    """Erik mutes a rule."""
    now = rig.clock.now()
    await rig.decider.submit("web", Muted(now, "erik", "a known bug", rule, now + seconds))


async def unmute(rig: Rig) -> None:
    """Erik lifts the mute."""
    await rig.decider.submit("web", Unmuted(rig.clock.now(), "erik", "mended", NAME))


async def fail_until_told(rig: Rig) -> None:
    """The candidate fails until the muted rule has said so."""

    def fail() -> bool:
        rig.answer(GREEN, good=0, bad=5)
        return any(TOLD in sentence for sentence in rig.sentences)

    await rig.until(fail)


async def fail_until(rig: Rig, phase: Phase) -> None:
    """The candidate fails until the deployment is in ``phase``."""

    def fail() -> bool:
        rig.answer(GREEN, good=0, bad=5)
        return rig.phase is phase

    await rig.until(fail)


async def fresh(rig: Rig) -> None:
    """Good answers, until the rule has begun anew and seen some."""

    def go_on() -> bool:
        rig.answer(GREEN, good=5)
        verdict = rig.watcher.verdicts("web")[0]
        return verdict.finding is not Finding.BREACHED and verdict.samples > 0

    await rig.until(go_on)


async def test_a_breach_under_a_mute_is_told_and_moves_nothing(live: Rig) -> None:
    """Once the mute is lifted what the rule saw is forgotten; what it sees then takes the release back."""
    await live.switch()
    await live.until_looking()
    await mute(live)
    await fail_until_told(live)
    assert live.phase is Phase.WATCHING
    assert sum(TOLD in sentence for sentence in live.sentences) == 1
    await unmute(live)
    await fresh(live)
    assert live.phase is Phase.WATCHING
    await fail_until(live, Phase.ROLLED_BACK)


async def test_a_muted_rule_pauses_nothing() -> None:
    """One that asks for a person's decision asks nobody."""
    async with Rig((server_errors(action=Action.PAUSE),)).running() as rig:
        await rig.switch()
        await rig.until_looking()
        await mute(rig)
        await fail_until_told(rig)
        assert rig.state.deployment
        assert rig.state.deployment.paused is None


async def test_another_rule_and_a_person_take_back_as_ever() -> None:
    """Two rules read the same: the one that is not muted rolls back; where both are, a person does."""
    rules = (server_errors(), server_errors(name="also-errors"))
    async with Rig(rules).running() as rig:
        await mute(rig)
        await rig.switch()
        await rig.until_looking()
        await fail_until(rig, Phase.ROLLED_BACK)
        assert rig.state.deployment
        assert rig.state.deployment.rollback
        assert rig.state.deployment.rollback.verdict
        assert rig.state.deployment.rollback.verdict.rule == "also-errors"
    async with Rig(rules).running() as rig:
        await mute(rig)
        await mute(rig, rule="also-errors")
        await rig.switch()
        await rig.until_looking()
        await fail_until_told(rig)
        await rig.decider.submit("web", RollbackOrdered(rig.clock.now(), "alice", "enough"))
        await rig.until_phase(Phase.ROLLED_BACK)


async def test_a_mute_ends_by_itself_while_nobody_looks_after_it(live: Rig) -> None:
    """At its time the rule acts again, though nobody has cleared the mute away yet."""
    await mute(live, 0.6)
    await live.switch()
    await live.until_looking()
    await live.until(lambda: live.clock.now() >= live.state.mutes[0].until)
    await fail_until(live, Phase.ROLLED_BACK)
    assert live.state.mutes


async def test_a_watch_that_ends_under_a_mute_proves_nothing() -> None:
    """However well the release did, and whatever the rule says of silence or failure."""
    async with Rig((server_errors(on_no_data=Lack.FAIL),)).running() as rig:
        await mute(rig)
        await rig.switch(watch_seconds=0.3)
        await rig.until_phase(Phase.UNVERIFIED)
        assert rig.state.deployment
        assert "server-errors: muted until" in rig.state.deployment.trouble
        assert "by erik: a known bug; left out of the outcome" in rig.state.deployment.trouble
        assert [each.muted for each in rig.state.deployment.conclusions] == [True]


async def test_a_mute_that_overtakes_a_breach_leaves_nobody_unwatched(live: Rig) -> None:
    """The watch had decided, and the mute was journalled first: nothing moves, the breach is told, and the judging goes on."""
    overtaken = asyncio.Event()

    async def late(service: str, event: Event) -> object:
        if isinstance(event, Breached) and not overtaken.is_set():
            overtaken.set()
            await mute(live)
        return await live.decider.submit(service, event)

    live.watcher.connect(Wires(late, live.reconciler.soon, live.kept.__setitem__, live.decider.state))
    await live.switch()
    await live.until_looking()
    await fail_until_told(live)
    assert overtaken.is_set()
    assert live.phase is Phase.WATCHING
    await unmute(live)
    await fail_until(live, Phase.ROLLED_BACK)


async def test_what_was_seen_under_a_mute_does_not_rise_with_a_restart(live: Rig) -> None:
    """The mute ended while guardian was down: the evidence of before says nothing, whether the mute was cleared away or not."""
    await live.switch()
    await live.until_looking()
    await mute(live)
    await fail_until_told(live)
    ((deployment, judge),) = live.watcher.judges()
    records = {judge.rule.name: evidence_of(judge)}
    live.watcher.end("web")
    assert state_from_record(state_to_record(live.state)) == live.state
    until = live.state.mutes[0].until
    for event in (TimeCame(until), None):
        if event:
            await live.decider.submit("web", event)
            assert live.state.deployment
            assert live.state.deployment.unmuted == {NAME: until}
        live.watcher.recall(deployment, records)
        live.watcher.begin(live.state)
        await fresh(live)
        assert live.phase is Phase.WATCHING
        live.watcher.end("web")
