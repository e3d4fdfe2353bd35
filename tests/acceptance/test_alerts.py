"""A real Prometheus fires a real rule, a real Alertmanager delivers it with the settings of deploy/, and guardian acts on it."""

import re
import signal
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
from prometheus_client import CollectorRegistry, Gauge, start_http_server

from guardian.core.model import Split
from tests.acceptance.conftest import BLUE, PATIENCE, Story, Tell
from tests.metrics.servers import RealAlertmanager, RealPrometheus, free_address
from tests.waiting import eventually

SETTINGS = Path(__file__).parents[2] / "deploy" / "alertmanager"
RULES = """service: web
rules:
  - name: paging
    summary: The application says so itself
    source: alerts
    match: [service="$service", 'env=~"$candidate|all"']
    every: 1s
    on_no_data: hold
"""
EXAMPLE = re.compile(r"      # An example: .*", re.DOTALL)
ALERT = """
      - alert: OrdersFail
        expr: failing_orders > 0
        labels: {service: web, severity: page}
        annotations:
          summary: '{{ $value }} orders of {{ $labels.env }} fail'
"""


class Shop:
    """An application that exports how many of its orders fail, in each environment."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._failing = Gauge("failing_orders", "Orders that fail", ["env"], registry=registry)
        self.address = free_address()
        host, port = self.address.split(":")
        self._server, self._thread = start_http_server(int(port), host, registry)
        for environment in ("blue", "green"):
            self.fail(environment, 0)

    def fail(self, environment: str, orders: int) -> None:
        """Let so many orders fail."""
        self._failing.labels(environment).set(orders)

    def close(self) -> None:
        """Export no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Monitoring:
    """Shop, Prometheus and Alertmanager, which tells a guardian whose API listens at ``address``."""

    def __init__(self, directory: Path) -> None:
        self.address, self._directory = free_address(), directory
        self.token = directory / "guardian-token"
        self.token.write_text("none yet")
        text = (SETTINGS / "alertmanager.yml").read_text()
        for theirs, ours in (
            ("https://guardian.example:8443", f"http://{self.address}"),
            ("/etc/alertmanager/guardian-token", str(self.token)),
            # No test waits for a minute.
            ("group_interval: 1m\n      repeat_interval: 1m", "group_interval: 1s\n      repeat_interval: 1s"),
            ("group_interval: 10s", "group_interval: 1s"),
        ):
            assert theirs in text
            text = text.replace(theirs, ours)
        self.shop = Shop()
        self.alertmanager = RealAlertmanager(directory, text)
        rules = EXAMPLE.sub(ALERT.lstrip("\n"), (SETTINGS / "rules.yml").read_text().replace("interval: 15s", "interval: 1s"))
        self.prometheus = RealPrometheus(directory, self.shop.address, alerting=(rules, self.alertmanager.address))

    def __enter__(self) -> Self:
        self.alertmanager.__enter__()
        self.prometheus.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.prometheus.stop()
        self.alertmanager.stop()
        self.shop.close()

    async def admit(self, story: Story) -> None:
        """Give Alertmanager a token for alerts."""
        wish = {"name": "alertmanager", "scope": "alerts", "services": [], "days": 1}
        answer = await story.client.post("/v1/tokens", json=wish)
        self.token.write_text(answer.raise_for_status().json()["token"])

    async def fires(self, environment: str) -> None:
        """Wait until Prometheus finds that orders of ``environment`` fail."""

        async def found() -> bool:
            query = f'ALERTS{{alertname="OrdersFail",alertstate="firing",env="{environment}"}}'
            async with httpx.AsyncClient() as client:
                answer = await client.get(f"{self.prometheus.url}/api/v1/query", params={"query": query})
            return bool(answer.json()["data"]["result"])

        await patiently(found)


@pytest.fixture
def monitoring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitoring]:
    """All of it, running."""
    with Monitoring(tmp_path_factory.mktemp("m")) as made:
        yield made


@pytest.fixture
async def story(tell: Tell, monitoring: Monitoring) -> Story:
    """A guardian that listens to it."""
    api = f"  tcp: {{listen: '{monitoring.address}'}}\n"
    return await tell(rules=RULES, api=api, further="alerts: {alertmanager: {heartbeat: 30s}}\n", watch="5m")


