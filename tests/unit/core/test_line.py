"""The line before a channel: order, pace, patience."""

from math import inf

import pytest

from guardian.core.letters import Kind, Letter
from guardian.core.line import LONGEST_PAUSE, MOST_CARDS, MOST_TRIES, TURN, Delivery, Line, Pace, Posting
from guardian.core.rules import Severity


def news(key: str, deployment: str = "web-1", at: float = 0.0, severity: Severity = Severity.INFO) -> Letter:
    """An announcement."""
    return Letter("all", key, Kind.NEWS, at, "web", deployment, None, severity, key)


def card(deployment: str = "web-1", at: float = 0.0, severity: Severity = Severity.INFO) -> Letter:
    """The account of a deployment."""
    return Letter("all", f"card:{deployment}", Kind.CARD, at, "web", deployment, "watching", severity)


def line_of(*letters: Letter, pace: Pace | None = None) -> Line:
    """A line in which ``letters`` wait."""
    line = Line(pace or Pace())
    for letter in letters:
        line.add(line.posting(letter))
    return line


def take(line: Line, now: float = 0.0) -> Delivery:
    """What is to be delivered now, which must be something."""
    delivery = line.next(now)
    assert delivery is not None
    return delivery


def drained(line: Line, now: float = 0.0) -> list[str]:
    """The keys of all that can be delivered now, delivered."""
    keys = []
    while delivery := line.next(now):
        line.delivered(delivery, f"ref {delivery.letter.key}")
        keys.append(delivery.letter.key)
    return keys


def test_letters_of_a_deployment_come_in_order() -> None:
    """Each after the one before it."""
    assert drained(line_of(news("a"), news("b"), news("c"))) == ["a", "b", "c"]


def test_the_card_comes_before_the_news_that_stand_under_it() -> None:
    """Also when it was added after them; the news know what the channel calls it."""
    line = line_of(news("a"), card())
    first = take(line)
    assert (first.letter.kind, first.card) == (Kind.CARD, "")
    line.delivered(first, "ts-1")
    assert take(line).card == "ts-1"


def test_the_changes_of_a_card_are_told_as_one() -> None:
    """However many there were since it was shown, the last one counts."""
    line = line_of(card(at=1.0), card(at=2.0), card(at=3.0))
    delivery = take(line)
    assert (delivery.letter.at, line.next(0.0)) == (3.0, None)


def test_a_card_that_changes_on_its_way_is_shown_again() -> None:
    """What was delivered is not the last word; what it is called is kept."""
    line = line_of(card(at=1.0))
    first = take(line)
    line.add(line.posting(card(at=2.0)))
    line.delivered(first, "ts-1")
    assert not first.posting.settled
    second = take(line)
    assert (second.letter.at, second.card) == (2.0, "ts-1")
    line.delivered(second, "")
    assert (second.posting.settled, second.posting.reference, line.wait(0.0)) == (True, "ts-1", inf)


def test_the_loudest_deployment_comes_first() -> None:
    """A rollback does not queue behind the chatter of others; its own letters stay in order."""
    line = line_of(news("a"), news("b", "shop-1"), news("c", "shop-1", severity=Severity.CRITICAL))
    assert drained(line) == ["b", "c", "a"]


def test_among_equals_whoever_waits_longest_comes_first() -> None:
    """No deployment starves."""
    assert drained(line_of(news("late", "web-2", at=2.0), news("early", "web-1", at=1.0))) == ["early", "late"]


def test_the_pace_is_held_after_a_burst() -> None:
    """Three may follow at once after a rest, then one a second."""
    line = line_of(*(news(str(number)) for number in range(6)), pace=Pace(every=1.0, burst=3))
    assert drained(line, 100.0) == ["0", "1", "2"]
    assert line.wait(100.0) == pytest.approx(1.0)
    assert drained(line, 100.9) == []
    assert drained(line, 101.0) == ["3"]
    assert drained(line, 103.0) == ["4", "5"]


def test_what_the_channel_asks_for_is_obeyed() -> None:
    """Retry-After closes the channel for as long, for every deployment."""
    line = line_of(news("a"), news("b", "shop-1"))
    line.delayed(take(line), 10.0, "429", 17.0)
    assert (line.next(26.9), line.trouble) == (None, "429")
    assert sorted(drained(line, 28.0)) == ["a", "b"]
    assert line.trouble == ""


def test_pauses_grow_and_stay_short_enough() -> None:
    """Twice as long each time; at the end of an outage of days it is noticed within half a minute."""
    line, now, pauses = line_of(news("a")), 0.0, []
    for _ in range(20):
        line.delayed(take(line, now), now, "down")
        pauses.append(line.wait(now))
        now += pauses[-1]
    assert pauses[:4] == pytest.approx([1.0, 2.0, 4.0, 8.0])
    assert max(pauses) == LONGEST_PAUSE
    assert drained(line, now) == ["a"]


