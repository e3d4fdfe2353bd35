"""Rewrite and reload: the split of a service in HAProxy's configuration itself, changed, checked, loaded, proved, or put back.

The file names the side that has proved itself here too. A split that is on trial stands in it only for as long as HAProxy takes to
load it; then the file says again what it said before, and is not loaded: whatever reloads or restarts HAProxy meanwhile falls back
to good. So going back during a watch needs no writing of its own, only a reload; and where even that is not to be had, because the
file is broken or holds somebody's unfinished edits, every worker is told through its variable instead.

A reload for one service is a reload for all: what the others run, which may be on trial too, is written beside it for as long.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from guardian.balancers.haproxy import adoption, atomic, binds, document, installation, literal, process, turn
from guardian.balancers.haproxy.block import Written
from guardian.balancers.haproxy.document import Document, Edit
from guardian.balancers.haproxy.loaded import Loaded, outside
from guardian.balancers.haproxy.mapfile import ROOM
from guardian.balancers.haproxy.process import Invocation
from guardian.balancers.haproxy.reload import Proof, Reloader
from guardian.balancers.haproxy.routes import Unfit
from guardian.balancers.haproxy.routing import Router
from guardian.balancers.haproxy.runtime import Worker
from guardian.core.model import Service, Split
from guardian.core.ports import BalancerError, BalancerGone, BalancerUnfit, Routed
from guardian.core.words import adoption as adopting
from guardian.core.words import balancer
from guardian.core.words import reload as words

LOCK_PATIENCE = 90.0
"""Seconds that a change waits for one that is under way."""
READ_PATIENCE = 3.0
"""Seconds that somebody waits who only wants to know what the files say: less than a disk may take."""


@dataclass(frozen=True, slots=True)
class Place:
    """The configuration that is rewritten."""

    files: tuple[Path, ...]
    """As HAProxy's ``-f`` names them."""
    map: Path
    state: Path | None = None
    """A directory in which it is remembered what HAProxy has loaded."""
    load_unloaded: bool = False
    """Whether edits that somebody has made and not loaded may be loaded along."""
    services: tuple[Service, ...] = ()
    """All whose splits are written out in these files."""


class Changer(Protocol):
    """Who carries out changes of HAProxy's configuration: guardian itself, or root's program for it."""

    async def store(self, service: Service, split: Split) -> None:
        """See :meth:`Rewriter.store`."""

    async def route(self, service: Service, split: Split, *, safe: bool = False) -> Routed:
        """See :meth:`Rewriter.route`."""

    async def storable(self, service: Service) -> None:
        """See :meth:`Rewriter.storable`."""

    async def observe(self, service: Service) -> list[str]:
        """See :meth:`Rewriter.observe`."""


