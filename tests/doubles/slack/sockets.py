"""Slack's end of Socket Mode: tickets, envelopes, acknowledgements; and everything that goes wrong with connections."""

import asyncio
import json
import random
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import WSMsgType, web

from tests.doubles.slack.faults import drip
from tests.doubles.slack.workspace import APP, Workspace

MOST = 10
"""Connections that an app may have."""
TICKET_SECONDS = 30.0
UPGRADE = b"HTTP/1.1 101 Switching Protocols\r\nX-Slow: "
LONG_FRAME = b"\x81\x7f" + (1 << 20).to_bytes(8, "big")
"""The head of a text of a megabyte."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one envelope."""

    envelope: str
    acknowledged: bool
    """Within three seconds; later counts for nothing, and the user is told that the app failed."""
    payload: dict[str, Any] | None = None


class Sockets:
    """The connections of one app."""

    def __init__(self, workspace: Workspace, address: Callable[[], str]) -> None:
        self._workspace, self._address = workspace, address
        self._tickets: dict[str, float] = {}
        self.connected: list[web.WebSocketResponse] = []
        self.opened = 0
        """Connections made so far."""
        self.tickets_given = 0
        self.refusals = 0
        """Upgrades that will be refused."""
        self.frozen = asyncio.Event()
        """Set: nobody is read from, or answered, any more."""
        self.upgrade_in_drops = self.frames_in_drops = False
        """Whether upgrades from now on, or what comes after them, come in drops, for ever."""
        self.over = asyncio.Event()
        """Set: the drops end, and their connection with them."""
        self.patience = 3.0
        self.late: list[str] = []
        """Envelopes acknowledged too late."""
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._random = random.Random(7)

    def ticket(self) -> str:
        """An address that one client may connect to once, soon."""
        name = self._workspace.fresh("secret-ticket-")
        self._tickets[name] = self._workspace.now() + TICKET_SECONDS
        self.tickets_given += 1
        return f"{self._address().replace('http', 'ws', 1)}/link/?ticket={name}&app_id={APP}"

    async def link(self, request: web.Request) -> web.StreamResponse:
        """One client."""
        until = self._tickets.pop(request.query.get("ticket", ""), None)
        if self.refusals > 0:
            self.refusals -= 1
            return web.Response(status=503)
        if until is None or self._workspace.now() > until:
            return web.Response(status=404)
        if self.upgrade_in_drops:
            await drip(request.transport, UPGRADE, self.over)
        link = web.WebSocketResponse(autoping=False)
        await link.prepare(request)
        if len(self.connected) >= MOST:
            await link.send_json({"type": "disconnect", "reason": "too_many_websockets"})
            await link.close()
            return link
        self.connected.append(link)
        self.opened += 1
        try:
            await link.send_json(self._hello())
            if self.frames_in_drops:
                await drip(request.transport, LONG_FRAME, self.over)
            await self._converse(link)
        finally:
            self.connected.remove(link)
        return link

    def _hello(self) -> dict[str, Any]:
        about = {"host": "applink-1", "build_number": 1, "approximate_connection_time": 18060}
        return {
            "type": "hello",
            "num_connections": len(self.connected),
            "debug_info": about,
            "connection_info": {"app_id": APP},
        }

    async def _converse(self, link: web.WebSocketResponse) -> None:
        async for message in link:
            if self.frozen.is_set():
                await asyncio.Event().wait()
            if message.type is WSMsgType.PING:
                await link.pong(message.data)
            elif message.type is WSMsgType.TEXT:
                self._acknowledged(json.loads(message.data))

    def _acknowledged(self, answer: dict[str, Any]) -> None:
        waiting = self._waiting.pop(answer["envelope_id"], None)
        if waiting is None or waiting.done():
            self.late.append(answer["envelope_id"])
        else:
            waiting.set_result(answer)

    async def deliver(self, kind: str, payload: dict[str, Any], *, again: str = "") -> Delivery:
        """Send one envelope to one of the connections; ``again`` is the name of an envelope that was sent before."""
        envelope = again or f"{self._workspace.fresh('envelope-')}-{self._random.getrandbits(32):08x}"
        if not self.connected:
            return Delivery(envelope, acknowledged=False)
        body = {"envelope_id": envelope, "type": kind, "payload": payload}
        body["accepts_response_payload"] = kind != "events_api"
        waiting = self._waiting[envelope] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(self.patience):
                await self._random.choice(self.connected).send_json(body)
                answer = await waiting
        except (TimeoutError, ConnectionError):
            self._waiting.pop(envelope, None)
            return Delivery(envelope, acknowledged=False)
        return Delivery(envelope, acknowledged=True, payload=answer.get("payload"))

    async def disconnect(self, reason: str) -> None:
        """Ask every client to come again, as Slack does every few hours."""
        for link in list(self.connected):
            await link.send_json({"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-1"}})

    def drop(self) -> None:
        """Reset every connection."""
        for link in list(self.connected):
            transport = link._req.transport if link._req else None
            if transport is not None:
                raw = transport.get_extra_info("socket")
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                transport.abort()
