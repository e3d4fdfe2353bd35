"""HAProxy's stats socket: questions and orders to the worker that is in service, each with a deadline.

Measured on HAProxy 2.6.12 and 2.8.25, ten reloads each: a connection that is kept open stays with its worker after a reload and
reports on a dead generation without a sign, for as long as it is used, and keeps that worker alive. At the first answer after the
new worker has taken over, ``show info`` of the old one has ``Stopping: 1``; when the connection is then closed, the old worker
ends within 20 ms. Even a new connection may still be accepted by the stopping worker for a moment. So ``show info`` is asked with
every question, and only the answer of a worker that is not stopping counts.

Several commands go out at once, each in a line of its own: HAProxy up to 3.1 ends every answer with a prompt, later ones only the
answers to a whole line.

A command that was sent is carried out, whether or not anybody still waits for its answer: measured on both, a worker that wakes up
after a stop does what closed connections have left it, and its threads do that in any order. So the connection of a change that was
given up stays open until HAProxy has ended it, and nothing is proved by what was said before that.
"""

import asyncio
import contextlib
import re
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from guardian.core.model import NAME
from guardian.core.ports import BalancerGone, BalancerUnfit
from guardian.core.words import balancer as words

PROMPT = b"\n> "
"""What ends each answer in HAProxy's interactive mode."""
CHUNK = 65536
DIGITS = 20
"""The longest number that HAProxy may say: its counters have 64 bits."""
EXPERIMENTAL = "experimental-mode on"
"""Comes before a command that HAProxy may change; of the connection, not of a worker."""
MOMENT = 0.001
"""Seconds that the event loop may stand still for an answer."""
PAUSE = 0.005
"""Seconds before a stopping worker's socket, or one that refuses, is tried again."""
MOST_UNANSWERED = 4
"""Changes that may be without an answer when another one is sent: HAProxy has ten places, and one that hangs must not take all."""

_PATH = re.compile(r"/[A-Za-z0-9/_.:@+-]+")


def safe_name(name: str) -> str:
    """``name``, if it may stand in a socket line; :class:`BalancerUnfit` otherwise."""
    if not NAME.fullmatch(name):
        raise BalancerUnfit(words.unsafe_name(name))
    return name


def as_variable(name: str) -> str:
    """``name`` as part of a variable's name, which may have letters, digits, ``_`` and ``.``: another one for each service."""
    return re.sub(r"[.:-]", lambda match: f".{ord(match[0]):x}", name)


def safe_path(path: Path) -> Path:
    """``path``, if it may stand in a socket line and in a configuration; :class:`BalancerUnfit` otherwise."""
    if not _PATH.fullmatch(str(path)):
        raise BalancerUnfit(words.unsafe_path(path))
    return path


@dataclass(frozen=True, slots=True)
class Worker:
    """One worker process of HAProxy, as its own ``show info`` describes it."""

    pid: int
    born: int
    """Seconds since the epoch."""
    stopping: bool
    """Whether it has been replaced and only finishes its old connections."""

    @classmethod
    def from_info(cls, info: str) -> Self:
        """The worker that said ``info``, in which nothing but ``show info`` may have these lines; ``ValueError`` for other text."""
        pid, stopping, born = (_line(info, name) for name in ("Pid", "Stopping", "Start_time_sec"))
        return cls(pid, born, stopping=stopping != 0)

    @property
    def name(self) -> str:
        """Its pid and its birth, since a restarted container hands out the same pids again."""
        return f"{self.pid}@{self.born}"


def _line(info: str, name: str) -> int:
    _, found, rest = info.partition(f"\n{name}: ")
    number, _, _ = rest.partition("\n")
    if not found or not number.isdecimal() or len(number) > DIGITS:
        raise ValueError(words.garbled("show info"))
    return int(number)


@dataclass(frozen=True, slots=True)
class Answers:
    """What one worker answered, one text per command."""

    worker: Worker
    texts: tuple[str, ...]


