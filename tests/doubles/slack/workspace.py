"""What a Slack workspace remembers: people, groups, channels, messages, files, and what was shown to whom."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

TEAM = "T1"
BOT = "U0BOT"
APP = "A1"


@dataclass(slots=True)
class Member:
    """Somebody with an account here, or a stranger from a shared channel."""

    id: str
    name: str
    team: str = TEAM
    guest: bool = False
    deleted: bool = False

    def shown(self) -> dict[str, Any]:
        """As ``users.info`` shows them."""
        return {
            "id": self.id,
            "team_id": self.team,
            "name": self.name,
            "deleted": self.deleted,
            "is_bot": self.id == BOT,
            "is_restricted": self.guest,
            "is_ultra_restricted": False,
            "is_stranger": self.team != TEAM,
            "profile": {"display_name": self.name, "real_name": self.name},
        }


@dataclass(slots=True)
class Message:
    """One message in a channel."""

    ts: str
    text: str
    blocks: list[dict[str, Any]] = field(default_factory=list)
    thread_ts: str | None = None
    broadcast: bool = False
    metadata: dict[str, Any] | None = None
    files: list["File"] = field(default_factory=list)
    updates: int = 0

    def shown(self) -> dict[str, Any]:
        """As the Web API and payloads show it."""
        said: dict[str, Any] = {"type": "message", "user": BOT, "bot_id": "B1", "ts": self.ts, "text": self.text}
        said["blocks"] = self.blocks
        if self.thread_ts:
            said["thread_ts"] = self.thread_ts
        if self.metadata:
            said["metadata"] = self.metadata
        return said


@dataclass(slots=True)
class File:
    """An uploaded file."""

    id: str
    name: str
    alt: str
    length: int
    content: bytes | None = None
    title: str = ""
    channel: str = ""
    thread_ts: str | None = None


@dataclass(slots=True)
class Channel:
    """A channel and what stands in it."""

    id: str
    name: str
    members: set[str] = field(default_factory=lambda: {BOT})
    private: bool = False
    archived: bool = False
    messages: dict[str, Message] = field(default_factory=dict)

    def parents(self) -> list[Message]:
        """Messages that are no replies."""
        return [message for message in self.messages.values() if message.thread_ts in (None, message.ts)]

    def replies(self, ts: str) -> list[Message]:
        """The thread under the message ``ts``."""
        return [message for message in self.messages.values() if message.thread_ts == ts and message.ts != ts]


@dataclass(frozen=True, slots=True)
class Whisper:
    """Something that one person alone was shown."""

    user: str
    text: str
    blocks: tuple[dict[str, Any], ...] = ()


@dataclass(slots=True)
class View:
    """A modal, or an App Home."""

    id: str
    user: str
    content: dict[str, Any]
    hash: str
    open: bool = True


@dataclass(slots=True)
class ResponseUrl:
    """Where an app answers a payload: five times in half an hour."""

    user: str
    channel: str
    message_ts: str | None
    until: float
    uses: int = 0


class Workspace:
    """Everything a workspace remembers. ``now`` is its clock."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.members: dict[str, Member] = {BOT: Member(BOT, "guardian")}
        self.groups: dict[str, list[str]] = {}
        self.channels: dict[str, Channel] = {}
        self.files: dict[str, File] = {}
        self.whispers: list[Whisper] = []
        self.views: dict[str, View] = {}
        self.homes: dict[str, View] = {}
        self.triggers: dict[str, tuple[str, float]] = {}
        """Those not used yet: of whom, and until when."""
        self.response_urls: dict[str, ResponseUrl] = {}
        self._numbers = count(1)

    def member(self, identifier: str, name: str, **more: Any) -> Member:
        """Let somebody join."""
        self.members[identifier] = Member(identifier, name, **more)
        return self.members[identifier]

    def channel(self, identifier: str, name: str, **more: Any) -> Channel:
        """Open a channel."""
        self.channels[identifier] = Channel(identifier, name, **more)
        return self.channels[identifier]

    def fresh(self, prefix: str) -> str:
        """A name that nothing has yet."""
        return f"{prefix}{next(self._numbers)}"

    def ts(self) -> str:
        """The time stamp of a new message: unique, and growing."""
        return f"{self.now():.0f}.{next(self._numbers):06d}"

    def trigger(self, user: str) -> str:
        """A trigger that opens one modal within three seconds."""
        name = f"{next(self._numbers)}.{self.now():.0f}.secret"
        self.triggers[name] = (user, self.now() + 3.0)
        return name

    def response_url(self, user: str, channel: str, message_ts: str | None) -> str:
        """The name of a fresh response URL."""
        name = self.fresh("secret-response-")
        self.response_urls[name] = ResponseUrl(user, channel, message_ts, self.now() + 1800.0)
        return name

    def whisper(self, user: str, text: str, blocks: list[dict[str, Any]]) -> None:
        """Show something to ``user`` alone."""
        self.whispers.append(Whisper(user, text, tuple(blocks)))

    def seen_by(self, user: str) -> list[str]:
        """What was whispered to ``user``, text only, oldest first."""
        return [whisper.text for whisper in self.whispers if whisper.user == user]
