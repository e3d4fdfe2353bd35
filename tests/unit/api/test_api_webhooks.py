"""The addresses that alerts are sent to."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from guardian.api.server import application
from guardian.api.webhooks import LARGEST_DELIVERY
from guardian.app.codec import alert_from_record, alert_to_record
from guardian.core.alerts import Alert, Ear, Inbox
from guardian.core.ports import StoreError
from guardian.core.rules import Sender
from guardian.metrics.alerts.desk import AlertDesk, Wires
from tests.doubles import senders
from tests.doubles.house import House, client_of
from tests.doubles.senders import an_alert

SECRET = "the client secret"


class Office:
    """A guardian that listens to Alertmanager and Sentry."""

    def __init__(self, directory: Path) -> None:
        (directory / "secret").write_text(SECRET)
        self.house, self.trouble, self.kept = House(), "", list[Alert]()
        self.inbox = Inbox({Sender.ALERTMANAGER: Ear(), Sender.SENTRY: Ear(secret_file=directory / "secret")})
        self.desk = AlertDesk(self.inbox, self.house.clock, Wires(self._arrived, self._keep))

    async def _arrived(self) -> None:
        """Nobody waits."""

    def _keep(self, alerts: list[Alert]) -> None:
        if self.trouble:
            raise StoreError(self.trouble)
        self.kept = alerts


@pytest.fixture
async def office(tmp_path: Path, socket: Path) -> AsyncIterator[Office]:
    """One, with its API."""
    office = Office(tmp_path)
    async with office.house.open(socket, app=application(office.house.orders, office.house.gauges, deliveries=office.desk)):
        yield office


@pytest.fixture
async def sender(socket: Path, office: Office) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who sends alerts."""
    async with client_of(socket) as client:
        yield client


async def test_a_delivery_is_taken(office: Office, sender: httpx.AsyncClient) -> None:
    """The answer comes when it is kept, and says how many alerts were in it and which are not used."""
    began = office.house.clock.now()
    body = senders.alertmanager(an_alert(began), status="firing", alerts=[an_alert(began), {}])
    answer = await sender.post("/v1/alerts/alertmanager", content=body)
    assert (answer.status_code, answer.json()) == (
        200,
        {"taken": 1, "refused": ["an alert without status, labels or fingerprint is not used"]},
    )
    assert [alert.name for alert in office.kept] == ["HighErrors"]


@pytest.mark.parametrize(
    ("address", "status", "detail"),
    [
        ("grafana", 404, "`grafana` is none of the senders that guardian.yaml names below `alerts`: `alertmanager` or `sentry`"),
        ("sentry", 401, "the signature is not that of the secret in guardian.yaml, or there is none"),
        ("alertmanager", 422, "the body is not JSON; send what the ready-made settings in deploy/ send"),
    ],
)
async def test_what_is_not_taken_is_told(office: Office, sender: httpx.AsyncClient, address: str, status: int, detail: str) -> None:
    """A sender that nobody named, one that has not signed, and one that sends something else."""
    answer = await sender.post(f"/v1/alerts/{address}", content=b"alerts")
    assert (answer.status_code, detail in answer.json()["detail"]) == (status, True)
    assert office.inbox.alerts(office.house.clock.now()) == []


async def test_sentry_signs(office: Office, sender: httpx.AsyncClient) -> None:
    """The signature is over the bytes of the body."""
    body = senders.sentry_issue(office.house.clock.now())
    headers = senders.sentry_headers("event_alert", body, SECRET)
    assert (await sender.post("/v1/alerts/sentry", content=body, headers=headers)).status_code == 200
    assert (await sender.post("/v1/alerts/sentry", content=body.replace(b"error", b"fatal"), headers=headers)).status_code == 401
    assert [alert.labels["level"] for alert in office.kept] == ["error"]


