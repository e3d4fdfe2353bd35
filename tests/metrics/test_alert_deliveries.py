"""What senders deliver: read as what it is, whoever sent it."""

import asyncio
import json
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.core.alerts import Alert, Ear, Inbox, NotExpected, NotSigned, Receipt, Unreadable
from guardian.core.ports import StoreError
from guardian.core.rules import Sender
from guardian.metrics.alerts import alertmanager, sentry, zabbix
from guardian.metrics.alerts.delivery import MOST_ALERTS, MOST_LABELS, Delivery
from guardian.metrics.alerts.desk import AlertDesk, Wires
from tests.doubles import senders
from tests.doubles.senders import an_alert

NOW = 1_700_000_000.0
BEGAN = 1_699_999_990.25
SECRET = "the client secret"


def one(delivery: Delivery) -> Alert:
    """The only alert of a delivery without faults."""
    assert delivery.refused == ()
    (alert,) = delivery.alerts
    return alert


def test_an_alert_of_alertmanager() -> None:
    """Name, labels, summary on one line, link, and since when."""
    alert = one(alertmanager.read(Sender.ALERTMANAGER, senders.alertmanager(an_alert(BEGAN, env="green")), NOW))
    assert alert == Alert(
        sender=Sender.ALERTMANAGER,
        fingerprint="c6eadffa33fcdf37",
        name="HighErrors",
        labels={"alertname": "HighErrors", "service": "web", "severity": "page", "env": "green"},
        began=pytest.approx(BEGAN, abs=1e-5),
        since=pytest.approx(BEGAN, abs=1e-5),
        heard=NOW,
        summary="5% of the answers are errors",
        link="http://prometheus.example:9090/graph?g0.expr=up",
    )


def test_an_alert_that_is_resolved() -> None:
    """Each alert has its own status, whatever its group has."""
    body = senders.alertmanager(an_alert(BEGAN, fingerprint="a"), an_alert(BEGAN, fingerprint="b", resolved=True))
    found = alertmanager.read(Sender.ALERTMANAGER, body, NOW).alerts
    assert [(alert.fingerprint, alert.resolved) for alert in found] == [("a", False), ("b", True)]


def test_an_alert_of_grafana() -> None:
    """The same, with the panel to look at."""
    alert = one(alertmanager.read(Sender.GRAFANA, senders.grafana(an_alert(BEGAN)), NOW))
    assert (alert.sender, alert.name, alert.trouble) == (Sender.GRAFANA, "HighErrors", "")
    assert alert.link == "https://grafana.example/d/web?viewPanel=4"


@pytest.mark.parametrize("name", ["DatasourceError", "DatasourceNoData"])
def test_grafana_that_could_not_evaluate_accuses_no_release(name: str) -> None:
    """It fires an alert with the labels of the one that it could not evaluate: that is a source that failed."""
    alert = one(alertmanager.read(Sender.GRAFANA, senders.grafana(an_alert(BEGAN, alertname=name, rulename="Errors")), NOW))
    assert (alert.name, alert.trouble) == ("Errors", "Grafana could not evaluate Errors")
    assert not alert.accuses(0.0)


def test_a_sender_whose_clock_is_ahead_accuses_no_release() -> None:
    """What it dates into the future may have begun before the cutover: nobody knows."""
    alert = one(alertmanager.read(Sender.ALERTMANAGER, senders.alertmanager(an_alert(NOW + 60)), NOW))
    assert alert.trouble == (
        "the clock of alertmanager is 1 min ahead, so nobody knows whether its alerts began before the cutover"
    )
    assert not alert.accuses(0.0)
    slightly = one(alertmanager.read(Sender.ALERTMANAGER, senders.alertmanager(an_alert(NOW + 2)), NOW))
    assert (slightly.trouble, slightly.since) == ("", NOW)


@pytest.mark.parametrize(
    "began", ["0001-01-01T00:00:00Z", "", "yesterday", "2023-11-14T22:13:10", 5, None, "9999-12-31T23:59:59Z" * 100]
)
def test_an_alert_without_a_time_began_when_it_was_heard(began: object) -> None:
    """Go's time that is none, words, and times without their zone."""
    alert = one(alertmanager.read(Sender.ALERTMANAGER, senders.alertmanager(an_alert(BEGAN) | {"startsAt": began}), NOW))
    assert (alert.began, alert.since) == (None, NOW)