@contextlib.contextmanager
def border(path: Path, patience: float) -> Iterator[None]:
    """Every call to HAProxy passes here, and fails with the port's exceptions only."""
    try:
        yield
    except PermissionError as error:
        raise BalancerUnfit(words.socket_forbidden(path)) from error
    except TimeoutError as error:
        raise BalancerGone(words.socket_silent(path, patience)) from error
    except OSError as error:
        raise BalancerGone(words.socket_gone(path, error.strerror or str(error))) from error
    except ValueError as error:
        raise BalancerGone(str(error)) from error


async def pause(until: float) -> None:
    """Wait a moment before another attempt; ``TimeoutError`` when it is ``until`` on the monotonic clock."""
    if time.monotonic() >= until:
        raise TimeoutError
    await asyncio.sleep(PAUSE)


async def connected(path: Path, until: float) -> socket.socket:
    """A connection to the unix socket at ``path``; ``OSError`` when nobody is there."""
    with contextlib.ExitStack() as stack:
        connection = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK))
        while True:
            try:
                # Unlike TCP's, this is done at once or not at all: a full queue is EAGAIN, and nothing announces a free place.
                connection.connect(str(path))
            except BlockingIOError:
                await pause(until)
            else:
                stack.pop_all()
                return connection


async def exchange(connection: socket.socket, lines: str, until: float, *, prompts: int = 0) -> str:
    """Send ``lines``, and return what comes up to so many prompts, or for none up to the end. ``OSError`` as it falls."""
    connection.sendall(f"{lines}\n".encode("ascii"))
    if not prompts:
        # Or the master would wait for another command; and its `quit` goes unheard on 2.8 when it follows an unknown pid.
        connection.shutdown(socket.SHUT_WR)
    answer = Answer(connection, prompts)
    if not answer.comes_at_once():
        await answer.comes(until)
    return answer.text.decode("ascii", "replace")


