"""The one place where adapters meet the program: start, resume, run, and an orderly stop."""

import asyncio
import gc
import logging
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from guardian.api.access import Admission
from guardian.api.door import Certificate, DoorUnusable, Tcp, roles_by_number
from guardian.api.serve import serve
from guardian.api.server import application
from guardian.app.act import Actor
from guardian.app.clock import SteadyClock
from guardian.app.codec import alert_to_record, state_from_record
from guardian.app.decide import Decider
from guardian.app.examine import Examiner
from guardian.app.fallback import Fallbacks
from guardian.app.gauges import Gauges
from guardian.app.logs import log
from guardian.app.orders import Orders, Parts
from guardian.app.outbox import Outbox
from guardian.app.pace import Pacer
from guardian.app.poll import TURN_SECONDS, Poller
from guardian.app.pulse import PULSE_SECONDS, Pulse, goes_on
from guardian.app.readiness import Prober
from guardian.app.reconcile import Reconciler
from guardian.app.record import Durable, Entry, Recorder
from guardian.app.rulebook import Files, RuleBook, RulesUnfit
from guardian.app.saving import SAVE_SECONDS, Saver
from guardian.app.schedule import Schedule
from guardian.app.shields import Shields
from guardian.app.systemd import Heart, Notifier
from guardian.app.tell import Feed
from guardian.app.threads import Threads
from guardian.app.tidy import TIDY_SECONDS, Keeping, Tidy
from guardian.app.tokens import Tokens
from guardian.app.watch import Watcher
from guardian.app.watching import Beat, Records, Wires
from guardian.asking import haproxy_of, inbox_of, sources_of
from guardian.config.configuration import Configuration, load
from guardian.config.faults import ConfigFaults
from guardian.config.files import stamp
from guardian.config.settings import Settings
from guardian.core.alerts import Alert, Inbox
from guardian.core.deployment import ServiceState
from guardian.core.events import Adopted
from guardian.core.letters import Change
from guardian.core.model import Environment, Service, Split
from guardian.core.plan import resume
from guardian.core.ports import Balancer, BalancerError, Metrics, StoreError
from guardian.core.rules import RuleSet, Source
from guardian.core.switch import adopt
from guardian.core.words import moment, refusals, rulebook, upkeep
from guardian.core.words.story import announce
from guardian.metrics.alerts.desk import AlertDesk
from guardian.metrics.alerts.desk import Wires as AlertWires
from guardian.records.examination import Examination
from guardian.records.housekeeping import Housekeeping
from guardian.records.lock import AlreadyRunning, StateLock
from guardian.records.opening import opened
from guardian.records.store import SqlStore
from guardian.stages.runner import Stages
from guardian.telling import Told, channels_of, notebook_of, notes_of, sentry_of

if TYPE_CHECKING:
    from guardian.chatops.wiring import Slack

logger = logging.getLogger(__name__)

START_PATIENCE = 5.0
"""Seconds that a start waits for the journal."""
FRESHEN_SECONDS = 15.0
"""How often the message of a deployment on trial shows what its rules measure now."""
STOP_SECONDS = 8.0
"""How long a stop waits for changes of routing that are under way; what is cut short is resumed at the next start."""
PARTS = frozenset({"watch", "close looks", "pace", "reconcile", "readiness", "queries", "schedule", "channels", "api"})
"""What must have completed a turn for the watchdog to be fed; where there is a chat, ``slack`` as well.

``schedule`` stands for all jobs: it turns only while none is stuck. Waiting for disks and for other people's servers is no
standstill: each such wait has a deadline, and no restart of guardian would mend them.
"""


def run(config: Path) -> int:
    """Run guardian until SIGTERM or SIGINT. 0: stopped in order; 1: it could not start, and why is on standard error."""
    try:
        configuration = load(config)
        log(configuration.settings.log.format.value, configuration.settings.log.level.value)
        with StateLock(configuration.settings.state_dir):
            while True:
                outcome = _opened_and_run(config, configuration)
                if outcome is not None:
                    return outcome
    except ConfigFaults as faults:
        print(*faults.faults, sep="\n", file=sys.stderr)  # noqa: T201  the log is set up by what could not be read
        return 1
    except (AlreadyRunning, StoreError) as error:
        print(f"guardian: {error}", file=sys.stderr)  # noqa: T201  seen before, and without, a log
        return 1


def _opened_and_run(config: Path, configuration: Configuration) -> int | None:
    """Run until a signal, or until the records are to be opened anew, since they turned out to be damaged: ``None``."""
    store, lost = opened(configuration.settings.state_dir, Notifier().starting)
    try:
        return asyncio.run(_main(configuration, store, _rule_files(config, configuration), lost))
    finally:
        store.close()


