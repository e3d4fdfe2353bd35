"""Accounts of deployments that went one way or another, made by the program's own parts and its state machine."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from guardian.app.account import account_of
from guardian.app.codec import event_to_record, state_to_record
from guardian.app.evidence import evidence_of
from guardian.core.account import Account
from guardian.core.deployment import ServiceState
from guardian.core.events import (
    Adopted,
    Breached,
    Event,
    Promoted,
    RollbackOrdered,
    Routed,
    RoutingFailed,
    Saved,
    SwitchRequested,
    Unlatched,
    WatchEnded,
)
from guardian.core.judges import judge_for
from guardian.core.judges.judge import Judge
from guardian.core.judges.trial import Trial
from guardian.core.model import BASIS_POINTS, Environment, Split
from guardian.core.readings import History
from guardian.core.rules import Lack
from guardian.core.switch import adopt, step
from guardian.core.verdicts import Conclusion, Finding
from tests.doubles.rulefiles import SERVER_ERRORS
from tests.doubles.store import MemoryStore

EPOCH = 1_700_000_000.0
HISTORY = History(60.0, {"responses_5xx": 6, "responses": 6000})


@dataclass
class Story:
    """A service called ``web`` whose story is told event by event, and recorded as guardian records it."""

    store: MemoryStore = field(default_factory=MemoryStore)
    at: float = EPOCH
    state: ServiceState = field(init=False)

    def __post_init__(self) -> None:
        met = Adopted(self.at, Split.all_on(Environment.BLUE), "worker-1")
        self.state = adopt("web", met).state
        self._record(met)

    def let(self, event: Event) -> None:
        """Let ``event`` happen."""
        self.state = step(self.state, event).state
        self._record(event)

    def _record(self, event: Event) -> None:
        deployment = self.state.deployment.id if self.state.deployment else None
        self.store.append("web", deployment, event.at, event_to_record(event), state_to_record(self.state))

    def pass_by(self, seconds: float) -> float:
        """Time passes; it is now."""
        self.at += seconds
        return self.at

    def request(self, by: str = "alice", reason: str = "release 4.2", share: int = BASIS_POINTS) -> None:
        """Somebody asks for green."""
        self.let(SwitchRequested(self.pass_by(1.0), by, reason, Environment.GREEN, share, 600.0, "d" * 64, HISTORY))

    def confirm(self) -> None:
        """The balancer has what it was told."""
        self.let(Routed(self.pass_by(0.004), self.state.generation, "worker-1", 1, 0.004))

    def judge(self, answers: Iterable[tuple[int, int]]) -> Judge:
        """Judge looks of (answers, bad answers), one every 50 ms, and keep their evidence."""
        trial = Trial(Environment.GREEN, self.at, 600.0, 0.05, shared=False, history=HISTORY)
        judge = judge_for(SERVER_ERRORS, trial)
        for trials, events in answers:
            judge.feed(self.pass_by(0.05), 0.05, (trials, events))
        self.store.save_evidence(self.identifier, SERVER_ERRORS.name, evidence_of(judge))
        return judge

    def breach(self) -> None:
        """The rule takes the traffic back."""
        judge = self.judge([(10, 0)] * 20 + [(10, 5)] * 40)
        self.let(Breached(self.at, self.identifier, judge.verdict()))
        self.confirm()

    def end(self, *, enough: bool) -> None:
        """The watch ends."""
        verdict = self.judge([(10, 0)] * 60).verdict()
        found = verdict if enough else verdict.from_record({**verdict.to_record(), "finding": Finding.NO_DATA})
        missing = "" if enough else "600 requests seen, 3,000 are needed"
        self.let(WatchEnded(self.pass_by(597.0), self.identifier, (Conclusion(found, enough, Lack.HOLD, missing),)))

    def save(self, tried: int, saved: int, lost: int, plain: int = 0) -> None:
        """The shield has answered for it, and tells so when it is over."""
        self.let(Saved(self.pass_by(2.0), self.identifier, tried, saved, lost, plain))

    @property
    def identifier(self) -> str:
        """The latest deployment."""
        return self.state.deployment.id if self.state.deployment else ""

    @property
    def account(self) -> Account:
        """All that is recorded of it."""
        account = account_of(self.store, self.identifier)
        assert account
        return account


def rolled_back(by: str = "alice", reason: str = "release 4.2") -> Story:
    """A release that a rule took back."""
    story = Story()
    story.request(by, reason)
    story.confirm()
    story.breach()
    return story


def verified(share: int = BASIS_POINTS) -> Story:
    """A release that is good."""
    story = Story()
    story.request(share=share)
    story.confirm()
    story.end(enough=True)
    return story


def unverified() -> Story:
    """A release of which too little was seen."""
    story = Story()
    story.request()
    story.confirm()
    story.end(enough=False)
    return story


def watching() -> Story:
    """A release on trial."""
    story = Story()
    story.request()
    story.confirm()
    return story


def aborted() -> Story:
    """A switch that could not be proved."""
    story = Story()
    story.request()
    story.let(RoutingFailed(story.pass_by(5.0), story.state.generation, "worker 2 does not answer"))
    story.confirm()
    return story


def stuck() -> Story:
    """A rollback that could not be carried out."""
    story = watching()
    story.let(RollbackOrdered(story.pass_by(9.0), "bob", "users complain"))
    story.let(RoutingFailed(story.pass_by(5.0), story.state.generation, "worker 2 does not answer"))
    return story


def promoted() -> Story:
    """A person vouched for what was unverified."""
    story = unverified()
    story.let(Promoted(story.pass_by(60.0), "bob", "looks good"))
    return story


def unlatched() -> Story:
    """A person lets a service move again after a rollback."""
    story = rolled_back()
    story.let(Unlatched(story.pass_by(3600.0), "bob", "the query is fixed"))
    return story


def by_hand() -> Story:
    """A person took a release back."""
    story = watching()
    story.let(RollbackOrdered(story.pass_by(9.0), "bob", "users complain"))
    story.confirm()
    return story
