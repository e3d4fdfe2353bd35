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


def bound(port: int) -> socket.socket:
    """A socket that has ``port`` of the loopback address, 0 any free one, and need not listen. ``OSError`` when it is taken.

    Several of ours may have it as long as none of them listens: one keeps it while another listens now and then.
    """
    taken = socket.socket()
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((LOOPBACK, port))
    except OSError:
        taken.close()
        raise
    return taken