class Rewriter:
    """Carries out changes of one HAProxy's configuration, one at a time on this host."""

    def __init__(self, place: Place, reloader: Reloader, router: Router) -> None:
        self._place, self._reloader, self._router = place, reloader, router
        self._loaded = Loaded(place.state)

    @property
    def may_write(self) -> bool:
        """Whether the files could be replaced by this process, whatever else is wrong with them."""
        return all(os.access(path.resolve().parent, os.W_OK | os.X_OK) for path in self._place.files)

    @property
    def busy(self) -> bool:
        """Whether somebody is changing the files just now."""
        return turn.taken(self._place.files)

    async def stored(self, service: Service) -> Split | None:
        """The split in the files; ``None`` where none is written out. :class:`BalancerUnfit` if they cannot say.

        While HAProxy loads a split that is on trial, its end is waited for: :class:`BalancerGone` if that takes too long.
        """
        until = time.monotonic() + READ_PATIENCE
        while True:
            split, at_rest = await asyncio.to_thread(self._said, service)
            if at_rest:
                return split
            if time.monotonic() > until:
                raise BalancerGone(words.busy(READ_PATIENCE))
            await asyncio.sleep(turn.PAUSE)

    def _said(self, service: Service) -> tuple[Split | None, bool]:
        """The split in the files, and whether nobody was changing them."""
        before, split = self._stamps(), self._stored(service)
        return split, not turn.taken(self._place.files) and before == self._stamps()

    def _stamps(self) -> list[tuple[int, int]]:
        """Changes with every replacement of a file."""
        with contextlib.suppress(OSError):  # reading it will tell of that
            return [(found.st_ino, found.st_ctime_ns) for found in map(os.stat, self._place.files)]
        return []

    def _stored(self, service: Service) -> Split | None:
        found = self._document()
        shares = literal.shares(found, service)
        split = literal.read(found, service)
        if shares and split is None:
            raise BalancerUnfit(adopting.splits_differ(service.name, sorted(shares)))
        return split

    async def storable(self, service: Service) -> None:
        """:class:`BalancerError` says why :meth:`store` would fail now. Nothing is written."""
        await asyncio.to_thread(self._storable, service)
        with contextlib.suppress(BalancerGone):
            await self._run()

    async def observe(self, service: Service) -> list[str]:
        """The files that somebody has changed and HAProxy has not loaded."""
        del service  # a reload is one of all
        worker = await self._reloader.current()
        return await asyncio.to_thread(self._unloaded, worker)

    async def store(self, service: Service, split: Split) -> None:
        """Write ``split`` without loading it. :class:`BalancerError` when that failed; then the old one stands."""
        async with self._turn():
            before = await asyncio.to_thread(self._document)
            old = _written(before, service)
            if old.split != split:
                after = self._changed(before, service, Written(split, _generation(old)))
                # A HAProxy that is down cannot say how it reads its files: it has read these, and two numbers change.
                with contextlib.suppress(BalancerGone):
                    await self._check(await self._run(), after)
                async with _prepared((before, after)) as [files]:
                    await asyncio.to_thread(_commit, files)

    async def route(self, service: Service, split: Split, *, safe: bool = False) -> Routed:
        """Give ``service`` this ``split`` in every worker: by a reload, and lingering ones by being told.

        ``safe``: this is the side that has proved itself, and must be reached whatever is wrong with the file or the disk.
        """
        began = time.monotonic()
        async with self._turn():
            try:
                before = await asyncio.to_thread(self._document)
                stands = _written(before, service)
                safe = safe or stands.split == split
                await self._load(before, service, stands if stands.split == split else Written(split, _generation(stands)))
            except BalancerError as error:
                if not safe:
                    raise
                await self._tell(service, split, str(error))
            routed = await self._everywhere(service, split, back=safe)
        return Routed(split, routed.workers, time.monotonic() - began)

    async def _load(self, before: Document, service: Service, new: Written) -> None:
        """Have HAProxy load the files with ``new`` in them, and put them back. :class:`BalancerError` when it does not run it."""
        run = await self._run()
        worker = await self._reloader.current()
        edited = await asyncio.to_thread(self._loaded.unloaded, before, worker)
        if edited and not self._place.load_unloaded:
            raise BalancerError(words.foreign_edits(edited))
        after = self._changed(await self._alongside(before, service), service, new)
        await self._check(run, after)
        async with _prepared((before, after), (after, before)) as [there, back]:
            await asyncio.to_thread(_commit, there)
            try:
                worker = await self._reloader.reload(Proof(service, new))
                await self._reloader.answers(after, service)
            except BalancerError as error:
                await self._restore(back, error)
            with contextlib.suppress(BalancerError):  # a file that names the wrong side is seen at the next look, and written again
                await asyncio.to_thread(_commit, back)
        with contextlib.suppress(OSError):  # forgotten at worst: then the times of the files decide
            await asyncio.to_thread(self._loaded.load, after, worker)

    async def _alongside(self, before: Document, service: Service) -> Document:
        """``before`` with what the services beside ``service`` run. One whose split cannot be read or written goes back to good."""
        edits: list[Edit] = []
        with contextlib.suppress(BalancerError):  # a HAProxy that hangs is asked once, not once for each
            for other in self._place.services:
                if other.name != service.name and (stands := literal.written(before, other)):
                    with contextlib.suppress(BalancerUnfit):
                        running = await self._router.current(other)
                        edits.extend(literal.rewrite(before, other, Written(running, stands.generation)))
        return before.apply(edits) if edits else before

    async def _restore(self, back: "Replacements", error: BalancerError) -> None:
        try:
            await asyncio.to_thread(_commit, back)
        except BalancerError as trouble:
            raise BalancerError(words.not_restored(str(error), str(trouble))) from error
        raise BalancerError(words.reload_failed(str(error), restored=bool(back))) from error

    async def _tell(self, service: Service, split: Split, reason: str) -> None:
        """Have the worker in service take the safe side without a reload."""
        try:
            await self._router.route(service, split)
        except BalancerError as error:
            raise type(error)(words.told_without_reload(service.name, split, f"{reason}; {error}")) from error

    async def _everywhere(self, service: Service, split: Split, *, back: bool) -> Routed:
        """Tell lingering workers. On the way ``back``, those that cannot be told are ended: they would go on to the bad side."""
        try:
            return await self._router.route(service, split)
        except BalancerError:
            if not back:
                raise
            current = (await self._reloader.current()).pid
            told = {int(one.worker.partition("@")[0]) for one in await self._router.read(service) if one.split == split}
            for pid in await self._reloader.workers() - told - {current}:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGTERM)
            return await self._router.route(service, split)

    async def _run(self) -> Invocation:
        """How HAProxy runs; :class:`BalancerUnfit` where it reads other files than guardian was told."""
        run = await asyncio.to_thread(process.invocation, await self._reloader.master())
        read = [str(path.resolve()) for path in run.files]
        if read != [str(path.resolve()) for path in self._place.files]:
            raise BalancerUnfit(words.other_files(list(map(str, self._place.files)), read))
        return run

    async def _check(self, run: Invocation, after: Document) -> None:
        """Whether HAProxy would take ``after``: read as it reads it, and bound."""
        await asyncio.to_thread(installation.check, run, after)
        held = await asyncio.to_thread(process.sockets, sorted(await self._reloader.workers()))
        if held is not None and (faults := list(binds.taken(after, held))):
            raise BalancerError(words.would_not_bind(faults))

    def _changed(self, before: Document, service: Service, new: Written) -> Document:
        """``before`` with ``new`` for ``service``; :class:`BalancerError` if more than guardian's block would change."""
        edits = literal.rewrite(before, service, new)
        after = before.apply(edits) if edits else before
        plan = adoption.adopt(after, service, self._place.map)
        if isinstance(plan, Unfit):
            raise BalancerError(words.block_differs(service.name, plan.sentences[0]))
        if plan.edits:
            raise BalancerError(words.block_differs(service.name, plan.changes[0]))
        if outside(before) != outside(after):
            raise BalancerError(words.more_than_the_block(service.name))
        return after

    def _storable(self, service: Service) -> None:
        before = self._document()
        self._changed(before, service, _written(before, service))
        for path in {Path(file.path).resolve() for file in before.files}:
            _writable(path)

    def _document(self) -> Document:
        try:
            return document.load(self._place.files)
        except OSError as error:
            path = Path(error.filename or self._place.files[0])
            raise BalancerUnfit(adopting.unreadable(path, error.strerror or str(error))) from error

    def _unloaded(self, worker: Worker) -> list[str]:
        with contextlib.suppress(OSError):
            return self._loaded.unloaded(self._document(), worker)
        return []

    @contextlib.asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """One change at a time, of whichever program of guardian's: by a lock on the directory of the first file."""
        until = time.monotonic() + LOCK_PATIENCE
        with turn.queued(self._place.files) as had:
            while not had():
                if time.monotonic() > until:
                    raise BalancerGone(words.busy(LOCK_PATIENCE))
                await asyncio.sleep(turn.PAUSE)
            yield