async def test_what_cannot_be_kept_is_to_be_sent_again(office: Office, sender: httpx.AsyncClient) -> None:
    """503 makes Alertmanager try again."""
    office.trouble = "the disk is full"
    answer = await sender.post("/v1/alerts/alertmanager", content=senders.alertmanager(an_alert(office.house.clock.now())))
    assert (answer.status_code, answer.json()["detail"]) == (503, "the disk is full")


async def test_a_delivery_may_be_large_and_not_larger(office: Office, sender: httpx.AsyncClient) -> None:
    """Hundreds of alerts fit; what is too large is not read, with its length announced or not."""
    began = office.house.clock.now()
    many = [an_alert(began, fingerprint=str(number), note="x" * 200) for number in range(800)]
    assert LARGEST_DELIVERY * 0.8 < len(senders.alertmanager(*many)) < LARGEST_DELIVERY
    answer = await sender.post("/v1/alerts/alertmanager", content=senders.alertmanager(*many))
    assert (answer.status_code, answer.json()["taken"]) == (200, 800)
    huge = json.dumps({"alerts": ["x" * LARGEST_DELIVERY]}).encode()

    async def parts() -> AsyncIterator[bytes]:
        for start in range(0, len(huge), 65536):
            yield huge[start : start + 65536]

    assert (await sender.post("/v1/alerts/alertmanager", content=huge)).status_code == 413
    assert (await sender.post("/v1/alerts/alertmanager", content=parts())).status_code == 413


async def test_a_compressed_body_is_not_unpacked(office: Office, sender: httpx.AsyncClient) -> None:
    """A small body that becomes a huge one is just not JSON."""
    bomb = gzip.compress(b" " * 10_000_000)
    answer = await sender.post("/v1/alerts/alertmanager", content=bomb, headers={"content-encoding": "gzip"})
    assert answer.status_code == 422


async def test_a_storm_of_deliveries_leaves_the_api_answering(office: Office, sender: httpx.AsyncClient) -> None:
    """A hundred at once; questions are answered between them, and each alert is there once."""
    began = office.house.clock.now()
    body = senders.alertmanager(*(an_alert(began, fingerprint=str(number)) for number in range(100)))
    deliveries = asyncio.gather(*(sender.post("/v1/alerts/alertmanager", content=body) for _ in range(100)))
    assert (await sender.get("/v1/services")).status_code == 200
    assert {answer.status_code for answer in await deliveries} == {200}
    assert len(office.inbox.alerts(office.house.clock.now())) == 100


async def test_a_guardian_that_listens_to_nobody_says_so(client: httpx.AsyncClient) -> None:
    """Without `alerts` in guardian.yaml every address is unknown."""
    answer = await client.post("/v1/alerts/alertmanager", content=b"{}")
    assert (answer.status_code, "guardian.yaml names below `alerts`: nobody" in answer.json()["detail"]) == (404, True)


async def test_what_was_heard_can_be_seen(office: Office, sender: httpx.AsyncClient) -> None:
    """Who was heard when, and each alert; halves of characters and what else JSON can spell do no harm."""
    began = office.house.clock.now()
    nothing = (await sender.get("/v1/alerts")).json()
    assert nothing["alerts"] == []
    assert [(each["sender"], each["hearing"], each["last"]) for each in nothing["senders"]] == [
        ("alertmanager", "unknown", None),
        ("sentry", "unknown", None),
    ]
    odd = an_alert(began, fingerprint="\ud83d", alertname="a\x00\ud83d", note="\udc00")
    answer = await sender.post("/v1/alerts/alertmanager", content=senders.alertmanager(odd))
    assert (answer.status_code, answer.json()["taken"]) == (200, 1)
    heard = (await sender.get("/v1/alerts")).json()
    assert heard["senders"][0]["last"] >= began
    (alert,) = heard["alerts"]
    assert (alert["fingerprint"], alert["labels"]["note"], alert["resolved"]) == ("\\ud83d", "?", False)
    assert alert_from_record(alert_to_record(office.kept[0])) == office.kept[0]
