"""One channel of Slack for the outbox: a message for each deployment, kept up to date, its thread, and charts."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientConnectorError, ClientError
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from guardian.chatops.blocks import LONGEST_ALT, Content
from guardian.chatops.cards import Facts, broadcast, card, reply
from guardian.chatops.connection import TokenUnfit, read_tokens, reason_of, web_client
from guardian.core.chat import SlackSettings
from guardian.core.letters import Kind, Letter
from guardian.core.ports import Clock
from guardian.core.rules import Rule
from guardian.core.sending import Dispatch, Later, Never, NotYet
from guardian.core.words import connection as words

logger = logging.getLogger(__name__)

PATIENCE = 15.0
EVIDENCE_SECONDS, EVIDENCE_PAUSE = 30.0, 0.5
"""How long, and how often, it is looked whether the evidence of a deployment is kept by now."""
EVENT = "guardian_letter"
LOOKED_THROUGH = 100
"""Messages of a channel that are looked through for one that may have arrived."""
_NO_PARENT = frozenset({"thread_not_found", "message_not_found", "cannot_reply_to_message"})
_GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed", "channel_not_found"})
_UGLY = frozenset(
    {"invalid_blocks", "invalid_blocks_format", "msg_too_long", "msg_blocks_too_long", "no_text", "metadata_too_large"}
)
_UNSURE = frozenset({"fatal_error", "internal_error", "service_unavailable", "request_timeout"})


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart, drawn."""

    png: bytes
    title: str
    alt: str


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the content of messages comes from."""

    facts: Callable[[str], Awaitable[Facts | None]]
    """Of a deployment."""
    rule: Callable[[str, str], Rule | None]
    """A rule of a service, by name."""
    picture: Callable[[str], Awaitable[Picture | None]]
    """The chart of why a deployment was taken back; ``None`` while its evidence is not kept yet."""


class SlackSender:
    """The :class:`~guardian.core.sending.Sender` of one channel."""

    def __init__(self, settings: SlackSettings, channel: str, sources: Sources, clock: Clock) -> None:
        self._settings, self._channel, self._sources, self._clock = settings, channel, sources, clock
        self._client: AsyncWebClient | None = None

    async def deliver(self, dispatch: Dispatch) -> str:
        """As the protocol says."""
        try:
            return await self._deliver(await self._ready(), dispatch)
        except TokenUnfit as unfit:
            raise Later(str(unfit)) from unfit
        except SlackApiError as error:
            if str(error.response.get("error")) in ("invalid_auth", "token_revoked", "account_inactive", "not_authed"):
                self._client = None  # the file may hold another token by now
            raise _outcome(error) from error
        except ClientConnectorError as error:
            raise Later(type(error).__name__) from error
        except (ClientError, OSError, TimeoutError) as error:
            raise Later(reason_of(error), unsure=True) from error

    async def _ready(self) -> AsyncWebClient:
        if self._client is None:
            tokens = await asyncio.to_thread(read_tokens, self._settings)
            self._client = web_client(self._settings, tokens, patience=PATIENCE, retries=False)
        return self._client

    async def _deliver(self, client: AsyncWebClient, dispatch: Dispatch) -> str:
        letter = dispatch.letter
        if letter.kind is Kind.CARD:
            return await self._show(client, dispatch)
        if letter.kind is Kind.CHART:
            return await self._draw(client, dispatch)
        if dispatch.unsure and (ts := await self._found(client, dispatch)):
            return ts
        facts = await self._sources.facts(letter.deployment) if letter.deployment else None
        verdict = facts.deployment.rollback.verdict if facts and facts.deployment.rollback else None
        rule = self._sources.rule(letter.service, verdict.rule) if verdict else None
        return await self._reply(client, dispatch, reply(letter, facts, rule))

    async def _show(self, client: AsyncWebClient, dispatch: Dispatch) -> str:
        """Post the card, or change it; one that somebody has deleted is posted anew."""
        letter = dispatch.letter
        facts = await self._sources.facts(letter.deployment or "")
        if facts is None:
            raise Never(words.no_facts(letter.deployment or letter.service))
        told, ts = card(facts, self._clock.now()), dispatch.card
        if not ts and dispatch.unsure:
            ts = await self._found(client, dispatch)
        if ts:
            try:
                await self._call(client.chat_update, letter, told, channel=self._channel, ts=ts)
            except SlackApiError as error:
                if error.response.get("error") not in _GONE:
                    raise
            else:
                return ts
        return await self._post(client, letter, told)

    async def _reply(self, client: AsyncWebClient, dispatch: Dispatch, told: Content) -> str:
        letter, parent = dispatch.letter, dispatch.card
        if not parent:
            return await self._post(client, letter, told)
        try:
            return await self._post(client, letter, told, thread_ts=parent, reply_broadcast=broadcast(letter))
        except SlackApiError as error:
            if error.response.get("error") not in _NO_PARENT:
                raise
            return await self._post(client, letter, told)  # the message above it was deleted: it stands on its own

    async def _draw(self, client: AsyncWebClient, dispatch: Dispatch) -> str:
        """Upload the chart into the thread. It may come twice where an answer was lost: a file bears no mark."""
        identifier = dispatch.letter.deployment or ""
        picture = await self._sources.picture(identifier)
        if picture is None:
            if self._clock.now() - dispatch.letter.at < EVIDENCE_SECONDS:
                raise NotYet(EVIDENCE_PAUSE)
            raise Never(words.no_picture(identifier))
        await client.files_upload_v2(
            channel=self._channel,
            thread_ts=dispatch.card or None,
            content=picture.png,
            filename=f"{identifier}.png",
            title=picture.title,
            alt_txt=picture.alt[:LONGEST_ALT],
            request_file_info=False,
        )
        return ""

    async def _post(self, client: AsyncWebClient, letter: Letter, told: Content, **where: Any) -> str:
        where = {"unfurl_links": False, "unfurl_media": False, **where}
        answer = await self._call(client.chat_postMessage, letter, told, channel=self._channel, **where)
        return str(answer["ts"])

    async def _call(self, method: Callable[..., Awaitable[Any]], letter: Letter, told: Content, **given: Any) -> Any:
        """Send blocks; what Slack does not take goes as text."""
        about = {"metadata": {"event_type": EVENT, "event_payload": {"key": letter.key}}, "text": told.text}
        try:
            return await method(blocks=list(told.blocks), **about, **given)
        except SlackApiError as error:
            if error.response.get("error") not in _UGLY:
                raise
            logger.error("%s", words.ugly(letter.key, reason_of(error)))  # noqa: TRY400  the sentence says it all
            return await method(**about, **given)

    async def _found(self, client: AsyncWebClient, dispatch: Dispatch) -> str:
        """What Slack calls a letter that may have arrived; empty where it has not, or cannot be looked for."""
        asked: dict[str, Any] = {"channel": self._channel, "limit": LOOKED_THROUGH, "include_all_metadata": True}
        try:
            if dispatch.card and dispatch.letter.kind is not Kind.CARD:
                answer = await client.conversations_replies(ts=dispatch.card, **asked)
            else:
                answer = await client.conversations_history(**asked)
        except SlackApiError as error:
            if error.response.get("error") == "missing_scope" or error.response.get("error") in _NO_PARENT:
                return ""
            raise
        for message in answer.get("messages") or ():
            payload = (message.get("metadata") or {}).get("event_payload") or {}
            if payload.get("key") == dispatch.letter.key:
                return str(message["ts"])
        return ""


def _outcome(error: SlackApiError) -> Exception:
    code, status = str(error.response.get("error") or ""), error.response.status_code
    if status == 429 or code in ("ratelimited", "rate_limited"):  # noqa: PLR2004  HTTP's number
        headers = {name.lower(): value for name, value in error.response.headers.items()}
        return Later(words.rate_limited(), after=float(headers.get("retry-after") or 30.0))
    if code in _UGLY:
        return Never(reason_of(error))
    return Later(reason_of(error), unsure=code in _UNSURE or (not code and status >= 500))  # noqa: PLR2004
