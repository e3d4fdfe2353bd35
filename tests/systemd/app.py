"""An environment: answers with its colour, and with the status that stands in its file at that moment."""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COLOUR, PORT = sys.argv[1], int(sys.argv[2])
STATUS = Path(f"/run/app-{COLOUR}")


class Answer(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """The colour."""
        status = 200 if self.path == "/health" or not STATUS.exists() else int(STATUS.read_text())
        body = f"{COLOUR}\n".encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


ThreadingHTTPServer(("127.0.0.1", PORT), Answer).serve_forever()
