"""Sends requests one after the other for so many seconds, and says what came back: JSON, one line each."""

import http.client
import json
import sys
import time

ends = time.monotonic() + float(sys.argv[1])
while time.monotonic() < ends:
    started = time.monotonic()
    try:
        connection = http.client.HTTPConnection("127.0.0.1", 8080, timeout=5)
        connection.request("GET", "/")
        answer = connection.getresponse()
        told = [started, answer.status, answer.read().decode().strip()]
        connection.close()
    except OSError as error:
        told = [started, 0, str(error)]
    sys.stdout.write(f"{json.dumps(told)}\n")
    time.sleep(max(0.0, 0.01 - (time.monotonic() - started)))
