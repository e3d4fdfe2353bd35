"""The watchdog: every task of the daemon feeds it, and one that stands still is enough for it to go hungry."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

from guardian import daemon
from guardian.api import serve
from guardian.app import outbox, reconcile, stride
from guardian.app import schedule as schedules
from guardian.app.outbox import Channel, Outbox
from guardian.app.rulebook import Files
from guardian.app.schedule import Schedule
from guardian.app.systemd import Notifier
from guardian.app.watching import Beat
from guardian.config.configuration import load
from guardian.core.alerts import Inbox
from guardian.core.deployment import Phase
from guardian.core.events import Adopted, RollbackOrdered
from guardian.core.letters import Kind, Route
from guardian.core.model import Environment, Split
from guardian.core.switch import adopt
from guardian.records.store import SqlStore
from tests.doubles.balancer import FakeBalancer
from tests.doubles.channel import FakeChannel, hang
from tests.doubles.settings import settled
from tests.doubles.slack.office import QUICK
from tests.unit.app.conftest import Rig
from tests.waiting import eventually

JOBS = ("reconcile", "fallback", "readiness", "shields", "queries", "rules", "journal", "outbox", "evidence", "tidy")
OWN = {"reconcile": "reconcile", "readiness": "readiness", "queries": "queries", "outbox": "channels"}
"""Jobs that are parts by themselves."""
PATIENCE = 40.0
SLACK = """\
slack:
  bot_token_file: bot-token
  app_token_file: app-token
  team: T1
  api: http://127.0.0.1:9/
  roles: {operator: [SOPS]}
"""
"""A Slack that is away: nobody listens there."""


class Standstill:
    """Work that, once it is told to, comes to no end, whatever deadline it is given."""

    def __init__(self) -> None:
        self.begins, self._over = asyncio.Event(), asyncio.Event()
        self.job = ""
        """The job of the schedule that stands still."""

    async def wait(self) -> None:
        """Return at once, or not at all."""
        while self.begins.is_set() and not self._over.is_set():
            with suppress(asyncio.CancelledError):
                await self._over.wait()

    def end(self) -> None:
        """The test is over."""
        self._over.set()

    def before(self, work: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
        """``work`` that stands still."""

        async def stands(*arguments: object, **named: object) -> object:
            await self.wait()
            return await work(*arguments, **named)

        return stands


class Told(Notifier):
    """A manager's ear."""

    def __init__(self) -> None:
        super().__init__({})
        self.said: list[dict[str, str | int]] = []

    def tell(self, **fields: str | int) -> None:
        """What it hears."""
        self.said.append(fields)


@asynccontextmanager
async def daemon_in(place: Path, notifier: Notifier, further: str = "") -> AsyncIterator[tuple[daemon.Program, Counter[str]]]:
    """All parts of the daemon, running, and how many turns each has completed."""
    (place / "state").mkdir()
    configuration, store = load(settled(place, further)), SqlStore(place / "state")
    service = configuration.settings.services["web"]
    balancer = FakeBalancer([service], disk={"web": Split(0)})
    met = Adopted(0.0, Split.all_on(Environment.BLUE), "worker-1", None, "")
    files, states = Files(lambda: configuration.rules, lambda: 0), {"web": adopt("web", met).state}
    adapters = daemon.Adapters(store, balancer, {}, files, Inbox({}), notifier=notifier)
    program, turns, stop = daemon.Program(configuration, adapters, states), Counter[str](), asyncio.Event()
    turned = program._heart.turned

    def count(part: str) -> None:
        turns[part] += 1
        turned(part)

    program._heart.turned = count  # type: ignore[method-assign]
    await program.begin({"web": met})
    running = asyncio.create_task(program.run(stop))
    try:
        yield program, turns
    finally:
        running.cancel()
        await asyncio.wait({running})
        store.close()


