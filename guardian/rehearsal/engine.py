"""A throw-away Prometheus that knows exactly the series it is given: PromQL is evaluated by the real engine, or not at all.

Samples go in through remote write (protocol 0.1.0: snappy over protobuf), for that alone keeps staleness markers.
"""

import asyncio
import contextlib
import shutil
import socket
import struct
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import httpx

from guardian.core.words import rehearsal as words
from guardian.rehearsal.notation import Name

LOOPBACK = "127.0.0.1"
START_SECONDS = 30.0
STOP_SECONDS = 10.0
PAUSE = 0.02
BATCH = 5000
"""Samples in one request."""
_LITERAL = 65536
"""Bytes in one piece of a snappy block."""


class EngineMissing(Exception):
    """Prometheus cannot be run here. The message is a sentence for people."""


@dataclass(frozen=True, slots=True, order=True)
class Sample:
    """One value of a series at one moment."""

    at: float
    """Seconds since the epoch."""
    name: Name
    value: float


class Engine:
    """One running Prometheus."""

    def __init__(self, url: str) -> None:
        self.url = url

    @classmethod
    @asynccontextmanager
    async def running(cls) -> AsyncIterator["Engine"]:
        """An empty Prometheus on loopback, until the end of the body; its data goes with it. :class:`EngineMissing`."""
        program = shutil.which("prometheus")
        if program is None:
            raise EngineMissing(words.no_prometheus())
        with tempfile.TemporaryDirectory(prefix="guardian-rules-", ignore_cleanup_errors=True) as directory:
            address = _free_address()
            process = await _spawn(program, address, Path(directory))
            try:
                engine = cls(f"http://{address}")
                await engine.ready(process, Path(directory) / "log")
                yield engine
            finally:
                await _end(process)

    async def feed(self, samples: Iterable[Sample]) -> None:
        """Let it know ``samples``. Those of one call may come in any order, each call's are later than those before."""
        ordered = iter(sorted(samples, key=lambda sample: sample.at))
        async with httpx.AsyncClient(base_url=self.url, trust_env=False, timeout=START_SECONDS) as client:
            while batch := list(islice(ordered, BATCH)):
                answer = await client.post("/api/v1/write", content=_snappy(_write_request(batch)), headers=_HEADERS)
                if answer.is_error:
                    raise EngineMissing(words.samples_refused(answer.text.strip()))

    async def forget(self) -> None:
        """Let it know nothing: what is fed next may have the names of what was fed before, and must be later."""
        async with httpx.AsyncClient(base_url=self.url, trust_env=False, timeout=START_SECONDS) as client:
            answer = await client.post("/api/v1/admin/tsdb/delete_series", params={"match[]": '{__name__!=""}'})
            if answer.is_error:
                raise EngineMissing(words.samples_refused(answer.text.strip()))

    async def ready(self, process: asyncio.subprocess.Process, log: Path) -> None:
        """Wait until ``process`` answers; :class:`EngineMissing` with the last line of its ``log`` where it does not."""
        async with httpx.AsyncClient(base_url=self.url, trust_env=False) as client:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(START_SECONDS):
                    while process.returncode is None:
                        with contextlib.suppress(httpx.TransportError):
                            if (await client.get("/-/ready")).is_success:
                                return
                        await asyncio.sleep(PAUSE)
        said = await asyncio.to_thread(log.read_text, "utf-8", "replace")
        raise EngineMissing(words.prometheus_not_up(said.strip().splitlines()[-1] if said.strip() else ""))


_HEADERS = {
    "content-encoding": "snappy",
    "content-type": "application/x-protobuf",
    "x-prometheus-remote-write-version": "0.1.0",
}


def _free_address() -> str:
    with socket.socket() as free:
        free.bind((LOOPBACK, 0))
        return f"{LOOPBACK}:{free.getsockname()[1]}"


async def _spawn(program: str, address: str, directory: Path) -> asyncio.subprocess.Process:
    config = directory / "prometheus.yml"
    await asyncio.to_thread(config.write_text, "global: {}\n")
    with (directory / "log").open("wb") as log:
        return await asyncio.create_subprocess_exec(
            program,
            f"--config.file={config}",
            f"--storage.tsdb.path={directory / 'data'}",
            "--storage.tsdb.retention.time=100y",
            f"--web.listen-address={address}",
            "--web.enable-remote-write-receiver",
            "--web.enable-admin-api",
            "--log.level=warn",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


# Remote write: message WriteRequest of prometheus/prompb, and the block format of snappy with literals only.


def _write_request(samples: Sequence[Sample]) -> bytes:
    return b"".join(_field(1, _time_series(sample)) for sample in samples)


def _time_series(sample: Sample) -> bytes:
    labels = b"".join(_field(1, _field(1, name.encode()) + _field(2, value.encode())) for name, value in sample.name.labels)
    return labels + _field(2, b"\x09" + struct.pack("<d", sample.value) + b"\x10" + _varint(round(sample.at * 1000)))


def _field(number: int, content: bytes) -> bytes:
    """A field with a length of its own (wire type 2)."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:  # noqa: PLR2004  seven bits to a byte
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def _snappy(content: bytes) -> bytes:
    return _varint(len(content)) + b"".join(_literals(content))


def _literals(content: bytes) -> Iterator[bytes]:
    for start in range(0, len(content), _LITERAL):
        piece = content[start : start + _LITERAL]
        yield b"\xf4" + struct.pack("<H", len(piece) - 1) + piece  # 0xf4: a literal whose length stands in the next two bytes
