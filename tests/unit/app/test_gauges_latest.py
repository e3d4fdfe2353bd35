"""Metrics while much is going on: put together beside the loop, and shared by those who ask at the same time."""

import asyncio
import threading
from collections.abc import Iterator

from guardian.app.gauges import Gauges
from guardian.app.views import ServiceView

ASKING = 20


class Noted(list[ServiceView]):
    """Services that note in which threads they are gone through."""

    def __init__(self, threads: set[threading.Thread]) -> None:
        super().__init__()
        self._threads = threads

    def __iter__(self) -> Iterator[ServiceView]:
        self._threads.add(threading.current_thread())
        return super().__iter__()


class Program:
    """What the metrics are of."""

    def __init__(self) -> None:
        self.looks, self.wrote = list[threading.Thread](), set[threading.Thread]()

    def services(self) -> list[ServiceView]:
        """All services, as they are now."""
        self.looks.append(threading.current_thread())
        return Noted(self.wrote)


async def test_the_text_is_put_together_beside_the_loop() -> None:
    """What goes on is looked at in the loop; the rest takes a second with a thousand services, and nobody waits for it."""
    program, gauges = Program(), Gauges()
    gauges.show(program.services, lambda: 0)
    assert b"guardian_journal_waiting 0.0" in await gauges.latest()
    assert program.looks == [threading.main_thread()]
    assert program.wrote
    assert threading.main_thread() not in program.wrote


async def test_who_asks_at_the_same_time_shares_a_text() -> None:
    """A storm of scrapes costs two: the one under way, and one that is as new as the last question."""
    program, gauges = Program(), Gauges()
    gauges.show(program.services, lambda: len(program.looks))
    texts = await asyncio.gather(*(gauges.latest() for _ in range(ASKING)))
    assert len(program.looks) <= 2
    assert len(set(texts)) <= 2
    assert b"guardian_journal_waiting 1.0" in texts[0]


async def test_each_question_has_what_is_true_when_it_is_asked() -> None:
    """A text that was begun before is not for those who ask later."""
    gauges, waiting = Gauges(), 0
    gauges.show(lambda: Noted(set()), lambda: waiting)
    before = asyncio.create_task(gauges.latest())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting = 7
    assert b"guardian_journal_waiting 7.0" in await gauges.latest()
    await before
