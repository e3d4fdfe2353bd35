"""The directory of the notes: one Markdown file for each deployment, and the charts beside it. Old or new at every instant."""

import asyncio
import contextlib
import os
import re
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from guardian.core.account import Account
from guardian.core.notebook import LeftAlone, NotWritten
from guardian.core.words import git as git_words
from guardian.core.words import notes as words
from guardian.records.charts import Chart, drawn
from guardian.records.git import Repository
from guardian.records.notes import MarksGone, free_text, render
from guardian.records.pictures import chart_of

CHARTS = "charts"
MOST_CHARTS = 6
"""Of one note; the rule that took the traffic back comes first."""
MOST_BYTES = 4 << 20
"""Of a note that is read: nobody writes as much by hand."""
MODE = 0o644
Draw: TypeAlias = Callable[[Chart], Awaitable[bytes]]
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]")


class DirectoryNotebook:
    """The :class:`~guardian.core.notebook.Notebook` in one directory; with a ``repository`` there, they are published, too."""

    def __init__(self, directory: Path | None, repository: Repository | None = None, draw: Draw = drawn) -> None:
        """Without a ``directory`` nothing is written, and notes are shown as they would be."""
        self._directory, self._repository, self._draw = directory, repository, draw
        self._drawn: dict[Path, Chart] = {}
        self._turn = asyncio.Lock()

    def name(self, deployment: str) -> str:
        """As the protocol says."""
        return f"{_safe(deployment)}.md"

    def where(self, deployment: str) -> Path | None:
        """As the protocol says."""
        path = self._directory / self.name(deployment) if self._directory else None
        return path if path and path.exists() else None

    def text(self, account: Account) -> str:
        """As the protocol says."""
        path = self.where(account.deployment.id)
        return render(account, {}, _yours(path) if path else "")

    def kept(self, deployment: str) -> tuple[Path, str] | None:
        """As the protocol says."""
        path = self.where(deployment)
        return (path, read(path)) if path else None

    async def write(self, account: Account) -> Path:
        """As the protocol says."""
        async with self._turn:
            return (await self._write(account))[0]

    async def publish(self, account: Account) -> str:
        """As the protocol says. A push that comes too late is tried again on top of what others have pushed."""
        repository, deployment = self._repository, account.deployment
        if repository is None:
            return ""
        message = git_words.message(deployment.id, str(deployment.phase), deployment.requested_by, deployment.reason)
        await repository.ready()
        for last in (False, False, True):
            trouble = await _trouble(repository.fetch())  # nobody who writes a note waits for a network
            async with self._turn:
                await repository.save()
                trouble = trouble or await _trouble(repository.merge())
                commit = await repository.record(await self._write(account), message)
            if trouble:
                raise trouble
            try:
                await repository.push()
            except NotWritten:
                if last:
                    raise
            else:
                break
        return commit

    async def _write(self, account: Account) -> tuple[Path, ...]:
        """The note and its charts, written."""
        if self._directory is None:
            raise NotWritten(words.no_directory())
        pictures = {} if account.deployment.phase.active else await self._pictures(self._directory, account)
        path = self._directory / self.name(account.deployment.id)
        await asyncio.to_thread(_put, account, path, pictures)
        return (path, *(self._directory / file for file, _ in pictures.values()))

    async def _pictures(self, directory: Path, account: Account) -> Mapping[str, tuple[str, str]]:
        """Draw what there is to draw; a chart that cannot be drawn leaves a note without it."""
        found = {}
        for watched in account.watched[:MOST_CHARTS]:
            chart = chart_of(account, watched)
            if chart is None:
                continue
            file = f"{CHARTS}/{_safe(account.deployment.id)}-{_safe(watched.rule.name)}.png"
            with contextlib.suppress(TimeoutError, OSError):
                await self._picture(directory / file, chart)
                found[watched.rule.name] = (file, chart.alt)
        return found

    async def _picture(self, path: Path, chart: Chart) -> None:
        if self._drawn.get(path) == chart and await asyncio.to_thread(path.exists):
            return
        png = await self._draw(chart)
        await asyncio.to_thread(replace, path, png)
        self._drawn[path] = chart


async def _trouble(command: Awaitable[None]) -> NotWritten | None:
    """Why a command failed: the note is committed all the same."""
    try:
        await command
    except NotWritten as error:
        return error
    return None


def _put(account: Account, path: Path, pictures: Mapping[str, tuple[str, str]]) -> None:
    try:
        text = render(account, pictures, _yours(path) if path.exists() else "").encode()
        if not path.exists() or path.read_bytes() != text:
            replace(path, text)
    except OSError as error:
        raise NotWritten(words.unwritable(str(path), error.strerror or str(error))) from error


def _yours(path: Path) -> str:
    try:
        return free_text(read(path))
    except MarksGone as gone:
        raise LeftAlone(words.marks_gone(str(path))) from gone


def read(path: Path) -> str:
    """The note at ``path``. :class:`NotWritten` where it cannot be read, :class:`LeftAlone` where it is no text."""
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES).decode()
    except UnicodeDecodeError as error:
        raise LeftAlone(words.unreadable(str(path), str(error))) from error
    except OSError as error:  # the disk may do better next time
        raise NotWritten(words.unreadable(str(path), str(error))) from error


def replace(path: Path, content: bytes) -> None:
    """Make ``content`` the content of ``path``: old or new at every instant. ``OSError`` when that failed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{path.name}.*.new"):  # by a death
        left.unlink(missing_ok=True)
    descriptor, name = tempfile.mkstemp(".new", f".{path.name}.", path.parent)
    with contextlib.ExitStack() as undo:
        undo.callback(Path(name).unlink, missing_ok=True)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, MODE)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        Path(name).replace(path)
        undo.pop_all()
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _safe(name: str) -> str:
    """A name as part of a file's name."""
    return _UNSAFE.sub("_", name)