async def _main(configuration: Configuration, store: SqlStore, files: Files, lost: str) -> int | None:
    stop, return_code = asyncio.Event(), 0
    asyncio.get_running_loop().set_default_executor(Threads())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with sentry_of(configuration.settings.sentry) as sentry, haproxy_of(configuration.settings) as balancer:
        recorded = {name: state_from_record(record) for name, record in store.services().items()}
        newcomers = [service for name, service in configuration.settings.services.items() if name not in recorded]
        met = {service.name: await _meet(service, balancer, lost) for service in newcomers}
        known = {name: state for name, state in recorded.items() if name in configuration.settings.services}
        states = known | {name: adopt(name, event).state for name, event in met.items()}
        settings, notebook = configuration.settings, notebook_of(configuration.settings.notes)
        inbox = inbox_of(settings, store)
        async with sources_of(settings, inbox) as sources, channels_of(settings, store, notebook) as channels:
            told = Told(channels, notes_of(settings.notes, store, notebook), sentry)
            program = Program(configuration, Adapters(store, balancer, sources, files, inbox, told), states)
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, program.reload_soon)
            await program.begin(met)
            gc.collect()
            gc.freeze()  # or a collection of all that was loaded would stop looks and rollbacks for 0.05 to 0.1 s
            try:
                await program.run(stop)
            except* DoorUnusable as failed:
                logger.error("%s", failed.exceptions[0])  # noqa: TRY400  the sentence says it all
                return_code = 1
    return None if program.begins_anew else return_code


def _rule_files(path: Path, running: Configuration) -> Files:
    """The rule files that the ``guardian.yaml`` at ``path`` names; ``running`` is what the program started with."""

    def read() -> Mapping[str, RuleSet]:
        try:
            found = load(path)
        except ConfigFaults as faults:
            raise RulesUnfit(str(faults)) from faults
        if found.settings != running.settings:
            logger.warning("%s", rulebook.needs_restart())
        return found.rules

    return Files(read, lambda: (stamp(path), stamp(running.settings.rules)))


async def _meet(service: Service, balancer: Balancer, lost: str) -> Adopted:
    """Take what the balancer does with an unknown service as given; where it cannot be asked, what the file says; else blue.

    Where what was known is ``lost``, the file has the safe side, for a release may have been on trial.
    """
    split, worker, stored = Split.all_on(Environment.BLUE), "", None
    try:
        stored = await balancer.stored(service.name)
        split = stored or split
        workers = await balancer.read(service.name)
        split, worker = workers[0].split, workers[0].worker
    except BalancerError as error:
        logger.warning("%s", upkeep.met_without_balancer(service.name, split, str(error)), extra={"service": service.name})
    return Adopted(time.time(), split, worker, stored if lost else None, lost)


@dataclass(frozen=True, slots=True)
class Adapters:
    """The program's ways to the outside world."""

    store: SqlStore
    balancer: Balancer
    sources: Mapping[Source, Metrics]
    files: Files
    inbox: Inbox
    told: Told = field(default_factory=Told)
    notifier: Notifier = field(default_factory=Notifier)


def _slack(settings: Settings, parts: Parts, store: SqlStore) -> "Slack | None":
    """Slack, where ``guardian.yaml`` names it."""
    if settings.slack is None:
        return None
    from guardian.chatops.wiring import Slack  # noqa: PLC0415  heavy, and needed by those who have Slack only

    return Slack(settings.slack, settings.channels.values(), parts, store)


