"""The watch: looks, judges, ends; and what it does when it cannot look."""

import logging
from dataclasses import replace

import pytest

from guardian.app.evidence import evidence_of, revived
from guardian.core.deployment import Phase
from guardian.core.model import Environment, Split
from guardian.core.ports import BalancerGone
from guardian.core.rules import Action, Lack
from guardian.core.verdicts import Finding
from tests.unit.app.conftest import Rig, server_errors

GREEN, BLUE = Environment.GREEN, Environment.BLUE


async def bad_answers(rig: Rig) -> None:
    """Let green fail until something comes of it."""

    def fail() -> bool:
        rig.answer(GREEN, good=0, bad=5)
        return rig.phase is not Phase.WATCHING

    await rig.until(fail)


async def test_a_release_that_fails_is_taken_back_and_latched(live: Rig) -> None:
    """From the counters to the split, with the verdict that a fresh judge comes to from the evidence."""
    await live.switch()
    await live.until_looking()
    await bad_answers(live)
    await live.until_phase(Phase.ROLLED_BACK)
    assert live.balancer.workers[0].splits["web"] == Split.all_on(BLUE)
    deployment = live.state.deployment
    assert deployment is not None
    assert deployment.rollback is not None
    verdict = deployment.rollback.verdict
    assert live.state.latch is not None
    await live.until(lambda: deployment.id in live.kept)
    assert revived(live.kept[deployment.id]()["server-errors"]).verdict() == verdict


async def test_a_healthy_release_is_verified_and_written_down(live: Rig) -> None:
    """With enough requests in the watch the file names the new side."""
    await live.switch(watch_seconds=0.5)
    await live.until_looking()

    def go_on() -> bool:
        live.answer(GREEN, good=20)
        return live.phase is not Phase.WATCHING

    await live.until(go_on)
    assert live.phase is Phase.VERIFIED
    await live.actor.idle()
    assert live.balancer.disk["web"] == Split.all_on(GREEN)


async def test_silence_is_not_health(live: Rig) -> None:
    """A watch without a request ends unverified, and the file keeps naming the old side."""
    await live.switch(watch_seconds=0.1)
    await live.until_phase(Phase.UNVERIFIED)
    await live.actor.idle()
    assert live.balancer.disk["web"] == Split.all_on(BLUE)
    assert "0 requests seen" in live.sentences[-1]


async def test_no_data_rolls_back_where_the_rule_says_so() -> None:
    """``on_no_data: fail`` makes silence a fault."""
    async with Rig((server_errors(on_no_data=Lack.FAIL),)).running() as rig:
        await rig.switch(watch_seconds=0.1)
        await rig.until_phase(Phase.ROLLED_BACK)
        assert rig.state.latch is not None


async def test_a_rule_that_notifies_moves_nothing() -> None:
    """It is told once, and the watch goes on."""
    async with Rig((server_errors(action=Action.NOTIFY),)).running() as rig:
        await rig.switch()
        await rig.until_looking()

        def fail() -> bool:
            rig.answer(GREEN, good=0, bad=5)
            return any("nothing was moved" in sentence for sentence in rig.sentences)

        await rig.until(fail)
        assert rig.phase is Phase.WATCHING
        assert rig.balancer.workers[0].splits["web"] == Split.all_on(GREEN)


async def test_counters_that_were_cleared_are_no_traffic(live: Rig) -> None:
    """A reload in mid-watch loses a look, not the release: nothing from before is counted again."""
    await live.switch()
    await live.until_looking()
    live.answer(GREEN, good=1000)
    await live.until(lambda: live.watcher.verdicts("web")[0].samples == 1000)
    live.balancer.reload()
    live.balancer.workers[0].splits["web"] = Split.all_on(GREEN)
    live.answer(GREEN, good=0, bad=50)
    await live.until(lambda: live.watcher.observer("web").worker == live.balancer.workers[0].name)
    live.answer(GREEN, good=10)
    await live.until(lambda: live.watcher.verdicts("web")[0].samples >= 1010)
    assert live.watcher.verdicts("web")[0].value == 0.0
    assert live.phase is Phase.WATCHING


async def test_a_source_that_fails_is_not_a_release_that_fails(live: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """While HAProxy is gone the verdict is ``failed``, told once; when it is back the watch goes on."""
    await live.switch()
    await live.until_looking()
    with caplog.at_level(logging.INFO):
        live.balancer.failures["snapshot"] = BalancerGone("nobody listens")
        await live.until(lambda: live.watcher.verdicts("web")[0].finding is Finding.FAILED)
        await live.until(lambda: len(caplog.records) >= 1)
        del live.balancer.failures["snapshot"]
        live.answer(GREEN, good=10)
        live.answer(GREEN, good=10)
        await live.until(lambda: "read again" in caplog.text)
    assert live.phase is Phase.WATCHING
    assert sum("cannot be read" in record.message for record in caplog.records) == 1


async def test_evidence_of_an_earlier_run_goes_on(live: Rig) -> None:
    """After a restart the judge knows what it knew."""
    await live.switch()
    await live.until_looking()
    live.answer(GREEN, good=500)
    await live.until(lambda: live.watcher.verdicts("web")[0].samples == 500)
    ((deployment, judge),) = live.watcher.judges()
    records = {judge.rule.name: evidence_of(judge)}
    live.watcher.end("web")
    live.watcher.recall(deployment, records)
    live.watcher.begin(live.state)
    assert live.watcher.verdicts("web")[0].samples == 500


async def test_a_step_that_has_no_evidence_yet_is_judged_after_a_restart(live: Rig) -> None:
    """What is kept is of the step before, and the rules are not those of the request any more: it is judged by those in force."""
    await live.switch()
    await live.until_looking()
    ((deployment, judge),) = live.watcher.judges()
    records = {judge.rule.name: evidence_of(judge)}
    live.watcher.end("web")
    live.watcher.recall(deployment, records)
    state = live.state
    assert state.deployment
    later = replace(state.deployment, cutover_at=live.clock.now(), rules_digest="of other rules")
    live.watcher.begin(replace(state, deployment=later))
    assert [verdict.rule for verdict in live.watcher.verdicts("web")] == [judge.rule.name]


async def test_the_past_of_the_side_that_serves_is_remembered(live: Rig) -> None:
    """It is what a release is compared with; the candidate's own past is forgotten at its cutover."""

    def go_on() -> bool:
        live.answer(BLUE, good=99, bad=1)
        live.answer(GREEN, good=10)
        return live.watcher.history("web", BLUE).count(("responses",)) >= 300

    await live.until(go_on)
    history = live.watcher.history("web", BLUE)
    assert history.count(("responses_5xx",)) * 100 == history.count(("responses",))
    await live.switch()
    await live.until_looking()
    assert live.watcher.history("web", GREEN).count(("responses",)) == 0
