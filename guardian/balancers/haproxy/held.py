"""Workers that linger where there is no master socket: reached on the connection that was open to each when it was replaced.

Measured on HAProxy 2.6.12 and 2.8.25: a connection to the stats socket that is open at a reload stays with its old worker, which
takes ``set map`` there and serves its old connections by it. It also keeps that worker alive, so it is closed as soon as the
worker has no client left (``CurrConns`` does not count the connections of the stats socket). A worker that came and went between
two looks is missed: guardian looks at least once a second.
"""

import asyncio
import contextlib
import math
import re
from dataclasses import dataclass

from guardian.balancers.haproxy.master import WORKER_PATIENCE, WorkerGone, WorkerSilent
from guardian.balancers.haproxy.runtime import Answers, Conversation, Runtime, Worker
from guardian.core.words import balancer as words

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
        runtime.hand_over(self._hold)

    async def workers(self) -> frozenset[int]:
        """The pids of the worker in service and of those held; errors as for :class:`Runtime`."""
        current = (await self._runtime.look()).worker.pid
        return frozenset({current, *self._holds})

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
