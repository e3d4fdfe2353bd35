"""What a race found out, as records that are written down as they come, one line of JSON each: an interrupted race loses none."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

FAULTS = {
    "100": "100 % errors",
    "5": "5 % errors",
    "1": "1 % errors",
    "latency": "latency x 5",
    "down": "environment down",
    "leak": "slow leak",
}
"""What can go wrong with a release, by its short name, in the order of the report."""


@dataclass(frozen=True, slots=True)
class Session:
    """One entrant at one rate, from its start to its end."""

    entrant: str
    title: str
    looks_every: float
    rate: float
    """Requests a second to each lane."""
    lanes: int
    machine: str
    versions: str
    commit: str
    command: str
    began: str
    """In UTC, ISO 8601."""


@dataclass(frozen=True, slots=True)
class Run:
    """One bad release on one lane. Times in seconds, on the clock of whoever answers and asks."""

    entrant: str
    rate: float
    fault: str
    lane: str
    incident: int
    """1, or 2 for the same again a minute later."""
    seconds: float | None
    """From the first bad answer that the release gave to the last request that it got; ``None`` where it stayed."""
    given: int
    """Bad answers that the release gave, whoever saw them."""
    bad: int
    """Bad answers that users got."""
    failures: int
    """Users who got no answer at all."""
    answers: int
    """All answers from the fault to the end of the run."""
    patience: float
    """How long it was waited for."""
    early: bool = False
    """Taken back before anything was wrong: a false rollback, which has no time."""
    metrics: bool = True
    """``False`` in the run with Prometheus dead."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What an entrant takes while it watches releases, and how the generator fared meanwhile."""

    entrant: str
    rate: float
    lanes: int
    cpu: float
    """Seconds of CPU a second, all of its processes together."""
    memory: int
    """Bytes, their peak."""
    late: float
    """How late requests left, in seconds: 99 % were not later."""


@dataclass(frozen=True, slots=True)
class Soak:
    """Healthy releases, for real."""

    entrant: str
    rate: float
    errors: float
    hours: float
    """On all lanes together."""
    false: int


@dataclass(frozen=True, slots=True)
class Simulated:
    """Healthy releases, played: the entrant's own arithmetic over hours that nobody waited for."""

    entrant: str
    rate: float
    errors: float
    clump: int
    hours: float
    false: int


Record: TypeAlias = Session | Run | Cost | Soak | Simulated
KINDS: dict[str, type[Record]] = {kind.__name__: kind for kind in (Session, Run, Cost, Soak, Simulated)}


def append(path: Path, records: Iterable[Record]) -> None:
    """Write ``records`` at the end of the file, each on a line of its own."""
    with path.open("a") as file:
        for record in records:
            file.write(json.dumps({"kind": type(record).__name__, **asdict(record)}) + "\n")


def read(path: Path) -> Iterator[Record]:
    """All records; none where there is no file. A last line that a crash cut off is passed over; ``ValueError`` for any other."""
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    for number, line in enumerate(lines, 1):
        if number == len(lines) and not line.endswith("\n"):
            return
        given = json.loads(line)
        kind = KINDS.get(given.pop("kind", ""))
        if kind is None:
            raise ValueError(f"{path}:{number}: no record of a race; remove the line, or name another file")
        yield kind(**given)
