"""The gate between guardian, who may not write HAProxy's configuration, and the small program of root's that may.

Guardian leaves a request in its own directory and starts a unit of systemd. What the request says is data: the name of a service
and a share. The program works out the change by itself, from a guardian.yaml that only root can write; see
:mod:`guardian.cli.apply`. The answer comes back in a directory that only root can write.
"""

import asyncio
import json
import os
import re
import secrets
import stat
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from guardian.balancers.haproxy.atomic import replace
from guardian.core.model import BASIS_POINTS, NAME, Service, Split
from guardian.core.ports import BalancerError, BalancerGone, BalancerUnfit, Routed
from guardian.core.words import reload as words

UNIT = "guardian-apply.service"
REQUEST = "haproxy-request.json"
"""In guardian's own directory."""
ANSWER = Path("/run/guardian-apply/answer.json")
LONGEST = 4096
"""Bytes of a request or an answer."""
PATIENCE = 180.0
"""Seconds that the unit may take, with all its own deadlines."""
CHECKED_FOR = 60.0
"""Seconds for which the answer to a check holds: each starts a process."""
FAILED_FOR = 10.0
ATTEMPTS = 3
"""A start that meets the end of an earlier one brings the answer to that."""
_NONCE = re.compile(r"[0-9a-f]{32}")
_KINDS: Mapping[str, type[BalancerError]] = {"gone": BalancerGone, "unfit": BalancerUnfit, "error": BalancerError}


class Do(StrEnum):
    """What is asked for."""

    ROUTE = "route"
    STORE = "store"
    CHECK = "check"
    """Nothing is changed."""


class BadRequest(Exception):
    """What lies there is no request. The message says why, and nothing of what lies there. Arises in :meth:`Request.read`."""


@dataclass(frozen=True, slots=True)
class Request:
    """What guardian asks root's program for."""

    nonce: str
    do: Do
    service: str
    green: int = 0
    safe: bool = False
    """Whether this is the side that has proved itself."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """The request at ``path``, which anybody may have put there. :class:`BadRequest` for anything else."""
        try:
            given = json.loads(_content(path))
        except (OSError, ValueError, RecursionError) as error:
            raise BadRequest(words.request_unreadable()) from error
        if not isinstance(given, dict) or given.keys() != {"nonce", "do", "service", "green", "safe"}:
            raise BadRequest(words.request_of_other_keys())
        nonce, do, service, green, safe = (given[key] for key in ("nonce", "do", "service", "green", "safe"))
        if not (isinstance(nonce, str) and _NONCE.fullmatch(nonce) and isinstance(service, str) and NAME.fullmatch(service)):
            raise BadRequest(words.request_of_nobody())
        if (
            not isinstance(do, str)
            or do not in set(Do)
            or type(green) is not int
            or not 0 <= green <= BASIS_POINTS
            or type(safe) is not bool
        ):
            raise BadRequest(words.request_for_nothing())
        return cls(nonce, Do(do), service, green, safe)


def _content(path: Path) -> bytes:
    """The bytes of a regular file that is no link; ``OSError`` or ``ValueError`` for anything else, and it never waits."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise BadRequest(words.request_is_no_file())
        content = file.read(LONGEST + 1)
    if len(content) > LONGEST:
        raise BadRequest(words.request_too_long())
    return content


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a request."""

    nonce: str
    kind: str = ""
    """Of the error; empty when it was done."""
    trouble: str = ""
    workers: tuple[str, ...] = ()
    seconds: float = 0.0
    edited: tuple[str, ...] = ()
    """The files that hold edits which HAProxy has not loaded."""

    @classmethod
    def to(cls, nonce: str, error: BalancerError) -> Self:
        """The answer that tells of ``error``."""
        kind = next(kind for kind, one in _KINDS.items() if isinstance(error, one))
        return cls(nonce, kind, str(error))

    def write(self, path: Path) -> None:
        """Put it where guardian reads it. ``OSError`` as it comes."""
        replace(path, json.dumps(asdict(self)).encode())

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """The answer at ``path``; ``None`` where there is none."""
        try:
            given: dict[str, Any] = json.loads(path.read_bytes())
            workers, edited = map(str, given["workers"]), map(str, given["edited"])
            nonce, kind, trouble = (str(given[key]) for key in ("nonce", "kind", "trouble"))
            return cls(nonce, kind, trouble, tuple(workers), float(given["seconds"]), tuple(edited))
        except (OSError, ValueError, KeyError, TypeError):
            return None


@dataclass(frozen=True, slots=True)
class Door:
    """Where requests and answers lie, and how root's program is started."""

    request: Path
    answer: Path = ANSWER
    start: tuple[str, ...] = ("systemctl", "start", "--no-ask-password", UNIT)


