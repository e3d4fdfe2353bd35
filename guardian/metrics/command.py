"""Rules of ``source: command``: a program that prints a number, or whose exit code is a verdict.

Never through a shell. With a limit, exit code 0 says that it measured, and its output is a number, or a JSON object with ``value``
(``null`` where there was nothing to measure), ``message`` and ``link``. Without one, exit code 0 finds the release good, those of
``at_fault`` find it at fault, and the message is that of the JSON object or else the first line. Every other exit code is a source
that failed: 1 is also what a script ends with that was broken itself.
"""

import asyncio
import functools
import json
import re
from concurrent.futures import ThreadPoolExecutor
from math import isfinite, isnan
from typing import Any

from guardian.core.invocation import invocation
from guardian.core.judges.trial import Trial
from guardian.core.links import followable
from guardian.core.ports import Reading, SourceError
from guardian.core.rules import Command, Rule
from guardian.core.words import command as words
from guardian.metrics.process import Run
from guardian.processes.program import PARTING

AT_ONCE = 16
"""Commands that run at the same time; the others wait, each until its own deadline."""
NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?|[nN]a[nN]", re.ASCII)


class CommandSource:
    """Programs as :class:`guardian.core.ports.Metrics`. One that hangs holds up nobody else."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._at_once = at_once
        self._places = asyncio.Semaphore(at_once)
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="command")
        self._running: set[asyncio.Future[None]] = set()

    async def read(self, service: str, rule: Rule, trial: Trial, at: float) -> Reading | None:
        """What the command of ``rule`` says, started now; see :meth:`guardian.core.ports.Metrics.read`."""
        command = rule.measure
        assert isinstance(command, Command)  # noqa: S101  rules of this source hold no other measure
        deadline = asyncio.get_running_loop().time() + command.timeout  # on the monotonic clock, as the run's
        await self._take_place(command)
        try:
            run = Run(invocation(service, rule, trial, at))
        except OSError as error:
            self._places.release()
            raise SourceError(words.not_started(command.argv[0], error.strerror or str(error))) from error
        await self._complete(run, deadline)
        return reading(run, command)

    async def aclose(self) -> None:
        """Wait until the programs are gone whose readers were cancelled."""
        if self._running:
            await asyncio.wait(self._running, timeout=2 * PARTING)
        self._threads.shutdown(wait=False)

    async def _take_place(self, command: Command) -> None:
        try:
            async with asyncio.timeout(command.timeout):
                await self._places.acquire()
        except TimeoutError:
            sentence = words.all_busy(command.argv[0], self._at_once, command.timeout)
        else:
            return
        raise SourceError(sentence)

    async def _complete(self, run: Run, deadline: float) -> None:
        """Have ``run`` completed in a thread of its own. Its place is free again when it is gone, not when nobody waits for it."""
        completed = asyncio.get_running_loop().run_in_executor(self._threads, run.complete, deadline)
        self._running.add(completed)
        completed.add_done_callback(functools.partial(self._leave, run))
        try:
            await asyncio.wait({completed})
        finally:
            if not completed.done():
                run.cancel()
        completed.result()

    def _leave(self, run: Run, completed: "asyncio.Future[None]") -> None:
        run.close()
        self._running.discard(completed)
        self._places.release()
        if not completed.cancelled():
            completed.exception()  # seen: nobody waits for a run that was cancelled


def reading(run: Run, command: Command) -> Reading | None:
    """What ``run`` said, which has come to its end by itself; :class:`SourceError` where that is not what the rule needs."""
    bad = command.by_exit_code and run.code in command.at_fault
    if run.code and not bad:
        raise SourceError(words.failed(command.argv[0], run.code, run.complaint))
    told = _object(run.said)
    message = told.get("message") if told is not None else None
    link = followable(told.get("link")) if told is not None else ""
    said = words.said(message) if isinstance(message, str) else ""
    if command.by_exit_code:
        first = next(iter(run.said.splitlines()), "") if told is None else ""
        return Reading(float(bad), said or words.said(first), link)
    value = _number(run.said) if told is None else told.get("value", "")
    if value is None or (isinstance(value, float) and isnan(value)):
        return None
    if not isinstance(value, float) or not isfinite(value):
        raise SourceError(words.no_number(command.argv[0], run.said))
    return Reading(value, said, link)


def _number(text: str) -> float | str:
    return float(text) if NUMBER.fullmatch(text) else text


def _object(text: str) -> dict[str, Any] | None:
    """The JSON object that ``text`` is, every number a float; ``None`` where it is something else.

    Line breaks in a string are taken as they are: scripts put JSON together by hand.
    """
    if not text.startswith("{"):
        return None
    try:
        found = json.loads(text, strict=False, parse_int=float, parse_constant=float)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
