"""The connection to Slack: made, watched, and made again, for as long as guardian runs. Nothing else waits for it."""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import ClientError
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import (
    AsyncConnectionErrorRetryHandler,
    AsyncRateLimitErrorRetryHandler,
    AsyncServerErrorRetryHandler,
)
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web.async_client import AsyncWebClient

from guardian.app.stride import Stride
from guardian.core.chat import SlackSettings
from guardian.core.scrub import scrubbed
from guardian.core.words import connection as words

logger = logging.getLogger(__name__)
wire = logging.getLogger("slack.wire")
"""What Slack's own packages say; not one of guardian's loggers, so that it is heard from warning on only."""

HANG_UP_SECONDS = 2.0
_BOT, _APP = re.compile(r"xoxb-[A-Za-z0-9-]+"), re.compile(r"xapp-[A-Za-z0-9-]+")


class TokenUnfit(Exception):
    """A file that holds no token. The message is a sentence for people, and never the file's content."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """The two secrets of a Slack app."""

    bot: str = field(repr=False)
    app: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Beat:
    """How soon a connection is noticed to be broken, in seconds."""

    every: float = 5.0
    ping: float = 10.0
    """Between two pings."""
    stale_after: float = 20.0
    """Without a connection for so long, Slack is asked for a fresh address: the client itself would try the old one for ever."""
    dead_after: float = 120.0
    """Without one for so long, everything is thrown away and begun anew."""
    dial: float = 30.0
    """How long a first connection may take."""
    first_pause: float = 1.0
    longest_pause: float = 300.0
    """Between attempts to begin."""
    drain: float = 3.0
    """How long a stop waits for answers that are under way."""


class Pulse:
    """How the connection is: for metrics, and for whoever asks."""

    def __init__(self) -> None:
        self.connected = False
        self.connections = 0
        """Connections made so far."""
        self.heard_at: float | None = None
        """When Slack last brought something from a person, on the monotonic clock."""
        self.trouble = ""


def read_tokens(settings: SlackSettings) -> Tokens:
    """The secrets, from their files. :class:`TokenUnfit` where one holds none."""
    return Tokens(_token(settings.bot_token_file, _BOT, "xoxb-"), _token(settings.app_token_file, _APP, "xapp-"))


def _token(path: Path, form: re.Pattern[str], prefix: str) -> str:
    try:
        text = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise TokenUnfit(words.token_unreadable(path, getattr(error, "strerror", None) or "it is not text")) from None
    if not form.fullmatch(text):
        raise TokenUnfit(words.no_token(path, prefix))
    return text


def web_client(settings: SlackSettings, tokens: Tokens, *, patience: float, retries: bool = True) -> AsyncWebClient:
    """Slack's Web API. With ``retries`` a call is tried again by itself; the outbox does that on its own."""
    handlers = [
        AsyncConnectionErrorRetryHandler(max_retry_count=2),
        AsyncServerErrorRetryHandler(max_retry_count=2),
        AsyncRateLimitErrorRetryHandler(max_retry_count=1),
    ]
    return AsyncWebClient(
        token=tokens.bot,
        base_url=settings.api,
        timeout=max(1, round(patience)),
        proxy=settings.proxy or None,
        logger=wire,
        retry_handlers=list(handlers) if retries else [],
    )


class Handler(AsyncSocketModeHandler):
    """Slack's own handler, which also tells the app the name of each envelope: the only thing that tells a repetition."""

    async def handle(self, client: SocketModeClient, req: SocketModeRequest) -> None:  # type: ignore[override]
        """Take one envelope."""
        req.payload["envelope_id"] = req.envelope_id
        await super().handle(client, req)


