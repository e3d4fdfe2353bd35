"""The connection comes back from whatever happens to it, says so once, and nothing waits for it."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from guardian.app.gauges import Gauges
from guardian.app.orders import Order
from tests.doubles.slack.faults import Drops, Error, Fault, Hang, Status
from tests.doubles.slack.office import QUICK, Office
from tests.doubles.slack.person import Person
from tests.doubles.slack.standin import Slack

IN_DROPS = (Drops(b"HTTP/1.1 200 OK\r\nX-Slow: "), Drops(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n{"))
"""The head, and the body."""


async def answers(office: Office, alice: Person) -> None:
    """Wait until a command is answered again."""
    before = len(alice.saw)
    while True:
        await office.until(lambda: office.slack.sockets.connected)
        if (await alice.types("history")).acknowledged:
            break
    await office.until(lambda: len(alice.saw) > before)


@pytest.mark.parametrize("refusals", [1, 3])
async def test_refused_upgrades_are_dialled_anew_with_a_fresh_ticket(
    slack: Slack, office: Office, alice: Person, refusals: int
) -> None:
    """Slack's client would try the same used-up address for ever; the watchdog has it fetch another one."""
    slack.sockets.refusals = refusals
    slack.sockets.drop()
    await office.until(lambda: slack.sockets.opened >= 2)
    await answers(office, alice)
    assert slack.sockets.tickets_given >= 2 + 1


@pytest.mark.parametrize("reason", ["warning", "refresh_requested", "link_disabled", "too_many_websockets"])
async def test_a_farewell_of_any_kind_is_followed_by_a_new_connection(
    slack: Slack, office: Office, alice: Person, reason: str
) -> None:
    """Slack asks its clients to come again every few hours."""
    await slack.sockets.disconnect(reason)
    await office.until(lambda: slack.sockets.opened >= 2)
    await answers(office, alice)


async def test_a_black_hole_is_left(slack: Slack, office: Office, alice: Person) -> None:
    """A connection that answers nothing any more is given up."""
    slack.sockets.frozen.set()
    await office.until(lambda: not slack.sockets.connected or slack.sockets.opened >= 2 or not office.pulse.connected)
    slack.sockets.frozen.clear()
    await answers(office, alice)


@pytest.mark.parametrize("drops", ["upgrade_in_drops", "frames_in_drops"])
async def test_a_connection_in_drops_is_left(slack: Slack, office: Office, alice: Person, drops: str) -> None:
    """An upgrade that never ends, and a message that never ends and leaves no pings through: both are dialled anew."""
    setattr(slack.sockets, drops, True)
    given = slack.sockets.tickets_given
    slack.sockets.drop()
    await office.until(lambda: slack.sockets.tickets_given >= given + 2)  # the first was of no use, and that was noticed
    setattr(slack.sockets, drops, False)
    slack.sockets.over.set()
    await answers(office, alice)


async def test_slack_may_be_away_for_a_while(slack: Slack, office: Office, alice: Person) -> None:
    """Nothing listens there any more; when it does again, commands are answered."""
    await slack.stop()
    await office.until(lambda: not office.pulse.connected)
    await slack.restart()
    await office.until(lambda: office.pulse.connected)
    await answers(office, alice)


@pytest.mark.parametrize("fault", [Error("invalid_auth"), Status(503), Hang(), *IN_DROPS])
async def test_guardian_starts_without_slack_and_is_there_when_it_comes(
    slack: Slack, tmp_path: Path, alice: Person, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    """Orders of others are carried out meanwhile; the trouble is told once, with what it is."""
    caplog.set_level(logging.INFO, "guardian")
    slack.faults.always("auth.test", fault)
    office = Office(slack, tmp_path, beat=replace(QUICK, dial=0.3))
    async with office.open(wait=False):
        await office.until(lambda: office.pulse.trouble)
        await office.house.orders.switch("web", Order("root"))
        assert office.house.deployment == "web-1"
        slack.faults.lift("auth.test")
        await office.until(lambda: office.pulse.connected)
        await answers(office, alice)
    told = [record for record in caplog.records if record.message.startswith("not connected to Slack")]
    assert 1 <= len(told) <= 2


async def test_a_token_that_comes_late_is_read(slack: Slack, tmp_path: Path) -> None:
    """A missing file is told by its name; once it is there, all goes well."""
    office = Office(slack, tmp_path)
    office.settings.bot_token_file.unlink()
    async with office.open(wait=False):
        await office.until(lambda: "bot-token cannot be read" in office.pulse.trouble)
        office.settings.bot_token_file.write_text(slack.bot_token)
        await office.until(lambda: office.pulse.connected)


async def test_another_workspaces_token_is_refused(slack: Slack, tmp_path: Path) -> None:
    """Nobody of another workspace steers guardian because somebody mixed up two tokens."""
    office = Office(slack, tmp_path, team="T2")
    async with office.open(wait=False):
        await office.until(lambda: "belongs to the workspace T1" in office.pulse.trouble)
        assert slack.sockets.opened == 0


async def test_two_guardians_on_one_app_are_told(
    slack: Slack, office: Office, tmp_path: Path, caplog: pytest.LogCaptureFixture, alice: Person
) -> None:
    """Each payload reaches one of both; the later one warns, and a button of the other's deployment does nothing here."""
    caplog.set_level(logging.WARNING, "guardian")
    (tmp_path / "second").mkdir()
    async with Office(slack, tmp_path / "second").open() as second:
        await office.until(lambda: "2 connections of this Slack app are open" in caplog.text)
        deliveries = [await alice.types("history") for _ in range(8)]
        assert all(delivery.acknowledged for delivery in deliveries)
        await office.until(lambda: len(alice.saw) == 8)
        assert second.house.deployment == office.house.deployment == ""


async def test_a_stop_lets_answers_come_to_their_end(slack: Slack, tmp_path: Path, alice: Person) -> None:
    """An order that was taken is carried out and answered, though guardian is told to stop."""
    async with Office(slack, tmp_path).open() as office:
        await alice.types("switch web last words")
    assert office.house.deployment == "web-1"
    assert any("web-1: web moves to green" in each for each in alice.saw)


async def test_metrics_show_the_connection(office: Office, alice: Person) -> None:
    """Connected, connections made, and when somebody was heard last."""
    gauges = Gauges()
    gauges.show_chat(office.chatops.state)
    assert "\nguardian_slack_last_inbound_seconds " not in gauges.text().decode()
    await answers(office, alice)
    text = gauges.text().decode()
    assert "guardian_slack_connected 1.0" in text
    assert "guardian_slack_connections 1.0" in text
    assert "guardian_slack_last_inbound_seconds " in text


@pytest.mark.parametrize("fault", [Hang(), *IN_DROPS])
async def test_a_blocked_channel_of_slack_blocks_nothing_else(slack: Slack, office: Office, alice: Person, fault: Fault) -> None:
    """While every message hangs, a rollback is ordered and done; afterwards the message shows how it ended."""
    slack.faults.always("chat.postMessage", fault)
    slack.faults.always("chat.update", fault)
    await alice.types("switch web v2")
    await office.until(lambda: office.house.deployment == "web-1")
    await office.house.confirm()
    await alice.types("rollback web bad")
    await office.until(lambda: office.house.current.rollback)
    await office.house.confirm()
    assert office.house.current.phase == "rolled back"
