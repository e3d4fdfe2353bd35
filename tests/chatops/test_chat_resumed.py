"""Orders that an earlier run took and did not come to: carried out once, however often the connection is made meanwhile."""

import asyncio
from pathlib import Path
from typing import cast

from guardian.chatops.desk import Desk
from guardian.chatops.people import Caller, People
from guardian.core.ledger import ChatOrder
from guardian.core.people import Role
from tests.doubles.house import DEADLINE, House
from tests.doubles.store import MemoryStore
from tests.waiting import until


class Pondering:
    """Who takes a while to say that everybody may do everything."""

    def __init__(self) -> None:
        self.asked, self.said = 0, asyncio.Event()

    async def check(self, caller: Caller, needed: Role, *, back: bool = False) -> None:
        """As :class:`People` says."""
        del caller, needed, back
        self.asked += 1
        await self.said.wait()


async def test_an_order_under_way_is_not_taken_up_again(tmp_path: Path) -> None:
    """Slack is asked who may, the connection breaks and is made anew: the order goes on, and is not begun a second time."""
    store, people = MemoryStore(), Pondering()
    async with House(store).open(tmp_path / "api.sock") as house, asyncio.timeout(DEADLINE):
        store.keep_order(
            ChatOrder("k", house.clock.now(), "alice (Slack UALICE)", "C1", "freeze web --for 2h --reason x", "", None)
        )
        desk = Desk(house.parts, cast("People", people), store, "T1")
        first = asyncio.create_task(desk.resume())
        await until(lambda: people.asked)
        assert await desk.resume() == []
        people.said.set()
        ((order, sentence),) = await first
        assert (order.key, people.asked) == ("k", 1)
        assert "web" in sentence
        assert await desk.resume() == []
        desk.close()
