"""Letters to a webhook: what is posted, and what its answers mean."""

import json
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path

import pytest

from guardian.core.channels import Webhook
from guardian.core.letters import Kind, Letter
from guardian.core.rules import Link, Severity
from guardian.core.sending import Dispatch, Later, Never
from guardian.senders import webhook
from guardian.senders.webhook import LONGEST_WAIT, REPAIR_SECONDS, WebhookSender, secret
from tests.doubles.prometheus import Behaviour, HangUp, Reset, StandIn, answer, broken_off, flood, hang

LETTER = Letter(
    channel="hook",
    key="k-1",
    kind=Kind.NEWS,
    at=1700000000.5,
    service="web",
    deployment="web-7",
    phase="rolled back",
    severity=Severity.CRITICAL,
    sentence="web-7: rolled back: 5.2 % > 1 % „zu viel“",
    links=(Link("runbook", "https://example.org/r"),),
)
SECRET = "s3cret-word"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing leaves this host."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@asynccontextmanager
async def hooked(behave: Behaviour, **more: object) -> AsyncIterator[tuple[StandIn, WebhookSender]]:
    """A server that behaves so, and the sender of letters to it."""
    async with StandIn(behave) as server:
        given: dict[str, object] = {"url": f"{server.url}/hook?team=ops", "timeout": 5.0}
        sender = WebhookSender(Webhook(**(given | more)))  # type: ignore[arg-type]
        try:
            yield server, sender
        finally:
            await sender.aclose()


async def refused(behave: Behaviour, **more: object) -> Later:
    """How the sender understands a server that behaves so."""
    async with hooked(behave, **more) as (_, sender):
        with pytest.raises(Later) as failure:
            await sender.deliver(Dispatch(LETTER))
    return failure.value


async def test_a_letter_is_posted_with_its_key() -> None:
    """All of it, as JSON; the key is in a header, too, so that a server can tell a repetition."""
    async with hooked(answer(b"", "204 No Content")) as (server, sender):
        assert await sender.deliver(Dispatch(LETTER)) == ""
    (request,) = server.requests
    assert (request.method, request.target) == ("POST", "/hook?team=ops")
    assert (request.headers["idempotency-key"], request.headers["content-type"]) == ("k-1", "application/json")
    assert json.loads(request.body) == {
        "id": "k-1",
        "kind": "news",
        "at": 1700000000.5,
        "service": "web",
        "deployment": "web-7",
        "phase": "rolled back",
        "severity": "critical",
        "text": "web-7: rolled back: 5.2 % > 1 % „zu viel“",
        "links": [{"title": "runbook", "url": "https://example.org/r"}],
    }


async def test_the_token_is_read_for_every_letter(tmp_path: Path) -> None:
    """It may change while guardian runs."""
    token = tmp_path / "token"
    async with hooked(answer(b"", "200 OK"), token_file=token) as (server, sender):
        for word in ("first", "second"):
            token.write_text(f"{word}\n")
            await sender.deliver(Dispatch(LETTER))
    assert [request.headers["authorization"] for request in server.requests] == ["Bearer first", "Bearer second"]


async def test_the_address_may_be_the_secret(tmp_path: Path) -> None:
    """Then it stands in a file of its own, and in no message."""
    address = tmp_path / "url"
    async with StandIn(answer(b"", "404 Not Found")) as server:
        address.write_text(f"{server.url}/{SECRET}\n")
        sender = WebhookSender(Webhook(url_file=address))
        with pytest.raises(Later) as failure:
            await sender.deliver(Dispatch(LETTER))
        await sender.aclose()
    assert server.requests[0].target == f"/{SECRET}"
    assert SECRET not in str(failure.value)


