"""A split in the memory of HAProxy's workers: set in each, read back, and believed only when no other worker is left."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from guardian.balancers.haproxy import trial
from guardian.balancers.haproxy.block import block, split_variable
from guardian.balancers.haproxy.held import Held
from guardian.balancers.haproxy.mapfile import split_of
from guardian.balancers.haproxy.master import Master, WorkerGone, WorkerSilent
from guardian.balancers.haproxy.runtime import EXPERIMENTAL, PAUSE, Answers, Runtime
from guardian.core.model import Service, Split
from guardian.core.ports import BalancerError, BalancerGone, BalancerUnfit, Routed, WorkerSplit
from guardian.core.words import balancer as words
from guardian.core.words import reload

UNKNOWN_MAP = "Unknown map identifier"
_ENTRY = re.compile(r'found=yes.*value="([^"\n]*)"')
"""In the answer to ``get map``, which follows every ``set map``: HAProxy before 2.8 does not say when it refuses a value."""
_VARIABLE = re.compile(r"type=sint value=<(-?[0-9]{1,20})>")
_NO_VARIABLE, _DENIED = "Variable not found", "Permission denied"

Ask = Callable[..., Awaitable[Answers]]
"""One worker, to which commands can be put."""
Tell = Callable[[Ask], Awaitable[Answers]]
"""What is put to each worker in turn. The answer holds the map's entry."""


@dataclass(frozen=True, slots=True)
class Round:
    """What the workers said when all were asked once."""

    current: int
    """The pid of the worker in service."""
    workers: Mapping[int, WorkerSplit]
    """Those that answered, by pid, the one in service first."""
    silent: tuple[int, ...] = ()
    """Those that hang."""

    def proves(self, split: Split, listed: frozenset[int]) -> bool:
        """Whether every worker that is ``listed`` now has said that it has ``split``."""
        told = self.current in listed and listed <= self.workers.keys()
        return told and all(worker.split == split for worker in self.workers.values())


class Memory(Protocol):
    """Where a worker has the split of a service."""

    async def get(self, service: Service, ask: Ask) -> Answers:
        """Ask a worker for it."""

    async def set(self, service: Service, split: Split, ask: Ask) -> Answers:
        """Tell a worker, and ask it."""

    def split(self, service: Service, answers: Answers) -> Split | None:
        """What a worker said; ``None`` for one that has no such place. :class:`BalancerUnfit` for what is no split."""

    def lacking(self, service: Service) -> str:
        """What to do where the worker in service has no such place."""


class MapMemory:
    """The map at ``path``: the share of each service, and beside it the environment on trial.

    That mark comes before the share, so that no request is sent to a release on trial that would not be saved. It changes only when
    a release has proved itself: a rollback leaves it alone.
    """

    def __init__(self, path: Path, closing: Callable[[Service], Sequence[str]] = lambda _: ()) -> None:
        """``closing``: commands that go with every change of a service's split, and before it."""
        self._path, self._closing = path, closing
        self._marks: dict[str, int] = {}

    def mark(self, service: Service, number: int) -> None:
        """What every worker is to have as the environment on trial: one of :data:`guardian.balancers.haproxy.trial.CODES`, or 0."""
        self._marks[service.name] = number

    async def get(self, service: Service, ask: Ask) -> Answers:
        """As the protocol says. A worker with another mark gets the right one."""
        answers = await ask(f"get map {self._path} {service.name}")
        expected = self._marks.get(service.name)
        if expected is not None and UNKNOWN_MAP not in "".join(answers.texts):
            marked = await ask(f"get map {self._path} {trial.key(service.name)}")
            if _value("".join(marked.texts)) != expected:
                await self._entered(trial.key(service.name), expected, ask)
        return answers

    async def set(self, service: Service, split: Split, ask: Ask) -> Answers:
        """As the protocol says. A map that lacks the service gets it."""
        if before := self._closing(service):
            await ask(*before)
        if mark := self._marks.get(service.name):
            await self._entered(trial.key(service.name), mark, ask)
        return await self._entered(service.name, split.green, ask)

    async def _entered(self, name: str, value: int, ask: Ask) -> Answers:
        """The entry ``name``, set and read. By itself: a lingering worker gives one text for all that it is asked at once."""
        entry = f"{self._path} {name}"
        answers = await ask(f"set map {entry} {value}", f"get map {entry}")
        if "entry not found" in "".join(answers.texts):
            answers = await ask(f"add map {entry} {value}", f"get map {entry}")
        return answers

    def split(self, service: Service, answers: Answers) -> Split | None:
        """As the protocol says. A map that does not name the service gives it the default of guardian's block: nothing to green."""
        text = "".join(answers.texts)
        if UNKNOWN_MAP in text:
            return None
        entry = _ENTRY.search(text)
        return split_of(f"HAProxy's worker {answers.worker.name}", service.name, entry[1]) if entry else Split(0)

    def lacking(self, service: Service) -> str:
        """As the protocol says."""
        return words.map_unknown(self._path, block(service, self._path))


def _value(text: str) -> int:
    """The number in an answer to ``get map``; 0 where there is none."""
    entry = _ENTRY.search(text)
    return int(entry[1]) if entry and entry[1].isdecimal() else 0


