"""A row of the table holds only if all of its tests were run, and passed."""

import pytest

from tests.faults.table import SUITE, Table

FAULT, PROMISE, (BEGINNING, *_) = SUITE[0]


def report(name: str, outcome: str = "passed") -> pytest.TestReport:
    """What pytest says of a test that was run."""
    return pytest.TestReport(name, ("", 0, ""), {}, outcome, None, "call")  # type: ignore[arg-type]  one of pytest's own words


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        (("passed", "passed"), "2 of 2 |  | holds"),
        (("passed", "failed"), "1 of 2 |  | FAILED"),
        (("passed", None), "1 of 2 |  | not all run"),
        (("passed", "skipped"), "1 of 2 |  | not all run"),
        ((None, None), "0 of 2 |  | not run"),
    ],
)
def test_a_row_holds_only_if_all_were_run_and_passed(outcomes: tuple[str | None, ...], said: str) -> None:
    """Also where the run was ended before its end, or a test skipped."""
    table = Table()
    names = [f"{BEGINNING}[{number}]" for number, _ in enumerate(outcomes)]
    table.pytest_xdist_node_collection_finished(names)
    for name, outcome in zip(names, outcomes, strict=True):
        if outcome:
            table.pytest_runtest_logreport(report(name, outcome))
    assert f"| {FAULT} | {PROMISE} | {said} |" in table.text()