def test_an_issue_alert_of_sentry() -> None:
    """Its rule is its name, its tags and what it is about are its labels."""
    alert = one(sentry.read("event_alert", senders.sentry_issue(BEGAN, team="shop"), NOW))
    assert (alert.name, alert.summary) == ("Many errors in web", "ReferenceError: heck is not defined")
    assert alert.labels == {
        "alertname": "Many errors in web",
        "environment": "green",
        "level": "error",
        "platform": "javascript",
        "project": "1",
        "service": "web",
        "team": "shop",
    }
    assert alert.since == pytest.approx(BEGAN, abs=1e-5)
    assert alert.link.startswith("https://sentry.example/")


def test_a_metric_alert_of_sentry_ends() -> None:
    """It begins, and is resolved under the same fingerprint."""
    begin, end = (one(sentry.read("metric_alert", senders.sentry_metric(BEGAN, each), NOW)) for each in ("critical", "resolved"))
    assert (begin.name, begin.labels["level"], begin.labels["environment"]) == ("Too many errors", "critical", "green")
    assert (begin.resolved, end.resolved) == (False, True)
    assert begin.fingerprint == end.fingerprint


def test_an_issue_of_sentry_that_is_resolved_ends_its_alerts() -> None:
    """Under the beginning of their fingerprint."""
    begin, end = (
        one(sentry.read("event_alert", senders.sentry_issue(BEGAN), NOW)),
        one(sentry.read("issue", senders.sentry_resolved(), NOW)),
    )
    assert begin.fingerprint.startswith(f"{end.fingerprint} ")
    assert end.resolved


def test_other_news_of_sentry_is_no_alert() -> None:
    """Installations, comments and new issues are taken, and nothing is made of them."""
    for resource, action in (("installation", "created"), ("comment", "created"), ("issue", "created"), ("", "")):
        body = json.dumps({"action": action, "data": {"issue": {"id": "1"}}}).encode()
        assert sentry.read(resource, body, NOW) == Delivery(())


def test_an_event_of_zabbix() -> None:
    """Tags are labels; a macro that this Zabbix does not know is no time."""
    alert = one(zabbix.read(senders.zabbix(), NOW))
    assert (alert.fingerprint, alert.name, alert.resolved) == ("4711", "Too many errors on web-green-1", False)
    assert alert.labels == {
        "alertname": "Too many errors on web-green-1",
        "env": "green",
        "host": "web-green-1",
        "noted": "",
        "service": "web",
        "severity": "High",
    }
    assert (alert.began, alert.since) == (None, NOW)
    assert one(zabbix.read(senders.zabbix(began="1699999990"), NOW)).since == 1_699_999_990.0
    assert one(zabbix.read(senders.zabbix("0"), NOW)).resolved
    assert zabbix.read(b'{"heartbeat": true}', NOW) == Delivery(())


def read(sender: str, body: bytes) -> Delivery:
    """What ``sender`` delivered."""
    if sender == "sentry":
        return sentry.read("event_alert", body, NOW)
    return zabbix.read(body, NOW) if sender == "zabbix" else alertmanager.read(Sender(sender), body, NOW)


SENDERS = ["alertmanager", "grafana", "sentry", "zabbix"]
NONE = [b"", b"\0", b"{", b"[]", b"null", b'"alerts"', b"<html>", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 50_000, b'{"alerts": 1}']


@pytest.mark.parametrize("sender", SENDERS)
@pytest.mark.parametrize("body", NONE, ids=range(len(NONE)))
def test_what_is_no_delivery_is_refused_in_a_sentence(sender: str, body: bytes) -> None:
    """No JSON, JSON of another shape, and JSON that nests for ever."""
    try:
        delivery = read(sender, body)
    except Unreadable as unreadable:
        delivery = Delivery((), (str(unreadable),))
    assert delivery.alerts == ()
    assert [len(sentence) > 20 for sentence in delivery.refused] == [True]


