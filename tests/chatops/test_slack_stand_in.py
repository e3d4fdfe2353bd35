"""The stand-in for Slack speaks as Slack does: its own clients take it for the real one."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.doubles.slack.faults import Drops, Error, LostAnswer, RateLimited, Status
from tests.doubles.slack.person import NoSuchButton, Person
from tests.doubles.slack.sockets import UPGRADE
from tests.doubles.slack.standin import Slack
from tests.waiting import eventually

BUTTON = {"type": "button", "action_id": "go", "value": "42", "text": {"type": "plain_text", "text": "Go"}}
BLOCKS: list[dict[str, Any]] = [{"type": "actions", "block_id": "b", "elements": [BUTTON]}]
MODAL = {
    "type": "modal",
    "callback_id": "ask",
    "title": {"type": "plain_text", "text": "Ask"},
    "submit": {"type": "plain_text", "text": "Send"},
    "blocks": [
        {
            "type": "input",
            "block_id": "why",
            "label": {"type": "plain_text", "text": "Why"},
            "element": {"type": "plain_text_input", "action_id": "reason"},
        }
    ],
}


@pytest.fixture
def client(slack: Slack) -> AsyncWebClient:
    """Slack's own client."""
    return AsyncWebClient(token=slack.bot_token, base_url=slack.api, timeout=5)


async def error_of(call: Any) -> str:
    """The error that Slack's client raises."""
    with pytest.raises(SlackApiError) as raised:
        await call
    return str(raised.value.response.get("error") or raised.value.response.status_code)


async def test_a_message_is_posted_changed_and_deleted(slack: Slack, client: AsyncWebClient) -> None:
    """A message has blocks, metadata and a thread; text without blocks takes the blocks away; what is deleted cannot be changed."""
    posted = await client.chat_postMessage(
        channel="C1", text="hello", blocks=BLOCKS, metadata={"event_type": "guardian", "event_payload": {"id": "1"}}
    )
    ts = posted["ts"]
    await client.chat_postMessage(channel="C1", text="reply", thread_ts=ts, reply_broadcast=True)
    channel = slack.workspace.channels["C1"]
    assert [reply.broadcast for reply in channel.replies(ts)] == [True]
    history = await client.conversations_history(channel="C1", include_all_metadata=True)
    assert history["messages"][0]["metadata"]["event_payload"] == {"id": "1"}
    await client.chat_update(channel="C1", ts=ts, text="changed")
    assert (channel.messages[ts].text, channel.messages[ts].blocks) == ("changed", [])
    await client.chat_delete(channel="C1", ts=ts)
    assert await error_of(client.chat_update(channel="C1", ts=ts, text="again")) == "message_not_found"
    assert await error_of(client.chat_postMessage(channel="C1", text="late", thread_ts=ts)) == "thread_not_found"


async def test_it_refuses_what_slack_refuses(slack: Slack, client: AsyncWebClient) -> None:
    """Too many blocks, strange channels, foreign tokens and lacking scopes are errors with Slack's own names."""
    assert await error_of(client.chat_postMessage(channel="C1", text="x", blocks=[{"type": "divider"}] * 51)) == "invalid_blocks"
    assert await error_of(client.chat_postMessage(channel="C2", text="x")) == "not_in_channel"
    assert await error_of(client.chat_postMessage(channel="C9", text="x")) == "channel_not_found"
    assert await error_of(client.api_call("chat.postMessage", json={"channel": "C1"})) == "no_text"
    assert await error_of(client.usergroups_users_list(usergroup="SNONE")) == "no_such_subteam"
    slack.methods.scopes.discard("usergroups:read")
    assert await error_of(client.usergroups_users_list(usergroup="SOPS")) == "missing_scope"
    assert await error_of(AsyncWebClient("xoxb-other", base_url=slack.api).auth_test()) == "invalid_auth"
    assert await error_of(client.apps_connections_open(app_token=slack.bot_token)) == "not_allowed_token_type"


async def test_a_file_is_uploaded_in_three_steps(slack: Slack, client: AsyncWebClient) -> None:
    """Slack's client asks for an address, sends the bytes there, and shares the file in a thread."""
    ts = (await client.chat_postMessage(channel="C1", text="hello"))["ts"]
    await client.files_upload_v2(channel="C1", thread_ts=ts, content=b"\x89PNG", filename="chart.png", title="A", alt_txt="a line")
    (file,) = slack.workspace.files.values()
    assert (file.content, file.title, file.alt, file.thread_ts) == (b"\x89PNG", "A", "a line", ts)
    assert slack.workspace.channels["C1"].replies(ts)[0].files == [file]


