"""``guardian slack check`` says what is missing at Slack's end, and what to click."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from guardian.chatops.checkup import NEEDED, examine
from guardian.core.channels import ChannelSettings, SlackChannel
from guardian.core.chat import SlackSettings
from guardian.core.letters import Route
from guardian.core.people import Role
from tests.doubles.slack.faults import Error
from tests.doubles.slack.office import Office
from tests.doubles.slack.standin import Slack
from tests.doubles.slack.workspace import BOT

CHANNELS = [ChannelSettings(Route("deploys"), 1.0, SlackChannel("C1"))]


@pytest.fixture
def settings(slack: Slack, tmp_path: Path) -> SlackSettings:
    """A configuration that fits."""
    settings = Office(slack, tmp_path).settings
    settings.bot_token_file.chmod(0o600)
    settings.app_token_file.chmod(0o600)
    return settings


async def troubles(settings: SlackSettings, channels: list[ChannelSettings] = CHANNELS) -> list[str]:
    """What was found to be wrong."""
    return [finding.sentence async for finding in examine(settings, channels) if not finding.good]


async def test_where_all_is_well_nothing_is_wrong(settings: SlackSettings) -> None:
    """Seven things are looked at."""
    found = [finding async for finding in examine(settings, CHANNELS)]
    assert [finding.sentence for finding in found] == [
        "the app token is good, and Socket Mode is on",
        "the bot token is good: guardian in the workspace acme (T1)",
        "it has all 9 scopes that guardian needs",
        "channel `deploys`: the app is in #deploys",
        "operator: the user group SOPS has 3 members",
        "approver: the user group SAPPROVERS has 2 members",
    ]


async def test_the_manifest_asks_for_all_that_is_needed() -> None:
    """An app made from deploy/slack/manifest.yaml passes the check."""
    manifest = (Path(__file__).parents[2] / "deploy" / "slack" / "manifest.yaml").read_text()
    assert all(f"      - {scope} " in manifest for scope in NEEDED)


async def test_each_thing_that_is_missing_is_told_with_what_to_do(slack: Slack, settings: SlackSettings) -> None:
    """Scopes, a channel that nobody invited it into, one that is archived, a group without members, and one that is none."""
    slack.methods.scopes -= {"files:write", "groups:history"}
    slack.workspace.channel("C3", "old", archived=True)
    slack.workspace.groups["SOPS"] = []
    del slack.workspace.groups["SAPPROVERS"]
    channels = [ChannelSettings(Route(f"c{each}"), 1.0, SlackChannel(f"C{each}")) for each in (1, 2, 3, 9)]
    found = await troubles(settings, channels)
    assert len(found) == 6
    for sentence, said in zip(
        found,
        (
            "lacks `files:write` and `groups:history`: at https://api.slack.com/apps, your app, OAuth & Permissions",
            "channel `c2`: the app is not in #quiet: type `/invite @guardian` there",
            "channel `c3`: #old is archived",
            "channel `c9`: Slack does not know C9 (channel_not_found)",
            "operator: the user group SOPS has no members",
            "approver: Slack does not know the user group SAPPROVERS (no_such_subteam)",
        ),
        strict=True,
    ):
        assert said in sentence


async def test_people_are_looked_up(slack: Slack, settings: SlackSettings) -> None:
    """A user who left, and one who never was."""
    slack.workspace.member("UGONE", "gone", deleted=True)
    named = SlackSettings(
        settings.bot_token_file, settings.app_token_file, "T1", {Role.ADMIN: ("UALICE", "UGONE", "UNEVER")}, settings.api
    )
    assert await troubles(named) == [
        "admin: UGONE is deactivated: copy the id from the person's profile, …, Copy member ID",
        "admin: UNEVER is not known to Slack (user_not_found): copy the id from the person's profile, …, Copy member ID",
    ]


async def test_bad_tokens_are_told_without_being_shown(slack: Slack, settings: SlackSettings) -> None:
    """A file for everybody, a token of the wrong kind, a wrong one, and another workspace."""
    settings.bot_token_file.chmod(0o644)
    settings.app_token_file.write_text(slack.bot_token)
    (first, second) = await troubles(settings)
    assert "can be read by everybody" in first
    assert "holds no token that starts with `xapp-`" in second
    settings.bot_token_file.chmod(0o600)
    settings.bot_token_file.write_text("xoxb-wrong-token")
    settings.app_token_file.write_text("xapp-wrong-token")
    wrong = await troubles(settings)
    assert "Slack refuses the app token (invalid_auth)" in wrong[0]
    assert "Slack refuses the bot token (invalid_auth)" in wrong[1]
    assert "wrong-token" not in f"{first}{second}{wrong}"


async def test_another_workspace_and_no_socket_mode(slack: Slack, settings: SlackSettings) -> None:
    """What the token belongs to, and the switch to press."""
    slack.faults.once("apps.connections.open", Error("socket_mode_disabled"))
    other = SlackSettings(settings.bot_token_file, settings.app_token_file, "T2", api=settings.api)
    assert await troubles(other) == [
        "no connection can be opened (socket_mode_disabled): at https://api.slack.com/apps, your app, Socket Mode, switch it on",
        "the bot token belongs to the workspace T1, guardian.yaml says `team: T2`: one of both is wrong",
    ]


async def test_the_command_prints_it_and_ends_with_a_code(slack: Slack, settings: SlackSettings, tmp_path: Path) -> None:
    """0 where all is well, 1 where something is missing, as text and as JSON."""
    config = tmp_path / "guardian.yaml"
    config.write_text(
        f"state_dir: state\nrules: rules\nhaproxy: {{socket: a, map: /tmp/map}}\napi: {{socket: b}}\n"
        f"services: {{web: {{blue: b, green: g}}}}\nchannels: {{deploys: {{slack: C1}}}}\n"
        f"slack: {{bot_token_file: bot-token, app_token_file: app-token, team: T1, api: '{slack.api}',\n"
        f"  roles: {{operator: [SOPS]}}}}\n"
    )
    code, said = await run(config)
    assert (code, said.splitlines()[-1]) == (0, "Slack is ready: try `/bg status`")
    slack.workspace.channels["C1"].members.discard(BOT)
    code, said = await run(config, "--json")
    assert code == 1
    assert [finding["good"] for finding in json.loads(said)] == [True, True, True, False, True]


async def run(config: Path, *options: str) -> tuple[int, str]:
    """Exit code and output of the command."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "guardian.cli", "slack", "check", "--config", str(config), *options),
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()
