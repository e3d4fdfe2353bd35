"""The inbox: each alert once, however often and in whatever order it is told, and silence that proves nothing."""

from collections.abc import Sequence
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.core.alerts import Alert, Ear, Hearing, Inbox, firing, fitting
from guardian.core.matchers import Matcher
from guardian.core.rules import Sender

CUTOVER = 1000.0
AM = Sender.ALERTMANAGER
EARS = {AM: Ear(heartbeat=60.0, expires=300.0), Sender.SENTRY: Ear(expires=100.0), Sender.ZABBIX: Ear(expires=100.0)}


def alert(began: float | None, heard: float, *, resolved: bool = False, **changes: object) -> Alert:
    """One message about an alert."""
    since = heard if began is None else min(began, heard)
    given: dict[str, object] = {"sender": AM, "fingerprint": "f", "name": "HighErrors", "labels": {"service": "web"}}
    return Alert(**(given | {"began": began, "since": since, "heard": heard, "resolved": resolved} | changes))  # type: ignore[arg-type]


def told(messages: Sequence[Alert], inbox: Inbox | None = None) -> Inbox:
    """An inbox that heard ``messages``."""
    inbox = inbox or Inbox(EARS)
    for message in messages:
        inbox.take(message.sender, [message], message.heard)
    return inbox


def accusing(inbox: Inbox, at: float) -> list[str]:
    """The fingerprints of what accuses a release of :data:`CUTOVER`."""
    return [found.fingerprint for found in inbox.alerts(at) if found.accuses(CUTOVER)]


def test_the_same_alert_is_one_however_often_it_is_told() -> None:
    """A repeat changes nothing, and says so."""
    inbox = Inbox(EARS)
    assert inbox.take(AM, [alert(1010, 1015)], 1015)
    assert not inbox.take(AM, [alert(1010, 1030)], 1030)
    assert accusing(inbox, 1031) == ["f"]


def test_what_fired_before_the_cutover_accuses_nobody_after_it() -> None:
    """By the sender's clock, and by when it was first heard, whichever is earlier."""
    assert accusing(told([alert(999.9, 1020)]), 1020) == []
    assert accusing(told([alert(1000, 1020)]), 1020) == []
    assert accusing(told([alert(1000.1, 1020)]), 1020) == ["f"]
    assert accusing(told([alert(None, 990), alert(None, 1020)]), 1020) == []
    assert accusing(told([alert(1010, 990), alert(1010, 1020)]), 1020) == []  # a clock that is ahead


def test_an_alert_that_fires_again_is_a_new_one() -> None:
    """Resolved and begun anew after the cutover: the release may well be at fault."""
    before = [alert(900, 905), alert(900, 1005, resolved=True)]
    assert accusing(told([*before, alert(1010, 1015)]), 1016) == ["f"]
    before = [alert(None, 905), alert(None, 1005, resolved=True)]
    assert accusing(told([*before, alert(None, 1015)]), 1016) == ["f"]


def test_resolved_is_resolved() -> None:
    """An older message that arrives late, or is played again, revives nothing."""
    inbox = told([alert(1010, 1015), alert(1010, 1020, resolved=True), alert(1010, 1025)])
    assert accusing(inbox, 1026) == []
    assert accusing(told([alert(1010, 1030)], inbox), 1031) == []
    assert accusing(told([alert(1009, 1032)], inbox), 1033) == []


def test_an_end_that_is_heard_before_its_beginning_is_the_end() -> None:
    """Deliveries overtake one another."""
    assert accusing(told([alert(1010, 1020, resolved=True), alert(1010, 1021)]), 1022) == []


def test_a_late_end_of_an_earlier_time_ends_nothing() -> None:
    """The alert has fired anew meanwhile."""
    assert accusing(told([alert(1020, 1025), alert(1010, 1030, resolved=True)]), 1031) == ["f"]


def test_an_end_that_says_little_is_the_end_of_all_that_it_means() -> None:
    """Sentry resolves an issue, not the alerts about it; another issue whose number begins alike goes on."""
    names = ("issue 12 a", "issue 12 b", "issue 123 a")
    alerts = [alert(1010, 1015, sender=Sender.SENTRY, fingerprint=name) for name in names]
    end = alert(None, 1020, resolved=True, sender=Sender.SENTRY, fingerprint="issue 12", labels={})
    inbox = told([*alerts, end])
    assert accusing(inbox, 1021) == ["issue 123 a"]
    assert {found.name for found in inbox.alerts(1021)} == {"HighErrors"}