async def test_faults_meet_the_calls_they_were_meant_for(slack: Slack, client: AsyncWebClient) -> None:
    """An error, a page of HTML, a rate limit and a lost answer: in turn; then all is well, and what was lost was done."""
    slack.faults.once("chat.postMessage", Error("fatal_error"), Status(503), RateLimited(3), LostAnswer())
    assert await error_of(client.chat_postMessage(channel="C1", text="1")) == "fatal_error"
    with pytest.raises(SlackApiError):
        await client.chat_postMessage(channel="C1", text="2")
    with pytest.raises(SlackApiError) as limited:
        await client.chat_postMessage(channel="C1", text="3")
    assert limited.value.response.headers["Retry-After"] == "3"
    client.retry_handlers.clear()
    with pytest.raises(aiohttp.ClientError):
        await client.chat_postMessage(channel="C1", text="4")
    await client.chat_postMessage(channel="C1", text="5")
    assert [message.text for message in slack.workspace.channels["C1"].messages.values()] == ["4", "5"]


async def test_a_method_has_its_pace(slack: Slack, client: AsyncWebClient) -> None:
    """Two messages at once, then 429 with a time to wait; another channel has its own pace."""
    slack.workspace.channel("C3", "other")
    slack.pace.limit("chat.postMessage", 2, 60.0)
    for _ in range(2):
        await client.chat_postMessage(channel="C1", text="x")
    assert await error_of(client.chat_postMessage(channel="C1", text="x")) == "ratelimited"
    await client.chat_postMessage(channel="C3", text="x")
    assert slack.pace.limited == 1


class Bot:
    """A small app of Slack's own making: what it received, and how it answers."""

    def __init__(self, slack: Slack) -> None:
        result = AuthorizeResult(enterprise_id=None, team_id="T1", bot_token=slack.bot_token, bot_user_id="U0BOT")

        async def authorize(**_: Any) -> AuthorizeResult:
            return result

        self.app = AsyncApp(client=AsyncWebClient(slack.bot_token, base_url=slack.api), authorize=authorize)
        self.app_token = slack.app_token
        self.received: list[dict[str, Any]] = []
        self.wait = 0.0
        self.app.command("/bg")(self._command)
        self.app.action("go")(self._take)
        self.app.view("ask")(self._submitted)
        self.app.event("app_home_opened")(self._home)

    async def _command(self, ack: Any, body: dict[str, Any], respond: Any, client: AsyncWebClient) -> None:
        await asyncio.sleep(self.wait)
        await ack()
        self.received.append(body)
        if body["text"] == "modal":
            await client.views_open(trigger_id=body["trigger_id"], view=MODAL)
            return
        await respond(f"you said {body['text']}")

    async def _take(self, ack: Any, body: dict[str, Any]) -> None:
        await ack()
        self.received.append(body)

    async def _submitted(self, ack: Any, view: dict[str, Any]) -> None:
        reason = view["state"]["values"]["why"]["reason"]["value"]
        await (ack() if reason else ack(response_action="errors", errors={"why": "say why"}))

    async def _home(self, client: AsyncWebClient, event: dict[str, Any]) -> None:
        await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": BLOCKS})


@pytest.fixture
async def bot(slack: Slack) -> AsyncIterator[Bot]:
    """The app, connected."""
    bot = Bot(slack)
    handler = AsyncSocketModeHandler(bot.app, bot.app_token, ping_interval=0.5)
    await handler.connect_async()
    yield bot
    await handler.close_async()


async def test_a_command_is_acknowledged_and_answered(slack: Slack, bot: Bot, alice: Person) -> None:
    """What is typed arrives escaped, is acknowledged, and its answer is seen by who typed it, five times and no more."""
    assert (await alice.types("a < b & c")).acknowledged
    await eventually(lambda: _done(alice.saw == ["you said a &lt; b &amp; c"]))
    async with aiohttp.ClientSession() as http:
        statuses = [(await http.post(bot.received[0]["response_url"], json={"text": "more"})).status for _ in range(5)]
        assert statuses == [200, 200, 200, 200, 404]


async def _done(holds: bool) -> bool:  # noqa: FBT001  a condition
    return holds


async def test_a_late_acknowledgement_is_none(slack: Slack, bot: Bot, alice: Person) -> None:
    """The app did its work, and the user is told that it failed."""
    slack.sockets.patience, bot.wait = 0.05, 0.3
    assert not (await alice.types("slow")).acknowledged

    async def came() -> bool:
        return len(slack.sockets.late) == 1

    await eventually(came)
    assert len(bot.received) == 1


async def test_buttons_are_clicked_as_they_are_and_as_they_were(slack: Slack, bot: Bot, alice: Person) -> None:
    """A click carries the button's value; one on blocks of long ago arrives, too; one on nothing cannot be made."""
    await bot.app.client.chat_postMessage(channel="C1", text="x", blocks=BLOCKS)
    (message,) = slack.workspace.channels["C1"].messages.values()
    old = message.blocks
    assert (await alice.clicks(message, "go")).acknowledged
    message.blocks = []
    with pytest.raises(NoSuchButton):
        await alice.clicks(message, "go")
    assert (await alice.clicks(message, "go", blocks=old)).acknowledged
    assert [body["actions"][0]["value"] for body in bot.received] == ["42", "42"]


