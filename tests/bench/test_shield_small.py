"""The benchmark of the shield, in small: no release is charged with what the one before has left, and the report is true."""

from math import inf
from pathlib import Path

import pytest

from guardian.demo.haproxy import debian_binary
from guardian.demo.stage import Setting, Stage
from guardian.demo.traffic import Load, Traffic
from tests.bench import shield_report as report
from tests.bench.shield import CASES, RULES, Bench
from tests.bench.shield_report import Cost, Row, Run

HANG, DOWN = (next(case for case in CASES if case.name == name) for name in ("hangs", "down"))


@pytest.mark.long
async def test_what_hangs_in_one_release_is_not_held_against_the_next(tmp_path: Path) -> None:
    """POSTs go the plain way and hang for ten seconds: the next release begins when they are over, and fails by its own fault."""
    told: list[str] = []
    setting = Setting(tmp_path, debian_binary(), RULES.read_text(), shield=True)
    async with Stage(setting) as stage, Traffic(stage.haproxy.port, Load(40, posts=0.5)) as traffic:
        bench = Bench(stage, traffic, told.append)
        found = [run for case in (HANG, DOWN) for run in await bench.runs(case, 1, 0.0, inf)]
    assert len(found) == 2, told
    assert all(run.true and run.decided is not None for run in found), told
    assert [run.gets for run in found] == [0, 0], told
    assert all(run.saved > 0 for run in found), told


def test_a_row_has_medians_and_keeps_false_alarms_apart() -> None:
    """What no rule found is said, and so is how many found it; a release that was taken back before its fault is in no median."""
    plain = [Run(10, 2, 0.5, 0, ""), Run(20, 4, None, 0, ""), Run(30, 6, 0.7, 0, ""), Run(0, 0, -0.3, 0, "")]
    row = Row("down", 200.0, plain, [Run(0, 3, None, 9, "")])
    told = "3 + 1, false alarms: 1"
    assert row.cells == ("down, 200/s", "20", "4", "0.60 s (2 of 3)", "0", "3", "not taken back", "9", told)
    assert Row("down", 1000.0, [], []).cells == ("down, 1,000/s", *"-------", "0 + 0")


def test_costs_are_compared_turn_by_turn() -> None:
    """The ratio is that of turns beside each other, which had the same host; what a core could give follows from the CPU."""
    plain, shielded = [Cost(0.002, 0.01, 50e-6), Cost(0.004, 0.02, 100e-6)], [Cost(0.003, 0.02, 100e-6), Cost(0.006, 0.04, 200e-6)]
    p50, p99, cpu, capacity = report.costs(plain, shielded)
    assert p50 == ("answers, p50", "3.00 ms", "4.50 ms", "1.50")
    assert p99[3] == "2.00"
    assert cpu == ("HAProxy's CPU for an answer", "75.00 us", "150.00 us", "2.00")
    assert capacity[1:] == ("13,333", "6,667", "0.50")


def test_the_report_is_a_page_with_its_chart(tmp_path: Path) -> None:
    """Every row and every table of the cost stands in it, and the chart lies where it says."""
    rows = [
        Row("down", rate, [Run(40, 9, 0.5, 0, "")], [Run(0, 7, 0.5, 30, "")] if rate < 1000 else [])
        for rate in (20.0, 200.0, 1000.0)
    ]
    cost = ("answers, p50", "3.00 ms", "4.50 ms", "1.50")
    report.write(tmp_path / "SHIELD.md", "By a command.", rows, {"A good release:": [cost]})
    text = (tmp_path / "SHIELD.md").read_text()
    assert all("| " + " | ".join(cells) + " |" in text for cells in (*(row.cells for row in rows), cost))
    assert "(charts/shield-harm.png)" in text
    assert (tmp_path / "charts" / "shield-harm.png").read_bytes().startswith(b"\x89PNG")
