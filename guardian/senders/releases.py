"""The releases of guarded services in Sentry: a release, and a marker on it when it gets its first traffic."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx

from guardian import __version__
from guardian.core.sending import Dispatch, Never
from guardian.core.sentry import SentrySettings
from guardian.core.words import sentry as words
from guardian.senders.grafana import Lookup
from guardian.senders.webhook import border, judge, secret

LONGEST = 64
"""Characters of a marker's name that Sentry keeps."""
UNKNOWN = 400
"""What Sentry answers where it does not know the project."""
NOTHING = "nothing to mark"
"""What a card is called whose deployment has no release."""


class ReleaseSender:
    """The :class:`~guardian.core.sending.Sender` that registers releases: each deployment's once, found again by its id."""

    def __init__(self, settings: SentrySettings, deployment: Lookup) -> None:
        assert settings.releases  # noqa: S101  whoever wires it has seen them
        self._releases, self._environment, self._deployment = settings.releases, settings.environment, deployment
        self.patience = 3 * self._releases.timeout
        """Seconds that one delivery may take: it asks up to three times."""
        base = f"{self._releases.url.rstrip('/')}/api/0/organizations/{quote(self._releases.organization, safe='')}/releases/"
        self._http = httpx.AsyncClient(
            base_url=base, timeout=self._releases.timeout, headers={"user-agent": f"guardian/{__version__}"}
        )

    async def deliver(self, dispatch: Dispatch) -> str:
        """Mark the release of the letter's deployment, once it has traffic; what was marked before stays so."""
        if dispatch.card and dispatch.card != NOTHING:
            return dispatch.card
        record = await asyncio.to_thread(self._deployment, dispatch.letter.lane) or {}
        version, project = record.get("version"), self._releases.projects.get(dispatch.letter.service)
        if not version or not project or record.get("cutover_at") is None:
            return NOTHING
        name = str(record["id"])[:LONGEST]
        release = quote(str(version), safe="")
        if not await self._marked(release, name):  # Sentry would take the same marker twice
            await self._ask("POST", "", {"version": str(version), "projects": [project]}, project)
            await self._ask("POST", f"{release}/deploys/", self._marker(record, name), project)
        return name

    async def aclose(self) -> None:
        """Give up the connections."""
        await self._http.aclose()

    def _marker(self, record: Mapping[str, Any], name: str) -> dict[str, Any]:
        started = datetime.fromtimestamp(record["requested_at"], UTC).isoformat()
        finished = datetime.fromtimestamp(record["cutover_at"], UTC).isoformat()
        return {"environment": self._environment, "name": name, "dateStarted": started, "dateFinished": finished}

    async def _marked(self, release: str, name: str) -> bool:
        """Whether an earlier attempt arrived, whatever became of its answer."""
        answer = await self._ask("GET", f"{release}/deploys/", None, "", missing=True)
        return isinstance(answer, list) and any(isinstance(each, dict) and each.get("name") == name for each in answer)

    async def _ask(self, method: str, path: str, body: Mapping[str, Any] | None, project: str, *, missing: bool = False) -> Any:
        """The JSON of the answer. ``missing``: that there is no such release is an answer, too."""
        headers = {"authorization": f"Bearer {await asyncio.to_thread(secret, self._releases.token_file)}"}
        async with border(self._releases.timeout):
            answer = await self._http.request(method, path, json=body, headers=headers)
        if missing and answer.status_code == httpx.codes.NOT_FOUND:
            return None
        if answer.status_code == UNKNOWN:
            raise Never(words.unknown_project(project))
        judge(answer)
        try:
            return answer.json()
        except ValueError:
            return None
