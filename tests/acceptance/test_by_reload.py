"""The real daemon with a service whose split stands in HAProxy's configuration: the same promises, by reloads."""

from pathlib import Path

from guardian.core.model import Environment, Split, Way
from guardian.demo.application import Fault
from guardian.demo.report import connection_failures, failed
from tests.acceptance.conftest import BLUE, GREEN, PATIENCE, Story, Tell, left_behind, now
from tests.waiting import eventually


async def test_switches_by_reload_lose_nothing(tell: Tell, either_binary: Path) -> None:
    """There and back over kept-alive and new connections: no failed request, none on the wrong side; the file stays as it was."""
    story = await tell(binary=either_binary, way=Way.RELOAD)
    traffic, before = await story.traffic(rate=200), configuration(story)
    alone: list[tuple[Environment, float, float]] = []
    for order, abandoned in [("switch", BLUE), ("rollback", GREEN)] * 4:
        if order == "switch":
            await story.switch()
        else:
            await story.order("rollback", reason="next")
            await story.until("rolled back")
        since = now()
        await story.seen(traffic, 10)
        alone.append((abandoned, since, now()))
        assert configuration(story) == before
    await traffic.stop()
    assert connection_failures(traffic.answers) == 0
    assert not [answer for answer in traffic.answers if failed(answer)]
    strays = [answer for side, since, until in alone for answer in left_behind(traffic, side, since) if answer.sent < until]
    assert strays == []


async def test_a_trial_survives_somebodys_reload_and_is_promoted(tell: Tell) -> None:
    """The reload falls back to the safe side, guardian brings the release back, and only the verified one is written down."""
    story = await tell(watch="12s", way=Way.RELOAD)
    traffic = await story.traffic()
    await story.seen(traffic, 100)
    await story.switch()
    assert "share_web int(0)" in configuration(story)
    await story.stage.haproxy.reload()
    await story.until_live(Split.all_on(GREEN))
    assert "guardian restores green in every worker" in story.log
    assert (await story.until("verified", "unverified", "rolled back"))["phase"] == "verified"

    async def written() -> bool:
        return "share_web int(10000)" in configuration(story)

    await eventually(written, PATIENCE)
    assert await story.live() == {Split.all_on(GREEN)}


async def test_a_bad_release_is_taken_back(tell: Tell) -> None:
    """By a reload that writes nothing, though somebody has left the file broken meanwhile."""
    story = await tell(way=Way.RELOAD)
    traffic = await story.traffic()
    await story.seen(traffic, 100)
    await story.switch()
    edited = configuration(story) + "\nbackend unfinished\n    server\n"
    story.stage.haproxy.configuration.write_text(edited)
    await story.fail(GREEN, Fault(errors=1.0))
    deployment = await story.until("rolled back")
    assert deployment["rollback"]["rule"] == "server-errors"
    await story.until_live(Split.all_on(BLUE))
    assert configuration(story) == edited


async def test_a_switch_waits_for_somebodys_edit(tell: Tell) -> None:
    """It is aborted with the sentence, the status has said so before, and nothing of the edit was loaded."""
    story = await tell(way=Way.RELOAD)
    edited = configuration(story) + "\nbackend more\n"
    story.stage.haproxy.configuration.write_text(edited)

    async def told() -> bool:
        balancer = (await story.service())["rollback"]["balancer"]
        return any("moving traffic forward" in lack for lack in balancer["lacks"])

    await eventually(told, PATIENCE)
    await story.order("switch")
    deployment = await story.until("aborted")
    assert "was changed by somebody since HAProxy last loaded it" in deployment["trouble"]
    assert configuration(story) == edited
    assert await story.live() == {Split.all_on(BLUE)}


async def test_a_drill_by_reload(tell: Tell) -> None:
    """There and back, each proved in a new worker, and the times told."""
    story = await tell(way=Way.RELOAD)
    before = configuration(story)
    view = await story.allowed("drill", reason="before the release")
    assert view["drill"]["back"] > 0
    assert await story.live() == {Split.all_on(BLUE)}
    assert configuration(story) == before


async def test_readiness_tells_of_a_block_that_is_not_guardians(tell: Tell) -> None:
    """A rollback could not be carried out as it should, and `/readyz` says so with what to do."""
    story = await tell(way=Way.RELOAD)
    tampered = configuration(story).replace("lt 0 }", "lt 1 }")
    story.stage.haproxy.configuration.write_text(tampered)

    async def told() -> bool:
        return any("not as guardian writes them" in fault for fault in (await story.service())["rollback"]["faults"])

    await eventually(told, PATIENCE)
    assert (await story.client.get("/readyz")).is_error


def configuration(story: Story) -> str:
    """HAProxy's configuration."""
    return story.stage.haproxy.configuration.read_text()
