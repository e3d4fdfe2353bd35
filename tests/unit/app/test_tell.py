"""The feed and the log."""

import asyncio
import json
import logging

import pytest

from guardian.app.logs import JsonFormatter, TextFormatter
from guardian.app.tell import Feed, Told
from guardian.core.deployment import ServiceState
from guardian.core.model import Split
from guardian.core.rules import Severity
from guardian.core.words.story import Announcement

STATE = ServiceState("web", Split(0), Split(0))


async def test_followers_get_everything_in_order() -> None:
    """What was told before they came, and what is told later; each once."""
    feed, heard = Feed(), []
    feed.tell(1.0, STATE, Announcement(Severity.INFO, "one"))

    async def follow() -> None:
        async for told in feed.follow():
            heard.append(told.announcement.sentence)
            if len(heard) == 3:
                return

    follower = asyncio.create_task(follow())
    feed.tell(2.0, STATE, Announcement(Severity.INFO, "two"))
    await asyncio.sleep(0)
    feed.tell(3.0, STATE, Announcement(Severity.CRITICAL, "three"))
    async with asyncio.timeout(10):
        await follower
    assert heard == ["one", "two", "three"]


async def test_a_follower_begins_where_it_wants() -> None:
    """``after`` leaves out what is known."""
    feed = Feed()
    for word in ("one", "two"):
        feed.tell(1.0, STATE, Announcement(Severity.INFO, word))
    async for told in feed.follow(after=1):
        assert told.announcement.sentence == "two"
        return


async def test_nothing_to_tell_is_not_told() -> None:
    """An event that people need not know has no announcement."""
    feed, listened = Feed(), []
    feed.connect(listened.append)
    feed.tell(1.0, STATE, None)
    assert listened == []
    feed.tell(1.0, STATE, Announcement(Severity.INFO, "one"))
    assert [type(told) for told in listened] == [Told]


def record(**extra: str) -> logging.LogRecord:
    """A log record with extra keys."""
    made = logging.makeLogRecord(
        {"msg": "web is on %s", "args": ("green",), "levelname": "INFO", "name": "guardian", "created": 0.0}
    )
    made.__dict__.update(extra)
    return made


def test_a_line_is_a_sentence_and_keys() -> None:
    """Text for people, with the keys that searches need."""
    line = TextFormatter().format(record(service="web", deployment="web-7"))
    assert line == "1970-01-01T00:00:00.000Z INFO    web is on green  service=web deployment=web-7"


def test_a_json_line_holds_the_same() -> None:
    """One object per line."""
    fields = json.loads(JsonFormatter().format(record(service="web")))
    assert fields["message"] == "web is on green"
    assert fields["service"] == "web"
    assert fields["time"] == "1970-01-01T00:00:00.000Z"


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_a_traceback_is_kept(formatter: logging.Formatter) -> None:
    """What went wrong is in the log."""
    made = record()
    made.exc_info = (ValueError, ValueError("boom"), None)
    assert "boom" in formatter.format(made)
