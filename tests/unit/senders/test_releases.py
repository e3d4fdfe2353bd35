"""Releases of guarded services in Sentry: one marker for each deployment, whatever goes wrong."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from guardian.core.letters import Kind, Letter
from guardian.core.rules import Severity
from guardian.core.sending import Dispatch, Later, Never
from guardian.core.sentry import SentryReleases, SentrySettings
from guardian.senders.releases import NOTHING, ReleaseSender
from guardian.senders.webhook import REPAIR_SECONDS
from tests.doubles.prometheus import HangUp, Request, answer, broken_off
from tests.doubles.sentry import ORGANIZATION, TOKEN, SentryStandIn

CARD = Dispatch(Letter("releases in Sentry", "card:web-7", Kind.CARD, 0.0, "web", "web-7", "watching", Severity.INFO))
RECORD = {"id": "web-7", "version": "shop@4.2", "requested_at": 1_700_000_000.0, "cutover_at": 1_700_000_060.5}


class Desk:
    """A Sentry, a sender, and a record of the deployment."""

    def __init__(self, server: SentryStandIn, token: Path) -> None:
        self.server, self.token, self.record = server, token, dict[str, Any](RECORD)
        releases = SentryReleases(server.server.url, ORGANIZATION, token, {"web": "shop"}, timeout=2.0)
        settings = SentrySettings(None, environment="production", releases=releases)
        self.sender = ReleaseSender(settings, {"web-7": self.record}.get)


@pytest.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    """All of it."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    token = tmp_path / "token"
    token.write_text(TOKEN)
    async with SentryStandIn() as server:
        desk = Desk(server, token)
        yield desk
        await desk.sender.aclose()


async def test_a_release_is_registered_and_marked_with_its_first_traffic(desk: Desk) -> None:
    """Under its version, for the project of its service, named after the deployment."""
    assert await desk.sender.deliver(CARD) == "web-7"
    assert desk.server.releases == {"shop@4.2": ["shop"]}
    assert desk.server.deploys == {
        "shop@4.2": [
            {
                "environment": "production",
                "name": "web-7",
                "dateStarted": "2023-11-14T22:13:20+00:00",
                "dateFinished": "2023-11-14T22:14:20.500000+00:00",
            }
        ]
    }


async def test_it_is_marked_once(desk: Desk) -> None:
    """However often its card changes, and after a death that lost what the marker is called."""
    called = await desk.sender.deliver(CARD)
    asked = len(desk.server.server.requests)
    assert await desk.sender.deliver(replace(CARD, card=called)) == called
    assert len(desk.server.server.requests) == asked
    assert await desk.sender.deliver(replace(CARD, unsure=True)) == called
    assert await desk.sender.deliver(replace(CARD, card=NOTHING)) == called
    assert len(desk.server.deploys["shop@4.2"]) == 1


@pytest.mark.parametrize("lack", [{"version": ""}, {"cutover_at": None}])
async def test_what_has_no_version_or_no_traffic_is_not_marked(desk: Desk, lack: dict[str, Any]) -> None:
    """It may have both later."""
    desk.record.update(lack)
    assert await desk.sender.deliver(CARD) == NOTHING
    assert desk.server.server.requests == []
    desk.record.update(RECORD)
    assert await desk.sender.deliver(replace(CARD, card=NOTHING)) == "web-7"


async def test_a_service_without_a_project_is_left_out(desk: Desk) -> None:
    """Nobody said where."""
    letter = replace(CARD.letter, service="other")
    assert await desk.sender.deliver(replace(CARD, letter=letter)) == NOTHING


async def test_a_lost_answer_is_no_second_marker(desk: Desk) -> None:
    """Sentry has it; the next attempt finds it."""
    desk.server.fault = lambda request: _then_gone(desk, request)
    with pytest.raises(Later) as later:
        await desk.sender.deliver(CARD)
    assert later.value.unsure
    desk.server.fault = None
    await desk.sender.deliver(replace(CARD, unsure=True))
    assert len(desk.server.deploys["shop@4.2"]) == 1


async def _then_gone(desk: Desk, request: Request) -> AsyncIterator[bytes]:
    """Do what is asked; of the marker, lose the answer."""
    async for part in desk.server._answer(request)(request):
        if request.method == "POST" and request.target.endswith("/deploys/"):
            raise HangUp
        yield part


async def test_versions_are_quoted(desk: Desk) -> None:
    """Whatever stands in them is one part of the path."""
    desk.record["version"] = "feature/x ?#é"
    await desk.sender.deliver(CARD)
    assert list(desk.server.deploys) == ["feature/x ?#é"]


async def test_an_unknown_project_is_given_up(desk: Desk) -> None:
    """Trying again would not make it known."""
    desk.sender._releases = replace(desk.sender._releases, projects={"web": "elsewhere"})
    with pytest.raises(Never, match="elsewhere"):
        await desk.sender.deliver(CARD)


async def test_a_token_that_ran_out_waits_for_somebody(desk: Desk) -> None:
    """Once a minute."""
    desk.token.write_text("another")
    with pytest.raises(Later) as later:
        await desk.sender.deliver(CARD)
    assert later.value.after == REPAIR_SECONDS


@pytest.mark.parametrize(
    ("fault", "after"),
    [(answer(b"", "429 Too Many", "Retry-After: 7"), 7.0), (answer(b"", "502 Bad"), None), (broken_off(b"", HangUp), None)],
)
async def test_a_sentry_in_trouble_is_asked_again(desk: Desk, fault: Any, after: float | None) -> None:
    """When it says, or after the usual pause."""
    desk.server.fault = fault
    with pytest.raises(Later) as later:
        await desk.sender.deliver(CARD)
    assert later.value.after == after
