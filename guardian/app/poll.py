"""Asking the sources that guardian does not look at by itself: each rule at its own interval, none waiting for another."""

import asyncio
import math
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar
from weakref import WeakKeyDictionary, WeakSet

from guardian.app.watch import Watcher
from guardian.app.watching import Instruments
from guardian.core.judges.judge import Judge
from guardian.core.ports import Clock, Memory, Metrics, SourceError
from guardian.core.readings import SourceFailure
from guardian.core.rules import Source, Threshold

T = TypeVar("T")

TURN_SECONDS = 0.5
"""How often the poller sees which rules are due."""
CATCH_UP = 20
"""Evaluations that a rule makes up for in one turn, after guardian was down or a source was slow: at the moments at which they
were due, as if nothing had happened."""
MOST_MISSED = 1000
"""Of those, how many a source is asked about at once that remembers them. Judging them takes milliseconds."""


class Poller:
    """Has every rule on trial that asks a source evaluated when it is due."""

    def __init__(self, sources: Mapping[Source, Metrics], watcher: Watcher, instruments: Instruments, clock: Clock) -> None:
        self._sources, self._watcher, self._instruments, self._clock = sources, watcher, instruments, clock
        self._due: WeakKeyDictionary[Judge, float] = WeakKeyDictionary()
        self._hurried: WeakSet[Judge] = WeakSet()
        self._asking: dict[Judge, asyncio.Task[None]] = {}
        self._reading: dict[Judge, asyncio.Task[Any]] = {}

    async def turn(self) -> None:
        """Start what is due, and give up what nobody waits for any more. A rule that still waits for its answer is left alone."""
        now, polled = self._clock.now(), self._watcher.polled()
        for judge in self._reading.keys() - {judge for _, judge in polled}:
            self._reading[judge].cancel()  # this ends its evaluation, too; one that has its answer already is let alone
        for service, judge in polled:
            if judge not in self._asking and self._next(judge) <= now and self._next(judge) < self._watcher.ends(service):
                task = asyncio.create_task(self._evaluate(service, judge), name=f"{service} {judge.rule.name}")
                self._asking[judge] = task
                task.add_done_callback(lambda _task, judge=judge: self._asking.pop(judge, None))  # type: ignore[misc]

    async def settle(self) -> None:
        """Wait until all that was asked is answered."""
        if self._asking:
            await asyncio.wait(tuple(self._asking.values()))

    async def hurry(self, source: Source) -> None:
        """Something is new at ``source``: evaluate its rules now, those that wait for their window or warm-up excepted."""
        now = self._clock.now()
        for _, judge in self._watcher.polled():
            if judge.rule.source is source and not judge.rule.looks_back and self._first(judge) <= now:
                self._due[judge] = min(self._next(judge), now)
                self._hurried.add(judge)
        await self.turn()

    async def aclose(self) -> None:
        """Give up what is under way."""
        tasks = tuple(self._asking.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _next(self, judge: Judge) -> float:
        """When ``judge`` is due: its window first fits behind the cutover and the warm-up, then every so many seconds."""
        if judge not in self._due:
            begun = judge.last > judge.trial.since
            self._due[judge] = max(self._first(judge), judge.last + _threshold(judge).every * begun)
        return self._due[judge]

    def _first(self, judge: Judge) -> float:
        """In whole milliseconds, as it is asked: rounded by whoever sends it, the window could begin before the cutover."""
        test = _threshold(judge)
        return math.ceil((judge.trial.since + test.warm_up + test.window) * 1000) / 1000

    async def _evaluate(self, service: str, judge: Judge) -> None:
        for _ in range(CATCH_UP):
            due, every = self._next(judge), _threshold(judge).every
            now, ends = self._clock.now(), self._watcher.ends(service)
            if due > now or due >= ends:
                return
            source = self._sources[judge.rule.source]
            missed = min(math.floor((min(now, ends) - due) / every), MOST_MISSED)
            if missed and judge.rule.looks_back and isinstance(source, Memory):
                if not await self._make_up(service, judge, source, missed):
                    return
                continue
            self._instruments.evaluated(now - due)
            due = due if judge.rule.looks_back else now
            self._hurried.discard(judge)
            try:
                reading = await self._asked(judge, source.read(service, judge.rule, judge.trial, due))
            except SourceError as error:
                await self._fail(service, judge, SourceFailure(due, str(error)))
                return
            self._due[judge] = self._after(judge, due + every)
            await self._watcher.feed(service, judge, due, reading)

    def _after(self, judge: Judge, usual: float) -> float:
        """When ``judge`` is due again: at once where something came while it was being read."""
        return self._clock.now() if judge in self._hurried else usual

    async def _make_up(self, service: str, judge: Judge, source: Memory, missed: int) -> bool:
        """Judge what was missed from what ``source`` remembers; whether it answered."""
        every, moments = _threshold(judge).every, [self._next(judge)]
        while len(moments) < missed:
            moments.append(moments[-1] + every)
        try:
            found = await self._asked(judge, source.review(service, judge.rule, judge.trial, moments))
        except SourceError as error:
            await self._fail(service, judge, SourceFailure(moments[0], str(error)))
            return False
        for at, reading in found:
            self._due[judge] = at + every
            if isinstance(reading, SourceFailure):
                await self._watcher.fail(service, judge, reading)
            else:
                await self._watcher.feed(service, judge, at, reading)
        return True

    async def _fail(self, service: str, judge: Judge, failure: SourceFailure) -> None:
        """Say so, and go on from now: a source that was down is not asked about all of that time."""
        await self._watcher.fail(service, judge, failure)
        self._due[judge] = self._after(judge, max(failure.at + _threshold(judge).every, self._clock.now()))

    async def _asked(self, judge: Judge, question: Coroutine[Any, Any, T]) -> T:
        """What a source answers; :meth:`turn` may cancel it."""
        self._reading[judge] = asking = asyncio.create_task(question, name=judge.rule.name)
        try:
            return await asking
        finally:
            del self._reading[judge]


def _threshold(judge: Judge) -> Threshold:
    test = judge.rule.test
    if not isinstance(test, Threshold):
        message = f"{judge.rule.name} asks a source without a threshold"
        raise TypeError(message)
    return test