async def verdict(story: Story) -> dict[str, Any]:
    """What the rule says now; empty outside a watch."""
    verdicts = (await story.service())["verdicts"]
    return verdicts[0] if verdicts else {}


async def until(story: Story, finding: str, words: str = "", without: str = "\0") -> None:
    """Wait until the rule finds that, with these words and without those."""

    async def found() -> bool:
        said = await verdict(story)
        reason = said.get("reason", "")
        return said.get("finding") == finding and words in reason and without not in reason

    await patiently(found)


async def patiently(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for it, without asking so often that guardian minds."""
    await eventually(condition, PATIENCE, every=0.1)


async def refused(story: Story, monitoring: Monitoring) -> None:
    """Neither no token, nor a wrong one, nor that of a viewer opens the address."""
    wish = {"name": "reader", "role": "viewer", "scope": "api", "services": [], "days": 1}
    reader = (await story.client.post("/v1/tokens", json=wish)).raise_for_status().json()["token"]
    headers: list[tuple[dict[str, str], int]] = [
        ({}, 401),
        ({"authorization": "Bearer none"}, 401),
        ({"authorization": f"Bearer {reader}"}, 403),
    ]
    async with httpx.AsyncClient(base_url=f"http://{monitoring.address}") as outside:
        for header, status in headers:
            answer = await outside.post("/v1/alerts/alertmanager", content=b"{}", headers=header)
            assert answer.status_code == status


async def test_an_alert_that_fires_after_the_cutover_takes_the_release_back(story: Story, monitoring: Monitoring) -> None:
    """No data before anybody is heard, health by the heartbeat, and a breach with name, summary and link."""
    await story.switch()
    await refused(story, monitoring)
    await until(story, "no_data")
    await monitoring.admit(story)
    await until(story, "healthy", "no matching alert is firing")
    monitoring.shop.fail("green", 7)
    deployment = await story.until("rolled back")
    explained = await story.explanation(deployment["id"])
    told = explained["rules"][0]["recorded"]
    assert told["reason"] == "a matching alert is firing (OrdersFail: 7 orders of green fail)"
    assert any(link["url"].startswith("http://") for link in told["links"])
    assert explained["identical"]
    assert await story.live() == {Split.all_on(BLUE)}


async def test_an_alert_from_before_the_cutover_is_not_the_releases_fault(story: Story, monitoring: Monitoring) -> None:
    """It is told and nothing happens; when it is over and begins anew during the watch, it counts."""
    await monitoring.admit(story)
    monitoring.shop.fail("green", 3)
    await monitoring.fires("green")
    await story.switch()
    await until(story, "healthy", "OrdersFail has been firing since before the cutover")
    monitoring.shop.fail("green", 0)
    await until(story, "healthy", "no matching alert is firing", without="since before")
    monitoring.shop.fail("green", 4)
    deployment = await story.until("rolled back")
    explained = await story.explanation(deployment["id"])
    assert "4 orders of green fail" in explained["rules"][0]["recorded"]["reason"]


async def test_a_restart_forgets_no_alert_and_believes_no_silence(story: Story, monitoring: Monitoring) -> None:
    """Killed in mid-watch: alerts of before the cutover stay innocent, and until somebody is heard nothing is known."""
    await monitoring.admit(story)
    monitoring.shop.fail("green", 3)
    await monitoring.fires("green")
    await story.switch()
    await until(story, "healthy", "since before the cutover")
    monitoring.alertmanager.stop()
    await story.stage.guardian.end(signal.SIGKILL)
    await story.restart_guardian()
    await until(story, "no_data", "nothing was heard yet")
    monitoring.alertmanager.__enter__()
    await until(story, "healthy", "since before the cutover")


@pytest.mark.long
async def test_a_dead_alertmanager_is_a_source_that_failed(tell: Tell, monitoring: Monitoring) -> None:
    """Its silence is told, accuses nobody, and leaves the watch unverified."""
    api = f"  tcp: {{listen: '{monitoring.address}'}}\n"
    story = await tell(rules=RULES, api=api, further="alerts: {alertmanager: {heartbeat: 4s}}\n", watch="15s")
    await monitoring.admit(story)
    await story.switch()
    await until(story, "healthy")
    monitoring.alertmanager.stop()
    await until(story, "failed", "alertmanager was last heard")
    deployment = await story.until("unverified")
    assert deployment["rollback"] is None