@pytest.mark.parametrize(
    "alert",
    [
        None,
        7,
        {},
        {"status": "firing", "labels": {}},
        {"status": "broken", "labels": {}, "fingerprint": "a"},
        {"status": "firing", "labels": [], "fingerprint": "a"},
        {"status": "firing", "labels": {str(number): "x" for number in range(MOST_LABELS + 1)}, "fingerprint": "a"},
        {"status": "firing", "labels": {}, "fingerprint": 5},
    ],
)
def test_a_bad_alert_costs_no_other(alert: Any) -> None:
    """It is told, and what is good beside it is used."""
    delivery = alertmanager.read(
        Sender.ALERTMANAGER, senders.alertmanager(an_alert(BEGAN), status="firing", alerts=[alert, an_alert(BEGAN)]), NOW
    )
    assert [found.fingerprint for found in delivery.alerts] == ["c6eadffa33fcdf37"]
    assert len(delivery.refused) == 1


def test_what_is_too_long_is_cut() -> None:
    """Names, values and summaries stay small, whatever comes; names that no matcher could mean are left out."""
    huge = "x" * 100_000
    body = senders.alertmanager(
        an_alert(BEGAN, fingerprint=huge, alertname=huge, **{"\n": "a", "l\u00e4ng": "b"}) | {"annotations": {"summary": huge}}
    )
    alert = one(alertmanager.read(Sender.ALERTMANAGER, body, NOW))
    assert len(alert.fingerprint) + len(alert.name) + len(alert.summary) + len(str(alert.labels)) < 2000
    assert set(alert.labels) == {"alertname", "service", "severity"}


def test_more_alerts_than_one_delivery_may_hold_are_told() -> None:
    """Those that were cut off here, and those that Alertmanager left out itself."""
    many = [an_alert(BEGAN, fingerprint=str(number)) for number in range(MOST_ALERTS + 20)]
    delivery = alertmanager.read(Sender.ALERTMANAGER, senders.alertmanager(*many, truncatedAlerts=3), NOW)
    assert len(delivery.alerts) == MOST_ALERTS
    assert delivery.refused == ("23 alerts of this delivery were left out: let its sender group them into smaller ones",)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["firing", "resolved", "1", "0"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "alerts",
                    "status",
                    "labels",
                    "fingerprint",
                    "startsAt",
                    "annotations",
                    "data",
                    "event",
                    "tags",
                    "issue_id",
                    "value",
                    "tag",
                ]
            )
            | st.text(max_size=4),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)


@given(st.sampled_from(SENDERS), JSON)
def test_no_json_is_more_than_refused(sender: str, document: Any) -> None:
    """Whatever JSON comes is read, or refused with a sentence: nothing else is ever raised."""
    try:
        delivery = read(sender, json.dumps(document).encode())
    except Unreadable:
        return
    assert all(isinstance(value, str) for alert in delivery.alerts for value in alert.labels.values())


