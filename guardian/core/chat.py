"""A chat as guardian.yaml describes it: who may do what there, and the files that hold its secrets."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from guardian.core.people import Role

CHANNEL_ID = re.compile(r"[CG][A-Z0-9]{1,31}")
GROUP_ID = re.compile(r"S[A-Z0-9]{1,31}")
USER_ID = re.compile(r"[UW][A-Z0-9]{1,31}")
TEAM_ID = re.compile(r"T[A-Z0-9]{1,31}")
API = "https://slack.com/api/"
_IDENTITY = re.compile(r".* \(Slack ([UW][A-Z0-9]{1,31})\)")
LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class SlackSettings:
    """The way to one Slack workspace. Holds no secret, only the names of the files that do."""

    bot_token_file: Path
    """Holds the token that starts with ``xoxb-``."""
    app_token_file: Path
    """Holds the token that starts with ``xapp-``."""
    team: str
    """The workspace: whoever comes from another one is refused."""
    roles: Mapping[Role, tuple[str, ...]] = field(default_factory=dict)
    """User groups and users by the role that they have. Where nobody is a viewer, every full member of the workspace is."""
    api: str = API
    proxy: str = ""
    """An HTTP proxy on the way; empty for none."""


def identity(name: str, user: str) -> str:
    """How somebody in Slack is known in journals and messages. The account's id is a part of it, for names change."""
    plain = "".join(character if character.isprintable() and character not in "()" else " " for character in name)
    return f"{' '.join(plain.split())[:LONGEST_NAME] or 'somebody'} (Slack {user})"


def account_of(by: str) -> str | None:
    """The account in an :func:`identity`; ``None`` for those who are known by other means."""
    found = _IDENTITY.fullmatch(by)
    return found[1] if found else None
