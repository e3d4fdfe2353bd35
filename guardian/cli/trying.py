"""``guardian rules test``: what the rules make of made-up series, held against what they should."""

import asyncio
import json
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from guardian.cli.client import Rejected
from guardian.config.faults import ConfigFaults
from guardian.core.words import rehearsal as words
from guardian.core.words import shell
from guardian.rehearsal import runner
from guardian.rehearsal.engine import EngineMissing
from guardian.rehearsal.performance import Failure
from guardian.rehearsal.runner import Result
from guardian.rehearsal.script import Script


def try_out(paths: Sequence[Path], *, as_json: bool) -> int:
    """Run the tests among ``paths``; 0 where all passed, else 1. :class:`Rejected` where there are none, or no Prometheus."""
    began = time.monotonic()
    found = runner.find(paths)
    if not found:
        raise Rejected(words.no_tests(", ".join(map(str, paths))))
    try:
        scripts = runner.read(found)
        output = Output(scripts, as_json=as_json)
        with _silence():
            asyncio.run(_run(scripts, output))
    except ConfigFaults as faults:
        click.echo(str(faults))
        return 1
    except EngineMissing as error:
        raise Rejected(str(error)) from error
    output.end(time.monotonic() - began)
    return 1 if output.failed else 0


async def _run(scripts: Sequence[Script], output: "Output") -> None:
    async for result in runner.run(scripts):
        output.add(result)


@contextmanager
def _silence() -> Iterator[None]:
    """What guardian would log of its troubles belongs to the test."""
    log = logging.getLogger("guardian")
    before, log.disabled = log.level, False
    log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        log.setLevel(before)


class Output:
    """What is shown, as it goes."""

    def __init__(self, scripts: Sequence[Script], *, as_json: bool) -> None:
        self._scripts, self._as_json = scripts, as_json
        self._console = Console(highlight=False, soft_wrap=True, emoji=False, markup=False)
        self._results: list[Result] = []
        self._file = ""

    @property
    def failed(self) -> int:
        """Tests that failed."""
        return sum(bool(result.failures) for result in self._results)

    def add(self, result: Result) -> None:
        """One more result."""
        self._results.append(result)
        if self._as_json:
            return
        if result.file != self._file:
            self._file = result.file
            self._console.print(Text(result.file, style="bold"))
        mark = (words.FAILED, "bold red") if result.failures else (words.PASSED, "green")
        line = Text.assemble("  ", (f"{mark[0]:6}", mark[1]), "  ", result.case.name)
        if not result.failures:
            line.append(f" {words.as_expected(result.case.checks)}", style="dim")
        self._console.print(line)
        for failure in result.failures:
            self._console.print(*_told(failure), sep="\n")

    def end(self, took: float) -> None:
        """The last words."""
        untested = runner.untested(self._scripts)
        if self._as_json:
            click.echo(json.dumps(self._record(untested), indent=2, ensure_ascii=False))
            return
        if untested:
            self._console.print(Text(shell.warning(words.untested(untested)), style="yellow"))
        line = words.summary(len(self._results), self.failed, len(self._scripts), took)
        self._console.print(Text(line, style="bold red" if self.failed else "bold green"))

    def _record(self, untested: Sequence[str]) -> dict[str, object]:
        tests = [
            {
                "file": result.case.place.file,
                "line": result.case.place.line,
                "name": result.case.name,
                "passed": not result.failures,
                "checks": result.case.checks,
                "failures": [asdict(failure) for failure in result.failures],
            }
            for result in self._results
        ]
        return {"passed": len(tests) - self.failed, "failed": self.failed, "untested": list(untested), "tests": tests}


def _told(failure: Failure) -> Iterator[Text]:
    """A failure: where it stands, what was expected, what came, and where the two part."""
    pad, indent = max(map(len, (words.EXPECTED, words.GOT, words.BECAUSE))), " " * 10
    yield Text.assemble(indent, (f"{failure.file}:{failure.line}:", "bold"), f" {failure.path}: {failure.sentence}")
    yield Text.assemble(indent, f"  {words.EXPECTED:{pad}}  ", (failure.expected, "green"))
    same = next((at for at, (a, b) in enumerate(zip(failure.expected, failure.got, strict=False)) if a != b), None)
    same = min(len(failure.expected), len(failure.got)) if same is None else same
    yield Text.assemble(indent, f"  {words.GOT:{pad}}  ", failure.got[:same], (failure.got[same:], "bold red"))
    if failure.because:
        yield Text.assemble(indent, (f"  {words.BECAUSE:{pad}}  {failure.because}", "dim"))
