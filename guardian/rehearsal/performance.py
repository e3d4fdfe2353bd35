"""One test, played by the parts that judge live traffic: watcher, poller, judges and state machine, on a clock that is set.

Nothing of them is imitated, so what comes out is what guardian would have made of the same readings.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from guardian.app.poll import TURN_SECONDS, Poller
from guardian.app.watch import Watcher
from guardian.app.watching import Beat, Wires
from guardian.core.commands import Watch
from guardian.core.deployment import Phase, ServiceState
from guardian.core.events import Adopted, Breached, Event, Noted, Paused, Routed, SwitchRequested
from guardian.core.model import Service, Split
from guardian.core.rules import RuleSet, Source
from guardian.core.switch import adopt, step
from guardian.core.verdicts import Verdict
from guardian.core.words import rehearsal as words
from guardian.core.words.story import announce
from guardian.metrics.alerts.source import AlertsSource
from guardian.metrics.source import PrometheusSource
from guardian.rehearsal.scenery import WORKER, Interrupted, SetClock, WrittenAlerts, WrittenBalancer, WrittenCommands
from guardian.rehearsal.script import OUTCOMES, VERDICTS, Case, Expectation

TESTER = "guardian rules test"
_NOISE = 1e-6


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that is not as expected."""

    file: str
    line: int
    path: str
    sentence: str
    expected: str
    got: str
    because: str = ""
    """The verdict's own sentence, where that is not what differs."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the breach of one rule led to."""

    action: str
    message: str


@dataclass(slots=True)
class Unseen:
    """Instruments that nobody looks at."""

    def looked(self, lateness: float, took: float) -> None:
        """Nobody asks."""

    def evaluated(self, lateness: float) -> None:
        """Nobody asks."""

    def breached(self, service: str, verdict: Verdict) -> None:
        """Nobody asks."""


@dataclass(slots=True)
class Story:
    """What happened to the service so far."""

    state: ServiceState
    told: dict[str, Told] = field(default_factory=dict)
    """By rule."""
    last: str = ""
    """The last message."""

    async def report(self, service: str, event: Event) -> None:
        """Let ``event`` happen, as the decider does."""
        del service
        before = self.state
        self.state = step(before, event).state
        announcement = announce(before, event, self.state)
        if announcement is None:
            return
        self.last = announcement.text
        match event:
            case Breached() | Paused() | Noted():
                action = {"breached": "rollback", "paused": "pause", "noted": "notify"}[event.kind]
                self.told.setdefault(event.verdict.rule, Told(action, announcement.text))


