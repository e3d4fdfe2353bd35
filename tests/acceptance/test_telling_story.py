"""The real daemon tells what happens: webhooks, notes and their repository, also when everything out there is on fire."""

import asyncio
import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import BLUE, PATIENCE, Tell, bad_release_taken_back
from tests.doubles.prometheus import Behaviour, StandIn, answer, hang, trickle
from tests.doubles.sentry import SentryStandIn
from tests.waiting import eventually

DROPS = trickle(b"HTTP/1.1 200 OK\r\nX-Slow: ", pause=0.1)
GOOD = answer(b"", "204 No Content")


def sections(directory: Path, url: str) -> str:
    """A webhook, and notes in a repository with a remote."""
    subprocess.run(("git", "init", "--quiet", "--bare", "--initial-branch=main", str(directory / "remote.git")), check=True)
    return (
        f"channels:\n  ops:\n    webhook: {{url: {url}/hook, timeout: 2s}}\n"
        f"notes:\n  directory: notes\n  git:\n    remote: {directory}/remote.git\n"
    )


def letters(server: StandIn) -> dict[str, dict[str, Any]]:
    """What was posted, by id, in the order in which each came first."""
    found: dict[str, dict[str, Any]] = {}
    for request in server.requests:
        body = json.loads(request.body)
        found.setdefault(body["id"], body)
    return found


def texts(server: StandIn) -> list[str]:
    """What people read."""
    return [letter["text"] for letter in letters(server).values()]


async def told(server: StandIn, words: str) -> None:
    """Wait until something with ``words`` was posted."""

    async def there() -> bool:
        return any(words in text for text in texts(server))

    await eventually(there, PATIENCE)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "outside",
    [
        hang,
        pytest.param(DROPS, id="drops", marks=pytest.mark.long),
        pytest.param(answer(b"", "503 Unavailable"), marks=pytest.mark.long),
    ],
)
async def test_whatever_is_broken_outside_a_rollback_is_as_quick_as_ever(tell: Tell, tmp_path: Path, outside: Behaviour) -> None:
    """Webhook hung, in drops or failing, remote gone: the traffic is back in time; afterwards all is told, once each, in order."""
    async with StandIn(GOOD) as server, SentryStandIn() as sentry:
        (tmp_path / "dsn").write_text(sentry.dsn)
        more = f"{sections(tmp_path, server.url)}sentry: {{dsn_file: dsn, monitor: guardian-test}}\n"
        sentry.fault = outside
        (tmp_path / "remote.git").rename(tmp_path / "away.git")
        server.behave = outside
        story = await tell(further=more)
        traffic = await story.traffic()
        clients = await story.witnesses()
        await story.switch()
        clients.abandoned(BLUE)
        await story.seen(traffic, 100)
        started = time.monotonic()
        await bad_release_taken_back(story, clients)
        assert time.monotonic() - started < 15.0  # a busy host takes its time; who waited for what hangs would wait for ever
        await story.explanation("web-1")  # its evidence is kept
        await story.stage.guardian.end(signal.SIGKILL)
        server.behave = GOOD
        sentry.fault = None
        server.requests.clear()
        (tmp_path / "away.git").rename(tmp_path / "remote.git")
        await story.restart_guardian()
        await told(server, "rolled back")
        found = texts(server)
        assert [one for one in found if "web-1: " in one] == [one for one in dict.fromkeys(found) if "web-1: " in one]
        assert len([one for one in found if "rolled back: web is on blue" in one]) == 1
        parts = ("moves web to", "watching", "takes web back")
        order = [next(number for number, one in enumerate(found) if part in one) for part in parts]
        assert order == sorted(order)
        await published(tmp_path, "web-1: rolled back")
        assert await story.stage.guardian.end() == 0
        late = "guardian.app.schedule"  # a job skips a turn on a busy host
        assert [event for event in sentry.of("event") if event["logger"] != late] == []  # nothing was wrong with guardian itself


async def published(directory: Path, subject: str) -> None:
    """Wait until the note was pushed."""

    async def there() -> bool:
        log = ("git", "-C", str(directory / "remote.git"), "log", "--format=%s", "main")
        process = await asyncio.create_subprocess_exec(*log, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL)
        said, _ = await process.communicate()
        return subject in said.decode().splitlines()

    await eventually(there, PATIENCE)
    note = (directory / "notes" / "web-1.md").read_text()
    assert "# web-1: rolled back" in note
    assert "![web: server-errors" in note
    assert (directory / "notes" / "charts" / "web-1-server-errors.png").stat().st_size > 10_000


@pytest.mark.long
async def test_killed_again_and_again_it_tells_each_thing_at_least_once_and_by_one_id(tell: Tell, tmp_path: Path) -> None:
    """Deaths all along a switch and a rollback: the receiver sees every sentence of the journal, each with one id, in order."""
    async with StandIn(GOOD) as server:
        story = await tell(further=f"channels:\n  ops:\n    webhook: {{url: {server.url}/hook}}\n")
        for turn in range(4):
            await story.switch()
            await story.order("rollback", reason=f"turn {turn}")
            await asyncio.sleep(turn * 0.005)  # time itself is the subject: where in the telling the daemon dies
            await story.stage.guardian.end(signal.SIGKILL)
            await story.restart_guardian()
            await story.until("rolled back")
        await told(server, "web-4: rolled back")
        found = texts(server)
        for turn in range(1, 5):
            about = [text for text in found if text.startswith(f"web-{turn}: ")]
            assert len(about) == len(set(about)), about
            kinds = [next(kind for kind in ("moves", "watching", "takes", "rolled back:") if kind in text) for text in about]
            assert kinds == ["moves", "watching", "takes", "rolled back:"], about
