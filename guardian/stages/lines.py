"""What a program writes, as lines that people can read: bounded in length, in number, and in how often they are told.

A gigabyte of lines must cost little, or the thread that reads it would slow down guardian's looks: lines come in batches, as raw
bytes, and only those that are kept or told are made readable.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence

from guardian.core.words import stages as words

LONGEST = 400
"""Bytes of a line that are kept."""
FIRST, LAST = 40, 120
"""Lines that are kept from the beginning and from the end: what it was about, and how it ended."""
TOLD_EVERY = 0.2
"""Seconds between two lines that are told as progress."""

Hear = Callable[[Sequence[bytes]], None]
"""Takes the next lines, none of them empty."""
Progress = Callable[[str], None]
"""Takes a line for people, on the event loop."""


def readable(line: bytes) -> str:
    """A line for people."""
    return words.line(line.decode("utf-8", "replace"))


class Kept:
    """The first and the last lines of something long."""

    def __init__(self) -> None:
        self._first: list[bytes] = []
        self._last: deque[bytes] = deque(maxlen=LAST)
        self._count = 0

    def add(self, lines: Sequence[bytes]) -> None:
        """Some more."""
        self._count += len(lines)
        missing = FIRST - len(self._first)
        if missing > 0:
            self._first += lines[:missing]
            lines = lines[missing:]
        self._last.extend(lines[-LAST:])

    def say(self, line: str) -> None:
        """One more, of guardian's own."""
        self.add((line.encode(),))

    @property
    def lines(self) -> tuple[str, ...]:
        """What was kept, and how much was not."""
        missing = self._count - len(self._first) - len(self._last)
        middle = (words.left_out(missing),) if missing else ()
        return (*map(readable, self._first), *middle, *map(readable, self._last))

    @property
    def newest(self) -> str:
        """The last line; empty without one."""
        last = self._last or self._first
        return readable(last[-1]) if last else ""


class Told:
    """Tells lines to the event loop from another thread: each while they are few, else the newest now and then."""

    def __init__(self, progress: Progress, loop: asyncio.AbstractEventLoop) -> None:
        self._progress, self._loop = progress, loop
        self._pending = b""
        self._at = 0.0

    def add(self, lines: Sequence[bytes]) -> None:
        """Some more lines."""
        self._pending = lines[-1]
        if time.monotonic() - self._at >= TOLD_EVERY:
            self.flush()

    def say(self, line: str) -> None:
        """One more, of guardian's own."""
        self.add((line.encode(),))

    def flush(self) -> None:
        """Tell what is still to be told."""
        if self._pending and not self._loop.is_closed():
            self._at = time.monotonic()
            self._loop.call_soon_threadsafe(self._progress, readable(self._pending))
            self._pending = b""


class Lines:
    """Both outputs of a program, line by line, as :class:`guardian.processes.program.Ear`."""

    def __init__(self, output: Hear, errors: Hear, longest: int = LONGEST) -> None:
        self._streams = (_Splitter(output, longest), _Splitter(errors, longest))

    def output(self, part: bytes) -> None:
        """More of its standard output."""
        self._streams[0].add(part)

    def errors(self, part: bytes) -> None:
        """More of its standard error."""
        self._streams[1].add(part)

    def close(self) -> None:
        """What was begun and has no line's end."""
        for stream in self._streams:
            stream.add(b"\n")


class _Splitter:
    def __init__(self, hear: Hear, longest: int) -> None:
        self._hear, self._longest = hear, longest
        self._rest = b""

    def add(self, part: bytes) -> None:
        longest = self._longest
        first, *others = part.split(b"\n")
        self._rest += first[: max(0, longest - len(self._rest))]
        if others:
            lines = [self._rest, *others[:-1]]
            self._rest = others[-1][:longest]
            if found := [line[:longest] for line in lines if line and not line.isspace()]:
                self._hear(found)
