"""The benchmark of many services, in small: what it measures is what it says."""

import asyncio
import cProfile
from pathlib import Path

from tests.bench import scale_page
from tests.bench.growth import growth
from tests.bench.scale import crowd, judge, rules
from tests.bench.scale_figures import Cell, Size, shares


def test_every_rule_of_every_service_is_judged_and_a_page_tells_of_it(tmp_path: Path) -> None:
    """Thirty services are looked at and asked about, nothing fails, nobody is accused, and table and chart are written."""
    profile = cProfile.Profile()
    size = Size(30, 10, look_every=0.05, seconds=2.0, settling=1.0)
    with crowd(30) as (directory, port):
        found = asyncio.run(judge(size, directory, port, profile))
    assert found.looks > 0
    assert found.queries > 0
    assert found.failed == 0
    assert 0 < found.look < found.wait
    assert found.memory > 20
    assert 0 < found.cpu <= 2
    took = shares(profile)
    assert 0 < took.reading < 1
    assert 0 < took.sequential < 1
    assert 0 < took.rest < 1
    cell = Cell(size, found, growth(rules(10), watch=20.0, look_every=0.05))
    assert cell.full > found.memory
    text = scale_page.write(scale_page.Page("scale.sh", "something", [cell], took, kept=True), tmp_path / "SCALE.md")
    assert "| " + " | ".join(scale_page.row(cell)) + " |" in text
    assert (tmp_path / "charts" / "scale.png").read_bytes().startswith(b"\x89PNG")


def test_what_the_database_takes_grows_with_rules_and_watch() -> None:
    """Journal and evidence are weighed: more rules are more of both, a longer watch is more evidence."""
    short, long = (growth(rules(10), watch, look_every=0.05) for watch in (5.0, 50.0))
    one = growth(rules(1), 50.0, look_every=0.05)
    assert 0 < one.journal < long.journal
    assert 0 < one.evidence < long.evidence
    assert short.evidence < long.evidence
    assert 0 < one.look < long.look


def test_the_rules_are_those_that_people_have() -> None:
    """Ten of them with names of their own, of both kinds and both sources."""
    assert len({rule.name for rule in rules(10)}) == 10
    assert [rule.name for rule in rules(1)] == ["server-errors"]
    assert {rule.source for rule in rules(10)} == {"haproxy", "prometheus"}