class Answer:
    """What a connection has sent so far, in as many pieces as it comes in."""

    def __init__(self, connection: socket.socket, prompts: int) -> None:
        self.text = bytearray()
        self._connection, self._prompts = connection, prompts

    def comes_at_once(self) -> bool:
        """Wait a moment, and say whether the answer is whole.

        HAProxy needs 0.1 ms, and a round through the event loop for each piece costs more than that: waiting here halves the time
        of a switch and the CPU of a look. The loop stands still for 2 ms at most, where HAProxy is slow.
        """
        self._connection.settimeout(MOMENT)
        end = time.monotonic() + MOMENT
        try:
            while not self._adds(self._connection.recv(CHUNK)):
                if time.monotonic() > end:
                    return False
        except TimeoutError:
            return False
        finally:
            self._connection.settimeout(0)
        return True

    async def comes(self, until: float) -> None:
        """Wait for the rest."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout_at(until):
            while not self._adds(await loop.sock_recv(self._connection, CHUNK)):
                pass

    def _adds(self, part: bytes) -> bool:
        """Whether ``part`` completes the answer."""
        self.text += part
        return not part or bool(self._prompts and self.text.endswith(PROMPT) and self.text.count(PROMPT) >= self._prompts)


class Conversation:
    """One connection in interactive mode, in which each answer ends with a prompt and the next question may follow."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._begun = False

    async def ask(self, commands: Sequence[str], until: float) -> Answers:
        """Ask all ``commands`` at once. ``OSError`` when the worker is gone, ``ValueError`` for an answer of another shape."""
        lines = [*commands, "show info"] if self._begun else ["prompt", *commands, "show info"]
        self._begun = True
        text = await exchange(self._connection, "\n".join(lines), until, prompts=len(lines))
        *texts, rest = text.split(PROMPT.decode("ascii"))
        if len(texts) < len(lines):
            raise ConnectionResetError(words.socket_closed())
        if len(texts) > len(lines) or rest:
            raise ValueError(words.garbled("; ".join(commands)))
        return Answers(Worker.from_info(texts[-1]), tuple(texts[-1 - len(commands) : -1]))

    async def ends(self) -> None:
        """Return when the worker has done all that it was sent, or never will: then it ends the connection."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_WR)
            while await loop.sock_recv(self._connection, CHUNK):
                pass

    def close(self) -> None:
        """Hang up: a worker that is stopping waits for this."""
        self._connection.close()


class Runtime:
    """The stats socket at ``path``. No call takes longer than ``patience`` seconds.

    Both ways of asking raise :class:`BalancerGone`, or :class:`BalancerUnfit` where the socket's mode keeps guardian out.
    """

    def __init__(self, path: Path, patience: float) -> None:
        self._path, self._patience = path, patience
        self._kept: Conversation | None = None
        self._turn = asyncio.Lock()
        self._unanswered: set[asyncio.Task[None]] = set()
        self._replaced: Callable[[Worker, Conversation], None] = lambda _worker, conversation: conversation.close()

    def hand_over(self, replaced: Callable[[Worker, Conversation], None]) -> None:
        """Give the kept connection to ``replaced`` when its worker has been replaced, where it would be closed otherwise."""
        self._replaced = replaced

    @property
    def unanswered(self) -> bool:
        """Whether HAProxy may still carry out a change that was given up, whatever it is told now."""
        return bool(self._unanswered)

    async def ask(self, *commands: str) -> Answers:
        """Ask the worker in service, on a connection of its own."""
        until = time.monotonic() + self._patience
        with border(self._path, self._patience):
            while True:
                answers = await self._ask(commands, until)
                if not answers.worker.stopping:
                    return answers
                await pause(until)

    async def _ask(self, commands: Sequence[str], until: float) -> Answers:
        changes = any(not command.startswith(("get ", "show ")) for command in commands)
        while changes and len(self._unanswered) >= MOST_UNANSWERED:
            await pause(until)
        with contextlib.ExitStack() as ends:
            conversation = await self._conversation(until)
            ends.callback(conversation.close)
            try:
                return await conversation.ask(commands, until)
            except (TimeoutError, asyncio.CancelledError):
                if changes:
                    ends.pop_all()
                    self._wait_for(conversation)
                raise

    def _wait_for(self, conversation: Conversation) -> None:
        """See a change to its end that nobody waits for any more."""
        ending = asyncio.create_task(conversation.ends(), name="change without an answer")
        self._unanswered.add(ending)
        ending.add_done_callback(self._unanswered.discard)
        ending.add_done_callback(lambda _: conversation.close())

    async def look(self, *commands: str) -> Answers:
        """Ask the worker in service, on a connection that is kept for the next look. One look waits for the one before it.

        So whoever has looked knows that a worker which was replaced before has been handed over.
        """
        until = time.monotonic() + self._patience
        with border(self._path, self._patience):
            async with asyncio.timeout_at(until):
                await self._turn.acquire()
            try:
                return await self._look(commands, until)
            finally:
                self._turn.release()

    async def _look(self, commands: Sequence[str], until: float) -> Answers:
        while True:
            known, self._kept = self._kept, None
            with contextlib.ExitStack() as broken:
                conversation = known or await self._conversation(until)
                broken.callback(conversation.close)
                try:
                    answers = await conversation.ask(commands, until)
                except ConnectionError:
                    if known:
                        continue  # HAProxy hung up since the last look: a restart, or its `stats timeout`
                    raise
                broken.pop_all()
                if not answers.worker.stopping:
                    self._keep(conversation)
                    return answers
                self._replaced(answers.worker, conversation)
            await pause(until)

    def close(self) -> None:
        """Give up the kept connection; the next look opens another."""
        if self._kept:
            self._kept.close()
            self._kept = None

    async def aclose(self) -> None:
        """The same, and wait for no change any more."""
        self.close()
        ending = tuple(self._unanswered)
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    def _keep(self, conversation: Conversation) -> None:
        # Kept only after a whole answer: the rest of a broken one would be taken for the answer to the next question.
        self.close()
        self._kept = conversation

    async def _conversation(self, until: float) -> Conversation:
        return Conversation(await connected(self._path, until))
