"""Finding the tests of rules, and running all of them over one throw-away Prometheus."""

import os
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from guardian.config.faults import ConfigFaults, Fault
from guardian.core.access import Access
from guardian.core.rules import Alerts, RuleSet, Sender, Source
from guardian.metrics.source import PrometheusSource
from guardian.rehearsal.engine import Engine
from guardian.rehearsal.performance import Failure, Performance
from guardian.rehearsal.scenery import samples
from guardian.rehearsal.script import Case, Script, read_script

DIRECTORY = "tests"
APART = 3600.0
"""Seconds between the times of two tests; what Prometheus knew of the first is gone by the second all the same."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one test."""

    file: str
    case: Case
    failures: tuple[Failure, ...]


def find(paths: Iterable[Path]) -> list[Path]:
    """The files of tests among ``paths``, and those in directories called ``tests`` below them."""
    found: dict[Path, None] = {}
    for path in paths:
        if not path.is_dir():
            found[path] = None
            continue
        for directory, below, files in os.walk(path):
            below[:] = sorted(name for name in below if not name.startswith("."))
            if Path(directory).resolve().name == DIRECTORY:
                found |= dict.fromkeys(
                    Path(directory) / file for file in sorted(files) if file.endswith(".yaml") and file[0] != "."
                )
    return list(found)


def read(paths: Iterable[Path]) -> list[Script]:
    """All tests in the files at ``paths``; :class:`ConfigFaults` with all that is wrong in any of them."""
    scripts: list[Script] = []
    faults: list[Fault] = []
    for path in paths:
        try:
            scripts.append(read_script(path))
        except ConfigFaults as refused:
            faults += refused.faults
    if faults:
        raise ConfigFaults(faults)
    return scripts


async def run(scripts: Sequence[Script]) -> AsyncIterator[Result]:
    """Play every test, one after the other. :class:`~guardian.rehearsal.engine.EngineMissing` where one needs Prometheus."""
    cases = [(script, case) for script in scripts for case in script.cases]
    # All of it lies in the past, the first test first: Prometheus takes no sample from before what it knows, or from tomorrow.
    start = float(int(time.time() - sum(map(_length, cases)) - APART))
    async with AsyncExitStack() as ends:
        engine = source = None
        if any(_asks(script.rules) for script in scripts):
            engine = await ends.enter_async_context(Engine.running())
            source = PrometheusSource(Access(engine.url))
            ends.push_async_callback(source.aclose)
        for script, case in cases:
            if engine is not None and _asks(script.rules):
                await engine.forget()
                await engine.feed(samples(case.inputs, start))
            failures = await Performance(case, script.rules, source, start).play()
            yield Result(script.file, case, tuple(failures))
            start += _length((script, case))


def _length(of: tuple[Script, Case]) -> float:
    """Seconds that a test takes in its own time, on whole seconds."""
    case = of[1]
    longest = max((len(values) for _, values in case.inputs.series), default=0) * case.inputs.interval
    return float(int(max(longest, case.inputs.cutover + case.watch) + APART))


def _asks(rules: RuleSet) -> bool:
    """Whether any of ``rules`` asks a Prometheus, for a number or for its alerts."""
    senders = {sender for rule in rules.rules if isinstance(rule.measure, Alerts) for sender in rule.measure.senders}
    return Sender.PROMETHEUS in senders or any(rule.source is Source.PROMETHEUS for rule in rules.rules)


def untested(scripts: Iterable[Script]) -> list[str]:
    """Rules under test of which no test expects a breach: ``service/rule``."""
    rules: dict[str, bool] = {}
    for script in scripts:
        seen = {each.rule for case in script.cases for each in case.expectations if each.breach}
        for rule in script.rules.rules:
            name = f"{script.rules.service}/{rule.name}"
            rules[name] = rules.get(name, False) or rule.name in seen
    return [name for name, known in rules.items() if not known]
