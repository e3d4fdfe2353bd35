"""The benchmark of README's promises, in small: one bad release, measured."""

import asyncio
import io
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from guardian.demo.haproxy import debian_binary
from guardian.demo.stage import Setting, Stage
from tests.bench.measure import RULES, Case, measure_rollbacks, memory, show_rollbacks

PROMISED_MEMORY = 120 * 2**20


def test_one_rollback_is_measured_and_shown() -> None:
    """It has a time, bad answers, what was tolerated, and nothing stale; the table says so."""
    case, shown = Case("100 % errors, 200 requests/s", 1.0, 200.0, "any"), io.StringIO()
    with Progress(console=Console(file=io.StringIO())) as progress:
        runs, traffic, failed = asyncio.run(measure_rollbacks(debian_binary(), case, 1, progress, history=3.0))
    (run,) = runs
    assert run.seconds > run.decided > 0
    assert run.bad > 0
    assert 0 < run.tolerated < 1
    assert (run.stale, failed) == (0, 0)
    show_rollbacks(Console(file=shown, width=150), case, runs, traffic, failed)
    assert case.name in shown.getvalue()


async def test_the_daemon_is_as_small_as_promised(tmp_path: Path) -> None:
    """With one service and the starter's rules, once a rollback would work."""
    async with Stage(Setting(tmp_path, debian_binary(), RULES.read_text())) as stage:
        assert 2**20 < memory(stage.guardian.pid) <= PROMISED_MEMORY
