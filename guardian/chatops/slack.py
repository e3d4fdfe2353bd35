"""Slack's payloads to the desk, and the desk's answers to Slack: commands, buttons, forms, the App Home."""

import asyncio
import copy
import hashlib
import json
import logging
import re
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientError
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from guardian.app.orders import Orders
from guardian.app.parts import Parts
from guardian.app.stride import Stride
from guardian.chatops import forms
from guardian.chatops.answers import Answers
from guardian.chatops.blocks import Content, clipped, escaped
from guardian.chatops.commands import parse
from guardian.chatops.connection import Beat, Connection, Pulse, reason_of, wire
from guardian.chatops.desk import Desk, Duplicate, Seen, Taken
from guardian.chatops.directory import SlackDirectory
from guardian.chatops.people import Caller, NotAllowed, People
from guardian.chatops.wishes import Misread, Verb, Wish
from guardian.core.chat import SlackSettings
from guardian.core.ledger import Ledger
from guardian.core.people import Role
from guardian.core.switch import Refused
from guardian.core.words import chat as words
from guardian.core.words import connection as said

logger = logging.getLogger(__name__)

ANSWER_PATIENCE = 10.0
"""Seconds that an answer may take to reach Slack."""
FORM_PATIENCE = 1.5
"""Seconds that Slack has to say whether somebody may be shown a form."""
REMEMBERED = 2000
"""Payloads that are recognised when they come again, besides the orders, which are recorded."""

