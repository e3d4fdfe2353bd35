"""A drill: a change of routing that means nothing, and that nothing may come of."""

from dataclasses import replace

import pytest

from guardian.core.commands import Route, RunDrill
from guardian.core.deployment import ServiceState
from guardian.core.events import Drilled, DrillOrdered, Ended, RollbackOrdered, Routed, RoutingFailed
from guardian.core.model import Environment, Split
from guardian.core.plan import resume
from guardian.core.switch import Refused, step
from guardian.core.words.story import announce
from tests.unit.core.makers import ON_BLUE, SLICE, after, met, rolled_back, watching


def settled(state: ServiceState) -> ServiceState:
    """``state`` once the abandoned side has nothing left."""
    return after(state, Ended(30.0, state.generation, Environment.GREEN, 0, 0, 0, 0))


def drilling(share: int = 1) -> ServiceState:
    """A drill is under way after a rollback."""
    return after(settled(rolled_back()), DrillOrdered(40.0, "alice", share))


def test_a_drill_goes_there_and_back() -> None:
    """The commands name both ways; what is intended stays what it was, and a crash in between brings it back unasked."""
    before = settled(rolled_back())
    state, commands = step(before, DrillOrdered(40.0, "alice", 1))
    assert commands == (RunDrill(Split(1), ON_BLUE, before.generation + 1),)
    assert (state.live, state.safe, state.deployment) == (before.live, before.safe, before.deployment)
    assert Route(ON_BLUE, state.generation, None) in resume(state)


def test_a_drill_that_passes_is_remembered_with_its_times() -> None:
    """Everything is proved again, and nothing is left to be ended."""
    state = drilling()
    passed, commands = step(state, Drilled(41.0, state.generation, "worker-1", 0.002, 0.003))
    assert commands == ()
    assert passed.proved
    assert passed.drill
    assert (passed.drill.there, passed.drill.back, passed.drill.over) == (0.002, 0.003, True)
    assert resume(passed) == resume(settled(rolled_back()))
    told = announce(state, Drilled(41.0, state.generation, "worker-1", 0.002, 0.003), passed)
    assert told
    assert told.sentence == "web: drill passed: every worker confirmed the way there in 2 ms and the way back in 3 ms"


def test_a_drill_that_fails_is_mended_and_told() -> None:
    """The old split is brought back; a failure of that touches no deployment."""
    state = drilling()
    failed, commands = step(state, Drilled(41.0, state.generation, "", 0.0, 0.0, "a worker hangs"))
    assert commands == (Route(ON_BLUE, state.generation, None),)
    again = step(failed, RoutingFailed(42.0, state.generation, "it still hangs"))
    assert again == (failed, ())
    mended = after(failed, Routed(43.0, state.generation, "worker-2", 1, 0.1))
    assert mended.proved
    assert mended.deployment == failed.deployment
    assert mended.drill
    assert mended.drill.trouble == "a worker hangs"


def test_a_drill_that_a_restart_cut_short_says_so() -> None:
    """The proof of the old split ends it."""
    state = drilling()
    mended = after(state, Routed(43.0, state.generation, "worker-2", 1, 0.1))
    assert mended.drill
    assert "cut short" in mended.drill.trouble


def test_a_rollback_is_not_held_up_by_a_drill() -> None:
    """Whatever is being rehearsed, the real thing supersedes it; the drill's end is then about the past."""
    state = drilling()
    ordered, commands = step(state, RollbackOrdered(40.5, "bob", "now"))
    assert any(isinstance(command, Route) for command in commands)
    late = Drilled(41.0, state.generation, "worker-1", 0.002, 0.003)
    assert step(ordered, late) == (ordered, ())


@pytest.mark.parametrize(
    ("state", "share", "sentence"),
    [
        (watching(), 1, "web-1"),
        (rolled_back(), 1, "still being brought to its end"),
        (met(SLICE), 1, "a drill needs an idle side"),
        (met(), 101, "a drill takes 0 to 1 %"),
        (met(), -1, "a drill takes 0 to 1 %"),
    ],
    ids=["a release on trial", "connections being ended", "both sides serve", "too much", "less than nothing"],
)
def test_a_drill_is_refused(state: ServiceState, share: int, sentence: str) -> None:
    """Where it could be in the way of something, or prove nothing."""
    with pytest.raises(Refused, match=sentence):
        step(state, DrillOrdered(40.0, "alice", share))


def test_what_was_ended_is_remembered_once() -> None:
    """An ending of an older routing changes nothing; that of the present one is not begun again at the next start."""
    state = rolled_back()
    old = Ended(30.0, state.generation - 1, Environment.BLUE, 0, 1, 0, 0)
    assert step(state, old) == (state, ())
    assert step(state, replace(old, generation=state.generation)).state == replace(state, ended=state.generation)