@dataclass(frozen=True, slots=True)
class Replacement:
    """A file whose new content lies ready."""

    path: Path
    old: bytes
    new: atomic.Prepared


Replacements = Sequence[Replacement]


@contextlib.asynccontextmanager
async def _prepared(*changes: tuple[Document, Document]) -> AsyncIterator[list[Replacements]]:
    """Each change's files, written beside their originals, so that none of them can fail for want of room afterwards."""
    with contextlib.ExitStack() as stack:
        try:
            yield await asyncio.to_thread(lambda: [_prepare(stack, *change, first=change is changes[0]) for change in changes])
        finally:
            await asyncio.to_thread(stack.close)


def _prepare(stack: contextlib.ExitStack, before: Document, after: Document, *, first: bool) -> Replacements:
    ready = []
    for old, new in zip(before.files, after.files, strict=True):
        path = Path(old.path).resolve()
        if first:
            with contextlib.suppress(OSError):  # what an interrupted change left, and cannot be removed, does no harm
                atomic.sweep(path)
        if old.data == new.data:
            continue
        try:
            ready.append(Replacement(path, old.data, stack.enter_context(atomic.prepared(path, new.data))))
        except OSError as error:
            raise BalancerError(words.not_written(path, error.strerror or str(error))) from error
    return ready


def _commit(files: Replacements) -> None:
    """Put the new files in their places, unless somebody has changed an old one. :class:`BalancerError` says what stands."""
    for one in files:
        try:
            if one.path.read_bytes() != one.old:
                raise BalancerError(adopting.changed_meanwhile(str(one.path)))
        except OSError as error:
            raise BalancerError(words.not_written(one.path, error.strerror or str(error))) from error
    for one in files:
        try:
            one.new.commit()
        except OSError as error:
            raise BalancerError(_what_stands(one, error.strerror or str(error))) from error


def _what_stands(one: Replacement, reason: str) -> str:
    try:
        as_before = one.path.read_bytes() == one.old
    except OSError:
        return words.not_sure(one.path, reason)
    return words.not_written(one.path, reason) if as_before else words.not_synced(one.path, reason)


def _writable(path: Path) -> None:
    directory = path.parent
    try:
        disk, size = os.statvfs(directory), path.stat().st_size
    except OSError as error:
        raise BalancerError(words.not_writable(path, error.strerror or str(error))) from error
    if disk.f_flag & os.ST_RDONLY:
        raise BalancerError(words.not_writable(path, balancer.read_only(directory)))
    if not os.access(directory, os.W_OK | os.X_OK):
        raise BalancerError(words.not_writable(path, balancer.no_permission(directory)))
    free = disk.f_bavail * disk.f_frsize
    if free < 2 * size + ROOM or (disk.f_files and not disk.f_favail):
        raise BalancerError(words.not_writable(path, balancer.disk_full(directory, free)))


def _written(found: Document, service: Service) -> Written:
    written = literal.written(found, service)
    if written is None:
        raise BalancerUnfit(words.not_written_out(service.name))
    return written


def _generation(old: Written) -> int:
    """Another number than any before, also after a clock that was set back."""
    return max(old.generation + 1, time.time_ns() // 1_000_000)