def test_a_letter_that_fails_lets_others_go_before_it() -> None:
    """A server that chokes on one letter still gets the others."""
    line = line_of(news("poison"), news("other", "shop-1", at=1.0))
    line.delayed(take(line), 0.0, "500")
    assert take(line, 1.0).letter.key == "other"


def test_a_letter_that_fails_while_others_get_through_is_given_up() -> None:
    """It is tried often, and not for ever; as long as nothing gets through it is kept."""
    line, now = line_of(news("poison")), 0.0
    for _ in range(3 * MOST_TRIES):
        assert line.delayed(take(line, now), now, "500")
        now += LONGEST_PAUSE
    for number in range(MOST_TRIES + 1):
        line.add(line.posting(news(f"good {number}", "shop-1", at=1.0)))
        poison = take(line, now)
        assert poison.letter.key == "poison"
        assert line.delayed(poison, now, "500") is (number < MOST_TRIES)
        now += line.wait(now)
        assert drained(line, now) == [f"good {number}"]
        now += TURN
    assert (line.waiting, poison.posting.settled) == ([], True)


def test_a_letter_that_is_not_ready_holds_up_its_own_lane_only() -> None:
    """The news after it wait, the others go."""
    line = line_of(news("chart"), news("after"), news("other", "shop-1", at=1.0))
    assert line.deferred(take(line), 0.0, 5.0)
    assert drained(line, 1.0) == ["other"]
    assert drained(line, 5.0) == ["chart", "after"]


def test_one_that_never_gets_ready_is_given_up() -> None:
    """Its lane goes on without it."""
    line, now = line_of(news("chart"), news("after")), 0.0
    for number in range(MOST_TRIES):
        assert line.deferred(take(line, now), now) is (number < MOST_TRIES - 1)
        now += LONGEST_PAUSE + TURN
    assert drained(line, now) == ["after"]


def test_a_letter_that_is_not_ready_has_not_failed() -> None:
    """It is tried at the time that it said, however often; its channel has no trouble."""
    line, now = line_of(news("note")), 0.0
    for _ in range(3 * MOST_TRIES):
        line.postponed(take(line, now), now, 15.0)
        assert line.wait(now) == 15.0
        now += 15.0
    assert (line.trouble, drained(line, now)) == ("", ["note"])


def test_an_unsure_letter_stays_unsure_until_it_is_settled() -> None:
    """A definite failure after a lost answer proves nothing about the attempt before."""
    line = line_of(news("a"))
    line.delayed(take(line), 0.0, "lost", unsure=True)
    second = take(line, 50.0)
    line.delayed(second, 50.0, "429")
    assert (second.unsure, take(line, 99.0).unsure) == (True, True)


def test_stale_news_are_taken_out_and_cards_never() -> None:
    """Nobody wants to read on Thursday what began on Monday; how it stands now they do."""
    line = line_of(card(), news("old"), news("new", at=80.0), pace=Pace(stale=60.0))
    gone = line.expire(100.0)
    assert [(posting.letter.key, posting.settled) for posting in gone] == [("old", True)]
    assert drained(line, 100.0) == ["card:web-1", "new"]
    assert line.expire(1e9) == []


def test_what_is_refused_for_ever_is_dropped() -> None:
    """The next one goes on."""
    line = line_of(news("a"), news("b"))
    line.dropped(take(line))
    assert drained(line) == ["b"]


def test_what_an_earlier_run_left_goes_on() -> None:
    """Cards are known by what they are called; what is settled is not told again."""
    line = Line(Pace())
    line.recall(Posting(card(), reference="ts-1", settled=True))
    line.recall(Posting(news("a"), unsure=True))
    delivery = take(line)
    assert (delivery.letter.key, delivery.card, delivery.unsure) == ("a", "ts-1", True)
    assert line.posting(card(at=9.0)) is line.card("web-1")
    assert line.card("web-2") is None


def test_an_empty_line_waits_for_ever() -> None:
    """There is nothing to wake up for."""
    assert (Line(Pace()).next(1.0), Line(Pace(every=1.0)).wait(1.0)) == (None, inf)


def test_the_oldest_settled_cards_are_let_go() -> None:
    """Years of deployments take no more memory than some hundred; a card that waits is never among those that go."""
    line = line_of(card("waits"))
    waiting = take(line)
    for number in range(MOST_CARDS + 20):
        line.add(line.posting(card(f"web-{number}")))
        drained(line)
    line.delayed(waiting, 0.0, "closed")
    assert line.card("waits") is not None
    assert line.card("web-0") is None
    assert line.card(f"web-{MOST_CARDS + 19}") is not None
    assert sum(line.card(f"web-{number}") is not None for number in range(MOST_CARDS + 20)) <= MOST_CARDS