Say = Callable[[Content], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody typed, clicked or sent a form."""

    caller: Caller
    key: str
    """What tells a repetition."""
    place: str
    """The channel where it was; empty in the App Home."""
    ack: Any
    """Slack waits three seconds for it."""
    say: Say
    """Tells them alone."""


class Chat:
    """Slack beside the running program. Whatever becomes of it, nothing else stops or waits."""

    def __init__(self, settings: SlackSettings, parts: Parts, ledger: Ledger, beat: Beat | None = None) -> None:
        self._orders, self._clock, self._team = Orders(parts), parts.clock, settings.team
        self._directory = SlackDirectory()
        self.people = People(settings, self._directory, parts.clock.monotonic)
        self._desk = Desk(parts, self.people, ledger, self._team)
        self._answers = Answers(self._orders, parts.clock)
        self._connection = Connection(settings, self._build, beat or Beat())
        self._recent: deque[str] = deque(maxlen=REMEMBERED)

    @property
    def pulse(self) -> Pulse:
        """How the connection is."""
        return self._connection.pulse

    @property
    def stride(self) -> Stride:
        """Whether the loop of the connection goes round."""
        return self._connection.stride

    async def run(self) -> None:
        """Be there for people until cancelled."""
        try:
            await self._connection.run()
        finally:
            self._desk.close()

    def _build(self, client: AsyncWebClient, identity: AuthorizeResult) -> AsyncApp:
        async def authorize(**_: object) -> AuthorizeResult:
            return identity  # known since the start: Slack's own look-up would swallow the first command if it failed

        self._directory.client = client
        nameless = copy.copy(client)
        nameless.token = None  # each call brings the identity's; Bolt warns of a second one
        app = AsyncApp(client=nameless, authorize=authorize, logger=wire)
        app.use(self._once)
        app.command(re.compile(".*"))(self._command)
        app.action(forms.OPEN_FORM)(self._form_button)
        app.action(re.compile("order:.*"))(self._button)
        app.action(re.compile("why:.*"))(self._why_button)
        app.action(re.compile(".*"))(self._unknown_button)
        app.view(forms.SWITCH_FORM)(self._form_sent)
        app.view(forms.WHY_FORM)(self._form_sent)
        app.event("app_home_opened")(self._home)
        app.event(re.compile("subteam_.*"))(self._groups_changed)
        app.event(re.compile(".*"))(_take)
        self._connection.soon(self._resume(client))
        return app

    async def _once(self, body: dict[str, Any], next: Callable[[], Awaitable[Any]], ack: Any) -> Any:  # noqa: A002  Bolt's name
        """Slack may deliver a payload more than once."""
        key = _key(body)
        if key in self._recent:
            return await ack()  # must be returned, or Bolt does not send it
        self._recent.append(key)
        await next()
        return None

    # What people do.

    async def _command(self, body: dict[str, Any], ack: Any, client: AsyncWebClient, respond: Any) -> None:
        caller = Caller(str(body.get("user_id")), str(body.get("user_name")), str(body.get("team_id")))
        place = str(body.get("channel_id") or "")
        asked = Asked(caller, _key(body), place, ack, self._privately(caller, place, client, respond))
        try:
            wish = parse(str(body.get("text") or ""), self._desk.known())
        except Misread as misread:
            logger.info("%s", said.misread(caller.by))
            await ack(clipped(escaped(str(misread)), 3000))
            return
        if wish.verb is Verb.SWITCH and wish.bare:
            await self._open_form(asked, client, str(body.get("trigger_id")), wish)
        elif wish.question:
            await ack()
            self._connection.soon(self._answer(asked, wish))
        else:
            await self._take(asked, wish)

    async def _button(self, body: dict[str, Any], ack: Any, client: AsyncWebClient, respond: Any) -> None:
        asked = self._clicked(body, ack, client, respond)
        try:
            seen, wish = Seen.read(str(body["actions"][0].get("value") or ""))
        except ValueError:
            await ack()
            await asked.say(Content(words.unreadable_button()))
            return
        await self._take(asked, wish, seen)

    async def _form_button(self, body: dict[str, Any], ack: Any, client: AsyncWebClient) -> None:
        try:
            _, wish = Seen.read(str(body["actions"][0].get("value") or ""))
        except ValueError:
            await ack()
            return
        await self._open_form(self._clicked(body, ack, client, None), client, str(body.get("trigger_id")), wish)

    async def _why_button(self, body: dict[str, Any], ack: Any, client: AsyncWebClient, respond: Any) -> None:
        asked, value = self._clicked(body, ack, client, respond), str(body["actions"][0].get("value") or "")
        await ack()
        try:
            _, wish = Seen.read(value)
        except ValueError:
            await asked.say(Content(words.unreadable_button()))
            return
        await self._show(asked, client, str(body.get("trigger_id")), forms.why_form(value, wish, asked.place))

    async def _form_sent(self, body: dict[str, Any], ack: Any, client: AsyncWebClient) -> None:
        read = forms.read_switch_form if body["view"]["callback_id"] == forms.SWITCH_FORM else forms.read_why_form
        try:
            wish, seen, place = read(body["view"])
        except Misread as misread:
            await ack(response_action="errors", errors={forms.SHARE: str(misread)})
            return
        caller = _clicker(body)
        say = self._privately(caller, place, client, None)
        await self._take(Asked(caller, f"form:{body['view']['id']}", place, ack, say), wish, seen)

    def _clicked(self, body: Mapping[str, Any], ack: Any, client: AsyncWebClient, respond: Any) -> Asked:
        caller, place = _clicker(body), str((body.get("channel") or {}).get("id") or "")
        return Asked(caller, _key(body), place, ack, self._privately(caller, place, client, respond if place else None))

    async def _home(self, event: dict[str, Any], client: AsyncWebClient, body: dict[str, Any]) -> None:
        caller = Caller(str(event.get("user")), "", str(body.get("team_id")))
        try:
            await self._desk.may(caller, Role.VIEWER)
            view = forms.home(self._orders.services(), self._clock.now())
        except NotAllowed as refusal:
            view = forms.closed_home(str(refusal))
        await self._guarded(caller, client.views_publish(user_id=caller.user, view=view))

    async def _groups_changed(self) -> None:
        self.people.forget()

    async def _unknown_button(self, body: dict[str, Any], ack: Any, client: AsyncWebClient, respond: Any) -> None:
        await ack()
        if not str(body["actions"][0].get("action_id", "")).startswith("link:"):
            await self._clicked(body, ack, client, respond).say(Content(words.unreadable_button()))

    # What is done about it.

    async def _take(self, asked: Asked, wish: Wish, seen: Seen | None = None) -> None:
        """Record the order, tell Slack that it was taken, and do it."""
        try:
            taken = await self._desk.take(asked.key, asked.caller, wish, asked.place, seen)
        except Duplicate:
            await asked.ack()
        except Refused as refusal:
            await asked.ack()
            self._connection.soon(asked.say(_plain(str(refusal))))
        else:
            await asked.ack()
            self._connection.soon(self._carry_out(taken, asked.say))

    async def _carry_out(self, taken: Taken, say: Say) -> None:
        try:
            sentence = await self._desk.carry_out(taken)
        except Exception:  # the root of a task: whoever ordered must hear of a fault of guardian's own
            logger.exception("%s", said.faulty())
            sentence = words.fault()
        await say(_plain(sentence))

    async def _answer(self, asked: Asked, wish: Wish) -> None:
        try:
            await self._desk.may(asked.caller, Role.VIEWER)
            found = await self._answers.answer(wish)
        except (NotAllowed, Refused) as refusal:
            logger.info("%s", words.given(asked.caller.by, wish.verb, words.refused(str(refusal))))
            found = _plain(words.in_chat(str(refusal)))
        await asked.say(found)

    async def _open_form(self, asked: Asked, client: AsyncWebClient, trigger: str, wish: Wish) -> None:
        """For those who may look, since it shows the service; who may switch is asked when it is sent. A trigger lives 3 s."""
        await asked.ack()
        try:
            async with asyncio.timeout(FORM_PATIENCE):
                await self._desk.may(asked.caller, Role.VIEWER)
            view = self._orders.service(wish.subject)
        except TimeoutError as late:
            await asked.say(Content(said.no_form(reason_of(late))))
            return
        except (NotAllowed, Refused) as refusal:
            await asked.say(_plain(words.in_chat(str(refusal))))
            return
        rules = next((len(each.rules) for each in self._orders.rules().services if each.service == wish.subject), 0)
        await self._show(asked, client, trigger, forms.switch_form(view, rules, asked.place, self._clock.now()))

    async def _show(self, asked: Asked, client: AsyncWebClient, trigger: str, form: dict[str, Any]) -> None:
        """Open a form; where that fails, say how it is typed."""
        try:
            async with asyncio.timeout(ANSWER_PATIENCE):
                await client.views_open(trigger_id=trigger, view=form)
        except (SlackApiError, ClientError, OSError, TimeoutError) as error:
            await asked.say(Content(said.no_form(reason_of(error))))

    async def _resume(self, client: AsyncWebClient) -> None:
        """What an earlier run took and did not come to; its answers go where they were asked for."""
        for order, sentence in await self._desk.resume():
            user = order.by.rpartition(" (Slack ")[2].rstrip(")")
            caller = Caller(user, order.by, self._team)
            await self._privately(caller, order.place, client, None)(_plain(f"`/bg {escaped(order.text)}`: {sentence}"))

    # Answers.

    def _privately(self, caller: Caller, place: str, client: AsyncWebClient, respond: Any) -> Say:
        """Say something to one person: where they asked, or else in their own messages with the app."""

        async def say(told: Content) -> None:
            blocks = list(told.blocks) or None
            if respond is not None and await self._guarded(
                caller, respond(text=told.text, blocks=blocks, response_type="ephemeral", replace_original=False)
            ):
                return
            if place and await self._guarded(
                caller, client.chat_postEphemeral(channel=place, user=caller.user, text=told.text, blocks=blocks)
            ):
                return
            await self._guarded(caller, client.chat_postMessage(channel=caller.user, text=told.text, blocks=blocks))

        return say

    async def _guarded(self, caller: Caller, call: Awaitable[Any]) -> bool:
        """Whether ``call`` reached Slack."""
        try:
            async with asyncio.timeout(ANSWER_PATIENCE):
                answer = await call
        except (SlackApiError, ClientError, OSError, TimeoutError) as error:
            logger.info("%s", said.unanswered(caller.by, reason_of(error)))
            return False
        status = getattr(answer, "status_code", 200)
        if status != 200:  # noqa: PLR2004  a response URL answers without raising
            logger.info("%s", said.unanswered(caller.by, f"HTTP {status}"))
        return bool(status == 200)  # noqa: PLR2004


async def _take(ack: Any) -> None:
    """An event that means nothing to guardian."""
    await ack()


def _plain(sentence: str) -> Content:
    return Content(clipped(escaped_but_groups(sentence), 3900))


def escaped_but_groups(sentence: str) -> str:
    """``sentence`` escaped, except for the mentions of user groups that guardian itself makes."""
    return re.sub(r"&lt;!subteam\^(S[A-Z0-9]{1,31})&gt;", r"<!subteam^\1>", escaped(sentence))


def _clicker(body: Mapping[str, Any]) -> Caller:
    user = body.get("user") or {}
    team = user.get("team_id") or (body.get("team") or {}).get("id")
    return Caller(str(user.get("id")), str(user.get("username") or user.get("name")), str(team))


def _key(body: Mapping[str, Any]) -> str:
    """What tells a repetition. A hash, for triggers are secrets."""
    name = (
        body.get("event_id") or body.get("trigger_id") or body.get("envelope_id") or json.dumps(body, sort_keys=True, default=str)
    )
    return hashlib.sha256(str(name).encode()).hexdigest()[:32]
