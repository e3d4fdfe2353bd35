"""Sends requests for so many seconds, by turns on a new connection and on a kept one, and says what came back: JSON lines."""

import http.client
import itertools
import json
import sys
import time
from pathlib import Path

ENOUGH = Path("/test/enough")


def ask(connection: http.client.HTTPConnection, started: float) -> list[object]:
    """When it was asked, the status, and who answered."""
    try:
        connection.request("GET", "/")
        answer = connection.getresponse()
        return [started, answer.status, answer.read().decode().strip()]
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        return [started, 0, str(error)]


ends, kept = time.monotonic() + float(sys.argv[1]), http.client.HTTPConnection("127.0.0.1", 8080, timeout=5)
for turn in itertools.count():
    started = time.monotonic()
    if started > ends or ENOUGH.exists():
        break
    connection = kept if turn % 2 else http.client.HTTPConnection("127.0.0.1", 8080, timeout=5)
    sys.stdout.write(f"{json.dumps(ask(connection, started))}\n")
    if connection is not kept:
        connection.close()
    time.sleep(max(0.0, 0.01 - (time.monotonic() - started)))
