"""Rules of ``source: alerts``: what is delivered, what a real Prometheus has fired, and silence."""

import math
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from guardian.core.access import Access
from guardian.core.alerts import Alert, Ear, Inbox
from guardian.core.judges import judge_for
from guardian.core.judges.trial import Trial
from guardian.core.model import Environment
from guardian.core.ports import Reading, SourceError
from guardian.core.readings import History
from guardian.core.rules import Alerts, Direction, Lack, Rule, Sender, Source, Threshold
from guardian.core.verdicts import Finding
from guardian.metrics.alerts.source import AlertsSource
from guardian.metrics.source import PrometheusSource
from tests.metrics.servers import RealPrometheus

SINCE = 1_700_000_000.0
TRIAL = Trial(Environment.GREEN, SINCE, 600.0, 0.05, shared=False, history=History())
AM, GRAFANA, PROMETHEUS = Sender.ALERTMANAGER, Sender.GRAFANA, Sender.PROMETHEUS
MATCH = ('service="$service"', 'env=~"$candidate|all"')


def rule(*senders: Sender, match: tuple[str, ...] = MATCH) -> Rule:
    """A rule that waits for alerts about the candidate."""
    return Rule("paging", "An alert fires", Source.ALERTS, Alerts(match, senders), Threshold(Direction.ABOVE, 0.0), Lack.HOLD)


def alert(began: float, name: str = "HighErrors", **changes: object) -> Alert:
    """An alert about green."""
    given: dict[str, object] = {"sender": AM, "fingerprint": name, "labels": {"service": "web", "env": "green"}, "heard": began}
    return Alert(**(given | {"name": name, "began": began, "since": began} | changes))  # type: ignore[arg-type]


class Bench:
    """A source whose inbox hears what a test delivers."""

    def __init__(self, **ears: Ear) -> None:
        self.inbox = Inbox({Sender(name): ear for name, ear in ears.items()})
        self.source = AlertsSource(self.inbox)

    def hear(self, at: float, *alerts: Alert, sender: Sender = AM) -> None:
        """Deliver."""
        self.inbox.take(sender, alerts, SINCE + at)

    async def read(self, at: float, *senders: Sender, trial: Trial = TRIAL) -> Reading | None:
        """Ask."""
        return await self.source.read("web", rule(*senders), trial, SINCE + at)


@pytest.fixture
def bench() -> Bench:
    """Alertmanager, with a heartbeat every minute."""
    return Bench(alertmanager=Ear(heartbeat=60.0))


async def test_a_firing_alert_is_a_breach_with_name_summary_and_link(bench: Bench) -> None:
    """And the verdict says so."""
    bench.hear(10, alert(SINCE + 9, summary="5% are errors", link="http://graph.example/1"), alert(SINCE + 10, "Slow"))
    reading = await bench.read(11)
    assert reading == Reading(2.0, "HighErrors: 5% are errors, and 1 more", "http://graph.example/1")
    judge = judge_for(rule(), TRIAL)
    judge.hear(reading.said, reading.link)
    judge.feed(SINCE + 11, 15.0, (reading.value,))
    verdict = judge.verdict()
    assert verdict.finding is Finding.BREACHED
    assert verdict.reason == "2 matching alerts are firing (HighErrors: 5% are errors, and 1 more)"
    assert [link.url for link in verdict.links] == ["http://graph.example/1"]


async def test_silence_of_who_is_heard_is_health(bench: Bench) -> None:
    """A heartbeat, and no alert."""
    bench.hear(10)
    assert await bench.read(30) == Reading(0.0)


async def test_an_alert_from_before_the_cutover_is_told_and_accuses_nobody(bench: Bench) -> None:
    """Invariant 7, whenever it was delivered; the other environment may well be at fault."""
    bench.hear(-5, alert(SINCE - 10))
    bench.hear(20, alert(SINCE - 1, "Slow"))
    assert await bench.read(30) == Reading(0.0, "HighErrors and 1 more have been firing since before the cutover")


@pytest.mark.parametrize(
    "labels",
    [
        {},
        {"service": "web"},
        {"service": "shop", "env": "green"},
        {"service": "web", "env": "blue"},
        {"service": "web", "env": "greenish"},
    ],
)
async def test_alerts_about_something_else_do_not_count(bench: Bench, labels: dict[str, str]) -> None:
    """Another service, the other environment, or no label at all."""
    bench.hear(10, alert(SINCE + 9, labels=labels))
    assert await bench.read(11) == Reading(0.0)


async def test_resolved_alerts_do_not_count(bench: Bench) -> None:
    """And leave no trace in the verdict."""
    bench.hear(10, alert(SINCE + 9))
    bench.hear(20, alert(SINCE + 9, resolved=True))
    assert await bench.read(21) == Reading(0.0)


async def test_who_was_never_heard_is_no_data(bench: Bench) -> None:
    """After a start nothing is known, whatever was known before."""
    assert await bench.read(30) is None


