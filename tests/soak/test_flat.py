"""The soak's judgement: noise is flat, growth is not; and a small soak of the records, from its first deployment to its report."""

from pathlib import Path

import pytest

from tests.soak import flat, records_part
from tests.soak.flat import Column, judged

NOISE = (9.0, 50.0, 52.0, 49.0, 51.0, 60.0, 50.0, 48.0, 53.0, 50.0)


@pytest.mark.parametrize(
    ("values", "grows"),
    [
        (NOISE, False),
        (tuple(40.0 + 5 * step for step in range(10)), True),
        (tuple(85.0 - 5 * step for step in range(10)), False),
        ((*NOISE[:7], 70.0, 71.0, 69.0), True),
        ((1.0, 50.0, 50.0, 50.0, 50.0, 50.0, 50.0, 50.0, 50.0, 900.0), False),
    ],
)
def test_growth_is_told_from_noise(values: tuple[float, ...], *, grows: bool) -> None:
    """A trend and a step grow; noise, a shrinking value, a start from nothing and one bad moment do not."""
    assert Column("memory", "MiB", values, 0.1, 2.0).grows is grows


def test_what_is_not_judged_never_grows() -> None:
    """A column without a limit is shown only."""
    shown = Column("load", "", tuple(map(float, range(10))))
    assert not shown.grows
    assert "GROWS" not in judged("tenth", [str(number) for number in range(10)], [shown])


def test_a_small_soak_of_the_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty deployments live and go; the report has a line for each tenth, the judgement, and a picture."""
    monkeypatch.setattr(flat, "HERE", tmp_path)
    monkeypatch.setattr(flat, "FRAGMENTS", tmp_path / "results")
    records_part.run(60, 5, tmp_path)
    report = (tmp_path / "RESULTS.md").read_text()
    assert report.count("\n| ") == 12
    assert "the chain was whole" in report
    assert (tmp_path / "results" / "records.png").read_bytes().startswith(b"\x89PNG")
