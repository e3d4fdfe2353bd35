"""The benchmark of many services, in small: what it measures is what it says."""

import asyncio

from tests.bench.scale import Size, crowd, judge, rules


def test_every_rule_of_every_service_is_judged() -> None:
    """Thirty services are looked at and asked about, nothing fails, and nobody is accused."""
    with crowd(30) as (directory, port):
        found = asyncio.run(judge(Size(30, 10, look_every=0.05, seconds=2.0, settling=1.0), directory, port))
    assert found.looks > 0
    assert found.queries > 0
    assert found.failed == 0
    assert 0 < found.look < found.wait
    assert found.memory > 20
    assert 0 < found.cpu <= 2


def test_the_rules_are_those_that_people_have() -> None:
    """Ten of them with names of their own, of both kinds and both sources."""
    assert len({rule.name for rule in rules(10)}) == 10
    assert [rule.name for rule in rules(1)] == ["server-errors"]
    assert {rule.source for rule in rules(10)} == {"haproxy", "prometheus"}
