"""Guardian's own errors and its signs of life: the real SDK against the stand-in."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from guardian import __version__
from guardian.app.pulse import Pulse
from guardian.core.scrub import HIDDEN
from guardian.core.sentry import SentrySettings
from guardian.senders.sentry import FLUSH_SECONDS, STORIES, Sentry
from tests.doubles.prometheus import Behaviour, answer, hang, trickle
from tests.doubles.sentry import SentryStandIn
from tests.waiting import eventually

logger = logging.getLogger("guardian.somewhere")
SECRET = "xoxb-123-456-AbCdEf"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing leaves this host."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def server() -> AsyncIterator[SentryStandIn]:
    """The stand-in."""
    async with SentryStandIn() as server:
        yield server


@asynccontextmanager
async def telling(server: SentryStandIn, directory: Path, **more: Any) -> AsyncIterator[Sentry]:
    """Guardian's way to it."""
    dsn = directory / "dsn"
    dsn.write_text(f"{server.dsn}\n")
    async with Sentry(SentrySettings(dsn, **{"environment": "test", "monitor": "guardian-lb1", **more})) as sentry:
        yield sentry


async def received(server: SentryStandIn, kind: str, number: int = 1) -> list[Any]:
    """So many of a kind, as soon as they are there."""

    async def there() -> bool:
        return len(server.of(kind)) >= number

    await eventually(there)
    return server.of(kind)


def fails(secret: str) -> None:
    """A fault of guardian's code, with a secret in its message."""
    raise ValueError(f"no answer to {secret}")


async def test_an_error_is_told_with_what_guardian_was_doing(server: SentryStandIn, tmp_path: Path) -> None:
    """Version, environment, the keys of the log record as tags, and how it stands with every service."""
    async with telling(server, tmp_path) as sentry:
        sentry.context = lambda: {"web": {"deployment": "web-7", "phase": "watching", "split": "green"}}
        try:
            fails("nobody")
        except ValueError:
            logger.exception("the chart was not drawn", extra={"service": "web", "deployment": "web-7"})
        (event,) = await received(server, "event")
    assert (event["release"], event["environment"]) == (f"guardian@{__version__}", "test")
    assert event["tags"] == {"service": "web", "deployment": "web-7"}
    assert event["contexts"]["service web"] == {"deployment": "web-7", "phase": "watching", "split": "green"}
    (error,) = event["exception"]["values"]
    assert (error["type"], error["value"]) == ("ValueError", "no answer to nobody")
    assert "vars" not in error["stacktrace"]["frames"][-1]


async def test_no_secret_leaves(server: SentryStandIn, tmp_path: Path) -> None:
    """Not in a message, an exception, a breadcrumb, a key beside the record or the context."""
    logging.getLogger("guardian").setLevel(logging.INFO)
    async with telling(server, tmp_path) as sentry:
        sentry.context = lambda: {"web": {"reason": SECRET}}
        logger.info("before: %s", SECRET)
        try:
            fails(SECRET)
        except ValueError:
            logger.exception("with %s", SECRET, extra={"service": SECRET, "more": {"deep": [SECRET]}})
        (event,) = await received(server, "event")
    assert SECRET not in repr(event)
    assert repr(event).count(HIDDEN) >= 6
    assert any(HIDDEN in str(crumb["message"]) for crumb in event["breadcrumbs"]["values"])


async def test_what_happens_to_services_is_no_error_of_guardians(server: SentryStandIn, tmp_path: Path) -> None:
    """A rollback is an error in the log, for the people on call; Sentry hears of what is wrong with guardian."""
    async with telling(server, tmp_path):
        for name in STORIES:
            logging.getLogger(name).error("web-7: rolled back")
        logger.error("a real one")
        (event,) = await received(server, "event")
    assert event["logentry"]["message"] == "a real one"
    assert len(server.of("event")) == 1


async def test_signs_of_life_follow_evaluations(server: SentryStandIn, tmp_path: Path) -> None:
    """Well after a look that was judged to its end, not well without one; the monitor is made by the first of them."""
    evaluations = 0
    async with telling(server, tmp_path) as sentry:
        pulse = Pulse(sentry, lambda: evaluations)
        await pulse.turn()  # at the start, before the first look
        evaluations = 3
        await pulse.turn()
        await pulse.turn()
        evaluations = 4
        await pulse.turn()
        found = await received(server, "check_in", 3)
    assert [each["status"] for each in found] == ["ok", "error", "ok"]
    assert {each["monitor_slug"] for each in found} == {"guardian-lb1"}
    assert found[0]["monitor_config"]["schedule"] == {"type": "interval", "value": 1, "unit": "minute"}
    assert found[0]["monitor_config"]["failure_issue_threshold"] == 2


