"""What the database takes: real deployments and real evidence, written by the daemon's own store, and the file weighed."""

import random
import tempfile
import tracemalloc
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from guardian.app.codec import event_to_record, state_to_record
from guardian.app.evidence import evidence_of
from guardian.core.deployment import ServiceState
from guardian.core.events import Adopted, Event, Routed, SwitchRequested, WatchEnded
from guardian.core.judges import judge_for
from guardian.core.judges.judge import Judge
from guardian.core.judges.trial import Trial
from guardian.core.model import BASIS_POINTS, Environment, Split
from guardian.core.readings import History, Look, Tally
from guardian.core.rules import Rule, Source, Threshold
from guardian.core.switch import adopt, step
from guardian.records.store import SqlStore

DEPLOYMENTS = 4
REQUESTS = 100.0
BAD = 0.001
EPOCH = 1.7e9
WANDERS = 0.1
"""By how much of its interval a look may come late."""


@dataclass(frozen=True, slots=True)
class Growth:
    """Of one service with its rules, deployed once and watched to the end."""

    journal: float
    """Bytes that its events and its states take."""
    evidence: float
    """Bytes that the evidence of its rules takes when the watch ends."""
    look: float
    """Bytes of memory that one more look takes, all rules together."""


def growth(rules: Sequence[Rule], watch: float, look_every: float) -> Growth:
    """Write :data:`DEPLOYMENTS` of them, with a watch of so many seconds, into a database of their own."""
    judges = watched(rules, watch, look_every)
    with tempfile.TemporaryDirectory() as directory:
        empty = _weighed(Path(directory))
        store = SqlStore(Path(directory))
        deployments = [deploy(store, f"service-{number}", judges, watch) for number in range(DEPLOYMENTS)]
        store.close()
        journalled = _weighed(Path(directory))
        store = SqlStore(Path(directory))
        for deployment in deployments:
            for judge in judges:
                store.save_evidence(deployment, judge.rule.name, evidence_of(judge))
        store.close()
        whole = _weighed(Path(directory))
    return Growth((journalled - empty) / DEPLOYMENTS, (whole - journalled) / DEPLOYMENTS, look_bytes(rules, look_every))


def look_bytes(rules: Sequence[Rule], look_every: float) -> float:
    """The memory that a look takes in evidence, between a watch of a thousand and one of three thousand."""
    held = []
    tracemalloc.start()
    for looks in (1000, 3000):
        before, _ = tracemalloc.get_traced_memory()
        judges = watched(rules, looks * look_every * (1 + WANDERS / 2), look_every)
        held.append(tracemalloc.get_traced_memory()[0] - before)
        del judges
    tracemalloc.stop()
    return (held[1] - held[0]) / 2000


def deploy(store: SqlStore, name: str, judges: Sequence[Judge], watch: float) -> str:
    """Journal the life of one deployment that is found well, and tell its name."""
    state = adopt(name, first := Adopted(EPOCH, Split.all_on(Environment.BLUE), "1@1700000000")).state
    keep(store, first, state)
    for event in (
        SwitchRequested(EPOCH + 1, "bench", "a release", Environment.GREEN, BASIS_POINTS, watch),
        Routed(EPOCH + 2, state.generation + 1, "1@1700000000", 1, 0.0),
    ):
        state = step(state, event).state
        keep(store, event, state)
    assert state.deployment is not None
    ended = WatchEnded(EPOCH + 2 + watch, state.deployment.id, tuple(judge.conclude() for judge in judges))
    state = step(state, ended).state
    keep(store, ended, state)
    assert state.deployment is not None
    assert not state.deployment.phase.active
    return state.deployment.id


def keep(store: SqlStore, event: Event, state: ServiceState) -> None:
    """Journal one event, as the recorder does; nobody is told of it."""
    deployment = state.deployment.id if state.deployment else None
    store.append(state.service, deployment, event.at, event_to_record(event), state_to_record(state))


def watched(rules: Sequence[Rule], watch: float, look_every: float) -> list[Judge]:
    """Judges at the end of a watch in which the times between looks and the numbers of requests vary, as they do."""
    chance = random.Random(1)
    trial = Trial(Environment.GREEN, EPOCH, watch, look_every, shared=False, history=History())
    judges = [judge_for(rule, trial) for rule in rules]
    at = EPOCH
    while at < EPOCH + watch:
        seconds = look_every * chance.uniform(1.0, 1.0 + WANDERS)
        at += seconds
        requests = max(0, round(chance.gauss(REQUESTS * seconds, (REQUESTS * seconds) ** 0.5)))
        bad = min(requests, chance.random() < BAD * requests)
        busy = chance.random() * seconds
        tally = Tally(requests, responses_2xx=requests - bad, responses_5xx=bad, busy_seconds=busy, servers_up=1)
        look = Look(at, seconds, tally, Tally(servers_up=1))
        for judge in judges:
            if judge.rule.source is Source.HAPROXY:
                judge.look(look)
    for judge in judges:
        if isinstance(judge.rule.test, Threshold) and judge.rule.source is not Source.HAPROXY:
            for turn in range(1, int(watch / judge.rule.test.every)):
                judge.feed(EPOCH + turn * judge.rule.test.every, judge.rule.test.every, (chance.random() / 2,))
    return judges


def _weighed(directory: Path) -> int:
    """The size of the database, whose log is folded in when it is closed."""
    SqlStore(directory).close()
    return (directory / "guardian.db").stat().st_size
