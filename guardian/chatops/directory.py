"""People and their groups, as Slack's Web API tells them."""

from collections.abc import Awaitable
from typing import Any

from aiohttp import ClientError
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from guardian.chatops.people import Account, NoAnswer
from guardian.core.words import connection as words


class SlackDirectory:
    """The :class:`~guardian.chatops.people.Directory`. Says nothing before there is a connection."""

    def __init__(self) -> None:
        self.client: AsyncWebClient | None = None

    async def group(self, group: str, patience: float) -> frozenset[str]:
        """The members of a user group. The caller holds the time."""
        del patience
        answer = await self._ask(self._client().usergroups_users_list(usergroup=group))
        return frozenset(map(str, answer.get("users") or ()))

    async def account(self, user: str, patience: float) -> Account:
        """One account."""
        del patience
        found = (await self._ask(self._client().users_info(user=user))).get("user") or {}
        guest = bool(found.get("is_restricted") or found.get("is_ultra_restricted") or found.get("is_stranger"))
        return Account(str(found.get("team_id")), guest, bool(found.get("deleted")))

    def _client(self) -> AsyncWebClient:
        if self.client is None:
            raise NoAnswer(words.unconnected())
        return self.client

    async def _ask(self, call: Awaitable[Any]) -> Any:
        try:
            return await call
        except SlackApiError as error:
            raise NoAnswer(str(error.response.get("error") or error.response.status_code)) from error
        except (ClientError, OSError, TimeoutError) as error:
            raise NoAnswer(type(error).__name__) from error
