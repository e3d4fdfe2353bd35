"""The benchmark of README's promises, in small: one bad release, measured."""

import asyncio
import io

from rich.console import Console
from rich.progress import Progress

from guardian.demo.haproxy import debian_binary
from tests.bench.measure import Case, measure_rollbacks, show_rollbacks


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
