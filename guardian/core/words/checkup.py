"""What ``guardian slack check`` finds, and what to click where something is missing."""

from collections.abc import Sequence
from pathlib import Path

from guardian.core.words.quotes import listed

APPS = "https://api.slack.com/apps"


def no_slack() -> str:
    """Nothing to check."""
    return "guardian.yaml has no section `slack`; README tells how the app is made from deploy/slack/manifest.yaml"


def token_open(path: Path, mode: int) -> str:
    """Everybody on the host can read a token."""
    return f"{path} can be read by everybody on this host (mode {mode:04o}): chmod 600"


def known_as(user: str, team: str, team_id: str) -> str:
    """The bot token is good."""
    return f"the bot token is good: {user} in the workspace {team} ({team_id})"


def other_team(wanted: str, found: str) -> str:
    """A token of another workspace."""
    return f"the bot token belongs to the workspace {found}, guardian.yaml says `team: {wanted}`: one of both is wrong"


def bot_refused(reason: str) -> str:
    """The bot token is not good."""
    return f"Slack refuses the bot token ({reason}): copy it anew from {APPS}, your app, Install App"


def scopes_there(scopes: Sequence[str]) -> str:
    """All scopes are there."""
    return f"it has all {len(scopes)} scopes that guardian needs"


def scopes_missing(missing: Sequence[str]) -> str:
    """Some are not."""
    return (
        f"the app lacks {listed(missing)}: at {APPS}, your app, OAuth & Permissions, Bot Token Scopes, add them; then Install App, "
        "Reinstall"
    )


def socket_opens() -> str:
    """Socket Mode works."""
    return "the app token is good, and Socket Mode is on"


def socket_refused(reason: str) -> str:
    """Socket Mode does not."""
    if reason in ("missing_scope", "not_allowed_token_type", "invalid_auth", "not_authed"):
        return (
            f"Slack refuses the app token ({reason}): at {APPS}, your app, Basic Information, App-Level Tokens, make one with the "
            "scope connections:write"
        )
    return f"no connection can be opened ({reason}): at {APPS}, your app, Socket Mode, switch it on"


def in_channel(name: str, shown: str) -> str:
    """The app is a member."""
    return f"channel `{name}`: the app is in #{shown}"


def not_in_channel(name: str, shown: str) -> str:
    """It is not."""
    return f"channel `{name}`: the app is not in #{shown}: type `/invite @guardian` there"


def archived(name: str, shown: str) -> str:
    """Nobody can write there."""
    return f"channel `{name}`: #{shown} is archived: name another channel in guardian.yaml"


def channel_refused(name: str, identifier: str, reason: str) -> str:
    """Slack knows no such channel."""
    return (
        f"channel `{name}`: Slack does not know {identifier} ({reason}): if it is private, type `/invite @guardian` there; "
        "otherwise the id is wrong"
    )


def members(group: str, role: str, number: int) -> str:
    """A group with people in it."""
    return f"{role}: the user group {group} has {number} members"


def nobody_in(group: str, role: str) -> str:
    """An empty group."""
    return f"{role}: the user group {group} has no members: add people to it in Slack, People, User groups"


def group_refused(group: str, role: str, reason: str) -> str:
    """Slack does not know a group."""
    if reason == "plan_upgrade_required":
        return f"{role}: this workspace has no user groups on its plan: name users (U…) instead of {group}"
    return f"{role}: Slack does not know the user group {group} ({reason}): its id stands in its address, in People, User groups"


def user_good(user: str, role: str) -> str:
    """A user who is there."""
    return f"{role}: {user} is there"


def user_refused(user: str, role: str, reason: str) -> str:
    """A user who is not."""
    return f"{role}: {user} {reason}: copy the id from the person's profile, …, Copy member ID"


def is_gone() -> str:
    """A phrase."""
    return "is deactivated"


def unknown(reason: str) -> str:
    """A phrase."""
    return f"is not known to Slack ({reason})"


def unreachable(reason: str) -> str:
    """Slack does not answer at all."""
    return f"Slack does not answer ({reason}): check the way out of this host, and `proxy` in the section `slack`"


def line(sentence: str, *, good: bool) -> str:
    """One finding."""
    return f"{'ok  ' if good else 'FAIL'}  {sentence}"


def all_well() -> str:
    """Nothing is missing."""
    return "Slack is ready: try `/bg status`"
