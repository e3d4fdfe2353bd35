"""Servers that answer in drops, for ever: no time-out for a read ever fires, and every call ends all the same."""

import asyncio
import logging
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from guardian.core.channels import Grafana, Webhook
from guardian.core.letters import Kind, Letter
from guardian.core.rules import Severity
from guardian.core.sending import Dispatch, Later
from guardian.core.sentry import SentryReleases, SentrySettings
from guardian.senders import sentry as sentry_module
from guardian.senders import webhook as webhook_module
from guardian.senders.grafana import GrafanaSender
from guardian.senders.releases import ReleaseSender
from guardian.senders.sentry import Sentry
from guardian.senders.webhook import WebhookSender
from tests.doubles.prometheus import Behaviour, StandIn, answer, trickle
from tests.doubles.sentry import SentryStandIn
from tests.waiting import eventually

TIMEOUT, GRACE = 0.5, 0.1
LONG = 10.0
"""Seconds that no call takes which ends by its deadline, on a busy host either; drops would come for ever."""
DISPATCH = Dispatch(Letter("c", "card:web-7", Kind.CARD, 0.0, "web", "web-7", "watching", Severity.INFO))
RECORD = {"id": "web-7", "version": "4.2", "requested_at": 1_700_000_000.0, "cutover_at": 1_700_000_060.5}
NOTHING = trickle(b"HTTP/1.", b"1")
HEAD = trickle(b"HTTP/1.1 200 OK\r\nX-Slow: ")
LINES = trickle(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", 0.2)
BODY = trickle(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n{")
CHUNKS = trickle(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing leaves this host; and nobody waits for long."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(webhook_module, "GRACE", GRACE)


def webhook(url: str, _token: Path) -> WebhookSender:
    """Letters to a webhook."""
    return WebhookSender(Webhook(url=url, timeout=TIMEOUT))


def grafana(url: str, token: Path) -> GrafanaSender:
    """Annotations."""
    return GrafanaSender(Grafana(url, token, timeout=TIMEOUT), lambda _: RECORD)


def releases(url: str, token: Path) -> ReleaseSender:
    """Releases."""
    settings = SentryReleases(url, "acme", token, {"web": "shop"}, timeout=TIMEOUT)
    return ReleaseSender(SentrySettings(None, releases=settings), lambda _: RECORD)


@pytest.mark.parametrize(
    ("make", "behave"),
    [*product((webhook, grafana, releases), (NOTHING, HEAD, LINES)), *product((grafana, releases), (BODY, CHUNKS))],
)
async def test_an_answer_in_drops_is_doubt_by_the_deadline(
    make: Callable[[str, Path], Any], behave: Behaviour, tmp_path: Path
) -> None:
    """The letter is tried again later, as after silence, and the connection is free."""
    (tmp_path / "token").write_text("word")
    async with StandIn(behave) as server:
        sender = make(server.url, tmp_path / "token")
        async with asyncio.timeout(LONG):
            with pytest.raises(Later) as later:
                await sender.deliver(DISPATCH)
        assert later.value.unsure
        await eventually(lambda: nobody(server))
        await sender.aclose()


@pytest.mark.parametrize("behave", [BODY, CHUNKS], ids=["body", "chunks"])
async def test_the_body_of_a_webhooks_answer_is_not_waited_for(behave: Behaviour) -> None:
    """The status says all."""
    async with StandIn(behave) as server:
        sender = WebhookSender(Webhook(url=server.url, timeout=LONG))
        async with asyncio.timeout(LONG):
            assert await sender.deliver(DISPATCH) == ""
        await eventually(lambda: nobody(server))
        await sender.aclose()


async def nobody(server: StandIn) -> bool:
    """Whether no connection is left."""
    return not server.connected


async def test_after_the_drops_a_letter_arrives(tmp_path: Path) -> None:
    """By the same sender."""
    async with StandIn(HEAD) as server:
        sender = webhook(server.url, tmp_path)
        with pytest.raises(Later):
            await sender.deliver(DISPATCH)
        server.behave = answer(b"", "204 No Content")
        assert await sender.deliver(DISPATCH) == ""
        await sender.aclose()


@pytest.mark.parametrize("behave", [NOTHING, HEAD, BODY, CHUNKS], ids=["nothing", "head", "body", "chunks"])
async def test_guardians_own_errors_are_told_after_the_drops(
    behave: Behaviour, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK has one thread for all that is told: it is free again, and what comes next arrives."""
    monkeypatch.setattr(sentry_module, "SENDING_SECONDS", 0.3)
    logger = logging.getLogger("guardian.somewhere")
    async with SentryStandIn(behave) as server:
        (tmp_path / "dsn").write_text(server.dsn)
        async with Sentry(SentrySettings(tmp_path / "dsn")):
            logger.error("in drops")

            async def asked() -> bool:
                return bool(server.server.requests)

            await eventually(asked)
            server.fault = None
            logger.error("well again")

            async def told() -> bool:
                return "well again" in [event["logentry"]["message"] for event in server.of("event")]

            await eventually(told)