async def test_who_fell_silent_is_a_source_that_failed(bench: Bench) -> None:
    """A dead Alertmanager fires no alert; it is not taken for a good release, and not for a bad one."""
    bench.hear(10)
    with pytest.raises(SourceError, match=r"^alertmanager was last heard 1 min 10 s ago, and is to be heard every 1 min$"):
        await bench.read(80)


async def test_an_alert_counts_even_if_its_sender_fell_silent(bench: Bench) -> None:
    """What was said was said."""
    bench.hear(10, alert(SINCE + 9))
    reading = await bench.read(300)
    assert reading is not None
    assert reading.value == 1.0


async def test_without_a_heartbeat_silence_proves_nothing() -> None:
    """It never is more than no data; an alert is a breach as ever."""
    bench = Bench(alertmanager=Ear())
    bench.hear(10)
    assert await bench.read(11) is None
    bench.hear(12, alert(SINCE + 11))
    assert await bench.read(13) == Reading(1.0, "HighErrors")


async def test_every_sender_that_counts_has_to_be_heard() -> None:
    """A rule that names whose alerts count depends on no other."""
    bench = Bench(alertmanager=Ear(heartbeat=60.0), grafana=Ear(heartbeat=60.0))
    bench.hear(10)
    assert await bench.read(11) is None
    assert await bench.read(11, AM) == Reading(0.0)
    bench.hear(12, sender=GRAFANA)
    assert await bench.read(13) == Reading(0.0)
    bench.hear(14, alert(SINCE + 13, sender=GRAFANA), sender=GRAFANA)
    assert await bench.read(15) == Reading(1.0, "HighErrors")
    assert await bench.read(15, AM) == Reading(0.0)


async def test_what_could_not_be_evaluated_is_a_source_that_failed(bench: Bench) -> None:
    """And an alert beside it is a breach all the same."""
    bench.hear(10, alert(SINCE + 9, "Errors", trouble="Grafana could not evaluate Errors"))
    with pytest.raises(SourceError, match=r"^Grafana could not evaluate Errors$"):
        await bench.read(11)
    bench.hear(12, alert(SINCE + 11))
    assert await bench.read(13) == Reading(1.0, "HighErrors")


# Alerts that a Prometheus is asked for.


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, float]]:
    """A Prometheus that remembers alerts around a cutover, and when that was.

    ``Old`` fires all along; ``New`` from 30 s after the cutover; ``Pending`` never fires; each of them about green, and ``Blue``
    about blue.
    """
    cutover = math.floor(time.time()) - 900
    lives = {'Old",env="green': -300, 'New",env="green': 30, 'Blue",env="blue': 30}
    samples = [
        f'ALERTS{{alertname="{name}",alertstate="firing",service="web"}} 1 {cutover + at}'
        for name, start in lives.items()
        for at in range(start, 600, 10)
    ]
    pending = [
        f'ALERTS{{alertname="Pending",alertstate="pending",env="green",service="web"}} 1 {cutover + at}' for at in range(0, 600, 10)
    ]
    server = RealPrometheus(tmp_path_factory.mktemp("alerts"))
    server.backfill("\n".join(("# TYPE ALERTS gauge", *samples, *pending, "# EOF", "")))
    with server:
        yield server.url, float(cutover)


@pytest.fixture
async def asked(past: tuple[str, float]) -> AsyncIterator[tuple[AlertsSource, Trial]]:
    """A source that asks it, and the trial."""
    url, cutover = past
    prometheus = PrometheusSource(Access(url, timeout=10.0))
    yield (
        AlertsSource(Inbox({PROMETHEUS: Ear(), AM: Ear(heartbeat=60.0)}), prometheus),
        Trial(Environment.GREEN, cutover, 600.0, 0.05, shared=False, history=History()),
    )
    await prometheus.aclose()


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (5, Reading(0.0)),
        (29, Reading(0.0)),
        (30, Reading(1.0, "New")),
        (100, Reading(1.0, "New")),
    ],
)
async def test_alerts_of_a_prometheus_count_from_their_first_evaluation(
    asked: tuple[AlertsSource, Trial], after: float, expected: Reading
) -> None:
    """What fires and did not at the cutover; what was pending or is about the other environment does not count."""
    source, trial = asked
    assert await source.read("web", rule(PROMETHEUS), trial, trial.since + after) == expected


async def test_a_prometheus_that_does_not_answer_is_a_source_that_failed(tmp_path: Path) -> None:
    """And nothing is known of what it would have fired; an alert that was delivered counts nevertheless."""
    prometheus = PrometheusSource(Access("http://127.0.0.1:1", timeout=2.0))
    inbox = Inbox({PROMETHEUS: Ear(), AM: Ear()})
    source = AlertsSource(inbox, prometheus)
    with pytest.raises(SourceError, match="does not answer"):
        await source.read("web", rule(), TRIAL, SINCE + 10)
    inbox.take(AM, [alert(SINCE + 9)], SINCE + 10)
    assert await source.read("web", rule(), TRIAL, SINCE + 11) == Reading(1.0, "HighErrors")
    await prometheus.aclose()
