"""One event of a service after the other, and who makes whom hurry."""

import asyncio

from guardian.app.precedence import Precedence


async def test_turns_come_in_order_and_one_at_a_time() -> None:
    """Whatever an event does, those before it have their turn first."""
    precedence, seen = Precedence(), list[str]()

    async def take(name: str, *, back: bool) -> None:
        async with precedence.turn(back=back):
            seen.append(f"{name} begins")
            await asyncio.sleep(0)
            seen.append(f"{name} ends")

    await asyncio.gather(take("forward", back=False), take("back", back=True), take("forward again", back=False))
    assert seen == [f"{name} {part}" for name in ("forward", "back", "forward again") for part in ("begins", "ends")]


async def test_there_is_hurry_while_something_that_takes_traffic_back_waits() -> None:
    """Until the last of them has its turn; one that gives up waits no more."""
    precedence = Precedence()
    take = [precedence.turn(back=True) for _ in range(3)]
    async with precedence.turn(back=False):
        assert not precedence.hurry.is_set()
        first, second, third = (asyncio.create_task(each.__aenter__()) for each in take)
        await asyncio.sleep(0)
        assert precedence.hurry.is_set()
        second.cancel()
        await asyncio.wait([second])
        assert precedence.hurry.is_set()
    await first
    assert precedence.hurry.is_set()
    await take[0].__aexit__(None, None, None)
    await third
    assert not precedence.hurry.is_set()
    await take[2].__aexit__(None, None, None)
