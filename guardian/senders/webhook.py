"""Letters to an address of the user's: one POST each, as JSON, with the letter's key in the header ``Idempotency-Key``."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx

from guardian import __version__
from guardian.core.channels import Webhook
from guardian.core.letters import Letter
from guardian.core.sending import Dispatch, Later, Never
from guardian.core.words import outbox as words

LONGEST_SECRET = 16_384
SERVER_FAULTS = range(500, 600)
AGAIN = frozenset({408, 425, 429})
"""Answers that say: not now."""
REPAIRABLE = frozenset({401, 403, 404, 405, 407, 410})
"""Answers that say nothing of the letter: a wrong address, or a token that ran out. Somebody can mend that."""
REPAIR_SECONDS = 60.0
LONGEST_WAIT = 3600.0
GRACE = 0.5
"""Seconds beyond a server's time-out, which httpx counts anew at each read, after which it is left although it still sends."""


class WebhookSender:
    """The :class:`~guardian.core.sending.Sender` of one webhook."""

    def __init__(self, webhook: Webhook) -> None:
        self._webhook = webhook
        self.patience = webhook.timeout
        """Seconds that one delivery may take."""
        self._http = httpx.AsyncClient(timeout=webhook.timeout, headers={"user-agent": f"guardian/{__version__}"})

    async def deliver(self, dispatch: Dispatch) -> str:
        """Post the letter. A redirection is not followed: it would carry the token elsewhere."""
        headers = {"idempotency-key": dispatch.letter.key}
        if self._webhook.token_file:
            headers["authorization"] = f"Bearer {await asyncio.to_thread(secret, self._webhook.token_file)}"
        url = self._webhook.url
        if not url:
            url = await asyncio.to_thread(secret, self._webhook.url_file)
        try:
            async with border(self.patience), self._http.stream("POST", url, json=body(dispatch.letter), headers=headers) as answer:
                judge(answer)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError) as error:
            raise Later(words.no_address(), after=REPAIR_SECONDS) from error
        return ""

    async def aclose(self) -> None:
        """Give up the connections."""
        await self._http.aclose()


@asynccontextmanager
async def border(seconds: float) -> AsyncIterator[None]:
    """What goes wrong on the way to a server that has so many ``seconds`` to answer, as the outbox understands it."""
    try:
        async with asyncio.timeout(seconds + GRACE):
            yield
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise Later(words.not_reached(type(error).__name__)) from error
    except httpx.UnsupportedProtocol:
        raise
    except httpx.TransportError as error:
        raise Later(words.answer_lost(type(error).__name__), unsure=True) from error
    except TimeoutError as error:
        raise Later(words.no_answer(seconds + GRACE), unsure=True) from error


def body(letter: Letter) -> dict[str, Any]:
    """A letter as it is posted."""
    return {
        "id": letter.key,
        "kind": str(letter.kind),
        "at": letter.at,
        "service": letter.service,
        "deployment": letter.deployment,
        "phase": letter.phase,
        "severity": str(letter.severity),
        "text": letter.sentence,
        "links": [{"title": link.title, "url": link.url} for link in letter.links],
    }


def judge(answer: httpx.Response) -> None:
    """What the answer says of the letter; its body is foreign, and not repeated."""
    status = answer.status_code
    if answer.is_success:
        return
    if status in AGAIN or status in SERVER_FAULTS:
        raise Later(words.answered(status), after=_wished(answer.headers.get("retry-after", "")))
    if status in REPAIRABLE or answer.is_redirect:
        raise Later(words.to_be_mended(status), after=REPAIR_SECONDS)
    raise Never(words.answered(status))


def _wished(text: str) -> float | None:
    """The seconds of a ``Retry-After`` header (RFC 9110, 10.2.3); ``None`` where it says none."""
    try:
        seconds = float(text) if text.isascii() and text.isdigit() else parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
    return min(LONGEST_WAIT, max(0.0, seconds))


def secret(path: Path | None) -> str:
    """What the file holds now: it changes under a running program."""
    try:
        text = path.read_text(encoding="ascii").strip() if path and path.is_file() else ""
    except (OSError, UnicodeError) as error:
        raise Later(words.secret_unreadable(path), after=REPAIR_SECONDS) from error
    if not text or not text.isprintable() or " " in text or len(text) > LONGEST_SECRET:
        raise Later(words.secret_unreadable(path), after=REPAIR_SECONDS)
    return text