@pytest.mark.parametrize("content", [None, "", "two words", "ftp://example.org", "https://", "naïve", "\x00"])
async def test_a_file_without_an_address_is_a_sentence(tmp_path: Path, content: str | None) -> None:
    """It is tried again now and then: somebody will mend it."""
    address = tmp_path / "url"
    if content is not None:
        address.write_text(content)
    sender = WebhookSender(Webhook(url_file=address))
    with pytest.raises(Later, match="url") as failure:
        await sender.deliver(Dispatch(LETTER))
    await sender.aclose()
    assert failure.value.after == REPAIR_SECONDS


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("17", 17.0, 17.0),
        ("0", 0.0, 0.0),
        ("999999999", LONGEST_WAIT, LONGEST_WAIT),
        (formatdate(4102444800, usegmt=True), LONGEST_WAIT, LONGEST_WAIT),
        (formatdate(0, usegmt=True), 0.0, 0.0),
    ],
)
async def test_retry_after_is_understood(header: str, least: float, most: float) -> None:
    """In seconds and as a date, and not for longer than an hour."""
    later = await refused(answer(b"", "429 Too Many Requests", f"Retry-After: {header}"))
    assert later.after is not None
    assert least <= later.after <= most
    assert not later.unsure


@pytest.mark.parametrize("header", ["soon", "-1", "1.5e3", "", "Mon, 99 Nov"])
async def test_a_retry_after_that_says_nothing_is_overlooked(header: str) -> None:
    """The usual pauses serve."""
    assert (await refused(answer(b"", "503 Service Unavailable", f"Retry-After: {header}"))).after is None


@pytest.mark.parametrize("status", ["500 Oops", "502 Bad Gateway", "408 Timeout", "425 Too Early"])
async def test_a_server_in_trouble_is_asked_again(status: str) -> None:
    """It said no by itself: the letter is not there."""
    later = await refused(answer(b"<html>", status))
    assert (later.after, later.unsure, later.alone) == (None, False, False)
    assert status[:3] in str(later)


@pytest.mark.parametrize("status", ["401 No", "403 No", "404 No", "410 Gone", "301 Moved", "307 Elsewhere"])
async def test_what_a_person_must_mend_is_tried_once_a_minute(status: str) -> None:
    """A token that ran out loses no letter; a redirection is not followed, for it would get the token."""
    later = await refused(answer(b"", status, "Location: http://127.0.0.1:1/elsewhere"))
    assert later.after == REPAIR_SECONDS
    assert "check the address and the token" in str(later)


@pytest.mark.parametrize("status", ["400 Bad", "413 Too Large", "422 Unfit"])
async def test_what_the_server_will_not_take_is_not_sent_again(status: str) -> None:
    """The same letter would be refused again."""
    async with hooked(answer(b"", status)) as (_, sender):
        with pytest.raises(Never, match=status[:3]):
            await sender.deliver(Dispatch(LETTER))


async def test_nobody_there_is_no_doubt() -> None:
    """A connection that never came carried nothing."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # nobody listens there, and nobody else can meanwhile
        sender = WebhookSender(Webhook(url=f"http://127.0.0.1:{held.getsockname()[1]}/hook"))
        with pytest.raises(Later, match="no connection") as failure:
            await sender.deliver(Dispatch(LETTER))
        await sender.aclose()
    assert not failure.value.unsure


@pytest.mark.parametrize(
    "behave", [hang, broken_off(b"", HangUp), broken_off(b"HTTP/1.1 20", Reset), broken_off(b"SMTP\r\n", HangUp)]
)
async def test_a_lost_answer_is_doubt(behave: Behaviour) -> None:
    """The letter may have arrived."""
    assert (await refused(behave, timeout=0.5)).unsure


async def test_an_endless_answer_has_an_end() -> None:
    """A body is not read: the status says it all."""
    async with hooked(flood, timeout=0.5) as (_, sender):
        assert await sender.deliver(Dispatch(replace(LETTER, links=()))) == ""


async def test_secrets_are_read_beside_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that hangs holds up one letter, and not the loop that watches."""
    threads: list[threading.Thread] = []

    def noted(path: Path | None) -> str:
        threads.append(threading.current_thread())
        return secret(path)

    monkeypatch.setattr(webhook, "secret", noted)
    token, address = tmp_path / "token", tmp_path / "url"
    token.write_text("gdn")
    async with hooked(answer(b"", "200 OK"), token_file=token, url=None, url_file=address) as (server, sender):
        address.write_text(f"{server.url}/hook")
        await sender.deliver(Dispatch(LETTER))
    assert len(threads) == 2
    assert threading.main_thread() not in threads