class Performance:
    """One case, played once."""

    def __init__(self, case: Case, rules: RuleSet, prometheus: PrometheusSource | None, start: float) -> None:
        """``start``: the moment, in seconds since the epoch, at which the values begin."""
        name = rules.service
        service = Service(name, f"{name}_blue", f"{name}_green", watch_seconds=case.watch)
        self._case, self._service, self._rules = case, service, rules
        self._clock = SetClock(start)
        safe = Split.all_on(case.candidate.other)
        self._story = Story(adopt(name, Adopted(start, safe, WORKER)).state)
        balancer = WrittenBalancer(service, case.inputs, self._clock)
        beat, unseen = Beat(look_every=case.look_every), Unseen()
        self._watcher = Watcher({name: service}, balancer, self._clock, lambda _service: rules, unseen, beat)
        self._watcher.connect(Wires(self._story.report, lambda _service: None, lambda _deployment, _gather: None))
        self._alerts = WrittenAlerts(case.inputs, rules, start)
        given: dict[Source, WrittenCommands | AlertsSource | PrometheusSource] = {
            Source.COMMAND: WrittenCommands(case.inputs),
            Source.ALERTS: AlertsSource(self._alerts.inbox, prometheus),
        }
        if prometheus is not None:
            given[Source.PROMETHEUS] = prometheus
        sources = {kind: Interrupted(source, kind, case.inputs.outages) for kind, source in given.items()}
        self._poller = Poller(sources, self._watcher, unseen, self._clock)
        self._looking = any(rule.source is Source.HAPROXY for rule in rules.rules)

    async def play(self) -> list[Failure]:
        """Play it, and tell what was not as expected."""
        await self._before()
        await self._cut_over()
        waiting = sorted(self._case.expectations, key=lambda each: each.at)
        failures: list[Failure] = []
        for after, looks, asks in self._moments():
            while waiting and waiting[0].at < after - _NOISE:
                failures += self._compare(waiting.pop(0))
            self._clock.passed = self._case.inputs.cutover + after
            if looks:
                await self._watcher.turn()
            if self._alerts.deliver(self._clock.now()):
                await self._poller.hurry(Source.ALERTS)
                await self._poller.settle()
            if asks:
                await self._poller.turn()
                await self._poller.settle()
            if self._over:
                break
        for expectation in waiting:
            failures += self._compare(expectation)
        return [*failures, *self._compare_end()]

    @property
    def _over(self) -> bool:
        """Whether nothing can change any more: guardian has decided."""
        deployment = self._story.state.deployment
        return deployment is not None and deployment.phase is not Phase.WATCHING

    def _moments(self) -> Iterator[tuple[float, bool, bool]]:
        """Seconds after the cutover, whether the watcher looks then, and whether the poller has its turn.

        Where no rule reads HAProxy, the watcher only sees to the end of the watch.
        """
        needed, look_every = self._case.needed + _NOISE, self._case.look_every if self._looking else TURN_SECONDS
        look = turn = 0
        while (after := min(look * look_every, turn * TURN_SECONDS)) <= needed:
            looks, asks = look * look_every < after + _NOISE, turn * TURN_SECONDS < after + _NOISE
            yield after, looks, asks
            look, turn = look + looks, turn + asks

    async def _before(self) -> None:
        """What the baseline does before the cutover is its past."""
        passed = 0.0
        while self._looking and passed < self._case.inputs.cutover:
            self._clock.passed = passed
            await self._watcher.turn()
            passed += 1.0
        self._clock.passed = self._case.inputs.cutover

    async def _cut_over(self) -> None:
        case, now, name = self._case, self._clock.now(), self._service.name
        history = self._watcher.history(name, case.candidate.other)
        asked = SwitchRequested(now, TESTER, "", case.candidate, case.share, case.watch, self._rules.digest, history)
        self._story.state = step(self._story.state, asked).state
        routed = step(self._story.state, Routed(now, self._story.state.generation, WORKER, 1, 0.0))
        self._story.state = routed.state
        if any(isinstance(command, Watch) for command in routed.commands):
            self._watcher.begin(routed.state)

    def _compare(self, expected: Expectation) -> Iterable[Failure]:
        verdict = next((each for each in self._watcher.verdicts(self._service.name) if each.rule == expected.rule), None)
        if verdict is None:
            return
        told, names = self._story.told.get(expected.rule), {finding: word for word, finding in VERDICTS.items()}
        pairs = {
            "verdict": (names.get(expected.verdict) if expected.verdict else None, names[verdict.finding]),
            "reason": (expected.reason, verdict.reason),
            "action": (expected.action, told.action if told else "none"),
            "message": (expected.message, told.message if told else words.nothing_told()),
        }
        for what, (wanted, got) in pairs.items():
            if wanted is not None and wanted != got:
                place = expected.places[what]
                because = verdict.reason if what in ("verdict", "action") else ""
                sentence = words.differs(expected.rule, expected.at, what)
                yield Failure(place.file, place.line, place.path, sentence, wanted, got, because)

    def _compare_end(self) -> Iterable[Failure]:
        case, deployment = self._case, self._story.state.deployment
        phase = deployment.phase if deployment else None
        phase = Phase.ROLLED_BACK if phase is Phase.ROLLING_BACK else phase
        names = {outcome: word for word, outcome in OUTCOMES.items()}
        if case.outcome is not None and phase is not case.outcome:
            place = case.places["outcome"]
            got = names[phase] if phase in names else words.still_watched(case.watch)
            yield Failure(
                place.file, place.line, place.path, words.other_end("outcome"), names[case.outcome], got, self._story.last
            )
        if case.message is not None and self._story.last != case.message:
            place = case.places["message"]
            yield Failure(place.file, place.line, place.path, words.other_end("message"), case.message, self._story.last)
