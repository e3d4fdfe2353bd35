"""Asking the sources that guardian does not look at by itself: each rule at its own interval, none waiting for another."""

import asyncio
from collections.abc import Mapping
from weakref import WeakKeyDictionary, WeakSet

from guardian.app.watch import Instruments, Watcher
from guardian.core.judges.judge import Judge
from guardian.core.ports import Clock, Metrics, Reading, SourceError
from guardian.core.readings import SourceFailure
from guardian.core.rules import Source, Threshold

TURN_SECONDS = 0.5
"""How often the poller sees which rules are due."""
CATCH_UP = 20
"""Evaluations that a rule makes up for in one turn, after guardian was down or a source was slow: at the moments at which they
were due, as if nothing had happened."""


class Poller:
    """Has every rule on trial that asks a source evaluated when it is due."""

    def __init__(self, sources: Mapping[Source, Metrics], watcher: Watcher, instruments: Instruments, clock: Clock) -> None:
        self._sources, self._watcher, self._instruments, self._clock = sources, watcher, instruments, clock
        self._due: WeakKeyDictionary[Judge, float] = WeakKeyDictionary()
        self._hurried: WeakSet[Judge] = WeakSet()
        self._asking: dict[Judge, asyncio.Task[None]] = {}
        self._reading: dict[Judge, asyncio.Task[Reading | None]] = {}

    async def turn(self) -> None:
        """Start what is due, and give up what nobody waits for any more. A rule that still waits for its answer is left alone."""
        now, polled = self._clock.now(), self._watcher.polled()
        for judge in self._reading.keys() - {judge for _, judge in polled}:
            self._reading[judge].cancel()  # this ends its evaluation, too; one that has its answer already is let alone
        for service, judge in polled:
            if judge not in self._asking and self._next(judge) <= now:
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
        test = _threshold(judge)
        return judge.trial.since + test.warm_up + test.window

    async def _evaluate(self, service: str, judge: Judge) -> None:
        for _ in range(CATCH_UP):
            due, every = self._next(judge), _threshold(judge).every
            now = self._clock.now()
            if due > now:
                return
            self._instruments.evaluated(now - due)
            due = due if judge.rule.looks_back else now
            self._hurried.discard(judge)
            try:
                reading = await self._read(service, judge, due)
            except SourceError as error:
                await self._watcher.fail(service, judge, SourceFailure(due, str(error)))
                self._due[judge] = self._after(judge, max(due + every, self._clock.now()))
                return
            self._due[judge] = self._after(judge, due + every)
            await self._watcher.feed(service, judge, due, reading)

    def _after(self, judge: Judge, usual: float) -> float:
        """When ``judge`` is due again: at once where something came while it was being read."""
        return self._clock.now() if judge in self._hurried else usual

    async def _read(self, service: str, judge: Judge, at: float) -> Reading | None:
        source = self._sources[judge.rule.source]
        self._reading[judge] = asyncio.create_task(source.read(service, judge.rule, judge.trial, at), name=judge.rule.name)
        try:
            return await self._reading[judge]
        finally:
            del self._reading[judge]


def _threshold(judge: Judge) -> Threshold:
    test = judge.rule.test
    if not isinstance(test, Threshold):
        message = f"{judge.rule.name} asks a source without a threshold"
        raise TypeError(message)
    return test
