"""Runs inside the booted system: carries out what the tests send over a unix socket, each as a program with its end."""

import json
import socket
import subprocess
import sys
import threading
from pathlib import Path


def serve(connection: socket.socket) -> None:
    """One program: what it was, how it ended, and what it said."""
    with connection, connection.makefile("rw") as stream:
        asked = json.loads(stream.readline())
        answer: dict[str, object]
        try:
            done = subprocess.run(asked["argv"], capture_output=True, timeout=asked["seconds"], check=False, errors="replace")
            answer = {"code": done.returncode, "out": done.stdout, "err": done.stderr}
        except subprocess.TimeoutExpired as late:
            answer = {"code": -1, "out": "", "err": f"still runs after {late.timeout} s"}
        except OSError as error:
            answer = {"code": -2, "out": "", "err": str(error)}
        stream.write(json.dumps(answer))


def main() -> None:
    """Serve until the system goes down."""
    path = sys.argv[1]
    Path(path).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(16)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    main()