class Gate:
    """Has root's program carry out changes, one at a time."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._turn = asyncio.Lock()
        self._checked: dict[str, tuple[float, Answer]] = {}

    @property
    def busy(self) -> bool:
        """Whether something that was asked for is under way."""
        return self._turn.locked()

    async def store(self, service: Service, split: Split) -> None:
        """As :meth:`guardian.balancers.haproxy.rewriting.Rewriter.store`."""
        await self._ask(Do.STORE, service, split)

    async def route(self, service: Service, split: Split, *, safe: bool = False) -> Routed:
        """As :meth:`guardian.balancers.haproxy.rewriting.Rewriter.route`; the time includes the program's start."""
        began = time.monotonic()
        answer = await self._ask(Do.ROUTE, service, split, safe=safe)
        return Routed(split, answer.workers, time.monotonic() - began)

    async def storable(self, service: Service) -> None:
        """Whether the program can be started, and would be able to write. Asked again only after a while."""
        _done(await self._check(service))

    async def observe(self, service: Service) -> list[str]:
        """The files that somebody has changed and HAProxy has not loaded, as of the last check."""
        return list((await self._check(service)).edited)

    async def _check(self, service: Service) -> Answer:
        at, answer = self._checked.get(service.name, (-CHECKED_FOR, Answer("", "error")))
        if time.monotonic() - at > (FAILED_FOR if answer.kind else CHECKED_FOR):
            try:
                answer = await self._ask(Do.CHECK, service, Split(0))
            except BalancerError as error:
                answer = Answer.to("", error)
            self._checked[service.name] = time.monotonic(), answer
        return answer

    async def _ask(self, do: Do, service: Service, split: Split, *, safe: bool = False) -> Answer:
        request = Request(secrets.token_hex(16), do, service.name, split.green, safe)
        async with self._turn:
            for _ in range(ATTEMPTS):
                try:
                    await asyncio.to_thread(_leave, self._door.request, json.dumps(asdict(request)).encode())
                except OSError as error:
                    raise BalancerError(words.not_written(self._door.request, error.strerror or str(error))) from error
                said = await self._start()
                answer = await asyncio.to_thread(Answer.read, self._door.answer)
                if answer and answer.nonce == request.nonce:
                    return _done(answer)
        raise BalancerError(words.unit_failed(UNIT, said) if said else words.no_answer_from(UNIT))

    async def _start(self) -> str:
        """Run the program to its end; what is said of it when it failed."""
        try:
            started = await asyncio.create_subprocess_exec(
                *self._door.start,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            raise BalancerUnfit(words.unit_failed(UNIT, error.strerror or str(error))) from error
        try:
            async with asyncio.timeout(PATIENCE):
                _, said = await started.communicate()
        except TimeoutError as error:
            raise BalancerError(words.unit_silent(UNIT, PATIENCE)) from error
        return " ".join(said.decode("utf-8", "replace").split()) if started.returncode else ""


def _leave(path: Path, content: bytes) -> None:
    """Put a request at ``path``, as a file of guardian's own whatever lies there: what somebody else left might keep his group."""
    path.unlink(missing_ok=True)
    replace(path, content)


def _done(answer: Answer) -> Answer:
    if answer.kind:
        raise _KINDS.get(answer.kind, BalancerError)(answer.trouble)
    return answer