@pytest.fixture(autouse=True)
def made(monkeypatch: pytest.MonkeyPatch, still: Standstill) -> list[Schedule]:
    """The schedules of the daemon; everything that is waited for is waited for shortly."""
    every, schedules_made = Schedule.every, list[Schedule]()

    def soon(self: Schedule, seconds: float, name: str, work: Callable[[], Awaitable[object]], *, deadline: float) -> None:
        if self not in schedules_made:
            schedules_made.append(self)
        every(self, min(seconds, 0.1), name, still.before(work) if name == still.job else work, deadline=min(deadline, 0.2))

    monkeypatch.setattr(Schedule, "every", soon)
    monkeypatch.setattr(schedules, "GRACE", 0.2)
    monkeypatch.setattr(schedules, "GUARD_EVERY", 0.1)
    monkeypatch.setattr(reconcile, "WAKE_SECONDS", 0.1)
    monkeypatch.setattr(daemon, "Beat", partial(Beat, idle_every=0.1))
    monkeypatch.setattr("guardian.app.systemd.CHECK_SECONDS", 0.1)
    return schedules_made


async def starves(
    place: Path, hungry: set[str], still: Standstill, begin: Callable[[daemon.Program], object], further: str = ""
) -> None:
    """With ``begin`` done to the running daemon, the parts in ``hungry`` turn no more, all others do, and the heart stops."""
    notifier = Told()
    async with daemon_in(place, notifier, further) as (program, turns):
        parts = program._heart._parts

        async def ready() -> bool:
            return program._heart.ready

        async def others() -> bool:
            return all(turns[part] >= since[part] + 2 for part in parts - hungry)

        def stopped() -> set[str]:
            return {part for part in parts if turns[part] == since[part]}

        since = turns.copy()
        try:
            await eventually(ready, PATIENCE)
            still.begins.set()
            begin(program)
            async with asyncio.timeout(PATIENCE):
                while stopped() != hungry:  # what was under way may still turn, and a deadline has to pass
                    since = turns.copy()
                    await eventually(others, PATIENCE)
            notifier.said.clear()
            since = turns.copy()
            await eventually(others, PATIENCE)
            assert stopped() == hungry
            assert {"WATCHDOG": 1} not in notifier.said
        finally:
            still.end()


@pytest.fixture
def still() -> Iterator[Standstill]:
    """What brings a task to a standstill."""
    made = Standstill()
    yield made
    made.end()


async def test_every_job_of_the_daemon_is_known_here(tmp_path: Path, made: list[Schedule]) -> None:
    """A job that is new gets its test below."""
    async with daemon_in(tmp_path, Told()):
        await eventually(lambda: has_begun(made))
        assert set(made[0]._jobs) == set(JOBS)


async def has_begun(made: list[Schedule]) -> bool:
    """Whether the daemon has its schedule."""
    return bool(made) and len(made[0]._jobs) >= len(JOBS)


@pytest.mark.parametrize("job", JOBS)
async def test_a_job_that_its_deadline_does_not_end(tmp_path: Path, made: list[Schedule], still: Standstill, job: str) -> None:
    """Whichever it is, also one that nobody would miss for an hour."""
    still.job = job
    await starves(tmp_path, {"schedule"} | ({OWN[job]} if job in OWN else set()), still, lambda _program: None)


async def test_a_schedule_that_begins_nothing(tmp_path: Path, made: list[Schedule], still: Standstill) -> None:
    """As APScheduler does when the clock is set back, if nobody looks after it."""
    await starves(tmp_path, {"schedule", *OWN.values()}, still, lambda _program: made[0]._scheduler.pause())


async def test_a_watch_that_stands_still(tmp_path: Path, still: Standstill) -> None:
    """The loop that looks at the counters."""

    def begin(program: daemon.Program) -> None:
        program._watcher.turn = still.before(program._watcher.turn)  # type: ignore[method-assign,assignment]

    await starves(tmp_path, {"watch"}, still, begin)