async def test_a_trigger_opens_one_modal_and_soon(slack: Slack, bot: Bot, alice: Person) -> None:
    """A trigger is used once and dies after three seconds; a modal says what is wrong, or closes."""
    await alice.types("modal")

    async def opened() -> bool:
        return bool(slack.workspace.views)

    await eventually(opened)
    client = bot.app.client
    assert await error_of(client.views_open(trigger_id=bot.received[0]["trigger_id"], view=MODAL)) == "invalid_trigger_id"
    old = slack.workspace.trigger("UALICE")
    slack.ahead = 4.0
    assert await error_of(client.views_open(trigger_id=old, view=MODAL)) == "expired_trigger_id"
    modal = alice.modal()
    refused = await alice.submits(modal, reason="")
    assert refused.payload == {"response_action": "errors", "errors": {"why": "say why"}}
    assert modal.open
    await alice.submits(modal, reason="because")
    assert not modal.open


async def test_the_home_is_published_when_it_is_opened(slack: Slack, bot: Bot, alice: Person) -> None:
    """An event reaches the app, and its home can be clicked."""
    assert (await alice.opens_home()).acknowledged

    async def published() -> bool:
        return "UALICE" in slack.workspace.homes

    await eventually(published)
    assert (await alice.clicks_at_home("go")).acknowledged


async def test_the_same_envelope_may_come_again(slack: Slack, bot: Bot, alice: Person) -> None:
    """A duplicate runs the app's work again: nobody but the app itself keeps it from that."""
    payload = alice.command("twice")
    first = await slack.sockets.deliver("slash_commands", payload)
    await slack.sockets.deliver("slash_commands", payload, again=first.envelope)
    assert len(bot.received) == 2


@pytest.mark.parametrize("how", ["disconnect", "drop"])
async def test_a_client_comes_back(slack: Slack, bot: Bot, alice: Person, how: str) -> None:
    """After a disconnect frame and after a reset, Slack's client fetches a new ticket and is there again."""
    if how == "disconnect":
        await slack.sockets.disconnect("refresh_requested")
    else:
        slack.sockets.drop()

    async def back() -> bool:
        return slack.sockets.opened == 2 and len(slack.sockets.connected) == 1

    await eventually(back)
    assert slack.sockets.tickets_given == 2
    assert (await alice.types("there?")).acknowledged


async def test_tickets_are_used_once_and_soon_and_upgrades_may_be_refused(slack: Slack) -> None:
    """An address serves one connection within half a minute; a refused upgrade has used it up."""
    async with aiohttp.ClientSession() as http:
        address = slack.sockets.ticket()
        async with http.ws_connect(address) as link:
            assert (await link.receive_json())["type"] == "hello"
        used, old = address, slack.sockets.ticket()
        slack.ahead = 31.0
        refused = slack.sockets.ticket()
        for each, status in ((used, 404), (old, 404), (refused, 503), (refused, 404)):
            slack.sockets.refusals = 1 if status == 503 else 0
            with pytest.raises(aiohttp.WSServerHandshakeError) as raised:
                await http.ws_connect(each)
            assert raised.value.status == status


async def test_an_eleventh_connection_is_sent_away(slack: Slack) -> None:
    """An app has ten connections at the most."""
    async with aiohttp.ClientSession() as http:
        links = [await http.ws_connect(slack.sockets.ticket()) for _ in range(11)]
        assert (await links[-1].receive_json())["reason"] == "too_many_websockets"
        for link in links:
            await link.close()


@pytest.mark.parametrize("path", ["/api/auth.test", "/link/"])
async def test_drops_come_one_by_one_until_the_client_has_enough(slack: Slack, path: str) -> None:
    """What was to come before them, and then a byte now and then: of the Web API, and of an upgrade."""
    slack.faults.once("auth.test", Drops(UPGRADE))
    slack.sockets.upgrade_in_drops = True
    reader, writer = await asyncio.open_connection("127.0.0.1", int(slack.url.rpartition(":")[2]))
    ticket = slack.sockets.ticket().partition("?")[2]
    writer.write(f"GET {path}?{ticket} HTTP/1.1\r\nHost: slack\r\n\r\n".encode())
    assert await reader.readexactly(len(UPGRADE) + 3) == UPGRADE + b"aaa"
    writer.transport.abort()


async def test_in_a_black_hole_nothing_is_answered(slack: Slack, bot: Bot, alice: Person) -> None:
    """A frozen connection stays open and says nothing; the client gives it up by itself."""
    slack.sockets.patience = 0.2
    slack.sockets.frozen.set()
    assert not (await alice.types("anybody?")).acknowledged
    slack.sockets.frozen.clear()

    async def back() -> bool:
        return slack.sockets.opened >= 2

    await eventually(back)
