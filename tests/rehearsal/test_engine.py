"""The throw-away Prometheus gives back what it was given, staleness markers and NaN included."""

import math
import time

import pytest

from guardian.core.access import Access
from guardian.core.ports import SourceError
from guardian.metrics.answer import Value
from guardian.metrics.prometheus import Prometheus
from guardian.rehearsal.engine import Engine, EngineMissing, Sample
from guardian.rehearsal.notation import read_name, read_values


def samples(series: str, values: str, start: float, interval: float = 15.0) -> list[Sample]:
    """The samples of one series."""
    found = enumerate(read_values(values))
    return [Sample(start + index * interval, read_name(series), value) for index, value in found if value is not None]


async def test_values_gaps_and_markers_survive() -> None:
    """Each moment has what Prometheus makes of the samples before it: a marker ends the series, a gap does not."""
    start = float(int(time.time()) - 7200)
    async with Engine.running() as engine:
        await engine.feed([*samples('a{env="green"}', "0+1x3 _ stale 7", start), *samples("b", "1 NaN 2", start)])
        prometheus = Prometheus(Access(engine.url))
        try:
            found = [await prometheus.instant('a{env="green"}', start + 15 * index) for index in range(7)]
            values = [answer.value if isinstance(answer, Value) else None for answer in found]
            assert values == [0.0, 1.0, 2.0, 3.0, 3.0, None, 7.0]
            answer = await prometheus.instant("rate(a[45s])", start + 45)
            assert isinstance(answer, Value)
            assert math.isclose(answer.value, 1 / 15)
            assert not isinstance(await prometheus.instant("b", start + 15), Value)
            with pytest.raises(SourceError):
                await prometheus.instant("sum(", start)
        finally:
            await prometheus.close()


async def test_many_samples_go_in(tmp_path: object) -> None:
    """More than one request's worth, of many series, in any order."""
    start = float(int(time.time()) - 90_000)
    async with Engine.running() as engine:
        many = [sample for number in range(40) for sample in samples(f'm{{n="{number}"}}', "0+1x300", start)]
        await engine.feed(reversed(many))
        prometheus = Prometheus(Access(engine.url))
        try:
            answer = await prometheus.instant("sum(m)", start + 300 * 15)
            assert isinstance(answer, Value)
            assert answer.value == 40 * 300
        finally:
            await prometheus.close()


async def test_without_prometheus_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which package brings it."""
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(EngineMissing, match="apt-get install"):
        async with Engine.running():
            raise AssertionError
