"""The section ``slack`` of ``guardian.yaml``."""

import re
from collections.abc import Mapping
from pathlib import Path

from guardian.config import kinds
from guardian.config.fields import Fields, Kind, Misfit
from guardian.core.chat import API, CHANNEL_ID, GROUP_ID, TEAM_ID, USER_ID, SlackSettings
from guardian.core.people import Role
from guardian.core.words import chat, forms
from guardian.core.words import faults as words

_API = re.compile(r"https://[^\s@/?#]{1,253}/\S{0,200}|http://(?:127\.0\.0\.1|\[::1\]|localhost)(?::[0-9]{1,5})?/\S{0,200}")
_PROXY = re.compile(r"http://[^\s@/?#]{1,253}/?")
_STEERING = tuple(role for role in Role if role.covers(Role.OPERATOR))


def read_slack(settings: Fields, base: Path) -> SlackSettings | None:
    """The section ``slack``; ``None`` where there is none."""
    if not settings.has("slack"):
        settings.overlook(("slack",))
        return None
    fields = settings.section("slack")
    slack = SlackSettings(
        bot_token_file=fields.required("bot_token_file", kinds.path(base, "/etc/guardian/slack-bot-token")),
        app_token_file=fields.required("app_token_file", kinds.path(base, "/etc/guardian/slack-app-token")),
        team=fields.required("team", _matching(TEAM_ID, forms.a_workspace(), "T0")),
        roles=_roles(fields.section("roles")),
        api=fields.optional("api", _matching(_API, forms.a_chat_api(), API), API),
        proxy=fields.optional("proxy", _matching(_PROXY, forms.a_proxy(), "http://proxy:3128"), ""),
    )
    fields.close()
    return slack


def _roles(fields: Fields) -> Mapping[Role, tuple[str, ...]]:
    somebody = _matching(re.compile(f"{USER_ID.pattern}|{GROUP_ID.pattern}"), forms.somebody_in_slack(), "U0")
    roles = {role: fields.optional_list(role.value, somebody) for role in Role}
    if fields.sound(*(role.value for role in _STEERING)) and not any(roles[role] for role in _STEERING):
        fields.fault_here(chat.nobody_steers())
    fields.close()
    return roles


def _matching(pattern: re.Pattern[str], form: str, stand_in: str) -> Kind[str]:
    def read(text: str) -> str:
        if not pattern.fullmatch(text):
            raise Misfit(words.misfit(text, form))
        return text

    return Kind(read, form, stand_in)


CHANNEL = _matching(CHANNEL_ID, forms.a_channel(), "C0")
"""A channel of Slack's, by its id: names change."""
