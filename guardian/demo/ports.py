"""Ports for programs that are started here and told where to listen."""

import random
import socket

LOOPBACK = "127.0.0.1"
FIRST, LAST = 15_000, 32_000
"""Below the ports that the system gives to clients (32768 and up): one of those may be taken again before the program listens."""


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    while True:
        port = random.randint(FIRST, LAST)
        try:
            with socket.create_server((LOOPBACK, port)):
                return port
        except OSError:
            continue
