"""The methods of Slack's Web API that guardian uses, on a :class:`Workspace`."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from tests.doubles.slack.limits import faults_of_message, faults_of_view
from tests.doubles.slack.workspace import APP, BOT, TEAM, Channel, File, Message, View, Workspace

Given = Mapping[str, Any]
LONGEST_TEXT = 40_000
SCOPES = {
    "chat.postMessage": "chat:write",
    "chat.postEphemeral": "chat:write",
    "chat.update": "chat:write",
    "chat.delete": "chat:write",
    "conversations.info": "channels:read",
    "conversations.history": "channels:history",
    "conversations.replies": "channels:history",
    "files.getUploadURLExternal": "files:write",
    "files.completeUploadExternal": "files:write",
    "usergroups.users.list": "usergroups:read",
    "usergroups.list": "usergroups:read",
    "users.info": "users:read",
}
"""What each method needs; the others need nothing."""


class Failed(Exception):
    """``ok: false``: the error, and what else the answer holds."""

    def __init__(self, error: str, **more: Any) -> None:
        super().__init__(error)
        self.answer = {"ok": False, "error": error, **more}


class Methods:
    """``call`` answers as Slack would; :class:`Failed` where Slack would refuse."""

    def __init__(self, workspace: Workspace, address: Callable[[], str]) -> None:
        self._workspace, self._address = workspace, address
        self.scopes = {
            *("commands", "chat:write", "files:write", "usergroups:read", "users:read"),
            *("channels:read", "groups:read", "channels:history", "groups:history"),
        }
        self._methods: dict[str, Callable[[Given], dict[str, Any]]] = {
            "api.test": lambda _: {},
            "auth.test": self._auth_test,
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "chat.delete": self._delete,
            "chat.postEphemeral": self._whisper,
            "chat.getPermalink": self._permalink,
            "conversations.info": self._conversation,
            "conversations.history": self._history,
            "conversations.replies": self._replies,
            "files.getUploadURLExternal": self._begin_upload,
            "files.completeUploadExternal": self._complete_upload,
            "usergroups.users.list": self._group,
            "usergroups.list": self._groups,
            "users.info": self._user,
            "views.open": self._open_view,
            "views.update": self._update_view,
            "views.publish": self._publish,
        }

    def call(self, method: str, given: Given) -> dict[str, Any]:
        """What ``method`` answers."""
        if method not in self._methods:
            raise Failed("unknown_method")
        needed = SCOPES.get(method)
        if needed and needed not in self.scopes:
            raise Failed("missing_scope", needed=needed, provided=",".join(sorted(self.scopes)))
        return {"ok": True, **self._methods[method](given)}

    def _auth_test(self, _: Given) -> dict[str, Any]:
        who = {"team": "acme", "team_id": TEAM, "user": "guardian", "user_id": BOT, "bot_id": "B1"}
        return {**who, "url": "https://acme.slack.test/", "is_enterprise_install": False, "app_id": APP}

    def _channel(self, given: Given) -> Channel:
        channel = self._workspace.channels.get(str(given.get("channel")))
        if channel is None:
            raise Failed("channel_not_found")
        return channel

    def _writable(self, given: Given) -> Channel:
        channel = self._channel(given)
        if channel.archived:
            raise Failed("is_archived")
        if BOT not in channel.members and (channel.private or "chat:write.public" not in self.scopes):
            raise Failed("channel_not_found" if channel.private else "not_in_channel")
        return channel

    def _content(self, given: Given) -> tuple[str, list[dict[str, Any]]]:
        text, blocks = str(given.get("text") or ""), decoded(given.get("blocks")) or []
        if not text and not blocks:
            raise Failed("no_text")
        if len(text) > LONGEST_TEXT:
            raise Failed("msg_too_long")
        if found := faults_of_message(blocks):
            raise Failed("invalid_blocks", errors=found, response_metadata={"messages": [f"[ERROR] {each}" for each in found]})
        return text, blocks

    def _post(self, given: Given) -> dict[str, Any]:
        channel, (text, blocks) = self._writable(given), self._content(given)
        thread = given.get("thread_ts")
        if thread and str(thread) not in channel.messages:
            raise Failed("thread_not_found")
        message = Message(self._workspace.ts(), text, blocks, str(thread) if thread else None)
        message.broadcast = bool(thread) and str(given.get("reply_broadcast")).lower() in ("true", "1")
        message.metadata = decoded(given.get("metadata"))
        channel.messages[message.ts] = message
        return {"channel": channel.id, "ts": message.ts, "message": message.shown()}

    def _update(self, given: Given) -> dict[str, Any]:
        channel = self._channel(given)
        message = channel.messages.get(str(given.get("ts")))
        if message is None:
            raise Failed("message_not_found")
        text, blocks = self._content(given)
        # Text without blocks takes the blocks away; blocks without text leave the text.
        message.blocks, message.text = blocks, text or message.text
        message.metadata = decoded(given.get("metadata")) or message.metadata
        message.updates += 1
        return {"channel": channel.id, "ts": message.ts, "text": message.text, "message": message.shown()}

    def _delete(self, given: Given) -> dict[str, Any]:
        channel, ts = self._channel(given), str(given.get("ts"))
        if channel.messages.pop(ts, None) is None:
            raise Failed("message_not_found")
        return {"channel": channel.id, "ts": ts}

    def _whisper(self, given: Given) -> dict[str, Any]:
        channel, (text, blocks) = self._writable(given), self._content(given)
        user = str(given.get("user"))
        if user not in channel.members:
            raise Failed("user_not_in_channel")
        self._workspace.whisper(user, text, blocks)
        return {"message_ts": self._workspace.ts()}

    def _permalink(self, given: Given) -> dict[str, Any]:
        channel, ts = self._channel(given), str(given.get("message_ts"))
        if ts not in channel.messages:
            raise Failed("message_not_found")
        return {"channel": channel.id, "permalink": f"https://acme.slack.test/archives/{channel.id}/p{ts.replace('.', '')}"}

    def _conversation(self, given: Given) -> dict[str, Any]:
        channel = self._channel(given)
        if channel.private and BOT not in channel.members:
            raise Failed("channel_not_found")
        known = {"id": channel.id, "name": channel.name, "is_member": BOT in channel.members}
        return {"channel": {**known, "is_archived": channel.archived, "is_private": channel.private}}

    def _history(self, given: Given) -> dict[str, Any]:
        found = sorted(self._channel(given).parents(), key=lambda message: message.ts, reverse=True)
        oldest = str(given.get("oldest") or "0")
        chosen = [message for message in found if message.ts > oldest][: int(given.get("limit") or 100)]
        return {"messages": [self._historic(message, given) for message in chosen], "has_more": len(chosen) < len(found)}

    def _replies(self, given: Given) -> dict[str, Any]:
        channel, ts = self._channel(given), str(given.get("ts"))
        if ts not in channel.messages:
            raise Failed("thread_not_found")
        found = [channel.messages[ts], *channel.replies(ts)]
        return {"messages": [self._historic(message, given) for message in found], "has_more": False}

    def _historic(self, message: Message, given: Given) -> dict[str, Any]:
        shown = message.shown()
        if str(given.get("include_all_metadata")).lower() not in ("true", "1"):
            shown.pop("metadata", None)
        return shown

    def _begin_upload(self, given: Given) -> dict[str, Any]:
        name, length = str(given.get("filename") or ""), int(given.get("length") or 0)
        if not name or length <= 0:
            raise Failed("invalid_arguments")
        file = File(self._workspace.fresh("F"), name, str(given.get("alt_txt") or ""), length)
        self._workspace.files[file.id] = file
        return {"upload_url": f"{self._address()}/upload/{quote(file.id)}", "file_id": file.id}

    def _complete_upload(self, given: Given) -> dict[str, Any]:
        finished = []
        for each in decoded(given.get("files")) or []:
            file = self._workspace.files.get(str(each.get("id")))
            if file is None or file.content is None:
                raise Failed("file_not_found")
            file.title, file.channel = str(each.get("title") or file.name), str(given.get("channel_id") or "")
            file.thread_ts = given.get("thread_ts")
            if file.channel:
                self._share(file, str(given.get("initial_comment") or ""))
            finished.append({"id": file.id, "title": file.title})
        if not finished:
            raise Failed("invalid_arguments")
        return {"files": finished}

    def _share(self, file: File, comment: str) -> None:
        channel = self._writable({"channel": file.channel})
        message = Message(self._workspace.ts(), comment, [], file.thread_ts, files=[file])
        channel.messages[message.ts] = message

    def _group(self, given: Given) -> dict[str, Any]:
        group = str(given.get("usergroup"))
        if group not in self._workspace.groups:
            raise Failed("no_such_subteam")
        return {"users": list(self._workspace.groups[group])}

    def _groups(self, _: Given) -> dict[str, Any]:
        return {"usergroups": [{"id": name, "handle": name.lower()} for name in self._workspace.groups]}

    def _user(self, given: Given) -> dict[str, Any]:
        member = self._workspace.members.get(str(given.get("user")))
        if member is None:
            raise Failed("user_not_found")
        return {"user": member.shown()}

    def _open_view(self, given: Given) -> dict[str, Any]:
        trigger = self._workspace.triggers.pop(str(given.get("trigger_id")), None)
        if trigger is None:
            raise Failed("invalid_trigger_id")
        user, until = trigger
        if self._workspace.now() > until:
            raise Failed("expired_trigger_id")
        view = self._view(given, user, "modal")
        self._workspace.views[view.id] = view
        return {"view": {"id": view.id, "hash": view.hash, **view.content}}

    def _update_view(self, given: Given) -> dict[str, Any]:
        view = self._workspace.views.get(str(given.get("view_id")))
        if view is None or not view.open:
            raise Failed("not_found")
        if given.get("hash") not in (None, view.hash):
            raise Failed("hash_conflict")
        view.content, view.hash = self._checked(given, "modal"), self._workspace.fresh("hash")
        return {"view": {"id": view.id, "hash": view.hash, **view.content}}

    def _publish(self, given: Given) -> dict[str, Any]:
        user = str(given.get("user_id"))
        if user not in self._workspace.members:
            raise Failed("invalid_arguments")
        self._workspace.homes[user] = self._view(given, user, "home")
        return {"view": {"id": self._workspace.homes[user].id}}

    def _view(self, given: Given, user: str, kind: str) -> View:
        return View(self._workspace.fresh("V"), user, self._checked(given, kind), self._workspace.fresh("hash"))

    def _checked(self, given: Given, kind: str) -> dict[str, Any]:
        content = decoded(given.get("view"))
        found = faults_of_view(content)
        if found or content["type"] != kind:
            raise Failed("invalid_arguments", response_metadata={"messages": [f"[ERROR] {each}" for each in found]})
        return dict(content)


def decoded(given: Any) -> Any:
    """``given``, from JSON where it came in a form."""
    if not isinstance(given, str):
        return given
    try:
        return json.loads(given)
    except ValueError:
        raise Failed("invalid_arguments") from None
