"""Keeping the balancer at what is intended: reloads are mended, hands are followed."""

import asyncio

import pytest

from guardian.core.deployment import Phase
from guardian.core.drift import Policy
from guardian.core.events import RollbackOrdered
from guardian.core.model import Environment, Split
from guardian.core.ports import BalancerError, BalancerGone, WorkerSplit
from tests.unit.app.conftest import Rig

BLUE, GREEN = Split.all_on(Environment.BLUE), Split.all_on(Environment.GREEN)


async def test_a_split_lost_in_a_reload_is_restored(rig: Rig) -> None:
    """A new worker read the safe side from the file; the watch is still good, so it gets the candidate back."""
    await rig.switch()
    await rig.until_phase(Phase.WATCHING)
    await rig.actor.idle()
    rig.balancer.reload()
    assert rig.balancer.workers[0].splits["web"] == BLUE
    await rig.reconcile()
    assert rig.balancer.workers[0].splits["web"] == GREEN
    assert rig.phase is Phase.WATCHING


async def test_a_split_that_cannot_be_restored_is_told_once(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """The candidate has lost its servers as well: that guardian restores its share is not said every second, and not as done."""
    await rig.switch()
    await rig.until_phase(Phase.WATCHING)
    await rig.actor.idle()
    rig.balancer.servers_up["web_green"] = 0
    rig.balancer.reload()
    for _ in range(3):
        await rig.reconcile()
    told = [record.getMessage() for record in caplog.records if "another split" in record.getMessage()]
    assert told == ["web: a worker of the balancer had another split after a reload; guardian restores green in every worker"]
    rig.balancer.servers_up["web_green"] = 1
    await rig.reconcile()
    assert rig.balancer.workers[0].splits["web"] == GREEN


@pytest.mark.parametrize("found", ["a lost split", "an edited file", "a hand"])
async def test_a_rollback_amid_a_comparison_is_not_undone_by_it(rig: Rig, found: str) -> None:
    """What was found before a newer order is not mended after it, however long the rest of the comparison takes."""
    await rig.switch()
    await rig.until_phase(Phase.WATCHING)
    await rig.actor.idle()
    if found == "a lost split":
        rig.balancer.reload()
    elif found == "an edited file":
        rig.balancer.disk["web"] = GREEN
    else:
        rig.balancer.workers[0].splits["web"] = Split(5000)
    stored = rig.balancer.stored

    async def rolled_back() -> None:
        if rig.phase is Phase.WATCHING:
            await rig.decider.submit("web", RollbackOrdered(rig.clock.now(), "bob", "no"))
            await rig.until_phase(Phase.ROLLED_BACK)
            await rig.actor.idle()
            rig.balancer.calls.clear()

    async def altered(service: str) -> str:
        del service
        await rolled_back()
        return ""

    rig.balancer.altered = altered  # type: ignore[method-assign]
    await rig.reconciler.check("web")
    await rig.actor.idle()
    assert rig.balancer.calls == []
    assert not [sentence for sentence in rig.sentences if "at the balancer itself" in sentence]
    await rig.reconcile()
    assert (rig.phase, rig.state.live) == (Phase.ROLLED_BACK, BLUE)
    assert (rig.balancer.workers[0].splits["web"], await stored("web")) == (BLUE, BLUE)


async def test_a_worker_that_lingers_with_the_old_split_is_mended(rig: Rig) -> None:
    """Nobody set its map by hand: it was told by nobody."""
    await rig.switch()
    await rig.until_phase(Phase.WATCHING)
    await rig.actor.idle()
    rig.balancer.reload(linger=True)
    rig.balancer.workers[0].splits["web"] = GREEN
    rig.balancer.workers[1].splits["web"] = BLUE
    await rig.reconcile()
    assert {worker.splits["web"] for worker in rig.balancer.workers} == {GREEN}


async def test_a_forced_rollback_stays_forced_when_it_is_tried_again(rig: Rig) -> None:
    """The first attempt met a balancer that failed: the next one asks no more than a person did who wants it whatever happens."""
    await rig.switch()
    await rig.until_phase(Phase.WATCHING)
    rig.balancer.servers_up["web_blue"] = 0
    rig.balancer.failures["route"] = BalancerError("a worker hangs")
    await rig.decider.submit("web", RollbackOrdered(rig.clock.now(), "bob", "green is worse", force=True))
    await rig.until_phase(Phase.STUCK)
    del rig.balancer.failures["route"]
    await rig.reconcile()
    assert rig.phase is Phase.ROLLED_BACK
    assert rig.balancer.workers[0].splits["web"] == BLUE


async def test_a_hand_at_the_socket_is_followed(rig: Rig) -> None:
    """The worker that had confirmed ours has another split: a person put it there, and the deployment is over."""
    await rig.switch()
    await rig.until_phase(Phase.WATCHING)
    await rig.actor.idle()
    rig.balancer.workers[0].splits["web"] = BLUE
    await rig.reconcile()
    await rig.until_phase(Phase.ROLLED_BACK)
    assert rig.state.live == BLUE
    assert any("somebody at the balancer" in sentence for sentence in rig.sentences)


async def test_a_hand_is_known_for_one_also_after_a_quiet_reload(rig: Rig) -> None:
    """A new worker that is right is remembered, so that a later hand on it is not taken for a reload."""
    rig.balancer.reload()
    await rig.reconcile()
    rig.balancer.workers[0].splits["web"] = GREEN
    await rig.reconcile()
    assert rig.state.live == GREEN


async def test_a_file_that_was_edited_is_put_right(rig: Rig) -> None:
    """The file names the safe side, whatever somebody wrote into it."""
    rig.balancer.disk["web"] = GREEN
    await rig.reconcile()
    assert rig.balancer.disk["web"] == BLUE


async def test_a_balancer_that_does_not_answer_changes_nothing(rig: Rig) -> None:
    """What cannot be read is no drift."""
    rig.balancer.failures["read"] = BalancerGone("down")
    before = rig.state
    assert not await rig.reconcile()
    assert rig.state == before
    assert rig.balancer.calls == []


async def test_a_right_balancer_is_left_alone(rig: Rig) -> None:
    """Nothing is written and nothing is routed where nothing differs."""
    assert await rig.reconcile()
    assert rig.balancer.calls == []


async def test_a_hand_at_the_socket_is_undone_where_that_is_configured(rig: Rig) -> None:
    """With ``drift: restore`` guardian's intention has the last word, and everybody is told what was changed from what to what."""
    rig.reconciler._policy = Policy.RESTORE
    await rig.reconcile()
    worker = rig.balancer.workers[0]
    worker.splits["web"] = GREEN
    await rig.reconcile()
    assert worker.splits["web"] == BLUE
    assert rig.state.live == BLUE
    sentence = f"web: somebody changed the split in the balancer's worker {worker.name} from blue to green; guardian puts it back"
    assert rig.sentences[-1] == sentence
    assert rig.store.journal()[-1].event["kind"] == "drifted"


async def test_an_edited_file_is_told(rig: Rig) -> None:
    """Who reads the sentence knows what stood there."""
    rig.balancer.disk["web"] = GREEN
    await rig.reconcile()
    assert (
        rig.sentences[-1]
        == "web: somebody changed the split that the balancer starts with from blue to green; guardian puts it back"
    )


async def test_a_file_that_guardian_could_not_write_is_nobodys_work(rig: Rig) -> None:
    """A full disk is told as what it is, not as a hand."""
    rig.balancer.failures["store"] = BalancerError("no space left")
    rig.balancer.disk["web"] = GREEN
    await rig.reconcile()
    told = len(rig.sentences)
    await rig.reconcile()
    assert len(rig.sentences) == told


async def test_a_changed_block_is_told_once(rig: Rig) -> None:
    """And again when it is changed again."""
    rig.balancer.alteration = "the block in frontend web is gone"
    await rig.reconcile()
    await rig.reconcile()
    assert [sentence for sentence in rig.sentences if "block in frontend web is gone" in sentence] == [rig.sentences[-1]]
    rig.balancer.alteration = "the block in frontend web is another"
    await rig.reconcile()
    assert "is another" in rig.sentences[-1]


async def test_a_reload_by_somebody_is_logged_once(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """However many services the balancer carries."""
    await rig.reconcile()
    rig.balancer.reload()
    await rig.reconcile()
    await rig.reconcile()
    assert [record.message for record in caplog.records if "was reloaded or restarted" in record.message] == [
        "the balancer was reloaded or restarted: worker worker-3 serves instead of worker-2; every split is compared and restored"
    ]


async def test_a_balancer_that_hangs_is_no_standstill(rig: Rig) -> None:
    """Each service waits for its deadline: whoever looks closely at many of them lives, and shows it after each."""
    turned, hanging, steps = 0, asyncio.Event(), asyncio.Semaphore(0)

    async def hang(service: str) -> tuple[WorkerSplit, ...]:
        hanging.set()
        await steps.acquire()
        raise BalancerGone(service)

    def turn() -> None:
        nonlocal turned
        turned += 1

    rig.balancer.read = hang  # type: ignore[method-assign]
    rig.reconciler.turned = turn
    looking = asyncio.create_task(rig.reconciler.run())
    for service in ("web", "web ", "web  "):
        rig.reconciler._alert[service] = rig.clock.monotonic() + 3600.0
    rig.reconciler._state = lambda _service: rig.state
    rig.reconciler.soon("web")
    await hanging.wait()
    before = turned
    steps.release()
    steps.release()
    await rig.until(lambda: turned >= before + 2)
    looking.cancel()
    await asyncio.wait({looking})


async def test_a_round_begins_with_those_whom_the_last_one_did_not_reach(rig: Rig) -> None:
    """An instance that hangs uses up a round with its own services: those behind another are mended all the same."""
    asked: list[str] = []

    async def hang(service: str) -> tuple[WorkerSplit, ...]:
        asked.append(service)
        await asyncio.Event().wait()
        raise AssertionError

    rig.balancer.read = hang  # type: ignore[method-assign]
    rig.reconciler._state = lambda _service: rig.state
    for number in range(1, 5):
        going_round = asyncio.create_task(rig.reconciler.round(["a", "b", "c"]))
        await rig.until(lambda number=number: len(asked) == number)  # type: ignore[misc]
        going_round.cancel()
        await asyncio.wait({going_round})
    assert asked == ["a", "b", "c", "a"]
