"""A Grafana that keeps annotations in memory and answers as its API describes, behind a server that may misbehave."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.doubles.prometheus import HangUp, Request, answer

TOKEN = "glsa_0123456789"


@dataclass
class FakeGrafana:
    """Its annotations by number; :meth:`behave` is what a stand-in server does."""

    annotations: dict[int, dict[str, Any]] = field(default_factory=dict)
    lose: int = 0
    """Answers that are lost although what was asked is done."""
    refuse: str = ""
    """The status of every answer instead, such as ``503 Service Unavailable``."""
    _last: int = 40

    async def behave(self, request: Request) -> AsyncIterator[bytes]:
        """Do as a request says."""
        status, body = self._answer(request)
        if self.lose and request.method != "GET":
            self.lose -= 1
            raise HangUp
        async for part in answer(json.dumps(body).encode(), status)(request):
            yield part

    def _answer(self, request: Request) -> tuple[str, Any]:
        place = urlsplit(request.target)
        if self.refuse:
            return self.refuse, {"message": "no"}
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return "401 Unauthorized", {"message": "Unauthorized"}
        if place.path == "/grafana/api/annotations":
            return self._all(request, parse_qs(place.query))
        number = place.path.removeprefix("/grafana/api/annotations/")
        if request.method == "PATCH" and number.isdecimal() and int(number) in self.annotations:
            self.annotations[int(number)] |= json.loads(request.body)
            return "200 OK", {"message": "Annotation patched"}
        return "404 Not Found", {"message": "Could not find annotation to update"}

    def _all(self, request: Request, query: dict[str, list[str]]) -> tuple[str, Any]:
        if request.method == "POST":
            given = json.loads(request.body)
            if not {"time", "text"} <= given.keys():
                return "400 Bad Request", {"message": "Failed to save annotation"}
            self._last += 1
            self.annotations[self._last] = given
            return "200 OK", {"message": "Annotation added", "id": self._last}
        tags = set(query.get("tags", ()))
        return "200 OK", [{"id": number, **each} for number, each in self.annotations.items() if tags <= set(each["tags"])]
