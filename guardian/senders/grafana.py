"""Deployments as annotations on Grafana's graphs: one region each, from its first traffic to its end, kept up to date.

An annotation is found again by the number that Grafana gave it; where an earlier attempt may have arrived and no number is known,
by its tags, of which the deployment's own id is one.
"""

import asyncio
import html
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from guardian import __version__
from guardian.core.channels import Grafana
from guardian.core.letters import Letter
from guardian.core.sending import Dispatch, Later, Never
from guardian.core.words import grafana as words
from guardian.core.words import outbox
from guardian.senders.webhook import REPAIR_SECONDS, border, judge, secret

PATH = "/api/annotations"
TAG = "guardian"
NOT_FOUND = 404

Lookup = Callable[[str], Mapping[str, Any] | None]
"""A deployment as it is recorded; ``None`` where nobody knows it. Blocking."""


class GrafanaSender:
    """The :class:`~guardian.core.sending.Sender` of one Grafana."""

    def __init__(self, grafana: Grafana, deployment: Lookup) -> None:
        self._grafana, self._deployment = grafana, deployment
        self.patience = 3 * grafana.timeout
        """Seconds that one delivery may take: it asks up to three times."""
        self._http = httpx.AsyncClient(timeout=grafana.timeout, headers={"user-agent": f"guardian/{__version__}"})

    async def deliver(self, dispatch: Dispatch) -> str:
        """Add or change the annotation of the letter's deployment; its number."""
        letter = dispatch.letter
        record = await asyncio.to_thread(self._deployment, letter.lane) if letter.deployment else None
        body = annotation(letter, record or {}, self._grafana.dashboard)
        number = dispatch.card or (await self._found(letter) if dispatch.unsure else "")
        if number:
            status, _ = await self._ask("PATCH", f"{PATH}/{number}", body, missing=True)
            if status != NOT_FOUND:
                return number
        _, answer = await self._ask("POST", PATH, body)
        if not isinstance(answer, dict) or not isinstance(answer.get("id"), int):
            raise Later(words.no_number(), after=REPAIR_SECONDS)
        return str(answer["id"])

    async def aclose(self) -> None:
        """Give up the connections."""
        await self._http.aclose()

    async def _found(self, letter: Letter) -> str:
        """The number of an annotation that an earlier attempt may have made; empty where there is none."""
        _, answer = await self._ask("GET", f"{PATH}?type=annotation&limit=1&tags={TAG}&tags={letter.lane}", None)
        first = answer[0] if isinstance(answer, list) and answer else {}
        return str(first["id"]) if isinstance(first, dict) and isinstance(first.get("id"), int) else ""

    async def _ask(self, method: str, path: str, body: Mapping[str, Any] | None, *, missing: bool = False) -> tuple[int, Any]:
        """Status and JSON of the answer. ``missing``: that the annotation is gone is an answer, too."""
        headers = {"authorization": f"Bearer {await asyncio.to_thread(secret, self._grafana.token_file)}"}
        try:
            async with border(self._grafana.timeout):
                answer = await self._http.request(method, f"{self._grafana.url}{path}", json=body, headers=headers)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise Never(outbox.not_reached(type(error).__name__)) from error
        if not (missing and answer.status_code == NOT_FOUND):
            judge(answer)
        try:
            return answer.status_code, answer.json()
        except ValueError:
            return answer.status_code, None


def annotation(letter: Letter, record: Mapping[str, Any], dashboard: str = "") -> dict[str, Any]:
    """A deployment as Grafana takes it: times in milliseconds, and text that no browser takes for markup."""
    begin = record.get("cutover_at") or record.get("requested_at") or letter.at
    end = record.get("ended_at") or max(letter.at, begin)
    candidate, phase = str(record.get("candidate", "")), str(record.get("phase") or letter.phase or "")
    lines = [words.annotation(letter.lane, str(record.get("version") or ""), candidate, phase)]
    if by := record.get("requested_by"):
        lines.append(words.asked(str(by), str(record.get("reason") or "")))
    body: dict[str, Any] = {
        "time": round(begin * 1000),
        "timeEnd": round(end * 1000),
        "tags": [tag for tag in (TAG, letter.service, candidate, phase, letter.lane) if tag],
        "text": "<br>".join(map(html.escape, lines)),
    }
    return {**body, "dashboardUID": dashboard} if dashboard else body