async def test_a_guardian_that_never_gets_to_look_is_not_well(server: SentryStandIn, tmp_path: Path) -> None:
    """A minute after its start it says so."""
    async with telling(server, tmp_path) as sentry:
        pulse = Pulse(sentry, lambda: 0)
        await pulse.turn()
        await pulse.turn()
        (found,) = await received(server, "check_in")
    assert found["status"] == "error"


async def test_who_wants_no_signs_of_life_gets_none(server: SentryStandIn, tmp_path: Path) -> None:
    """Errors are told all the same."""
    async with telling(server, tmp_path, monitor=None) as sentry:
        sentry.check_in(well=True)
        logger.error("oh")
        await received(server, "event")
    assert server.of("check_in") == []


async def test_what_ends_guardian_is_told_before_it_ends(server: SentryStandIn, tmp_path: Path) -> None:
    """Whatever was not sent yet is sent at the stop, off the loop."""

    async def main() -> None:
        async with telling(server, tmp_path) as sentry:
            sentry.check_in(well=True)
            raise ExceptionGroup("the program", [RuntimeError("a part died")])

    with pytest.raises(ExceptionGroup):
        await main()
    assert [each["status"] for each in server.of("check_in")] == ["ok"]
    (event,) = server.of("event")
    assert {each["type"] for each in event["exception"]["values"]} == {"ExceptionGroup", "RuntimeError"}


DROPS = trickle(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n{")
FAULTS = [hang, DROPS, answer(b"", "429 Too Many Requests", "Retry-After: 60"), answer(b"<html>", "502 Bad Gateway")]


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_sentry_in_trouble_holds_up_nothing(server: SentryStandIn, tmp_path: Path, fault: Behaviour) -> None:
    """Neither an error, nor a sign of life, nor for long the stop; the loop goes on meanwhile."""
    server.fault = fault
    ticks, slowest = 0, 0.0

    async def tick() -> None:
        nonlocal ticks, slowest
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            slowest = max(slowest, time.monotonic() - before)
            ticks += 1

    ticking: asyncio.Task[None] | None = None
    async with telling(server, tmp_path) as sentry:
        ticking = asyncio.create_task(tick())
        for number in range(50):
            logger.error("trouble %s", number)
            sentry.check_in(well=True)
        stopped = time.monotonic()
    took = time.monotonic() - stopped
    ticking.cancel()
    assert took < FLUSH_SECONDS + 3.0
    assert slowest < 1.0
    if fault in (hang, DROPS):
        assert ticks > 20  # the loop went on while the stop waited


async def test_nobody_there_holds_up_nothing(tmp_path: Path) -> None:
    """Refused connections are the SDK's business."""
    async with SentryStandIn() as server:
        pass
    started = time.monotonic()
    async with telling(server, tmp_path):
        logger.error("nobody hears it")
    assert time.monotonic() - started < FLUSH_SECONDS + 3.0


@pytest.mark.parametrize("content", ["", "no dsn", "https://sentry.example.org/1", None])
async def test_without_a_dsn_guardian_goes_on(tmp_path: Path, content: str | None, caplog: pytest.LogCaptureFixture) -> None:
    """It says so once; nothing of the file is repeated."""
    dsn = tmp_path / "dsn"
    if content is not None:
        dsn.write_text(content)
    async with Sentry(SentrySettings(dsn, monitor="m")) as sentry:
        assert not sentry.open
        sentry.check_in(well=True)
    (record,) = [record for record in caplog.records if "holds no DSN" in record.getMessage()]
    assert "no dsn" not in record.getMessage()
    assert "example.org" not in record.getMessage()


async def test_after_the_stop_nothing_is_told(server: SentryStandIn, tmp_path: Path) -> None:
    """And a next start tells again."""
    async with telling(server, tmp_path) as sentry:
        pass
    logger.error("too late")
    sentry.check_in(well=True)
    async with telling(server, tmp_path):
        logger.error("in time")
    assert [event["logentry"]["message"] for event in server.of("event")] == ["in time"]
    assert server.of("check_in") == []
