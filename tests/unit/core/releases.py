"""Short ways to say what the tests of whole deployments talk about."""

from guardian.core.deployment import Phase, ServiceState
from guardian.core.events import SwitchRequested
from guardian.core.release_events import Approved, DeployRequested, StageEnded, WentOn
from guardian.core.strategy import StepKind, StrategyStep
from tests.unit.core.makers import GREEN, after, conclusion, ended, met, routed

DEPLOY = StrategyStep(StepKind.DEPLOY, seconds=900.0)
VERIFY = StrategyStep(StepKind.VERIFY, seconds=120.0)
ASK = StrategyStep(StepKind.ASK, seconds=3600.0, needed=1)
ASK_TWO = StrategyStep(StepKind.ASK, seconds=3600.0, needed=2)
FIVE = StrategyStep(StepKind.SHIFT, 500, 120.0)
QUARTER = StrategyStep(StepKind.SHIFT, 2_500, 300.0)
RAMP = StrategyStep(StepKind.RAMP, 2_000, 100.0)
WAY = (DEPLOY, VERIFY, FIVE, ASK, QUARTER)


def wanted(*steps: StrategyStep, version: str = "4.2", at: float = 10.0, **given: object) -> DeployRequested:
    """Anna's order to deploy."""
    return DeployRequested(at, "anna", "release 7", version, GREEN, steps or WAY, 60.0, **given)  # type: ignore[arg-type]


def stepwise(*steps: StrategyStep, **given: object) -> SwitchRequested:
    """Anna's order to switch, step by step."""
    return SwitchRequested(10.0, "anna", "release 7", GREEN, 10_000, 60.0, steps=steps, **given)  # type: ignore[arg-type]


def worked(state: ServiceState, *, ok: bool = True, summary: str = "4 tasks on 2 hosts", at: float = 20.0) -> ServiceState:
    """``state``, and the stage that is under way is over."""
    stage = (state.deployment and state.deployment.stage) or (state.retirement and state.retirement.stage)
    assert stage
    job = stage.job
    return after(state, StageEnded(at, job.deployment, job.kind, job.number, ok, summary))


def onward(state: ServiceState, at: float = 30.0) -> ServiceState:
    """``state``, and its next step begun if nothing holds it back."""
    assert state.deployment
    return after(state, WentOn(at, state.deployment.id, state.deployment.step))


def agreed(state: ServiceState, by: str = "bob", at: float = 40.0, **given: object) -> Approved:
    """Somebody's word for what is asked now."""
    assert state.deployment
    assert state.deployment.question
    return Approved(at, by, "seen", state.deployment.id, state.deployment.question.number, **given)  # type: ignore[arg-type]


def baking(*steps: StrategyStep) -> ServiceState:
    """``web`` with a slice of green on trial as ``web-1``."""
    return routed(after(met(), stepwise(*(steps or (FIVE, QUARTER)))))


def baked(state: ServiceState, at: float = 200.0) -> ServiceState:
    """``state``, and its bake over with enough evidence."""
    return after(state, ended(conclusion(), at=at))


def asking(*steps: StrategyStep) -> ServiceState:
    """``web`` with a question that is open, before any traffic."""
    return after(met(), stepwise(*(steps or (ASK, FIVE))))


def deployed() -> ServiceState:
    """``web`` with 4.2 verified on green as ``web-1``, blue warm for ten minutes, then retired."""
    state = after(met(), wanted(DEPLOY, retire_after=600.0, retire_seconds=90.0))
    return after(routed(onward(worked(state))), ended(conclusion(), at=100.0))


def phase(state: ServiceState) -> Phase:
    """Where the latest deployment stands."""
    assert state.deployment
    return state.deployment.phase
