"""The rules in force: all or nothing, never in mid-sentence, and a running watch keeps its own."""

import logging

import pytest

from guardian.app.clock import SteadyClock
from guardian.app.rulebook import RuleBook, RulesUnfit
from guardian.core.deployment import Phase
from guardian.core.model import Environment, Split
from guardian.core.rules import Action, RuleSet, Sequential, Severity
from tests.doubles.rulefiles import RuleFiles
from tests.unit.app.conftest import Rig, server_errors

OLD, NEW = RuleSet("web", (server_errors(),), "old"), RuleSet("web", (server_errors(name="other-errors"),), "new")


def book_of(files: RuleFiles) -> RuleBook:
    """A book on ``files``, of a program that watches ``web``."""
    return RuleBook(files.rules, files.files, SteadyClock(), lambda: ["web"])


async def test_new_rules_are_in_force_at_once(caplog: pytest.LogCaptureFixture) -> None:
    """It is told which services have other rules, and that a running watch keeps its own."""
    files = RuleFiles({"web": OLD})
    book = book_of(files)
    files.change({"web": NEW})
    with caplog.at_level(logging.INFO):
        assert (await book.reload()).changed == ("web",)
    assert book.of("web") == NEW
    assert "new rules for `web` from now on; the watch of `web` goes on with the rules that it began with" in caplog.text
    assert (await book.reload()).changed == ()


async def test_a_service_whose_file_is_gone_has_no_rules() -> None:
    """It is a service still."""
    files = RuleFiles({"web": OLD})
    book = book_of(files)
    files.rules = {}
    await book.reload()
    assert book.of("web") == RuleSet("web")


async def test_files_with_a_fault_change_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """The old rules stay in force, and the reason is told once, however often it is tried."""
    files = RuleFiles({"web": OLD})
    book = book_of(files)
    files.change({"web": NEW}, faults="web.yaml:3: limit: is missing\nweb.yaml:9: colour: is not known")
    for _ in range(3):
        with pytest.raises(RulesUnfit, match="limit: is missing"):
            await book.reload()
    assert book.of("web") == OLD
    assert "colour" in book.trouble
    told = [record.message for record in caplog.records]
    assert told == [
        "the rule files are not used, the rules that were in force stay so: web.yaml:3: limit: is missing (and 1 more faults)"
    ]
    files.change({"web": NEW})
    await book.reload()
    assert (book.trouble, book.of("web")) == ("", NEW)


async def test_files_that_change_are_read_when_they_have_settled() -> None:
    """Nobody is read in mid-sentence: a file must look the same twice."""
    files = RuleFiles({"web": OLD})
    book = book_of(files)
    await book.look()
    files.change({"web": NEW})
    await book.look()
    files.change()
    await book.look()
    assert files.reads == 0
    await book.look()
    assert (files.reads, book.of("web")) == (1, NEW)
    await book.look()
    assert files.reads == 1


async def test_files_that_settle_with_a_fault_are_read_once() -> None:
    """A fault ends nothing, and is not read again until somebody has changed something."""
    files = RuleFiles({"web": OLD})
    book = book_of(files)
    await book.look()
    files.change(faults="web.yaml:1: nonsense")
    for _ in range(4):
        await book.look()
    assert (files.reads, book.of("web"), book.trouble) == (1, OLD, "web.yaml:1: nonsense")


async def test_a_watch_that_is_rejudged_keeps_the_evidence_of_what_did_not_change(live: Rig) -> None:
    """An unchanged rule keeps its judge, a new one begins, one that is gone ends."""
    await live.switch()
    await live.until_looking()
    (before,) = live.watcher._watches["web"].judges
    latency = server_errors(name="more-errors")
    live.watcher.rejudge("web", RuleSet("web", (latency, before.rule)))
    fresh, kept = live.watcher._watches["web"].judges
    assert kept is before
    assert fresh.trial.since >= before.trial.since
    live.watcher.rejudge("web", RuleSet("web", (latency,)))
    assert [judge.rule.name for judge in live.watcher._watches["web"].judges] == ["more-errors"]

    def fail() -> bool:
        live.answer(Environment.GREEN, good=0, bad=5)
        return live.phase is Phase.ROLLED_BACK

    await live.until(fail)
    assert any("more-errors" in sentence for sentence in live.sentences)


async def test_a_shadow_rule_moves_nothing_and_is_told() -> None:
    """What it would have done is said."""
    rig = Rig((server_errors(shadow=True),))
    async with rig.running():
        await rig.switch()
        await rig.until_looking()

        def fail() -> bool:
            rig.answer(Environment.GREEN, good=0, bad=5)
            return any("the traffic would have been taken back" in sentence for sentence in rig.sentences)

        await rig.until(fail)
    assert rig.phase is Phase.WATCHING
    assert rig.balancer.workers[0].splits["web"] == Split.all_on(Environment.GREEN)


async def test_a_paused_release_is_not_called_good() -> None:
    """The traffic stays where it is, and the end of the watch verifies nothing."""
    rig = Rig((server_errors(action=Action.PAUSE, severity=Severity.WARNING),))
    async with rig.running():
        await rig.switch(watch_seconds=2.0)
        await rig.until_looking()

        def fail() -> bool:
            rig.answer(Environment.GREEN, good=0, bad=5)
            return rig.phase is not Phase.WATCHING

        await rig.until(fail)
    assert rig.phase is Phase.UNVERIFIED
    assert rig.balancer.workers[0].splits["web"] == Split.all_on(Environment.GREEN)
    assert rig.state.deployment is not None
    assert rig.state.deployment.trouble.startswith("paused by server-errors: ")
    assert any("paused: server-errors:" in sentence for sentence in rig.sentences)


async def test_a_paused_release_is_still_taken_back() -> None:
    """A rule that demands a rollback is obeyed as ever."""
    rig = Rig((server_errors(name="hm", action=Action.PAUSE), server_errors(name="bad", test=Sequential(limit=0.6))))
    async with rig.running():
        await rig.switch()
        await rig.until_looking()

        def fail_often() -> bool:
            rig.answer(Environment.GREEN, good=6, bad=4)
            return bool(rig.state.deployment and rig.state.deployment.paused)

        await rig.until(fail_often)
        assert rig.phase is Phase.WATCHING

        def fail() -> bool:
            rig.answer(Environment.GREEN, good=0, bad=50)
            return rig.phase is Phase.ROLLED_BACK

        await rig.until(fail)
