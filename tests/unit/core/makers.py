"""Short ways to say what the tests of the core talk about."""

from dataclasses import dataclass

from guardian.core.commands import Command
from guardian.core.deployment import Phase, ServiceState
from guardian.core.events import (
    Adopted,
    Breached,
    Event,
    MovedByHand,
    RollbackOrdered,
    Routed,
    RoutingFailed,
    SwitchRequested,
    TargetUnable,
    WatchEnded,
)
from guardian.core.judges.trial import Trial
from guardian.core.model import Environment, Split
from guardian.core.readings import History, Look, Tally
from guardian.core.rules import Action, Lack, Measure, Ratio, Rule, Severity, Source, Test
from guardian.core.switch import adopt, step
from guardian.core.verdicts import Conclusion, Finding, Verdict
from guardian.core.words.story import announce

BLUE, GREEN = Environment.BLUE, Environment.GREEN
ON_BLUE, ON_GREEN = Split.all_on(BLUE), Split.all_on(GREEN)
SLICE, HALF = Split(500), Split(5_000)
ERRORS = Ratio(("responses_5xx",), ("responses",))
LOOK = 0.05
"""Seconds between looks."""
CUTOVER = 1_000_000.0


def verdict(finding: Finding = Finding.HEALTHY, rule: str = "errors", reason: str = "1 % of 300 requests") -> Verdict:
    """A verdict that some judge might give."""
    return Verdict(rule, finding, CUTOVER, 0.01, 0.02, 300, 10.0, reason)


def conclusion(
    finding: Finding = Finding.HEALTHY, *, enough: bool = True, lack: Lack = Lack.HOLD, missing: str = "", rule: str = "errors"
) -> Conclusion:
    """What the end of a watch might make of a rule."""
    return Conclusion(verdict(finding, rule), enough=enough, lack=lack, missing=missing)


def met(split: Split | None = None) -> ServiceState:
    """The service ``web``, just adopted; all on blue unless said otherwise."""
    return adopt("web", Adopted(1.0, split or Split.all_on(BLUE), "worker-1")).state


def requested(candidate: Environment = GREEN, share: int = 10_000, at: float = 10.0) -> SwitchRequested:
    """Anna's order to switch, with a watch of a minute."""
    return SwitchRequested(at, "anna", "release 7", candidate, share, 60.0)


def after(state: ServiceState, *events: Event) -> ServiceState:
    """The state that ``events`` lead to, one after the other."""
    for event in events:
        state = step(state, event).state
    return state


def routed(state: ServiceState, at: float = 11.0, worker: str = "worker-1") -> ServiceState:
    """``state``, and its routing proved."""
    return after(state, Routed(at, state.generation, worker, 2, 0.04))


def failed(state: ServiceState, reason: str = "a worker does not answer", at: float = 12.0) -> ServiceState:
    """``state``, and its routing not proved."""
    return after(state, RoutingFailed(at, state.generation, reason))


def unable(state: ServiceState, reason: str = "web_green has no healthy server", at: float = 12.0) -> ServiceState:
    """``state``, and the environment that was to get its traffic cannot take it."""
    return after(state, TargetUnable(at, state.generation, state.live.main, reason))


def watching(share: int = 10_000) -> ServiceState:
    """``web`` with green on trial as ``web-1``."""
    return routed(after(met(), requested(share=share)))


def breach(deployment: str = "web-1", at: float = 20.0) -> Breached:
    """A rule speaks up."""
    return Breached(at, deployment, verdict(Finding.BREACHED, reason="7 % of 500 requests"))


def ended(*conclusions: Conclusion, deployment: str = "web-1", at: float = 71.0) -> WatchEnded:
    """The end of a watch."""
    return WatchEnded(at, deployment, conclusions)


def ordered_back(*, force: bool = False, at: float = 30.0) -> RollbackOrdered:
    """Bob's order to go back."""
    return RollbackOrdered(at, "bob", "looks bad", force)


def moved(split: Split, worker: str = "worker-1", at: float = 40.0) -> MovedByHand:
    """Somebody at the socket."""
    return MovedByHand(at, split, worker)


def verified(share: int = 10_000) -> ServiceState:
    """``web`` with green verified as ``web-1``."""
    return after(watching(share), ended(conclusion()))


def unverified(share: int = 10_000) -> ServiceState:
    """``web`` with green unverified as ``web-1``."""
    return after(watching(share), ended())


def rolled_back() -> ServiceState:
    """``web`` back on blue after a breach, and latched."""
    return routed(after(watching(), breach()), at=21.0)


def stuck() -> ServiceState:
    """``web`` with a breached green, and a blue that cannot take the traffic."""
    return unable(after(watching(), breach()), "web_blue has no healthy server")


def cutting_over(share: int = 10_000) -> ServiceState:
    """``web`` on its way to green as ``web-1``."""
    return after(met(), requested(share=share))


def going_back() -> ServiceState:
    """``web`` on its way back to blue after a breach."""
    return after(watching(), breach())


def proof(state: ServiceState, at: float = 11.0) -> Routed:
    """The proof of the routing of ``state``."""
    return Routed(at, state.generation, "worker-1", 2, 0.043)


def no_proof(state: ServiceState) -> RoutingFailed:
    """The routing of ``state`` could not be proved."""
    return RoutingFailed(12.0, state.generation, "a worker does not answer")


@dataclass(frozen=True)
class Case:
    """One transition: a state, an event, and what they lead to."""

    name: str
    state: ServiceState
    event: Event
    phase: Phase
    live: Split
    safe: Split
    commands: tuple[Command, ...]
    severity: Severity
    sentence: str

    def check(self) -> None:
        """The event leads to the phase, the split, the safe side and the commands, and is told in the sentence."""
        state, commands = step(self.state, self.event)
        assert state.deployment
        assert (state.deployment.phase, state.live, state.safe, commands) == (self.phase, self.live, self.safe, self.commands)
        told = announce(self.state, self.event, state)
        assert told
        assert (told.severity, told.sentence) == (self.severity, self.sentence)


def rule(test: Test, measure: Measure = ERRORS, action: Action = Action.ROLLBACK, min_requests: int = 0) -> Rule:
    """A rule called ``errors`` that holds without data or source."""
    return Rule("errors", "Errors", Source.HAPROXY, measure, test, Lack.HOLD, Lack.HOLD, action, min_requests)


def trial(*, shared: bool = False, seconds: float = 600.0, history: History | None = None) -> Trial:
    """Green on trial since :data:`CUTOVER`."""
    return Trial(GREEN, CUTOVER, seconds, LOOK, shared, history or History())


def answered(good: int, bad: int = 0) -> Tally:
    """So many answers, and so many 5xx among or beside them."""
    return Tally(requests=good + bad, responses_2xx=good, responses_5xx=bad)


def look(number: int, candidate: Tally, baseline: Tally | None = None, seconds: float = LOOK) -> Look:
    """The look that ends ``number`` times ``seconds`` after the cutover."""
    return Look(CUTOVER + number * seconds, seconds, candidate, baseline or Tally())
