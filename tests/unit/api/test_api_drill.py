"""A drill over HTTP: the answer comes when it is done."""

import asyncio

import httpx
import pytest

from guardian.core.events import Drilled
from tests.doubles.house import House
from tests.waiting import until

DRILL = "/v1/services/web/drill"


async def test_a_drill_is_answered_with_its_times(house: House, client: httpx.AsyncClient) -> None:
    """The view holds how long the way there and the way back took."""
    asking = asyncio.create_task(client.post(DRILL, json={"share": 0}))
    await until(lambda: house.state.drill is not None)
    await house.let(Drilled(house.clock.now(), house.state.generation, "worker-1", 0.002, 0.003))
    answer = await asking
    assert answer.status_code == 200
    drill = answer.json()["drill"]
    assert (drill["share"], drill["there"], drill["back"], drill["trouble"]) == (0, 0.002, 0.003, "")


async def test_a_drill_that_fails_is_a_conflict(house: House, client: httpx.AsyncClient) -> None:
    """With the sentence that everybody is told."""
    asking = asyncio.create_task(client.post(DRILL))
    await until(lambda: house.state.drill is not None)
    await house.let(Drilled(house.clock.now(), house.state.generation, "", 0.0, 0.0, "a worker hangs"))
    answer = await asking
    assert answer.status_code == 409
    assert answer.json()["detail"] == "web: DRILL FAILED: a worker hangs; a rollback might fail in the same way"


@pytest.mark.parametrize(("share", "status"), [(101, 409), (-1, 422), ("1 %", 422)])
async def test_a_share_that_is_no_drill_is_refused(client: httpx.AsyncClient, share: object, status: int) -> None:
    """More than 1 % is a switch."""
    assert (await client.post(DRILL, json={"share": share})).status_code == status