def test_what_nobody_tells_of_any_more_is_forgotten() -> None:
    """An alert that was never resolved does not accuse the releases of next month; one that is repeated stays."""
    inbox = told([alert(1010, 1015), alert(1011, 1015, fingerprint="g")])
    told([alert(1010, 1290)], inbox)
    assert accusing(inbox, 1315) == ["f"]
    assert accusing(inbox, 1591) == []


def test_it_is_bounded() -> None:
    """A storm pushes out what was heard longest ago."""
    inbox = Inbox(EARS, most=10)
    told([alert(1010, 1015 + number, fingerprint=str(number)) for number in range(100)], inbox)
    assert accusing(inbox, 1116) == [str(number) for number in range(90, 100)]


def test_what_is_kept_is_known_after_a_restart_and_nobody_was_heard() -> None:
    """Alerts stay; silence has to be believed anew; senders that are no longer named are forgotten."""
    kept = [*told([alert(1010, 1015)]).alerts(1016), alert(1010, 1015, sender=Sender.GRAFANA)]
    inbox = Inbox(EARS, kept)
    assert accusing(inbox, 1017) == ["f"]
    assert inbox.hearing(AM, 1017) is Hearing.UNKNOWN
    assert accusing(told([alert(1010, 1018, resolved=True)], inbox), 1019) == []


def test_silence_is_believed_only_of_who_is_heard() -> None:
    """Never heard, heard, silent; and without a heartbeat nothing is ever known."""
    inbox = Inbox(EARS)
    assert inbox.hearing(AM, 1000) is Hearing.UNKNOWN
    inbox.take(AM, [], 1000)
    assert inbox.hearing(AM, 1060) is Hearing.AWAKE
    assert inbox.hearing(AM, 1060.1) is Hearing.SILENT
    inbox.take(Sender.ZABBIX, [], 1000)
    assert inbox.hearing(Sender.ZABBIX, 1001) is Hearing.UNKNOWN


def test_only_alerts_that_fulfil_every_condition_fit() -> None:
    """The one that began first comes first."""
    alerts = [alert(1012, 1015, name="b"), alert(1011, 1015, name="a"), alert(1010, 1015, labels={"service": "shop"})]
    assert [found.name for found in fitting(alerts, [Matcher.of('service="web"'), Matcher.of('x=""')])] == ["a", "b"]
    assert fitting(alerts, [Matcher.of('service="web"'), Matcher.of('x!=""')]) == []


def test_the_question_to_prometheus_leaves_out_what_fired_before() -> None:
    """One selector, twice: now, and at the cutover."""
    selector = 'ALERTS{alertstate="firing",a="\\"b\\"",c=~"d|e"}'
    assert firing([Matcher.of('a="\\"b\\""'), Matcher.of('c=~"d|e"')], 1000.5) == f"{selector} unless {selector} @ 1000.500"


LIFE = [(1010.0, False), (1010.0, True), (1050.0, False), (1050.0, True), (1090.0, False)]


@pytest.mark.parametrize("length", range(1, len(LIFE) + 1))
def test_the_order_of_messages_does_not_matter(length: int) -> None:
    """Whatever way the messages about an alert arrive, its last word counts."""
    began, resolved = LIFE[length - 1]
    for order in permutations(LIFE[:length]):
        messages = [alert(start, 1100.0 + number, resolved=end) for number, (start, end) in enumerate(order)]
        (known,) = told(messages).alerts(1110)
        assert (known.began, known.resolved) == (began, resolved), order


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([None, 990.0, 1005.0, 1020.0]), st.booleans()), max_size=12))
def test_nothing_that_began_before_ever_accuses(messages: list[tuple[str, float | None, bool]]) -> None:
    """Whatever is told in whatever order: an alert accuses only if some message said that it fires and began after the cutover."""
    inbox = Inbox(EARS)
    for number, (fingerprint, began, resolved) in enumerate(messages):
        told([alert(began, 1030.0 + number, resolved=resolved, fingerprint=fingerprint)], inbox)
    for fingerprint in accusing(inbox, 1050):
        assert any(each == fingerprint and not resolved and (began or 1030) > CUTOVER for each, began, resolved in messages)