class Program:
    """All parts, wired: they know one another only through what they are given here."""

    def __init__(self, configuration: Configuration, adapters: Adapters, states: Mapping[str, ServiceState]) -> None:
        settings, services = configuration.settings, configuration.settings.services
        balancer, store = adapters.balancer, adapters.store
        self._api, self._store, self._services = settings.api, store, services
        self._socket = (settings.api.socket, settings.api.mode, settings.api.group)
        self._clock, self._feed, self._gauges, self._recorder = SteadyClock(), Feed(), Gauges(), Recorder(store)
        self._decider = decider = Decider(states, self._recorder, self._clock, self._feed)
        records = configuration.settings.records
        keeping = Keeping(records.keep, records.evidence)
        self._examination = Examination(store, settings.state_dir)
        self._tidy = Tidy(Housekeeping(store, records.archive), decider.states, self._clock, keeping)
        self._prober = Prober(services, balancer, self._recorder, decider.state, self._clock)
        self._fallbacks = Fallbacks(services, balancer, decider.state, decider.submit, self._clock)
        notifier = adapters.notifier
        self._notifier, self._heart = notifier, Heart(PARTS | ({"slack"} if settings.slack else set()), notifier, self._doing)
        beat = Beat(look_every=settings.haproxy.look_every, turned=lambda: self._heart.turned("watch"))
        rules = {name: configuration.rules.get(name) or RuleSet(name) for name in services}
        self._rules = book = RuleBook(rules, adapters.files, self._clock, decider.watching)
        self._watcher = Watcher(services, balancer, self._clock, book.of, self._gauges, beat)
        self._saver = Saver(self._watcher.judges, self._recorder.save, self._clock)
        stages = Stages(services, balancer)
        self._actor = Actor(services, balancer, self._watcher, self._clock, decider.submit, stages)
        self._reconciler = Reconciler(balancer, self._actor, decider.state, decider.submit, self._clock, settings.haproxy.drift)
        self._shields = shields = Shields(services, balancer, decider.state, self._clock, decider.submit)
        parts = Parts(
            *(services, balancer, store, decider, self._watcher, self._prober, self._feed, book, self._clock, stages),
            notes=adapters.told.notes,
            may_approve=self._may_approve,
            shielded=shields.of,
            counting=shields.counting,
        )
        self._orders, self._pacer = Orders(parts), Pacer(parts)
        self._pacer.turned = lambda: self._heart.turned("pace")
        self._reconciler.turned = lambda: self._heart.turned("close looks")
        self._poller = Poller(adapters.sources, self._watcher, self._gauges, self._clock)
        wires = AlertWires(partial(self._poller.hurry, Source.ALERTS), self._keep_alerts)
        self._desk = AlertDesk(adapters.inbox, self._clock, wires)
        self._saving: set[asyncio.Task[None]] = set()
        self.begins_anew = False
        """Whether :meth:`run` ended since the records are to be opened anew."""
        self._sentry = adapters.told.sentry
        if self._sentry:
            self._sentry.context = lambda: goes_on(decider.states())
        self._slack = _slack(settings, parts, store)
        channels = [*adapters.told.channels, *(self._slack.channels if self._slack else ())]
        self._outbox = Outbox(channels, self._recorder, self._clock)
        decider.connect(self._actor.act, self._outbox)
        self._watcher.connect(Wires(decider.submit, self._reconciler.soon, self._keep, decider.state))
        self._feed.connect(self._gauges.told)
        self._gauges.show(self._orders.services, lambda: self._recorder.waiting)
        self._gauges.show_rules(book)
        self._gauges.show_channels(lambda: self._outbox.channels)
        if self._slack:
            self._gauges.show_chat(self._slack.state)
        for name in services:
            if not rules[name].rules:
                logger.warning("%s", upkeep.nothing_watches(name), extra={"service": name})

    def _may_approve(self, by: str) -> bool:
        """Whether ``by`` may approve deployments; those whom the API knows it has let in itself."""
        return self._slack is None or self._slack.may_approve(by)

    async def begin(self, met: Mapping[str, Adopted]) -> None:
        """Record the services that are new, and go on with what an earlier run may have left half done."""
        self._outbox.recall(self._store.letters())
        for name, event in met.items():
            state = self._decider.state(name)
            change = Change(event.at, None, state, announce(state, event, state))
            entry = Entry(name, event, state, self._outbox.address(change))
            if await self._recorder.record(entry, START_PATIENCE, must=False) is not Durable.YES:
                raise StoreError(self._recorder.trouble or refusals.disk_silent(START_PATIENCE))
            self._feed.tell(event.at, state, change.announcement)
            self._outbox.post(entry.letters)
        for state in self._decider.states():
            deployment = state.deployment
            if deployment and deployment.exposed:
                self._watcher.recall(deployment.id, self._store.evidence(deployment.id))
            if deployment and deployment.phase.active:
                logger.info("%s", upkeep.resumed(deployment.id, deployment.phase), extra={"service": state.service})
            self._actor.act(state, resume(state))
            self._outbox.touch(state)  # with a full disk, a card may have shown more before a death than was recorded

    async def run(self, stop: asyncio.Event) -> None:
        """Run until ``stop``. A part that dies takes the program with it: a guardian that is half dead is worse than none."""
        schedule = Schedule(self._clock, self._heart.turned)
        schedule.every(1.0, "reconcile", self._reconcile, deadline=10.0)
        schedule.every(1.0, "fallback", self._fallbacks.look, deadline=10.0)
        schedule.every(3.0, "readiness", self._prober.probe, deadline=10.0)
        schedule.every(1.0, "shields", self._shields.look, deadline=10.0)
        schedule.every(TURN_SECONDS, "queries", self._poller.turn, deadline=10.0)
        schedule.every(1.0, "rules", self._rules.look, deadline=30.0)
        schedule.every(1.0, "journal", self._recorder.retry, deadline=30.0)
        schedule.every(1.0, "outbox", self._look_at_channels, deadline=10.0)
        schedule.every(SAVE_SECONDS, "evidence", self._saver.turn, deadline=30.0)
        schedule.every(TIDY_SECONDS, "tidy", self._tidy.turn, deadline=300.0)
        if self._sentry:
            schedule.every(PULSE_SECONDS, "pulse", Pulse(self._sentry, lambda: self._watcher.evaluations).turn, deadline=10.0)
        if self._slack:
            schedule.every(FRESHEN_SECONDS, "messages", partial(self._slack.freshen, self._outbox), deadline=10.0)
        examiner = Examiner(self._examination, self._recorder, self._decider.states, partial(self._begin_anew, stop))
        tokens = Tokens(self._store, self._recorder, self._clock, list(self._services))
        admission = Admission(roles_by_number(self._api.roles), tokens.holder)
        api, tcp = application(self._orders, self._gauges, admission, tokens, self._desk), self._tcp(schedule)
        async with asyncio.TaskGroup() as group:
            parts = [
                group.create_task(self._watcher.run(), name="watch"),
                group.create_task(self._reconciler.run(), name="reconcile"),
                group.create_task(self._pacer.run(), name="pace"),
                group.create_task(schedule.run(), name="schedule"),
                group.create_task(self._outbox.run(), name="outbox"),
                group.create_task(serve(api, *self._socket, tcp, lambda: self._heart.turned("api")), name="api"),
                group.create_task(self._heart.run(), name="heart"),
                group.create_task(examiner.run(), name="examination"),
            ]
            if self._slack:
                parts.append(group.create_task(self._slack.run(), name="slack"))
            logger.info("%s", upkeep.running([state.service for state in self._decider.states()]))
            await stop.wait()
            logger.info("%s", upkeep.stopping())
            if not self.begins_anew:
                self._notifier.stopping(STOP_SECONDS * 3, upkeep.stopping())
            await self._finish()
            for part in parts:
                part.cancel()
        await self._recorder.aclose()
        logger.info("%s", upkeep.stopped())

    def _begin_anew(self, stop: asyncio.Event) -> None:
        self.begins_anew = True
        stop.set()

    def _tcp(self, schedule: Schedule) -> Tcp | None:
        """Where the API is served over TCP, if anywhere, with a certificate that is looked at again now and then."""
        door = self._api.tcp
        if door is None:
            return None
        if door.certificate is None:
            return Tcp(door.host, door.port, None)
        certificate = Certificate(door.certificate, door.key)
        schedule.every(10.0, "certificate", certificate.look, deadline=10.0)
        return Tcp(door.host, door.port, certificate.context)

    async def _finish(self) -> None:
        """Bring what is under way to its end, if that is near; the rest is journalled and resumed at the next start."""
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await self._actor.idle()
        await self._actor.aclose()
        await self._poller.aclose()
        await self._saver.everything()
        if self._saving:
            await asyncio.wait(self._saving)

    def reload_soon(self) -> None:
        """Read the rule files again, as if somebody had ordered it; what is wrong with them is logged."""
        task = asyncio.create_task(self._reload(), name="reload of the rules")
        self._saving.add(task)
        task.add_done_callback(self._saving.discard)

    async def _reload(self) -> None:
        self._notifier.reloading()
        try:
            await self._rules.reload()
        except RulesUnfit as unfit:
            self._notifier.tell(READY=1, STATUS=moment.rules_refused(str(unfit)))
        else:
            self._notifier.tell(READY=1, STATUS=self._doing())

    def _doing(self) -> str:
        states = self._decider.states() if self._heart.ready else []
        return moment.doing(states, self._recorder.waiting, self._recorder.trouble) if states else moment.starting()

    async def _reconcile(self) -> None:
        await self._reconciler.round(state.service for state in self._decider.states())

    async def _look_at_channels(self) -> None:
        for name, part in {"channels": self._outbox, "slack": self._slack}.items():
            if part and not part.stuck:
                self._heart.turned(name)

    def _keep_alerts(self, heard: Sequence[Alert]) -> None:
        self._store.keep_alerts([alert_to_record(alert) for alert in heard])

    def _keep(self, deployment: str, gather: Callable[[], Records]) -> None:
        """A watch is over: keep its evidence, once what follows from it is done."""
        task = asyncio.create_task(self._keep_when_idle(deployment, gather), name=f"evidence {deployment}")
        self._saving.add(task)
        task.add_done_callback(self._saving.discard)

    async def _keep_when_idle(self, deployment: str, gather: Callable[[], Records]) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await self._actor.idle()
        await self._saver.keep(deployment, await asyncio.to_thread(gather))
        for state in self._decider.states():
            if state.deployment and state.deployment.id == deployment:
                self._outbox.touch(state)  # notes and cards show the evidence
