"""The strategy of a service as people write it."""

from pathlib import Path

import pytest

from guardian.config.faults import ConfigFaults
from guardian.config.settings import load_settings
from guardian.core.calendar import Exemption, Hours, Window
from guardian.core.strategy import Queueing, StepKind, Strategy, StrategyStep

HEAD = """
state_dir: /var/lib/guardian
rules: rules
haproxy: {socket: /run/haproxy/admin.sock, map: /var/lib/guardian/haproxy.map}
api: {socket: /run/guardian/api.sock}
services:
  web:
    blue: web_blue
    green: web_green
    stages: {verify: {checks: [{name: home, path: /}]}}
"""


def strategy(tmp_path: Path, text: str) -> Strategy:
    """The strategy of ``web`` in a file that says ``text``."""
    path = tmp_path / "guardian.yaml"
    path.write_text(HEAD + text)
    return load_settings(path).services["web"].strategy


def test_without_a_strategy_all_traffic_moves_at_once(tmp_path: Path) -> None:
    """As it always did."""
    assert strategy(tmp_path, "") == Strategy()
    assert Strategy().steps == ()


@pytest.mark.parametrize(
    "steps",
    [
        "[5% for 2m, ramp to 50% over 10m, ask, verify, 100%]",
        "[5 % FOR 2 m, Ramp to  50% over 10m, ASK, Verify]",
        "\n        - 5%   for 120s\n        - ramp to 50.00% over 600s\n        - ask\n        - verify\n        - 100%",
    ],
)
def test_steps_are_read_as_they_are_said(steps: str, tmp_path: Path) -> None:
    """However they are spaced and written; the last one may be left out."""
    found = strategy(tmp_path, f"    strategy:\n      steps: {steps}\n      approval: {{needed: 2, expires: 30m}}\n")
    assert found.steps == (
        StrategyStep(StepKind.SHIFT, 500, 120.0),
        StrategyStep(StepKind.RAMP, 5_000, 600.0),
        StrategyStep(StepKind.ASK, seconds=1_800.0, needed=2),
        StrategyStep(StepKind.VERIFY),
    )
    assert found.asks


def test_a_step_may_come_twice(tmp_path: Path) -> None:
    """People may be asked before the slice and after it."""
    found = strategy(tmp_path, "    strategy: {steps: [ask, 0.5% for 1m, ask, verify, 20% for 1m, verify, ramp to 100% over 5m]}\n")
    assert [step.kind.value for step in found.steps] == ["ask", "shift", "ask", "verify", "shift", "verify", "ramp"]
    assert [step.share for step in found.steps if step.kind.moves] == [50, 2_000, 10_000]


def test_queue_warmth_and_windows(tmp_path: Path) -> None:
    """A date without a zone is that of the first window."""
    text = """
    strategy:
      queue: wait
      warm: 2h
      windows:
        - Mon-Thu 9:00-16:00 Europe/Berlin
        - sat,sun 22:00-04:00 UTC
        - Fri-Mon 09:00-24:00 UTC
      exceptions: [2026-12-24..2027-01-01 closed, 2026-12-31 09:00-12:00 America/New_York]
"""
    found = strategy(tmp_path, text)
    assert (found.queue, found.warm) == (Queueing.WAIT, 7_200.0)
    assert found.calendar.windows == (
        Window((0, 1, 2, 3), Hours(540, 960), "Europe/Berlin"),
        Window((5, 6), Hours(1_320, 240), "UTC"),
        Window((0, 4, 5, 6), Hours(540, 1_440), "UTC"),
    )
    assert found.calendar.exceptions == (
        Exemption("2026-12-24", "2027-01-01", None, "Europe/Berlin"),
        Exemption("2026-12-31", "2026-12-31", Hours(540, 720), "America/New_York"),
    )


def test_steps_are_not_endless(tmp_path: Path) -> None:
    """Nobody follows a hundred steps."""
    steps = ", ".join(f"{number / 100:.2f}% for 1m" for number in range(1, 102))
    with pytest.raises(ConfigFaults, match="one step too many: there may be up to 50"):
        strategy(tmp_path, f"    strategy: {{steps: [{steps}]}}\n")
