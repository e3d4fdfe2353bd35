"""One HTTP request with a deadline, to an address that the balancer knows: no redirect is followed, no cookie kept."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from guardian.core.smoke import LARGEST_BODY, Answer
from guardian.core.words import smoke as words

if TYPE_CHECKING:
    import httpx


class NoAnswer(Exception):
    """Nobody answered in time, or not in HTTP. The message is the reason."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] | None = None
    timeout: float = 5.0


def ready() -> None:
    """Load what a request needs: at the start, for later it would keep the event loop from watching; and only where any is made."""
    import httpx  # noqa: F401, PLC0415  see above


def client() -> "httpx.AsyncClient":
    """A client for servers that are reached by address: a certificate says nothing about an address, so none is judged."""
    import httpx  # noqa: PLC0415  see `ready`

    return httpx.AsyncClient(verify=False, trust_env=False, timeout=None)  # noqa: S113, S501  the deadline is in `ask`; see above


async def ask(http: "httpx.AsyncClient", request: Request) -> Answer:
    """The answer, with a body of up to :data:`LARGEST_BODY`. :class:`NoAnswer` where there is none within the time-out."""
    import httpx  # noqa: PLC0415  see `ready`

    began = time.monotonic()
    try:
        async with asyncio.timeout(request.timeout), http.stream(request.method, request.url, headers=request.headers) as response:
            body = bytearray()
            async for part in response.aiter_bytes():
                body += part
                if len(body) >= LARGEST_BODY:
                    break
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status_code, headers, bytes(body[:LARGEST_BODY]), time.monotonic() - began)
    except TimeoutError as error:
        raise NoAnswer(words.time_was_up()) from error
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        raise NoAnswer(str(error) or type(error).__name__) from error