class Connection:
    """Keeps an app connected. ``build`` makes the app anew once Slack has said who it is."""

    def __init__(
        self,
        settings: SlackSettings,
        build: Callable[[AsyncWebClient, AuthorizeResult], AsyncApp],
        beat: Beat = Beat(),
    ) -> None:
        self._settings, self._build, self._beat = settings, build, beat
        self.pulse = Pulse()
        self._handler: Handler | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.stride = Stride()
        """Whether the loop goes round. That Slack is not there is no standstill: every attempt and every pause has its end."""

    def soon(self, work: Awaitable[None]) -> None:
        """Do ``work`` without letting Slack wait for it. A stop waits for it a little."""
        task = asyncio.ensure_future(_quietly(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def run(self) -> None:
        """Be connected until cancelled; then finish what is under way, and leave."""
        pause = self._beat.first_pause
        try:
            while True:
                try:
                    await self._once()
                    pause = self._beat.first_pause
                except (TokenUnfit, SlackApiError, ClientError, OSError, TimeoutError) as error:
                    self._ail(reason_of(error))
                self.stride.step(pause)
                await asyncio.sleep(pause)
                pause = min(self._beat.longest_pause, pause * 2)
        finally:
            await self._leave()

    async def _once(self) -> None:
        """One life of a connection, until it has been dead for too long."""
        self.stride.step(self._beat.dial)
        async with asyncio.timeout(self._beat.dial):
            tokens = await asyncio.to_thread(read_tokens, self._settings)
            client = web_client(self._settings, tokens, patience=10.0)
            who = await client.auth_test()
        if who["team_id"] != self._settings.team:
            raise TokenUnfit(words.other_team(self._settings.team, str(who["team_id"])))
        identity = AuthorizeResult(
            enterprise_id=None, team_id=who["team_id"], bot_id=who.get("bot_id"), bot_user_id=who["user_id"], bot_token=tokens.bot
        )
        app = self._build(client, identity)
        self._handler = handler = Handler(
            app, tokens.app, logger=wire, proxy=self._settings.proxy or None, ping_interval=self._beat.ping
        )
        handler.client.on_message_listeners.append(self._heard)
        self.stride.step(self._beat.dial)
        try:
            async with asyncio.timeout(self._beat.dial):
                await handler.connect_async()  # type: ignore[no-untyped-call]  # so it is written
            await self._watch(handler)
        finally:
            self.stride.step(HANG_UP_SECONDS)
            await _close(handler)

    async def _watch(self, handler: Handler) -> None:
        """Return when the connection has been dead for too long."""
        well_at = time.monotonic()
        while True:
            self.stride.step(self._beat.every)
            if await handler.client.is_connected() and not handler.client.aiohttp_client_session.closed:
                well_at = time.monotonic()
                self._recover()
            silent = time.monotonic() - well_at
            if silent > self._beat.dead_after:
                self._ail(words.gone(silent))
                return
            if silent > self._beat.stale_after:
                self._ail(words.gone(silent))
                handler.client.wss_uri = None
            await asyncio.sleep(self._beat.every)

    async def _heard(self, message: object) -> None:
        data = str(getattr(message, "data", ""))
        if '"type":"hello"' in data.replace(" ", ""):
            self.pulse.connections += 1
            if (others := re.search(r'"num_connections":\s*([0-9]+)', data)) and int(others[1]) > 1:
                logger.warning("%s", words.not_alone(int(others[1])))
        elif '"envelope_id"' in data:
            self.pulse.heard_at = time.monotonic()

    def _recover(self) -> None:
        if not self.pulse.connected:
            logger.info("%s", words.connected())
        self.pulse.connected, self.pulse.trouble = True, ""

    def _ail(self, reason: str) -> None:
        if self.pulse.connected or _kind(reason) != _kind(self.pulse.trouble):
            logger.warning("%s", words.not_connected(reason))
        self.pulse.connected, self.pulse.trouble = False, reason

    async def _leave(self) -> None:
        """Nothing new is read, what is under way comes to its end, then the connection goes."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._beat.drain)
        for task in self._tasks:
            task.cancel()
        self.pulse.connected = False


async def _close(handler: Handler) -> None:
    """Hang up; a connection that will not be hung up is left to itself."""
    try:
        async with asyncio.timeout(HANG_UP_SECONDS):
            await handler.close_async()  # type: ignore[no-untyped-call]  # so it is written
    except (TimeoutError, ClientError, OSError) as error:
        logger.info("%s", words.not_closed(reason_of(error)))


async def _quietly(work: Awaitable[None]) -> None:
    try:
        await work
    except Exception:  # the root of a task: a fault in one answer must not end the others, nor guardian
        logger.exception("%s", words.faulty())


def reason_of(error: BaseException) -> str:
    """Why a call to Slack failed, as a phrase without a secret."""
    if isinstance(error, SlackApiError):
        return str(error.response.get("error") or f"HTTP {error.response.status_code}")
    if isinstance(error, TimeoutError):
        return words.no_answer()
    return scrubbed(str(error)) or type(error).__name__


def _kind(reason: str) -> str:
    """What two reasons that differ in their numbers have in common."""
    return re.sub(r"[0-9.]+", "", reason)
