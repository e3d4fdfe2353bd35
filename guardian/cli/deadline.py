"""One deadline for a whole answer: httpx counts its time-outs anew at each read, and would wait for one in drops without end."""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx

CONNECTED = ("connect_unix_socket.complete", "connect_tcp.complete", "start_tls.complete")
"""What httpcore tells of a connection that has another socket from now on."""


class Deadline:
    """Cuts the connection of a client that makes one request after the other."""

    def __init__(self) -> None:
        self.over = False
        """Whether the last request was cut."""
        self._socket: socket.socket | None = None

    def arm(self, request: "httpx.Request") -> None:
        """Have ``request`` cut: an event hook of the client."""
        request.extensions["trace"] = self._told

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Whatever is asked in this context has so many seconds; then the connection breaks off, and :attr:`over` says why."""
        self.over = False
        late = threading.Timer(seconds, self._cut)
        late.daemon = True
        late.start()
        try:
            yield
        finally:
            late.cancel()
            late.join()

    def _cut(self) -> None:
        self.over = True
        self._shut()

    def _told(self, event: str, about: Mapping[str, Any]) -> None:
        if event.endswith(CONNECTED):
            self._socket = about["return_value"].get_extra_info("socket")
            if self.over:
                self._shut()

    def _shut(self) -> None:
        if self._socket is not None:
            with suppress(OSError):
                # Past TLS, whose own shutdown would pull the session away from under the thread that reads.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
