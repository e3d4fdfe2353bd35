"""People in the stand-in's workspace: they type, click, fill in modals and look at the App Home."""

import copy
import time
from typing import Any

from tests.doubles.slack.sockets import Delivery
from tests.doubles.slack.standin import Slack, escaped
from tests.doubles.slack.workspace import APP, TEAM, Message, View


class NoSuchButton(Exception):
    """There is nothing of that name to click."""


class Person:
    """Somebody who uses the app. ``team`` is the workspace that they come from."""

    def __init__(self, slack: Slack, identifier: str, team: str = TEAM) -> None:
        self.slack, self.id, self.team = slack, identifier, team

    @property
    def saw(self) -> list[str]:
        """What this person alone was shown, oldest first."""
        return self.slack.workspace.seen_by(self.id)

    async def types(self, text: str, channel: str = "C1", command: str = "/bg") -> Delivery:
        """Type a command. What the acknowledgement says is shown to them."""
        return await self._shown(await self.slack.sockets.deliver("slash_commands", self.command(text, channel, command)))

    def command(self, text: str, channel: str = "C1", command: str = "/bg") -> dict[str, Any]:
        """The payload of a typed command."""
        workspace = self.slack.workspace
        member = workspace.members.get(self.id)
        return {
            "command": command,
            "text": escaped(text),
            "user_id": self.id,
            "user_name": member.name if member else "somebody",
            "team_id": self.team,
            "team_domain": "acme",
            "channel_id": channel,
            "channel_name": workspace.channels[channel].name if channel in workspace.channels else "directmessage",
            "api_app_id": APP,
            "trigger_id": workspace.trigger(self.id),
            "response_url": f"{self.slack.url}/response_url/{workspace.response_url(self.id, channel, None)}",
        }

    async def clicks(self, message: Message, action: str, channel: str = "C1", **seen: Any) -> Delivery:
        """Click a button of ``message`` as it is, or as it was when it had the ``blocks`` given."""
        payload = self.click(message, action, channel, **seen)
        return await self.slack.sockets.deliver("interactive", payload)

    def click(
        self, message: Message, action: str, channel: str = "C1", blocks: list[dict[str, Any]] | None = None
    ) -> dict[str, Any]:
        """The payload of a click."""
        workspace = self.slack.workspace
        shown = {**message.shown(), "blocks": copy.deepcopy(blocks if blocks is not None else message.blocks)}
        element, block = _button(shown["blocks"], action)
        clicked = {key: element[key] for key in ("type", "action_id", "text", "value") if key in element}
        return {
            "type": "block_actions",
            "user": self._user(),
            "team": {"id": self.team, "domain": "acme"},
            "api_app_id": APP,
            "container": {"type": "message", "message_ts": message.ts, "channel_id": channel, "is_ephemeral": False},
            "channel": {"id": channel, "name": workspace.channels[channel].name},
            "message": shown,
            "trigger_id": workspace.trigger(self.id),
            "response_url": f"{self.slack.url}/response_url/{workspace.response_url(self.id, channel, message.ts)}",
            "actions": [{**clicked, "block_id": block, "action_ts": f"{time.time():.6f}"}],
        }

    async def clicks_at_home(self, action: str) -> Delivery:
        """Click a button of the App Home."""
        view = self.slack.workspace.homes[self.id]
        element, block = _button(view.content["blocks"], action)
        clicked = {key: element[key] for key in ("type", "action_id", "text", "value") if key in element}
        payload = {
            "type": "block_actions",
            "user": self._user(),
            "team": {"id": self.team, "domain": "acme"},
            "api_app_id": APP,
            "container": {"type": "view", "view_id": view.id},
            "view": {"id": view.id, "type": "home", "hash": view.hash, **view.content},
            "trigger_id": self.slack.workspace.trigger(self.id),
            "actions": [{**clicked, "block_id": block, "action_ts": f"{time.time():.6f}"}],
        }
        return await self.slack.sockets.deliver("interactive", payload)

    async def submits(self, view: View, **values: str) -> Delivery:
        """Fill in a modal and send it. It closes unless the app finds something wrong."""
        content = {**view.content, "id": view.id, "hash": view.hash, "state": {"values": _state(view, values)}}
        payload = {
            "type": "view_submission",
            "user": self._user(),
            "team": {"id": self.team, "domain": "acme"},
            "api_app_id": APP,
            "trigger_id": self.slack.workspace.trigger(self.id),
            "response_urls": [],
            "view": content,
        }
        delivery = await self.slack.sockets.deliver("interactive", payload)
        view.open = not delivery.acknowledged or bool(delivery.payload)
        return delivery

    async def opens_home(self) -> Delivery:
        """Look at the App Home."""
        event = {"type": "app_home_opened", "user": self.id, "channel": "D1", "tab": "home", "event_ts": f"{time.time():.6f}"}
        payload = {"token": "x", "team_id": self.team, "api_app_id": APP, "type": "event_callback", "event": event}
        payload |= {"event_id": self.slack.workspace.fresh("Ev"), "event_time": int(time.time())}
        return await self.slack.sockets.deliver("events_api", payload)

    def modal(self) -> View:
        """The modal that is open before this person."""
        return next(view for view in reversed(self.slack.workspace.views.values()) if view.user == self.id and view.open)

    async def _shown(self, delivery: Delivery) -> Delivery:
        if delivery.payload and "text" in delivery.payload:
            self.slack.workspace.whisper(self.id, delivery.payload["text"], delivery.payload.get("blocks", []))
        return delivery

    def _user(self) -> dict[str, Any]:
        member = self.slack.workspace.members.get(self.id)
        return {"id": self.id, "username": member.name if member else "somebody", "team_id": self.team}


def _button(blocks: list[dict[str, Any]], action: str) -> tuple[dict[str, Any], str]:
    for number, block in enumerate(blocks):
        accessory = [block["accessory"]] if "accessory" in block else []
        for element in (*block.get("elements", ()), *accessory):
            if element.get("action_id") == action:
                return element, str(block.get("block_id", f"b{number}"))
    raise NoSuchButton(action)


def _state(view: View, values: dict[str, str]) -> dict[str, dict[str, Any]]:
    """What a modal's inputs hold when ``values`` were filled in, by action; the others keep what they began with."""
    state: dict[str, dict[str, Any]] = {}
    for number, block in enumerate(view.content["blocks"]):
        element = block.get("element")
        if element is None:
            continue
        action = element["action_id"]
        state.setdefault(str(block.get("block_id", f"b{number}")), {})[action] = _filled(element, values.get(action))
    return state


def _filled(element: dict[str, Any], value: str | None) -> dict[str, Any]:
    if element["type"] == "plain_text_input":
        return {"type": "plain_text_input", "value": value if value is not None else element.get("initial_value")}
    chosen = next((option for option in element["options"] if option["value"] == value), element.get("initial_option"))
    return {"type": element["type"], "selected_option": chosen}
