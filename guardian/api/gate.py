"""The gate before every request: who is it, do they ask too often, and does their body come in time."""

import asyncio
import time

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from guardian.api.access import Admission
from guardian.api.limits import DELIVERIES, FAILURES, ORDERS, REQUESTS, ROLLBACKS, Limiter, whole_seconds
from guardian.api.webhooks import ADDRESSES, SIGNED
from guardian.core.people import Person
from guardian.core.words import access as words

BODY_SECONDS = 10.0
"""How long a body may take to arrive."""
PENALTY_SECONDS = 0.5
"""How long who asks too often waits for being told so: with the bound on connections, that bounds what a storm costs."""
OPEN = frozenset({"/healthz", SIGNED})
"""What is answered without a token."""


class Gate:
    """ASGI middleware: puts the :class:`Person` who asks into the state of each request, or answers 401 or 429."""

    def __init__(self, app: ASGIApp, admission: Admission) -> None:
        self._app, self._admission = app, admission
        self._requests, self._orders, self._rollbacks = Limiter(REQUESTS), Limiter(ORDERS), Limiter(ROLLBACKS)
        self._deliveries, self._failures = Limiter(DELIVERIES), Limiter(FAILURES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return None
        kind, number = scope["client"] or ("", 0)
        local = kind == "uid"
        person = self._admission.peer(number, scope["state"].get("groups", frozenset())) if local else self._holder(Request(scope))
        if person is None:
            return await self._turn_away(scope, receive, send, kind)
        caller = person.name if person.role or local else f"{kind} {person.name}"
        if wait := self._wait(scope, caller):
            return await self._slow_down(scope, receive, send, wait)
        scope["state"]["person"] = person
        await self._app(scope, _Body(receive), send)
        return None

    def _holder(self, request: Request) -> Person | None:
        """Who shows the token in ``request``; nobody where none is needed, and ``None`` where one is."""
        scheme, _, text = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and (person := self._admission.holder(text.strip())):
            return person
        return Person("nobody") if request.scope["path"] in OPEN else None

    def _wait(self, scope: Scope, caller: str) -> float:
        now = time.monotonic()
        if scope["method"] in ("GET", "HEAD"):
            return self._requests.take(caller, now)
        if scope["path"].startswith(ADDRESSES):
            return self._deliveries.take(caller, now)
        return (self._rollbacks if scope["path"].endswith("/rollback") else self._orders).take(caller, now)

    async def _turn_away(self, scope: Scope, receive: Receive, send: Send, address: str) -> None:
        if wait := self._failures.take(address, time.monotonic()):
            return await self._slow_down(scope, receive, send, wait)
        shown = any(name == b"authorization" for name, _ in scope["headers"])
        detail = words.bad_token() if shown else words.no_token()
        await JSONResponse({"detail": detail}, 401, {"www-authenticate": "Bearer", "connection": "close"})(scope, receive, send)
        return None

    async def _slow_down(self, scope: Scope, receive: Receive, send: Send, wait: float) -> None:
        await asyncio.sleep(PENALTY_SECONDS)
        headers = {"retry-after": whole_seconds(wait), "connection": "close"}
        await JSONResponse({"detail": words.too_fast(wait)}, 429, headers)(scope, receive, send)


class _Body:
    """A request's body: what is not there in time is taken for a client that has left."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._until = asyncio.get_running_loop().time() + BODY_SECONDS
        self._whole = False

    async def __call__(self) -> Message:
        if self._whole:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            return {"type": "http.disconnect"}
        self._whole = not message.get("more_body", False)
        return message
