"""The watch: looks at the balancer's counters on a monotonic beat, and has every release on trial judged at each look."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from math import inf

from guardian.app.attention import Attention
from guardian.app.clock import SteadyClock
from guardian.app.evidence import evidence_of, revived
from guardian.app.movement import Movement, Movements
from guardian.app.observe import Observer
from guardian.app.watching import Beat, Instruments, Records, Rules, Watch, Wires
from guardian.core.deployment import Deployment, Phase, ServiceState
from guardian.core.events import Breached, Event, Noted, Paused, WatchEnded
from guardian.core.judges import judge_for
from guardian.core.judges.judge import Judge, outcome
from guardian.core.judges.trial import Trial
from guardian.core.model import Environment, Service, Split
from guardian.core.mutes import counts_since, left_out, muted
from guardian.core.ports import BalancerError, Counting, Reading
from guardian.core.readings import History, Look, Snapshot, SourceFailure, Tally
from guardian.core.release import Mute
from guardian.core.rules import Action, Lack, RuleSet, Source, Threshold
from guardian.core.verdicts import Finding, Verdict
from guardian.core.words import mutes, upkeep

logger = logging.getLogger(__name__)

THIN_SECONDS = 1.0
"""Until a bake that has not seen enough is concluded again."""
BREATH = 0.005
"""Seconds of judging after which everything else has its turn."""


class Watcher:
    """Looks, judges, and reports breaches and the ends of watches."""

    def __init__(
        self,
        services: Mapping[str, Service],
        balancer: Counting,
        clock: SteadyClock,
        rules: Rules,
        instruments: Instruments,
        beat: Beat,
    ) -> None:
        self._observers = {name: Observer(service) for name, service in services.items()}
        self._balancer, self._clock, self._rules, self._instruments, self._beat = balancer, clock, rules, instruments, beat
        self._watches: dict[str, Watch] = {}
        self._movements, self._attention = Movements(), Attention()
        self._wake = asyncio.Event()
        self._lost_at: float | None = None
        self.evaluations = 0
        """Looks that brought something and were judged to the end."""
        self._told = ""
        self._missing: frozenset[str] = frozenset()
        """Services whose counters could not be read at the last look at them, though those of others could."""
        self._idle_due = 0.0
        self._recalled: dict[str, Records] = {}
        self._wires: Wires | None = None

    def connect(self, wires: Wires) -> None:
        """Tell from now on."""
        self._wires = wires

    def recall(self, deployment: str, records: Records) -> None:
        """When ``deployment`` is watched again after a restart, go on from this evidence."""
        self._recalled[deployment] = records

    # What the actor tells.

    def begin(self, state: ServiceState) -> None:
        """Judge the state's deployment from its cutover on."""
        deployment = state.deployment
        if deployment is None or deployment.cutover_at is None:
            return
        current = self._watches.get(state.service)
        if current and not current.over and _same_trial(current.deployment, deployment):
            current.deployment, current.due, current.thin = deployment, deployment.watch_ends_at or 0.0, False
            return
        trial = Trial(
            candidate=deployment.candidate,
            since=deployment.cutover_at,
            seconds=deployment.watch_seconds,
            look_every=self._beat.look_every,
            shared=deployment.target.sole is None,
            history=deployment.history,
        )
        observer = self._observers[state.service]
        observer.rebase()
        recalled = self._recalled.pop(deployment.id, None)
        if recalled:
            judges = self._revived(state.service, deployment, trial, recalled)
        else:
            judges = [judge_for(rule, trial) for rule in self._rules(state.service).rules]
            observer.past[deployment.candidate].forget()
        self._watches[state.service] = Watch(deployment, judges, trial, due=deployment.watch_ends_at or 0.0)
        self._wake.set()

    def _revived(self, service: str, deployment: Deployment, trial: Trial, recalled: Records) -> list[Judge]:
        """The judges as they stood; where the rules in force are those of the watch, no other rule's, and every one of them.

        Where none of them stood yet, those of the rules in force, as a step begins without a restart.
        """
        since = trial.since  # evidence of an earlier step says nothing about this one
        judges = {judge.rule.name: judge for judge in map(revived, recalled.values()) if judge.trial.since >= since}
        now = self._rules(service)
        if judges and now.digest != deployment.rules_digest:
            return list(judges.values())
        return [judges.get(rule.name) or judge_for(rule, trial) for rule in now.rules]

    def rejudge(self, service: str, rules: RuleSet) -> None:
        """Go on with other rules: a rule that did not change keeps its judge and its evidence, a new one begins now."""
        watch, now = self._watches.get(service), self._clock.now()
        if watch is None or watch.over:
            return
        left = max(0.0, watch.trial.since + watch.trial.seconds - now)
        trial, kept = replace(watch.trial, since=now, seconds=left), {judge.rule: judge for judge in watch.judges}
        watch.give([kept.get(rule) or judge_for(rule, trial) for rule in rules.rules])
        watch.noted &= {rule.name for rule in kept.keys() & set(rules.rules)}

    def end(self, service: str) -> None:
        """Stop judging."""
        self._watches.pop(service, None)

    def moved(self, service: str, split: Split) -> None:
        """Every worker has ``split`` from now on: see whether the traffic follows."""
        if split.sole is not None:
            self._movements.begin(service, Movement(split.sole, self._clock.monotonic()))
            self._observers[service].rebase()
            self._wake.set()

    # What the poller brings.

    def polled(self) -> list[tuple[str, Judge]]:
        """The judges on trial that wait for the answers of queries, each with its service."""
        watches = [(service, watch) for service, watch in self._watches.items() if not watch.over]
        return [(service, judge) for service, watch in watches for judge in watch.asking]

    def ends(self, service: str) -> float:
        """When the watch of ``service`` ends: what happens later is not its business. Before that is known, never."""
        watch = self._watches.get(service)
        ends_at = watch.deployment.watch_ends_at if watch and watch.deployment.phase is Phase.WATCHING else None
        return inf if ends_at is None else ends_at

    async def feed(self, service: str, judge: Judge, at: float, reading: Reading | None) -> None:
        """What the source of ``judge`` gave for the moment ``at``; ``None``, where there was nothing to measure."""
        watch = self._heeding(service)
        if watch is not None and not watch.over and judge in watch.judges and isinstance(judge.rule.test, Threshold):
            judge.hear(*(reading.said, reading.link) if reading else ("", ""))
            judge.feed(at, judge.rule.test.every, (reading.value,) if reading else ())
            await self._consider(service, watch, judge)

    async def fail(self, service: str, judge: Judge, failure: SourceFailure) -> None:
        """The query of ``judge`` was not answered."""
        watch = self._watches.get(service)
        if watch is not None and judge in watch.judges:
            judge.fail(failure)

    # What others ask.

    def history(self, service: str, environment: Environment) -> History:
        """The recent past of one environment."""
        return self._observers[service].past[environment].history(self._clock.monotonic())

    def observer(self, service: str) -> Observer:
        """What is known of ``service`` from the last look."""
        return self._observers[service]

    def verdicts(self, service: str) -> list[Verdict]:
        """The present verdict of every rule, while ``service`` is on trial."""
        watch = self._watches.get(service)
        return [judge.verdict() for judge in watch.judges] if watch else []

    def judges(self) -> list[tuple[str, Judge]]:
        """Every judge on trial, each with its deployment."""
        return [(watch.deployment.id, judge) for watch in self._watches.values() if not watch.over for judge in watch.judges]

    def on_trial(self) -> list[str]:
        """The services that are being judged."""
        return sorted(self._watches)

    # The beat.

    async def run(self) -> None:
        """Look for ever."""
        due = self._clock.monotonic()
        while True:
            started = self._clock.monotonic()
            await self.turn()
            ended = self._clock.monotonic()
            self._instruments.looked(max(0.0, started - due), ended - started)
            self._beat.turned()
            # Where so many are on trial that a look takes longer than its interval, the rest of the program has half of the time.
            due = max(due + self._every(), ended + (ended - started))
            self._wake.clear()
            try:
                async with asyncio.timeout(due - ended):
                    await self._wake.wait()
                due = self._clock.monotonic()
            except TimeoutError:
                pass

    async def turn(self) -> None:
        """One look at whatever is due, and the ends of watches that are over."""
        await self._look(self._turn(self._clock.monotonic()))

    def _every(self) -> float:
        return self._beat.look_every if self._closely(self._clock.monotonic()) else self._beat.idle_every

    def _closely(self, now: float) -> set[str]:
        """The services to look at every time. Of errors that an instance had that does not answer now, nothing can be learnt."""
        learning = {*self._attention.closely(now)} - self._missing
        return {*self._watches, *self._movements.services, *learning}

    def _turn(self, now: float) -> list[str]:
        """The services whose turn it is: those on trial at every look, the others now and then, for their past."""
        if now < self._idle_due:
            return sorted(self._closely(now))
        self._idle_due = now + self._beat.idle_every
        return sorted(self._observers)

    async def _look(self, services: list[str]) -> None:
        backends = [backend for service in services for backend in self._observers[service].backends]
        if backends:
            try:
                snapshot = await self._balancer.snapshot(backends)
            except BalancerError as error:
                self._lose(str(error))
            else:
                self._find()
                missing = self._miss(services, snapshot)
                began = self._clock.monotonic()
                for service in services:
                    if service in missing:
                        continue
                    if self._clock.monotonic() - began > BREATH:  # a rollback, or the answer to a query, may be waiting
                        await asyncio.sleep(0)
                        began = self._clock.monotonic()
                    observer = self._observers[service]
                    worker = observer.worker
                    seen = observer.observe(snapshot)
                    if worker and worker != observer.worker and self._wires:
                        self._wires.reborn(service)
                    if seen:
                        await self._judge(service, snapshot.taken, *seen)
                self.evaluations += 1
        await self._end_watches()

    def _lose(self, reason: str) -> None:
        now = self._clock.monotonic()
        self._lost_at = now if self._lost_at is None else self._lost_at
        failure = SourceFailure(self._clock.now(), reason)
        for watch in self._watches.values():
            for judge in watch.looking:
                judge.fail(failure)
        if reason != self._told:
            logger.warning("%s", upkeep.source_lost(reason))
            self._told = reason

    def _miss(self, services: list[str], snapshot: Snapshot) -> frozenset[str]:
        """The ``services`` that ``snapshot`` says nothing of, since their instance did not answer. What is new of that is told."""
        reasons = {service: snapshot.missing.get(self._observers[service].backends[0], "") for service in services}
        missing = frozenset(service for service, reason in reasons.items() if reason)
        for service in missing & self._watches.keys():
            for judge in self._watches[service].looking:
                judge.fail(SourceFailure(self._clock.now(), reasons[service]))
        if new := sorted(missing - self._missing):
            logger.warning("%s", upkeep.instance_lost(new, reasons[new[0]]))
        if back := sorted(self._missing.intersection(services) - missing):
            logger.info("%s", upkeep.instance_back(back))
        self._missing = (self._missing - frozenset(services)) | missing
        return missing

    def _find(self) -> None:
        if self._lost_at is not None:
            logger.info("%s", upkeep.source_back(self._clock.monotonic() - self._lost_at))
            self._lost_at, self._told = None, ""

    async def _judge(self, service: str, taken: float, seconds: float, tallies: Mapping[Environment, Tally]) -> None:
        self._movements.follow(service, taken - seconds, self._clock.monotonic(), tallies)
        watch = self._heeding(service)
        if watch is None:
            self._attention.saw(self._observers[service], self._rules(service), taken, tallies)
        if watch is None or watch.over:
            return
        candidate = watch.trial.candidate
        look = Look(self._clock.at(taken), seconds, tallies[candidate], tallies[candidate.other])
        if look.at - seconds < watch.trial.since:
            return
        for judge in watch.looking:
            judge.look(look)
            await self._consider(service, watch, judge)

    async def _consider(self, service: str, watch: Watch, judge: Judge) -> None:
        if judge.finding is Finding.BREACHED and judge.rule.name not in watch.noted:
            await self._breach(service, watch, judge)

    async def _breach(self, service: str, watch: Watch, judge: Judge) -> None:
        name = judge.rule.name
        watch.noted.add(name)
        verdict = judge.verdict()
        self._instruments.breached(service, verdict)
        mute = self._muted(service, name)
        if mute or judge.rule.shadow or judge.rule.action is Action.NOTIFY:
            told = mutes.in_force(mute) if mute else ""
            await self._send(service, Noted(self._clock.now(), watch.deployment.id, verdict, told))
            return
        if judge.rule.action is Action.PAUSE:
            await self._send(service, Paused(self._clock.now(), watch.deployment.id, verdict))
        elif not watch.over:
            watch.over = True
            await self._send(service, Breached(self._clock.now(), watch.deployment.id, verdict), watch)
        if self._muted(service, name):  # the mute came first, so the breach has changed nothing: it is told with the next look
            watch.noted.discard(name)

    # Mutes.

    def _state(self, service: str) -> ServiceState | None:
        return self._wires.state(service) if self._wires and self._wires.state else None

    def _muted(self, service: str, rule: str) -> Mute | None:
        state = self._state(service)
        return muted(state, rule, self._clock.now()) if state else None

    def _heeding(self, service: str) -> Watch | None:
        """The watch of ``service``. In it a rule begins anew where its mute is over: what it saw before does not count."""
        watch, state, now = self._watches.get(service), self._state(service), self._clock.now()
        if watch is None or state is None or not (state.mutes or (state.deployment and state.deployment.unmuted)):
            return watch
        fresh: dict[str, Judge] = {}
        for judge in watch.judges:
            name, since = judge.rule.name, counts_since(state, judge.rule.name, now)
            if since is not None and since > max(judge.trial.since, watch.anew.get(name, 0.0)):
                fresh[name], watch.anew[name] = _anew(judge, watch.trial, since), since
        if fresh:
            watch.noted -= fresh.keys()
            watch.give([fresh.get(judge.rule.name, judge) for judge in watch.judges])
        return watch

    async def _end_watches(self) -> None:
        now = self._clock.now()
        for service, watch in tuple(self._watches.items()):
            if not watch.over and watch.deployment.phase.proved and now >= watch.due and not watch.behind(now):
                self._heeding(service)
                conclusions = tuple(judge.conclude() for judge in watch.judges)
                if state := self._state(service):
                    conclusions = left_out(state, conclusions, now)
                await self._conclude(service, watch, WatchEnded(now, watch.deployment.id, conclusions))

    async def _conclude(self, service: str, watch: Watch, ended: WatchEnded) -> None:
        """A watch is over. What baked well is judged on, until the next step; a bake that saw too little is concluded again."""
        result = outcome(ended.conclusions)
        if watch.deployment.phase is Phase.WATCHING or result is Lack.FAIL:
            watch.over = True
            await self._send(service, ended, watch)
            return
        told, watch.thin = watch.thin, result is Lack.HOLD
        watch.due = ended.at + THIN_SECONDS if watch.thin else inf
        if not (told and watch.thin):
            await self._send(service, ended)

    async def _send(self, service: str, event: Event, over: Watch | None = None) -> None:
        """Report first, keep the evidence afterwards: nothing stands between a breach and its rollback."""
        if self._wires is None:
            return
        await self._wires.report(service, event)
        if over is None:
            return
        state = self._state(service)
        deployment = state.deployment if state else None
        if deployment and deployment.phase.proved and _same_trial(deployment, over.deployment):
            over.over = False  # a mute came first: the release is judged on
            return
        self._wires.keep(over.deployment.id, partial(_records, over))


def _anew(judge: Judge, trial: Trial, since: float) -> Judge:
    """A judge of the same rule that counts from ``since`` on; an alert that fires still counts whenever it began."""
    if judge.rule.source is Source.ALERTS and not judge.rule.looks_back:
        return judge_for(judge.rule, trial)
    return judge_for(judge.rule, replace(trial, since=since, seconds=max(0.0, trial.since + trial.seconds - since)))


def _same_trial(one: Deployment, other: Deployment) -> bool:
    return (one.id, one.cutover_at) == (other.id, other.cutover_at)


def _records(watch: Watch) -> Records:
    return {judge.rule.name: evidence_of(judge) for judge in watch.judges}
