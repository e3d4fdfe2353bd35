"""The demonstration itself, with the shield and without it: a good release stays, a bad one goes, and the picture tells of both."""

import io

import pytest
from rich.console import Console

from guardian.core.words import demo as words
from guardian.demo.play import FAULTS, perform
from guardian.demo.view import view_for


@pytest.mark.long
@pytest.mark.parametrize("shield", [False, True], ids=["plain", "shielded"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_the_demonstration_keeps_its_promises(fault: str, shield: bool) -> None:  # noqa: FBT001  as given on the command line
    """No false alarm, the traffic back, nothing stale; behind the shield nobody sees what it can save, and the summary says so."""
    shown = Console(file=io.StringIO())
    outcome = await perform(fault, view_for(shown, plain=True), shield=shield)
    assert outcome.good, list(words.summary(outcome))
    assert (outcome.saved is not None) == (shield and fault != "latency")
    if shield and fault != "latency":
        assert outcome.bad_answers == 0
    assert any("behind the shield" in line for line in words.summary(outcome)) == (outcome.saved is not None)
