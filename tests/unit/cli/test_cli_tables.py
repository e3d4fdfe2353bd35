"""What people see: tables and timelines."""

from typing import get_args

import pytest

from guardian.app.codec import event_to_record
from guardian.cli import tables
from guardian.core import events
from guardian.core.model import Environment, Split
from guardian.core.rules import Lack
from guardian.core.verdicts import Conclusion, Finding, Verdict
from guardian.core.words import shell
from tests.doubles.house import House
from tests.unit.cli.conftest import Shell
from tests.unit.cli.told import RELEASES

VERDICT = Verdict("server-errors", Finding.BREACHED, 5.0, 0.5, 0.01, 100, 2.0, "50 % responses_5xx", 1.2)
HAPPENED = [
    (events.Adopted(1.0, Split(0), "w"), "found on blue"),
    (events.SwitchRequested(1.0, "alice", "1.2", Environment.GREEN, 500, 600.0), "alice asks for 5 % of the traffic on green: 1.2"),
    (events.SwitchRequested(1.0, "alice", "", Environment.GREEN, 10_000, 600.0), "alice asks for 100 % of the traffic on green"),
    (events.Routed(1.0, 1, "w", 1, 0.004), "the balancer's worker has it, proved in 4 ms"),
    (events.Routed(1.0, 1, "w", 3, 0.2), "all 3 workers of the balancer have it, proved in 0.20 s"),
    (events.RoutingFailed(1.0, 1, "gone"), "the routing could not be proved: gone"),
    (events.TargetUnable(1.0, 1, Environment.BLUE, "0 servers up"), "blue cannot take the traffic: 0 servers up"),
    (events.FellBack(1.0, "web-1", Environment.GREEN, "0 servers up"), "green has lost its last server: 0 servers up"),
    (events.Breached(1.0, "web-1", VERDICT), "server-errors is breached: 50 % responses_5xx"),
    (events.Noted(1.0, "web-1", VERDICT), "server-errors: 50 % responses_5xx; nothing was moved"),
    (events.WatchEnded(1.0, "web-1", ()), "the watch is over: no rule watched it"),
    (
        events.WatchEnded(1.0, "web-1", (Conclusion(VERDICT, enough=False, lack=Lack.HOLD, missing="no requests"),)),
        "the watch is over: server-errors: no requests",
    ),
    (events.Paused(1.0, "web-1", VERDICT), f"server-errors pauses the release: {VERDICT.reason}"),
    (events.Rejudged(1.0, "bob", "web-1", "abc"), "bob has it judged by the rules as they are now"),
    (events.RollbackOrdered(1.0, "bob", "slow"), "bob wants the traffic back: slow"),
    (
        events.RollbackOrdered(1.0, "bob", "", force=True),
        "bob wants the traffic back, even onto an environment without a healthy server",
    ),
    (events.Promoted(1.0, "bob", "seen"), "bob makes what is live the safe side: seen"),
    (events.Unlatched(1.0, "bob", "fixed"), "bob lets the service move forward again: fixed"),
    (events.MovedByHand(1.0, Split(500), "w"), "somebody at the balancer itself moved the traffic to green 5 % and blue 95 %"),
    (
        events.Drifted(1.0, "the map file", "blue", "green", "guardian puts it back"),
        "somebody changed the map file from blue to green; guardian puts it back",
    ),
    (events.Ended(1.0, 1, Environment.BLUE, 3, 0, 0, 0), "left on blue: 3 waiting requests given to the other side"),
    (
        events.Ended(1.0, 1, Environment.BLUE, 0, 2, 0, 1, "refused"),
        "2 connections closed, 1 connections still open there, refused",
    ),
    (events.Ended(1.0, 1, Environment.BLUE, 0, 0, 0, 0), "nothing was left on blue"),
    (events.Saved(1.0, "web-1", 43, 41, 4), "45 failures, 41 answered by the other side, 2 failed there, too, 2 not saved"),
    (
        events.Saved(1.0, "web-1", 41, 41, 0, 2),
        "43 failures, 41 answered by the other side, 2 of requests that are never sent twice",
    ),
    (events.DrillOrdered(1.0, "bob", 1), "bob drills 0.01 % of the traffic to the idle side and back"),
    (events.Drilled(1.0, 1, "w", 0.002, 0.003), "the drill passed: there in 2 ms, back in 3 ms"),
    (events.Drilled(1.0, 1, "", 0.0, 0.0, "a worker hangs"), "the drill failed: a worker hangs"),
    *RELEASES,
]


@pytest.mark.parametrize(("event", "sentence"), HAPPENED)
def test_every_event_of_a_journal_is_a_sentence(event: events.Event, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each kind of event is told in its own words."""
    entry = {"at": 1.0, "event": event_to_record(event)}
    deployment = {"id": "web-1", "phase": "watching", "rollback": None, "trouble": "", "requested_at": 0.0}
    tables.show_timeline({"deployment": deployment, "journal": [entry]})
    assert sentence in " ".join(capsys.readouterr().out.split())


def test_no_kind_of_event_is_left_out() -> None:
    """A new kind of event needs a sentence of its own."""
    assert {type(event) for event, _ in HAPPENED} == set(get_args(events.Event))


@pytest.mark.parametrize(
    ("green", "blue_cells", "green_cells"), [(0, 40, 0), (1, 39, 1), (500, 38, 2), (5000, 20, 20), (9_999, 1, 39), (10_000, 0, 40)]
)
def test_the_bar_never_hides_a_side_that_serves(green: int, blue_cells: int, green_cells: int) -> None:
    """However small a share, it has a cell; a side without traffic has none."""
    bar = tables._bar([{"share": 10_000 - green}, {"share": green}]).plain
    assert (bar.count("█"), bar.count("░")) == (blue_cells, green_cells)


async def test_status_shows_verdicts_and_what_is_in_the_way(house: House, shell: Shell) -> None:
    """The rule with its samples and reason; a rollback that would not work, and why; a latch, and how to open it."""
    await shell.run("switch", "web")
    await house.confirm()
    house.watcher.begin(house.state)
    (judge,) = house.watcher._watches["web"].judges
    judge.feed(house.clock.now(), 0.05, (1000, 1))
    watching = await shell.run("status")
    assert "server-errors   healthy      1,000" in watching.out
    assert "0.10 % responses_5xx (1 of 1,000 in" in watching.out

    house.balancer.servers_up["web_blue"] = 0
    await house.breach()
    await house.fail_routing("blue is dead")
    await house.prober.probe()
    stuck = await shell.run("status")
    assert "web-1 is stuck" in stuck.out
    assert "WOULD NOT WORK, to blue" in stuck.out
    assert "web_blue has no healthy server" in stuck.out
    assert "`guardian unlatch web --reason …` lets it move forward again" in stuck.out


def test_a_phase_without_an_end_has_no_time_left() -> None:
    """Only a watch has a known end, and it never lies in the past."""
    assert shell.remaining({"phase": "cutting over", "watch_ends_at": None}, 0.0) == "cutting over"
    assert shell.remaining({"phase": "watching", "watch_ends_at": 100.0}, 40.0) == "watching, 1 min left"
    assert shell.remaining({"phase": "watching", "watch_ends_at": 100.0}, 140.0) == "watching, 0 ms left"
