"""The daemon with a stop-watch at its borders: `guardian run`, and a line of JSON for each rollback that it proved.

    python -m tests.bench.traced FILE run --config guardian.yaml

Nothing of it is in the product: methods are wrapped here, around the calls that lead from HAProxy's counters to its map.
"""

import json
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from guardian.app.decide import Decider
from guardian.app.record import Recorder
from guardian.balancers.haproxy import runtime
from guardian.balancers.haproxy.balancer import HAProxy
from guardian.cli.main import cli
from guardian.core.events import Breached
from guardian.core.readings import Snapshot

REMEMBERED = 200
"""Looks: ten seconds of them."""


class StopWatch:
    """When each step of the present rollback happened, on the monotonic clock that all processes share."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._looks: deque[tuple[float, float, dict[str, int]]] = deque(maxlen=REMEMBERED)
        self._steps: dict[str, float] = {}

    def looked(self, asked: float, snapshot: Snapshot) -> None:
        """A look was answered and read."""
        counted = {name: counters.responses_5xx for name, counters in snapshot.backends.items()}
        self._looks.append((asked, time.monotonic(), counted))

    def judged(self) -> None:
        """A rule was breached."""
        self._steps = {"judged": time.monotonic()}

    def step(self, name: str, at: float) -> None:
        """Something of the rollback under way was done for the first time."""
        if self._steps:
            self._steps.setdefault(name, at)

    def proved(self) -> None:
        """The rollback is proved: write down all of it."""
        if "set" in self._steps:
            self.step("proved", time.monotonic())
            with self._file.open("a") as file:
                file.write(json.dumps({"looks": list(self._looks), **self._steps}) + "\n")
            self._steps = {}


def around(owner: Any, name: str, wrapper: Callable[..., Awaitable[Any]]) -> None:
    """Have ``wrapper`` called, with the original first, in place of the method or function ``name``."""
    original = getattr(owner, name)

    async def wrapped(*given: Any, **named: Any) -> Any:
        return await wrapper(original, *given, **named)

    setattr(owner, name, wrapped)


def wire(watch: StopWatch) -> None:
    """Put ``watch`` at the borders."""

    async def snapshot(original: Any, *given: Any) -> Any:
        asked = time.monotonic()
        found = await original(*given)
        watch.looked(asked, found)
        return found

    async def submit(original: Any, decider: Any, service: str, event: Any) -> Any:
        if isinstance(event, Breached):
            watch.judged()
        return await original(decider, service, event)

    async def record(original: Any, *given: Any, **named: Any) -> Any:
        outcome = await original(*given, **named)
        watch.step("journalled", time.monotonic())
        return outcome

    async def route(original: Any, *given: Any) -> Any:
        watch.step("routing", time.monotonic())
        outcome = await original(*given)
        watch.proved()
        return outcome

    async def exchange(original: Any, connection: Any, line: str, *given: Any, **named: Any) -> Any:
        started = time.monotonic()
        answer = await original(connection, line, *given, **named)
        if "set map" in line and "/trial" not in line:
            watch.step("sent", started)
            watch.step("set", time.monotonic())
        return answer

    around(HAProxy, "snapshot", snapshot)
    around(Decider, "submit", submit)
    around(Recorder, "record", record)
    around(HAProxy, "route", route)
    around(runtime, "exchange", exchange)


if __name__ == "__main__":
    wire(StopWatch(Path(sys.argv[1])))
    cli(sys.argv[2:], prog_name="guardian")
