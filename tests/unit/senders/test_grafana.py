"""Deployments on Grafana's graphs: one annotation each, kept up to date, whatever happens on the way."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from guardian.core.channels import Grafana
from guardian.core.letters import Kind, Letter, card_key
from guardian.core.rules import Severity
from guardian.core.sending import Dispatch, Later
from guardian.senders.grafana import GrafanaSender, annotation
from tests.doubles.grafana import TOKEN, FakeGrafana
from tests.doubles.prometheus import StandIn

CARD = Letter("graphs", card_key("web-7"), Kind.CARD, 1100.25, "web", "web-7", "watching", Severity.INFO)
RECORD: dict[str, Any] = {
    "service": "web",
    "id": "web-7",
    "candidate": "green",
    "phase": "watching",
    "requested_at": 1000.0,
    "requested_by": "ann",
    "reason": "release <4.2>",
    "cutover_at": 1050.5,
    "ended_at": None,
}


@asynccontextmanager
async def graphs(tmp_path: Path) -> AsyncIterator[tuple[FakeGrafana, GrafanaSender, dict[str, dict[str, Any]]]]:
    """A Grafana, the sender of deployments to it, and what is recorded of them."""
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    grafana, records = FakeGrafana(), {"web-7": dict(RECORD)}
    async with StandIn(grafana.behave) as server:
        settings = Grafana(f"{server.url}/grafana", tmp_path / "token", "guardian", timeout=5.0)
        sender = GrafanaSender(settings, records.get)
        try:
            yield grafana, sender, records
        finally:
            await sender.aclose()


async def test_a_deployment_is_one_region_from_its_first_traffic_to_its_end(tmp_path: Path) -> None:
    """Added once, changed as the deployment goes on; foreign text is no markup."""
    async with graphs(tmp_path) as (grafana, sender, records):
        number = await sender.deliver(Dispatch(CARD))
        assert grafana.annotations == {
            41: {
                "time": 1050500,
                "timeEnd": 1100250,
                "tags": ["guardian", "web", "green", "watching", "web-7"],
                "text": "web-7: green watching<br>asked for by ann: release &lt;4.2&gt;",
                "dashboardUID": "guardian",
            }
        }
        records["web-7"] |= {"phase": "rolled back", "ended_at": 1101.0}
        assert await sender.deliver(Dispatch(replace(CARD, at=1101.5), card=number)) == number
        (only,) = grafana.annotations.values()
        assert (only["timeEnd"], only["tags"][3]) == (1101000, "rolled back")


async def test_an_answer_that_was_lost_makes_no_second_annotation(tmp_path: Path) -> None:
    """It is looked for by its tags before it is added again."""
    async with graphs(tmp_path) as (grafana, sender, _):
        grafana.lose = 1
        with pytest.raises(Later) as failure:
            await sender.deliver(Dispatch(CARD))
        assert failure.value.unsure
        assert await sender.deliver(Dispatch(CARD, unsure=True)) == "41"
        assert len(grafana.annotations) == 1


async def test_an_annotation_that_somebody_removed_is_added_again(tmp_path: Path) -> None:
    """Under another number."""
    async with graphs(tmp_path) as (grafana, sender, _):
        number = await sender.deliver(Dispatch(CARD))
        grafana.annotations.clear()
        assert await sender.deliver(Dispatch(CARD, card=number)) == "42"


@pytest.mark.parametrize("refuse", ["503 Service Unavailable", "429 Too Many Requests", "403 Forbidden"])
async def test_a_grafana_that_cannot_is_asked_again(tmp_path: Path, refuse: str) -> None:
    """A restart, a limit, a token that has run out: the letter waits."""
    async with graphs(tmp_path) as (grafana, sender, _):
        grafana.refuse = refuse
        with pytest.raises(Later, match=refuse[:3]):
            await sender.deliver(Dispatch(CARD))


async def test_something_else_at_the_address_is_told(tmp_path: Path) -> None:
    """A page that answers 200 to everything is no Grafana."""
    async with graphs(tmp_path) as (grafana, sender, _):
        grafana.refuse = "200 OK"
        with pytest.raises(Later, match="is the address that of a Grafana"):
            await sender.deliver(Dispatch(CARD))


async def test_a_wrong_token_is_told_without_it(tmp_path: Path) -> None:
    """The file is read for every letter, and what stands in it is in no message."""
    async with graphs(tmp_path) as (_, sender, _):
        (tmp_path / "token").write_text("glsa_wrong")
        with pytest.raises(Later) as failure:
            await sender.deliver(Dispatch(CARD))
        assert "glsa_wrong" not in str(failure.value)
        (tmp_path / "token").write_text(TOKEN)
        assert await sender.deliver(Dispatch(CARD)) == "41"


def test_a_deployment_that_is_not_recorded_is_told_by_its_letter() -> None:
    """Removed from the store, or not there yet: the letter knows its phase."""
    found = annotation(CARD, {})
    assert found["text"] == "web-7: watching"
    assert (found["time"], found["timeEnd"]) == (1100250, 1100250)
    assert "dashboardUID" not in found


def test_a_version_is_named_where_one_is_known() -> None:
    """And what is in it is no markup."""
    assert annotation(CARD, {**RECORD, "version": "v2<b>"})["text"].startswith("web-7 (v2&lt;b&gt;): green watching")
