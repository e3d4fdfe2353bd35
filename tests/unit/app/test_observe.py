"""What is remembered of an environment's past."""

from guardian.app.observe import HISTORY_SECONDS, Past
from guardian.core.readings import Tally
from tests.unit.core.makers import LOOK

EVERY, LASTING = 200, 6
"""Looks from one clump to the next, and looks that one lasts."""


def lived(looks: int, *, errors: int = 0) -> Past:
    """So many looks at ten answers each; now and then ``errors`` come, over six looks."""
    past = Past()
    for look in range(looks):
        bad = errors if look % EVERY < LASTING else 0
        past.add(look * LOOK, Tally(requests=10, responses_2xx=10 - bad, responses_5xx=bad))
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
        past.add(look, Tally(requests=10, responses_2xx=10))
    assert past.history(2_000.0).count(("responses_5xx",)) == 0
    assert past.history(2_000.0).seconds <= HISTORY_SECONDS + 10
    past.forget()
    assert past.history(2_000.0).counts is None