class Hand:
    """A clock that stands where a test has put it."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> float:
        """The time."""
        return self.at

    def monotonic(self) -> float:
        """The time."""
        return self.at


class Office:
    """A desk that notes whom it tells."""

    def __init__(self, **ears: Ear) -> None:
        self.arrived, self.kept, self.trouble = 0, list[list[Alert]](), ""
        self.inbox, self.clock = Inbox({Sender(name): ear for name, ear in ears.items()}), Hand()
        self._desk = AlertDesk(self.inbox, self.clock, Wires(self._arrived, self._keep))

    async def _arrived(self) -> None:
        self.arrived += 1

    def _keep(self, alerts: list[Alert]) -> None:
        if self.trouble:
            raise StoreError(self.trouble)
        self.kept.append(alerts)

    async def deliver(self, sender: str, body: bytes, headers: Mapping[str, str] | None = None) -> Receipt:
        """Deliver."""
        return await self._desk.deliver(sender, headers or {}, body)


async def test_what_is_new_is_acted_upon_and_kept_and_a_repeat_is_not() -> None:
    """Alertmanager delivers at least once; its cluster several times at once."""
    office = Office(alertmanager=Ear())
    body = senders.alertmanager(an_alert(BEGAN))
    assert await asyncio.gather(*(office.deliver("alertmanager", body) for _ in range(3))) == [Receipt(1)] * 3
    assert (office.arrived, len(office.kept)) == (1, 1)
    await office.deliver("alertmanager", senders.alertmanager(an_alert(BEGAN, resolved=True)))
    assert office.arrived == 2
    assert [alert.resolved for alert in office.kept[-1]] == [True]


async def test_what_cannot_be_kept_is_acted_upon_and_the_sender_tries_again() -> None:
    """A full disk stands between no alert and its rollback; whoever sent it hears that it may be lost by a restart."""
    office = Office(alertmanager=Ear())
    office.trouble = "the disk is full"
    with pytest.raises(StoreError, match="the disk is full"):
        await office.deliver("alertmanager", senders.alertmanager(an_alert(BEGAN)))
    assert office.arrived == 1
    office.trouble = ""
    await office.deliver("alertmanager", senders.alertmanager(an_alert(BEGAN)))
    assert [len(alerts) for alerts in office.kept] == [1]


@pytest.mark.parametrize("sender", ["grafana", "prometheus", "nagios", "", "../etc", "\0"])
async def test_a_sender_that_nobody_named_is_not_heard(sender: str) -> None:
    """Only those in guardian.yaml deliver; Prometheus is asked, and sends nothing."""
    office = Office(alertmanager=Ear(), prometheus=Ear())
    with pytest.raises(NotExpected, match=r"is none of the senders that guardian\.yaml names below `alerts`: `alertmanager`"):
        await office.deliver(sender, senders.alertmanager(an_alert(BEGAN)))
    assert office.inbox.alerts(NOW) == []


async def test_sentry_has_to_sign(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Without the right signature of the very body nothing is heard; the secret may change while guardian runs."""
    file = tmp_path / "secret"
    office, body = Office(sentry=Ear(secret_file=file)), senders.sentry_issue(BEGAN)
    good = senders.sentry_headers("event_alert", body, SECRET)
    with pytest.raises(NotSigned):
        await office.deliver("sentry", body, good)
    assert "the secret in" in caplog.text
    file.write_text(f"{SECRET}\n")
    forged = [
        {},
        {**good, "sentry-hook-signature": ""},
        {**good, "sentry-hook-signature": "\u00e9" * 64},
        {**good, "sentry-hook-signature": "0" * 64},
        senders.sentry_headers("event_alert", body, ""),
        senders.sentry_headers("event_alert", body, "another"),
        senders.sentry_headers("event_alert", body + b" ", SECRET),
    ]
    for headers in forged:
        with pytest.raises(NotSigned):
            await office.deliver("sentry", body, headers)
    assert office.inbox.last(Sender.SENTRY) is None
    assert await office.deliver("sentry", body, good) == Receipt(1)
    file.write_text("renewed")
    with pytest.raises(NotSigned):
        await office.deliver("sentry", body, good)
    assert SECRET not in caplog.text


async def test_a_delivery_that_is_played_again_accuses_no_later_release(tmp_path: Path) -> None:
    """Sentry's signature does not cover the time: the alert still began when it did."""
    (tmp_path / "secret").write_text(SECRET)
    office, body = Office(sentry=Ear(secret_file=tmp_path / "secret")), senders.sentry_issue(BEGAN)
    headers = senders.sentry_headers("event_alert", body, SECRET)
    await office.deliver("sentry", body, headers)
    office.clock.at += 3600
    await office.deliver("sentry", body, headers)
    assert [alert.accuses(NOW + 1800) for alert in office.inbox.alerts(office.clock.at)] == [False]


async def test_the_same_trouble_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """A sender that sends nonsense every minute fills no log."""
    caplog.set_level(logging.WARNING)
    office = Office(alertmanager=Ear())
    for _ in range(5):
        receipt = await office.deliver("alertmanager", senders.alertmanager(an_alert(BEGAN), status="firing", alerts=[{}] * 100))
        assert (receipt.taken, len(receipt.refused)) == (0, 5)
    assert len(caplog.records) == 1
    assert caplog.messages[0].endswith("is not used, and 99 more")


async def test_a_storm_stays_small_and_quick() -> None:
    """Twenty deliveries of a thousand alerts each leave two thousand, and hold up nobody for long."""
    office, longest = Office(alertmanager=Ear()), 0.0
    for turn in range(20):
        many = [an_alert(BEGAN, fingerprint=f"{turn}-{number}") for number in range(MOST_ALERTS)]
        body = senders.alertmanager(*many)
        started = time.monotonic()
        await office.deliver("alertmanager", body)
        longest = max(longest, time.monotonic() - started)
    assert len(office.inbox.alerts(NOW)) == 2000
    assert longest < 2.0
