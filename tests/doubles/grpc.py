"""A gRPC server on loopback: unary calls over HTTP/2 without TLS, each answered by a message and trailers."""

import asyncio
import struct
from dataclasses import dataclass, field
from typing import Self

from tests.doubles.streams import Streams

DATA, HEADERS, SETTINGS, PING, WINDOW = 0, 1, 4, 6, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
OK, UNAVAILABLE = 0, 14
"""Statuses of gRPC, which stand in the trailers of an answer that HTTP calls good."""
STATUS_200 = b"\x88"


def message(text: str) -> bytes:
    """A message as gRPC frames it: not compressed, and its length."""
    return struct.pack(">BI", 0, len(text)) + text.encode()


@dataclass
class GrpcOrigin:
    """One environment's server, from ``async with`` to its end.

    It answers each call with its own name and the number of bytes that it was sent. One that is ``cutting`` closes the connection.
    """

    name: str
    status: int = OK
    cutting: bool = False
    port: int = 0
    called: list[bytes] = field(default_factory=list)
    """What was sent with each call."""

    def __post_init__(self) -> None:
        """Have nobody come yet."""
        self._streams = Streams(self._serve)

    async def __aenter__(self) -> Self:
        """Listen."""
        self.port = (await self._streams.__aenter__()).port
        return self

    async def __aexit__(self, *_: object) -> None:
        """End."""
        await self._streams.__aexit__()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sent: dict[int, bytes] = {}
        await reader.readexactly(len(PREFACE))
        writer.write(_frame(SETTINGS, 0, 0, b""))
        while True:
            head = await reader.readexactly(9)
            kind, flags, stream = head[3], head[4], int.from_bytes(head[5:9], "big")
            payload = await reader.readexactly(int.from_bytes(head[:3], "big"))
            if kind in {SETTINGS, PING} and not flags & ACK:
                writer.write(_frame(kind, ACK, 0, payload if kind == PING else b""))
            if kind == DATA and payload:
                sent[stream] = sent.get(stream, b"") + payload
                for window in (0, stream):
                    writer.write(_frame(WINDOW, 0, window, len(payload).to_bytes(4, "big")))
            if kind in {DATA, HEADERS} and flags & END_STREAM:
                self.called.append(sent.pop(stream, b""))
                if self.cutting:
                    return
                self._answer(writer, stream)

    def _answer(self, writer: asyncio.StreamWriter, stream: int) -> None:
        head = STATUS_200 + _literal("content-type", "application/grpc")
        writer.write(_frame(HEADERS, END_HEADERS, stream, head))
        writer.write(_frame(DATA, 0, stream, message(f"{self.name} {len(self.called[-1])}")))
        writer.write(_frame(HEADERS, END_HEADERS | END_STREAM, stream, _literal("grpc-status", str(self.status))))


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def _literal(name: str, value: str) -> bytes:
    """A header field of HPACK that is not indexed, in plain text."""
    return b"\x00" + bytes((len(name),)) + name.encode() + bytes((len(value),)) + value.encode()
