"""Workers that linger where there is no master socket: reached on the connection that was open to each when it was replaced.

Measured on HAProxy 2.6.12 and 2.8.25: a connection to the stats socket that is open at a reload stays with its old worker, which
takes ``set map`` there and serves its old connections by it. It also keeps that worker alive, so it is closed as soon as the
worker has no client left (``CurrConns`` does not count the connections of the stats socket). A worker that came and went between
two looks is missed: guardian looks at least once a second.

When ``hard-stop-after`` is over, 2.6.12 first ends all streams, and so this connection, and only a second later itself: until then
it still answers requests on its clients' connections. So a worker whose connection broke counts as one until its process is gone.
"""

import asyncio
import contextlib
import math
import os
import re
import time
from dataclasses import dataclass

from guardian.balancers.haproxy.master import WORKER_PATIENCE, WorkerGone, WorkerSilent
from guardian.balancers.haproxy.runtime import Answers, Conversation, Runtime, Worker
from guardian.core.words import balancer as words

PARTING = 3.0
"""Seconds for which a process that cannot be asked any more is waited for; later its number may be another's."""
_CLIENTS = re.compile(r"^CurrConns: (\d+)$", re.MULTILINE)


@dataclass(slots=True)
class _Hold:
    conversation: Conversation
    asking: "asyncio.Task[Answers] | None" = None


class Held:
    """The lingering workers of which a connection is held, with the calls of :class:`~guardian.balancers.haproxy.master.Master`."""

    def __init__(self, runtime: Runtime, patience: float) -> None:
        self._runtime, self._patience = runtime, min(WORKER_PATIENCE, patience)
        self._holds: dict[int, _Hold] = {}
        self._parting: dict[int, float] = {}
        """Workers whose connections broke, and until when they are waited for."""
        runtime.hand_over(self._hold)

    async def workers(self) -> frozenset[int]:
        """The pids of the worker in service, of those held, and of those about to end; errors as for :class:`Runtime`."""
        current, now = (await self._runtime.look()).worker.pid, time.monotonic()
        self._parting = {pid: until for pid, until in self._parting.items() if until > now and _there(pid)}
        return frozenset({current, *self._holds, *self._parting})

    async def ask(self, pid: int, *commands: str) -> Answers:
        """What worker ``pid`` answers to ``commands``. :class:`WorkerGone` or :class:`WorkerSilent` if it does not.

        A question is never given up, or its answer would be taken for that to the next one.
        """
        try:
            async with asyncio.timeout(self._patience):
                while (hold := self._holds.get(pid)) and hold.asking:
                    await asyncio.wait({hold.asking})
                if hold is None:
                    raise WorkerGone(words.worker_absent(pid))
                hold.asking = asking = asyncio.create_task(self._ask(pid, hold, commands), name=f"question to worker {pid}")
                await asyncio.wait({asking})
        except TimeoutError as error:
            raise WorkerSilent(words.worker_absent(pid)) from error
        try:
            return asking.result()
        except (OSError, ValueError) as error:
            self._parting[pid] = time.monotonic() + PARTING
            raise WorkerGone(words.worker_absent(pid)) from error

    async def aclose(self) -> None:
        """Let go of all: the workers that were held may end."""
        asking = [hold.asking for hold in self._holds.values() if hold.asking]
        for question in asking:
            question.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        for pid in tuple(self._holds):
            self._release(pid)

    def _hold(self, worker: Worker, conversation: Conversation) -> None:
        self._release(worker.pid)
        self._holds[worker.pid] = _Hold(conversation)

    async def _ask(self, pid: int, hold: _Hold, commands: tuple[str, ...]) -> Answers:
        kept = False
        try:
            answers = await hold.conversation.ask((*commands, "show info"), math.inf)
            *texts, info = answers.texts
            clients = _CLIENTS.search(info)
            kept = clients is None or clients[1] != "0"
            return Answers(answers.worker, tuple(texts))
        finally:
            hold.asking = None
            if not kept:
                self._release(pid)

    def _release(self, pid: int) -> None:
        hold = self._holds.pop(pid, None)
        if hold:
            with contextlib.suppress(OSError):
                hold.conversation.close()


def _there(pid: int) -> bool:
    """Whether the process exists, whoever's it is."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's, then, and there
    return True