class VariableMemory:
    """The variable of the process that the configuration sets, for services that are routed by reload.

    A worker that lingers keeps what its own configuration said, and must be told; the one in service has read the new one. HAProxy
    takes a new value for a variable in its experimental mode only (2.6 and later; the stats socket needs ``level admin`` for it).
    """

    async def get(self, service: Service, ask: Ask) -> Answers:
        """As the protocol says."""
        return await ask(f"get var {split_variable(service.name)}")

    async def set(self, service: Service, split: Split, ask: Ask) -> Answers:
        """As the protocol says. A worker that has the split already is left alone."""
        answers, variable = await self.get(service, ask), split_variable(service.name)
        if self.split(service, answers) in {None, split}:
            return answers
        return await ask(EXPERIMENTAL, f"set var {variable} int({split.green})", f"get var {variable}")

    def split(self, service: Service, answers: Answers) -> Split | None:
        """As the protocol says. :class:`BalancerUnfit` where the socket's level does not let guardian read variables."""
        text = "".join(answers.texts)
        if found := _VARIABLE.search(text):
            return split_of(f"HAProxy's worker {answers.worker.name}", service.name, found[1])
        if _NO_VARIABLE not in text and _DENIED in text:
            raise BalancerUnfit(reload.variables_denied())
        return None

    def lacking(self, service: Service) -> str:
        """As the protocol says."""
        return reload.not_loaded(service.name)


class Router:
    """A split in every worker: the current one is reached by the stats socket, lingering ones by the master or as they are held."""

    def __init__(self, runtime: Runtime, lingering: Master | Held, memory: Memory, patience: float) -> None:
        self._runtime, self._others, self._memory, self._patience = runtime, lingering, memory, patience

    async def read(self, service: Service) -> tuple[WorkerSplit, ...]:
        """The split of ``service`` in every worker that answers, the current one first. Errors as for :meth:`route`."""
        tell = partial(self._memory.get, service)
        first = await self._current(service, tell)
        whole = await self._lingering(service, tell, first, await self._listed(service, first))
        return tuple(whole.workers.values())

    async def current(self, service: Service) -> Split:
        """The split of ``service`` in the worker in service. Errors as for :meth:`route`."""
        told = await self._current(service, partial(self._memory.get, service))
        return told.workers[told.current].split

    async def route(self, service: Service, split: Split) -> Routed:
        """Set ``split`` in every worker, until a listing of all workers has no other than those that confirmed it.

        The current worker is told first and waits for nobody; in a calm hour it is the only one, and one listing proves it.
        While it may still carry out an earlier change that it has not answered, nothing is proved, and it is told again.
        :class:`BalancerUnfit` when HAProxy lacks guardian's block, :class:`BalancerGone` when the workers could not be listed or
        kept changing within the patience, :class:`BalancerError` when one of them hangs.
        """
        started, tell = time.monotonic(), partial(self._memory.set, service, split)
        last = not self._runtime.unanswered
        told, before = await self._current(service, tell), None
        while True:
            listed = await self._listed(service, told)
            took = time.monotonic() - started
            if last and told.proves(split, listed):
                return Routed(split, tuple(worker.worker for worker in told.workers.values()), took)
            if took > self._patience:
                if not last:
                    raise BalancerGone(words.change_unanswered(service.name, split, took))
                raise _unproved(service, split, told, listed, took)
            if listed == before:
                await asyncio.sleep(PAUSE)
            before, last = listed, not self._runtime.unanswered
            told = await self._lingering(service, tell, await self._current(service, tell), listed)

    async def _listed(self, service: Service, told: Round) -> frozenset[int]:
        """The pids of all workers; the one in service may be another one by now."""
        try:
            return await self._others.workers()
        except BalancerError as error:
            current = told.workers[told.current]
            reason = words.lingering_unknown(service.name, current.worker, current.split, str(error))
            raise type(error)(reason) from error

    async def _current(self, service: Service, tell: Tell) -> Round:
        answers = await tell(self._runtime.ask)
        split = self._memory.split(service, answers)
        if split is None:
            raise BalancerUnfit(self._memory.lacking(service))
        return Round(answers.worker.pid, {answers.worker.pid: WorkerSplit(answers.worker.name, split, current=True)})

    async def _lingering(self, service: Service, tell: Tell, told: Round, listed: frozenset[int]) -> Round:
        """``told``, and the other workers that are ``listed``."""
        workers, silent, pids = dict(told.workers), [], sorted(listed - {told.current})
        asked = [tell(partial(self._others.ask, pid)) for pid in pids]
        for pid, answers in zip(pids, await asyncio.gather(*asked, return_exceptions=True), strict=True):
            if isinstance(answers, Answers):
                # One from before guardian's block was loaded has no split: nothing moves it, and it is not proved by anything.
                split = self._memory.split(service, answers)
                if split is not None:
                    workers[pid] = WorkerSplit(answers.worker.name, split, current=False)
            elif isinstance(answers, WorkerSilent):
                silent.append(pid)
            elif not isinstance(answers, WorkerGone):
                raise answers
        return Round(told.current, workers, tuple(silent))


def _unproved(service: Service, split: Split, told: Round, listed: frozenset[int], took: float) -> BalancerError:
    if told.silent:
        return BalancerError(words.workers_silent(service.name, split, told.silent, took))
    right = {pid for pid, worker in told.workers.items() if worker.split == split}
    return BalancerGone(words.workers_unsettled(service.name, split, sorted(listed - right), took))
