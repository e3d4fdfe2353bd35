"""What one release that went wrong comes to, from what users and application saw: pure functions and records."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from math import log
from pathlib import Path
from typing import Any

from guardian.core.model import Environment
from guardian.core.sequential import relative_entropy
from guardian.demo.application import Fault
from guardian.demo.report import Answer, failed
from tests.bench.race.crew import LATENCY, SLOW, Trouble

FALSE_ALARM = 0.001
LOOK = 0.05
HEALTHY = 0.001
"""The share of answers that a healthy environment fails."""
HEALTHS = {
    "0.1 %": Trouble(Fault(errors=HEALTHY)),
    "0.5 %": Trouble(Fault(errors=0.005)),
    "0.1 %, ten at a time": Trouble(Fault(errors=HEALTHY), clump=10),
    "0.5 %, ten at a time": Trouble(Fault(errors=0.005), clump=10),
}
"""Kinds of healthy releases: who takes one of them back is wrong."""
INDEPENDENT = tuple(name for name, health in HEALTHS.items() if health.clump == 1)
"""Those whose errors have nothing to do with each other."""
TOLERATED = 0.01
"""The limit of every simple rule."""


@dataclass(frozen=True, slots=True)
class Case:
    """A kind of bad release."""

    name: str
    title: str
    trouble: Trouble
    slow: bool = False
    """Whether an answer that takes longer than ``SLOW`` is a bad one."""

    @property
    def down(self) -> bool:
        """Whether the application sees none of it."""
        return self.trouble.fault.refuse


CASES = {
    case.name: case
    for case in (
        Case("100%", "100 % errors", Trouble(Fault(errors=1.0))),
        Case("5%", "5 % errors", Trouble(Fault(errors=0.05))),
        Case("1%", "1 % errors", Trouble(Fault(errors=0.01))),
        Case("latency", "latency x 5", Trouble(Fault(errors=HEALTHY, delay=4 * LATENCY)), slow=True),
        Case("down", "environment down", Trouble(Fault(refuse=True))),
        Case("leak", "slow leak", Trouble(Fault(errors=0.1, delay=4 * LATENCY), over=30.0), slow=True),
    )
}


@dataclass(frozen=True, slots=True)
class Run:
    """One bad release of one lane."""

    entrant: str
    case: str
    rate: float
    kind: str
    """``first``, ``second`` (a minute after another one), ``blind`` (with Prometheus dead)."""
    seconds: float | None
    """From the first bad answer that green gave to the last answer on the way to green; ``None``: never."""
    waited: float
    """Seconds from the beginning of the fault until the lane was back on blue, or was given up."""
    bad: int
    """Bad answers that users got on the way to green."""
    failed: int
    """Requests without any answer: refused, reset, cut."""
    timeouts: int
    requests: int
    """Requests on the way to green since the fault began."""
    early: bool = False
    """Whether the lane had left green before the fault began: a false rollback, which says nothing of the time."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What an entrant took from the host in the runs of one cell, and how well the load kept time."""

    entrant: str
    case: str
    rate: float
    kind: str
    lanes: int
    cpu: float
    """Of one core, as a share; HAProxy's own for entrants without processes is not in it."""
    memory: float
    """Peak, MB."""
    haproxy: float
    """HAProxy's CPU, of one core."""
    late: float
    """Seconds by which requests left late, at the 99th percentile."""
    took: float


@dataclass(frozen=True, slots=True)
class Soak:
    """Healthy releases of one entrant in real time."""

    entrant: str
    rate: float
    health: str
    seconds: float
    """On green, of all lanes together."""
    false: int


@dataclass(frozen=True, slots=True)
class Alarm:
    """Healthy releases of one entrant, simulated."""

    entrant: str
    rate: float
    health: str
    hours: float
    in_ten_hours: float


Record = Run | Cost | Soak | Alarm
_KINDS: dict[str, Any] = {kind.__name__: kind for kind in (Run, Cost, Soak, Alarm)}


def append(file: Path, records: Iterable[Record]) -> None:
    """Add ``records`` to the raw data of a race."""
    with file.open("a") as lines:
        for record in records:
            lines.write(json.dumps({"record": type(record).__name__, **asdict(record)}) + "\n")


def load(file: Path) -> list[Record]:
    """The raw data so far; a last line that was cut off is left out."""
    records: list[Record] = []
    for line in file.read_text().splitlines() if file.exists() else ():
        try:
            told = json.loads(line)
        except ValueError:
            continue
        records.append(_KINDS[told.pop("record")](**told))
    return records


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of one lane from the beginning of its fault on."""

    began: float
    answers: Sequence[Answer]
    """Of its users. Their environment is the way that they went, whoever answered in the end."""
    witnessed: Sequence[tuple[float, float, bool]]
    """Of green's application: when a request came, when it was answered, and whether badly."""

    def on_green(self) -> list[Answer]:
        """The answers on the way to green to requests that came after the fault began."""
        return [one for one in self.answers if one.environment is Environment.GREEN and one.begun >= self.began]

    @property
    def met(self) -> bool:
        """Whether the fault met the lane on green: some request was on its way there, if only one that came before."""
        return any(one.environment is Environment.GREEN and one.done >= self.began for one in self.answers)


def harm(case: Case, seen: Seen) -> tuple[float | None, float | None, int]:
    """When green first gave a bad answer, when the last answer on the way to green arrived, and how many bad ones users got."""
    green = seen.on_green()
    bad = [one for one in green if failed(one) or (case.slow and one.latency > SLOW)]
    firsts = [answered for came, answered, badly in seen.witnessed if badly and came >= seen.began]
    firsts += [one.done for one in (green if case.down else bad)]
    return (min(firsts, default=None), max((one.done for one in green), default=None), len(bad))


def judged(run: tuple[str, str, float, str], case: Case, seen: Seen, returned: float | None, given_up: float) -> Run:
    """The record of one run; ``returned`` is when its lane was found back on blue."""
    first, last, bad = harm(case, seen)
    lost = [one for one in seen.answers if one.error is not None and one.begun >= seen.began]
    timeouts = sum(one.error == "timeout" for one in lost)
    seconds = None if returned is None else max(0.0, last - first) if first is not None and last is not None else 0.0
    waited = (given_up if returned is None else returned) - seen.began
    return Run(*run, seconds, waited, bad, len(lost) - timeouts, timeouts, len(seen.on_green()))


def gone(answers: Sequence[Answer], since: float, now: float, quiet: float) -> bool:
    """Whether the traffic has left green: for ``quiet`` seconds nothing came that way, and blue answers."""
    on_blue = 0
    for one in reversed(answers):
        if one.done < since:
            break
        if one.environment is Environment.GREEN:
            return on_blue >= 5 and now - one.done >= quiet
        on_blue += one.environment is Environment.BLUE
    return on_blue >= 5 and now - since >= quiet


def limit_seconds(case: Case, rate: float, tolerated: float) -> float | None:
    """The information limit plus one look, on average, for any test with this false-alarm rate (Wald 1945).

    ``None`` where the fault is not a share of errors above what is tolerated.
    """
    fault = case.trouble.fault
    errors = 1.0 if fault.refuse else fault.errors
    if case.slow or errors <= tolerated:
        return None
    information = log(1 / tolerated) if errors >= 1.0 else relative_entropy(errors, tolerated)
    return log(1 / FALSE_ALARM) / information / rate + LOOK
