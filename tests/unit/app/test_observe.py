"""What is remembered of an environment's past."""

import numpy as np
import pytest

from guardian.app.observe import HISTORY_SECONDS, KNOWN_EVENTS, KNOWN_SECONDS, Past
from guardian.core.readings import Tally
from tests.unit.core.makers import LOOK

EVERY, LASTING = 200, 6
"""Looks from one clump to the next, and looks that one lasts."""


def lived(looks: int, *, errors: int = 0) -> Past:
    """So many looks at ten answers each; now and then ``errors`` come, over six looks."""
    past = Past()
    for look in range(looks):
        bad = errors if look % EVERY < LASTING else 0
        past.add(look * LOOK, LOOK, Tally(requests=10, responses_2xx=10 - bad, responses_5xx=bad))
    return past


def test_the_past_knows_how_long_clumps_last() -> None:
    """Of each trouble by itself, and of nothing that went well."""
    history = lived(12_000, errors=2).history(600.0)
    assert history.seconds == 600.0
    assert history.count(("responses_5xx",)) == 12_000 // EVERY * LASTING * 2
    assert history.spell(("responses_5xx",)) in {0.2, 0.4}
    assert history.spell(("unreached", "responses_5xx")) == history.spell(("responses_5xx",))
    assert history.spell(("unreached", "responses_2xx")) == 0.0


def test_a_past_without_errors_has_no_clumps() -> None:
    """Nothing is known of them then, and nothing is kept."""
    history = lived(2_000).history(100.0)
    assert history.spells is None
    assert "spells" not in history.to_record()


def test_what_is_long_ago_counts_no_more() -> None:
    """A clump is forgotten with the time that it was in; and all of it with a release."""
    past = lived(LASTING, errors=2)
    for look in range(1, 2_000):
        past.add(look, 1.0, Tally(requests=10, responses_2xx=10))
    assert past.history(2_000.0).count(("responses_5xx",)) == 0
    assert past.history(2_000.0).seconds <= HISTORY_SECONDS + 10
    past.forget()
    assert past.history(2_000.0).counts is None


def test_looks_that_are_not_close_say_nothing_of_clumps() -> None:
    """To a look a second all of a clump comes at once: the rate counts, how long it lasts is left open."""
    past = lived(12_000, errors=2)
    lasted = past.history(600.0).spell(("responses_5xx",))
    for look in range(600):
        past.add(600.0 + look, 1.0, Tally(requests=200, responses_2xx=188, responses_5xx=12))
    assert past.history(1_200.0).spell(("responses_5xx",)) == lasted
    assert past.history(1_200.0).count(("responses_5xx",)) == 720 + 7_200


def test_a_clump_that_was_seen_from_afar_may_have_lasted() -> None:
    """It may have taken as much of the second as fits; until one was seen closely."""
    past = Past()
    for look in range(600):
        past.add(look, 1.0, Tally(requests=10, responses_5xx=10 if look in {100, 300} else 0))
    assert past.history(600.0).spells == {"responses_5xx": 0.8}
    for look in range(100):
        past.add(600.0 + look * LOOK, LOOK, Tally(requests=10, responses_5xx=10 if look == 70 else 0))
    assert past.history(605.0).spells is None


def test_a_clump_whose_beginning_was_not_seen_closely_tells_nothing() -> None:
    """What is left of it is shorter than it was: it belongs to what was seen from afar. The next one counts."""
    past = Past()
    for number in range(60):
        at, bad = number * 1.25, 1 if number % 20 == 0 else 0
        past.add(at, 1.0, Tally(requests=10, responses_5xx=2 * bad))
        for look in range(1, 6):
            past.add(at + look * LOOK, LOOK, Tally(requests=10, responses_5xx=bad))
    assert past.history(75.0).spells == {"responses_5xx": 0.8}
    for look in range(4):
        past.add(80.0 + look * LOOK, LOOK, Tally(requests=10, responses_5xx=4))
    assert past.history(90.0).spell(("responses_5xx",)) in {0.2, 0.4}


@pytest.mark.parametrize("rate", [1.0, 10.0, 50.0])
@pytest.mark.parametrize("late", [0.001, 0.01, 0.1])
def test_looks_that_come_late_make_no_clumps(rate: float, late: float) -> None:
    """Errors that have nothing to do with each other: a look that is longer sees more of them, and nothing begins in it."""
    rng, past, at = np.random.default_rng(1), Past(), 0.0
    looks = [1.0] * 300 + np.where(rng.random(6_000) < late, 0.12, LOOK).tolist()
    for seconds, errors in zip(looks, rng.poisson(np.array(looks) * rate).tolist(), strict=True):
        past.add(at := at + seconds, seconds, Tally(requests=100, responses_5xx=errors))
    assert past.history(at).spells is None


def test_a_clump_is_forgotten_with_the_release_that_had_it() -> None:
    """What goes on a moment after the next release began is that one's: nobody has seen it from afar."""
    past = Past()
    past.add(1.0, 1.0, Tally(requests=1_000, responses_5xx=1_000))
    past.forget()
    for look in range(1, 2_400):
        past.add(1.0 + look * LOOK, LOOK, Tally(requests=10, responses_5xx=1 if look % 200 == 1 else 0))
    assert past.history(121.0).spells is None


def test_a_clump_that_went_on_into_the_next_seconds_is_forgotten_at_once() -> None:
    """What was left of it counts with the look that saw it begin, and for as long."""
    past = Past()
    for look in range(10):
        past.add(float(look), 1.0, Tally(requests=10, responses_5xx=3 if look == 9 else 0))
    for look in range(1, round((HISTORY_SECONDS + 12.0) / LOOK)):
        past.add(at := 9.0 + look * LOOK, LOOK, Tally(requests=10, responses_5xx=1 if 20 <= look < 30 else 0))
        if at > HISTORY_SECONDS - 2.0 and look % 10 == 0:
            assert past.history(at).spells in (None, {"responses_5xx": 0.8})
    assert past.history(at).count(("responses_5xx",)) == 0
    assert past.history(at).spells is None


@pytest.mark.parametrize(("looks", "errors", "known"), [(100, 40, False), (3_000, 2, False), (12_000, 2, True)])
def test_enough_is_known_some_day(looks: int, errors: int, *, known: bool) -> None:
    """Neither a short time with many errors nor a long one with few is enough; and each trouble counts for itself."""
    past = lived(looks, errors=errors)
    assert (looks * LOOK >= KNOWN_SECONDS and errors * LASTING * looks / EVERY >= KNOWN_EVENTS) is known
    assert past.known(["responses_5xx"]) is known
    assert not past.known(["responses_5xx", "unreached"])
