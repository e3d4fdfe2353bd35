"""A Slack workspace on loopback, with people in it: it speaks the wire protocol that Slack's own clients speak."""

import asyncio
import html
import json
import time
from typing import Any, Self

from aiohttp import web

from tests.doubles.slack.faults import Drops, Error, Fault, Faults, Hang, LostAnswer, Pace, RateLimited, Status, drip
from tests.doubles.slack.methods import Failed, Methods
from tests.doubles.slack.sockets import Sockets
from tests.doubles.slack.workspace import Workspace

RESPONSE_URL_USES = 5
STATUS_PAGE = "<html><body>Slack is having trouble</body></html>"


class Slack:
    """The server. ``workspace`` is what it remembers, ``faults`` and ``pace`` how it misbehaves, ``sockets`` its connections."""

    def __init__(self) -> None:
        self.ahead = 0.0
        """Seconds that its clock is ahead of ours."""
        self.workspace = Workspace(lambda: time.time() + self.ahead)
        self.sockets = Sockets(self.workspace, lambda: self.url)
        self.methods = Methods(self.workspace, lambda: self.url)
        self.faults, self.pace = Faults(), Pace(time.monotonic)
        self.bot_token, self.app_token = "xoxb-secret-bot-token", "xapp-secret-app-token"
        self.calls: list[tuple[str, dict[str, Any]]] = []
        """What was asked, in order, whatever became of it."""
        self.url = ""
        self._hanging = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Listen on a free port of loopback."""
        await self.start(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self, port: int) -> None:
        """Listen on ``port``."""
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_route("*", "/api/{method}", self._call)
        app.router.add_get("/link/", self.sockets.link)
        app.router.add_post("/upload/{file}", self._upload)
        app.router.add_post("/response_url/{name}", self._respond)
        self._hanging = asyncio.Event()
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port, reuse_address=True).start()
        self._port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self._port}"

    async def stop(self) -> None:
        """Hang up on everybody."""
        self._hanging.set()
        self.sockets.drop()
        await self._runner.cleanup()

    async def restart(self) -> None:
        """Listen again where it listened before."""
        await self.start(self._port)

    @property
    def api(self) -> str:
        """The base of the Web API."""
        return f"{self.url}/api/"

    def called(self, method: str) -> list[dict[str, Any]]:
        """What ``method`` was given, each time."""
        return [given for name, given in self.calls if name == method]

    async def _call(self, request: web.Request) -> web.StreamResponse:
        method, given = request.match_info["method"], await _given(request)
        self.calls.append((method, given))
        fault = self.faults.of(method)
        if fault is not None and not isinstance(fault, LostAnswer):
            return await self._misbehave(request, fault)
        if wait := self.pace.wait(method, str(given.get("channel", ""))):
            return _limited(wait)
        answer = self._answer(method, given, request.headers.get("Authorization", ""))
        if isinstance(fault, LostAnswer) and request.transport is not None:
            request.transport.abort()
        return web.json_response(answer, headers={"x-oauth-scopes": ",".join(sorted(self.methods.scopes))})

    def _answer(self, method: str, given: dict[str, Any], authorization: str) -> dict[str, Any]:
        token = authorization.removeprefix("Bearer ") or str(given.get("token", ""))
        if token not in (self.bot_token, self.app_token):
            return {"ok": False, "error": "invalid_auth" if token else "not_authed"}
        if method == "apps.connections.open":
            if token != self.app_token:
                return {"ok": False, "error": "not_allowed_token_type"}
            return {"ok": True, "url": self.sockets.ticket()}
        if token != self.bot_token:
            return {"ok": False, "error": "not_allowed_token_type"}
        try:
            return self.methods.call(method, given)
        except Failed as failed:
            return failed.answer

    async def _misbehave(self, request: web.Request, fault: Fault) -> web.Response:
        match fault:
            case Error(code):
                return web.json_response({"ok": False, "error": code})
            case Status(status):
                return web.Response(status=status, text=STATUS_PAGE, content_type="text/html")
            case RateLimited(retry_after):
                return _limited(retry_after)
            case Drops(before):
                await drip(request.transport, before, self._hanging)
                return web.Response(status=503)
            case Hang() | LostAnswer():
                await self._hanging.wait()
                return web.Response(status=503)

    async def _upload(self, request: web.Request) -> web.Response:
        fault = self.faults.of("upload")
        if fault is not None:
            return await self._misbehave(request, fault)
        file = self.workspace.files.get(request.match_info["file"])
        content = await _body(request)
        if file is None or file.content is not None or len(content) != file.length:
            return web.Response(status=400, text="invalid upload")
        file.content = content
        return web.Response(text=f"OK - {len(content)}")

    async def _respond(self, request: web.Request) -> web.Response:
        workspace, given = self.workspace, await _given(request)
        self.calls.append(("response_url", given))
        fault = self.faults.of("response_url")
        if fault is not None:
            return await self._misbehave(request, fault)
        place = workspace.response_urls.get(request.match_info["name"])
        if place is None or workspace.now() > place.until:
            return web.Response(status=404, text="expired_url")
        if place.uses >= RESPONSE_URL_USES:
            return web.Response(status=404, text="used_url")
        place.uses += 1
        try:
            if given.get("replace_original") and place.message_ts:
                self.methods.call("chat.update", {**given, "channel": place.channel, "ts": place.message_ts})
            elif given.get("response_type") == "in_channel":
                self.methods.call("chat.postMessage", {**given, "channel": place.channel})
            else:
                text, blocks = self.methods._content(given)
                workspace.whisper(place.user, text, blocks)
        except Failed as failed:
            return web.Response(status=500, text=str(failed))
        return web.Response(text="ok")


def _limited(wait: float) -> web.Response:
    answer = {"ok": False, "error": "ratelimited"}
    return web.json_response(answer, status=429, headers={"Retry-After": str(max(1, round(wait + 0.49)))})


async def _given(request: web.Request) -> dict[str, Any]:
    """Query and body together: Slack takes JSON, forms and queries alike."""
    given: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        text = await request.text()
        found = json.loads(text) if text else {}
        return {**given, **found} if isinstance(found, dict) else given
    form = await request.post()
    return {**given, **{key: value for key, value in form.items() if isinstance(value, str)}}


async def _body(request: web.Request) -> bytes:
    """An upload's bytes, bare or as the one file of a form."""
    if request.content_type != "multipart/form-data":
        return await request.read()
    for value in (await request.post()).values():
        if isinstance(value, web.FileField):
            return value.file.read()
    return b""


def escaped(text: str) -> str:
    """What somebody typed, as a slash command brings it."""
    return html.escape(text, quote=False)
