"""Everything that must be right at Slack's end, asked of Slack: tokens, scopes, Socket Mode, channels, people."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientError
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from guardian.chatops.connection import Tokens, TokenUnfit, read_tokens, reason_of, web_client
from guardian.core.channels import ChannelSettings, SlackChannel
from guardian.core.chat import GROUP_ID, SlackSettings
from guardian.core.people import Role
from guardian.core.words import checkup as words

PATIENCE = 10.0
OTHERS_READ = 0o004
NEEDED = (
    *("commands", "chat:write", "files:write", "usergroups:read", "users:read", "channels:read", "groups:read"),
    *("channels:history", "groups:history"),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    good: bool
    sentence: str


async def examine(settings: SlackSettings, channels: Iterable[ChannelSettings]) -> AsyncIterator[Finding]:
    """Look at everything; what is wrong with one thing keeps no other from being looked at."""
    for path in (settings.bot_token_file, settings.app_token_file):
        if path.exists() and path.stat().st_mode & OTHERS_READ:
            yield Finding(good=False, sentence=words.token_open(path, path.stat().st_mode & 0o777))
    try:
        tokens = read_tokens(settings)
    except TokenUnfit as unfit:
        yield Finding(good=False, sentence=str(unfit))
        return
    client = web_client(settings, tokens, patience=PATIENCE)
    try:
        async for finding in _examined(settings, client, tokens, channels):
            yield finding
    except (ClientError, OSError, TimeoutError) as error:
        yield Finding(good=False, sentence=words.unreachable(reason_of(error)))


async def _examined(
    settings: SlackSettings, client: AsyncWebClient, tokens: Tokens, channels: Iterable[ChannelSettings]
) -> AsyncIterator[Finding]:
    yield await _socket(client, tokens)
    try:
        who = await client.auth_test()
    except SlackApiError as error:
        yield Finding(good=False, sentence=words.bot_refused(reason_of(error)))
        return
    if who["team_id"] != settings.team:
        yield Finding(good=False, sentence=words.other_team(settings.team, str(who["team_id"])))
    else:
        yield Finding(good=True, sentence=words.known_as(str(who["user"]), str(who["team"]), str(who["team_id"])))
    yield _scopes(who)
    for channel in channels:
        if isinstance(channel.target, SlackChannel):
            yield await _channel(client, channel.route.channel, channel.target.id)
    for role, entries in settings.roles.items():
        for entry in entries:
            yield await (_group(client, entry, role) if GROUP_ID.fullmatch(entry) else _user(client, entry, role))


async def _socket(client: AsyncWebClient, tokens: Tokens) -> Finding:
    """A ticket is asked for and not used."""
    try:
        await client.apps_connections_open(app_token=tokens.app)
    except SlackApiError as error:
        return Finding(good=False, sentence=words.socket_refused(reason_of(error)))
    return Finding(good=True, sentence=words.socket_opens())


def _scopes(who: Any) -> Finding:
    headers = {name.lower(): str(value) for name, value in who.headers.items()}
    given = {scope.strip() for scope in headers.get("x-oauth-scopes", "").split(",")}
    missing = [scope for scope in NEEDED if scope not in given]
    if missing:
        return Finding(good=False, sentence=words.scopes_missing(missing))
    return Finding(good=True, sentence=words.scopes_there(NEEDED))


async def _channel(client: AsyncWebClient, name: str, identifier: str) -> Finding:
    try:
        found = (await client.conversations_info(channel=identifier))["channel"]
    except SlackApiError as error:
        return Finding(good=False, sentence=words.channel_refused(name, identifier, reason_of(error)))
    shown = str(found.get("name"))
    if found.get("is_archived"):
        return Finding(good=False, sentence=words.archived(name, shown))
    if not found.get("is_member"):
        return Finding(good=False, sentence=words.not_in_channel(name, shown))
    return Finding(good=True, sentence=words.in_channel(name, shown))


async def _group(client: AsyncWebClient, group: str, role: Role) -> Finding:
    try:
        users = (await client.usergroups_users_list(usergroup=group)).get("users") or ()
    except SlackApiError as error:
        return Finding(good=False, sentence=words.group_refused(group, role, reason_of(error)))
    if not users:
        return Finding(good=False, sentence=words.nobody_in(group, role))
    return Finding(good=True, sentence=words.members(group, role, len(users)))


async def _user(client: AsyncWebClient, user: str, role: Role) -> Finding:
    try:
        found = (await client.users_info(user=user))["user"]
    except SlackApiError as error:
        return Finding(good=False, sentence=words.user_refused(user, role, words.unknown(reason_of(error))))
    if found.get("deleted"):
        return Finding(good=False, sentence=words.user_refused(user, role, words.is_gone()))
    return Finding(good=True, sentence=words.user_good(user, role))