async def test_a_pacer_that_stands_still(tmp_path: Path, still: Standstill) -> None:
    """The loop that lets happen what is due."""

    def begin(program: daemon.Program) -> None:
        program._pacer.turn = still.before(program._pacer.turn)  # type: ignore[method-assign,assignment]

    await starves(tmp_path, {"pace"}, still, begin)


async def test_close_looks_that_stand_still(tmp_path: Path, still: Standstill) -> None:
    """The loop that looks closely after a change, and with it the regular round, which asks the same."""

    def begin(program: daemon.Program) -> None:
        program._reconciler.check = still.before(program._reconciler.check)  # type: ignore[method-assign,assignment]
        program._reconciler.soon("web")

    await starves(tmp_path, {"close looks", "reconcile", "schedule"}, still, begin)


async def test_an_api_that_stands_still(tmp_path: Path, still: Standstill, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop that serves it."""
    monkeypatch.setattr(serve._Server, "on_tick", still.before(serve._Server.on_tick))
    await starves(tmp_path, {"api"}, still, lambda _program: None)


async def test_channels_that_stand_still(tmp_path: Path, still: Standstill, monkeypatch: pytest.MonkeyPatch) -> None:
    """One is enough."""

    def begin(_program: daemon.Program) -> None:
        monkeypatch.setattr(Outbox, "stuck", ("ops",))

    await starves(tmp_path, {"channels"}, still, begin)


@pytest.fixture
def slack_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens for it, and short pauses."""
    (tmp_path / "bot-token").write_text("xoxb-1-abc")
    (tmp_path / "app-token").write_text("xapp-1-abc")
    monkeypatch.setattr("guardian.chatops.slack.Beat", lambda: QUICK)
    monkeypatch.setattr(stride, "GRACE", 0.2)


@pytest.mark.usefixtures("slack_away")
async def test_a_slack_that_is_away_is_no_standstill(tmp_path: Path) -> None:
    """The watchdog is fed by the loop's going round, whatever Slack does."""
    notifier = Told()
    async with daemon_in(tmp_path, notifier, SLACK) as (program, turns):
        assert program._slack
        pulse = program._slack.chat.pulse

        async def known() -> bool:
            return bool(pulse.trouble)

        async def fed() -> bool:
            return turns["slack"] > since + 2 and notifier.said.count({"WATCHDOG": 1}) > 2

        await eventually(known, PATIENCE)
        notifier.said.clear()
        since = turns["slack"]
        await eventually(fed, PATIENCE)


@pytest.mark.usefixtures("slack_away")
async def test_a_chat_that_stands_still(tmp_path: Path, still: Standstill) -> None:
    """The loop that keeps the connection to Slack."""

    def begin(program: daemon.Program) -> None:
        assert program._slack
        connection = program._slack.chat._connection
        connection._once = still.before(connection._once)  # type: ignore[method-assign,assignment]

    await starves(tmp_path, {"slack"}, still, begin, SLACK)


async def test_a_channel_is_stuck_once_its_own_deadline_has_not_ended_it(
    rig: Rig, still: Standstill, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A delivery that only takes long, or that fails, is none."""
    monkeypatch.setattr(stride, "GRACE", 0.2)
    monkeypatch.setattr(outbox, "RECORD_PATIENCE", 0.1)
    sender = FakeChannel()
    box = Outbox([Channel(Route("ops", frozenset(Kind)), sender, deadline=0.1)], rig.recorder, rig.clock)
    rig.decider.connect(rig.actor.act, box)
    running = asyncio.create_task(box.run())
    sender.faults.append(hang)
    await rig.switch()
    await rig.until_phase(Phase.WATCHING)
    await rig.until(lambda: sender.attempts > 1)
    assert box.stuck == ()
    still.begins.set()
    monkeypatch.setattr(sender, "deliver", still.before(sender.deliver))
    await rig.decider.submit("web", RollbackOrdered(rig.clock.now(), "bob", "no"))
    await rig.until(lambda: box.stuck == ("ops",))
    still.end()
    await rig.until(lambda: box.stuck == ())
    running.cancel()
    await asyncio.wait({running})
