"""Evidence is kept in turns that leave time for judging, and no rule is passed over."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from guardian.app.saving import TURN_SECONDS, Saver
from guardian.core.judges import judge_for
from guardian.core.judges.judge import Judge
from guardian.core.judges.trial import Trial
from guardian.core.model import Environment
from guardian.core.readings import History
from guardian.core.rules import Against, Lack, Ratio, Rule, Sequential, Source

TRIAL = Trial(Environment.GREEN, 0.0, 60.0, 0.05, shared=False, history=History())
NAMES = "abcde"


def judge(name: str) -> Judge:
    """The judge of a rule of that name."""
    rule = Rule(name, name, Source.HAPROXY, Ratio(("responses_5xx",), ("responses",)), Sequential(0.01, Against.LIMIT), Lack.HOLD)
    return judge_for(rule, TRIAL)


@dataclass
class Shelf:
    """Keeps evidence in 0.8 seconds, on a clock of its own."""

    on_trial: Sequence[str] = NAMES
    kept: list[str] = field(default_factory=list)
    at: float = 100.0

    def judges(self) -> list[tuple[str, Judge]]:
        """Who is on trial, each in a deployment of its own."""
        return [(f"d-{name}", judge(name)) for name in self.on_trial]

    async def save(self, deployment: str, rule: str, evidence: dict[str, object]) -> None:
        """Take a while."""
        assert deployment == f"d-{rule}"
        assert set(evidence) == {"rule", "trial", "evidence", "verdict"}
        self.kept.append(rule)
        self.at += 0.8

    def now(self) -> float:
        """Not asked for."""
        raise AssertionError

    def monotonic(self) -> float:
        """The time."""
        return self.at


async def test_a_turn_ends_in_time_and_the_next_goes_on() -> None:
    """Five rules that take four seconds need two turns; the third begins with the one that was kept longest ago."""
    shelf = Shelf()
    saver = Saver(shelf.judges, shelf.save, shelf)
    for _ in range(3):
        began = shelf.at
        await saver.turn()
        assert shelf.at - began < TURN_SECONDS + 0.8
    assert "".join(shelf.kept) == "abcdeabcd"


async def test_what_is_new_on_trial_comes_first() -> None:
    """And what is over is not kept any more."""
    shelf = Shelf()
    saver = Saver(shelf.judges, shelf.save, shelf)
    await saver.turn()
    shelf.on_trial = "bcx"
    await saver.turn()
    assert "".join(shelf.kept) == "abcxbc"


async def test_before_the_end_everything_is_kept() -> None:
    """However long it takes."""
    shelf = Shelf()
    await Saver(shelf.judges, shelf.save, shelf).everything()
    assert "".join(shelf.kept) == NAMES
