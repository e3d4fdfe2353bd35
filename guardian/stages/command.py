"""A stage that is a program: started as it is configured, never through a shell. Exit code 0 is success."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from guardian.core.ports import StageResult
from guardian.core.stages import Command, filled
from guardian.core.words import stages as words
from guardian.processes.program import NotStarted, Program, TooLate
from guardian.processes.running import run
from guardian.stages.junit import Report, ReportUnfit, read_report
from guardian.stages.lines import Kept, Lines, Progress, Told

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def environment(values: Mapping[str, str]) -> dict[str, str]:
    """What every program of a stage is told of its job."""
    return {"PATH": PATH, "LANG": "C.UTF-8", **{f"GUARDIAN_{name.upper()}": value for name, value in values.items()}}


class CommandWork:
    """One run of a command."""

    def __init__(self, command: Command, values: Mapping[str, str]) -> None:
        """``values``: what the variables of the job stand for."""
        self._command = command
        self._name = command.name or Path(command.argv[0]).name
        self._program = Program(
            argv=tuple(filled(each, values) for each in command.argv),
            environment={**environment(values), **{name: filled(value, values) for name, value in command.environment}},
        )
        self._report = Path(filled(str(command.report), values)) if command.report else None

    async def run(self, progress: Progress) -> StageResult:
        """Run it to its end or its deadline."""
        seconds = self._command.timeout
        if self._report and (stale := await asyncio.to_thread(_remove, self._report)):
            return StageResult(ok=False, summary=words.report_stale(self._name, self._report, stale))
        kept, complaints, told = Kept(), Kept(), Told(progress, asyncio.get_running_loop())

        def hear(lines: Sequence[bytes]) -> None:
            kept.add(lines)
            told.add(lines)

        def complain(lines: Sequence[bytes]) -> None:
            complaints.add(lines)
            hear(lines)

        ear = Lines(hear, complain)
        try:
            code = await run(self._program, ear, seconds)
        except NotStarted as error:
            return StageResult(ok=False, summary=words.not_started(self._name, self._program.argv[0], str(error)))
        except TooLate:
            ear.close()
            return StageResult(
                ok=False,
                summary=words.too_late(self._name, seconds, complaints.newest or kept.newest),
                details={"lines": kept.lines},
            )
        ear.close()
        told.flush()
        return await self._judged(code, kept.lines, complaints.newest or kept.newest)

    async def _judged(self, code: int, lines: tuple[str, ...], last: str) -> StageResult:
        report: Report | None = None
        if self._report:
            try:
                report = await asyncio.to_thread(read_report, self._report)
            except ReportUnfit as error:
                summary = words.no_report(self._name, code, str(error)) if code == 0 else words.failed(self._name, code, last)
                return StageResult(ok=False, summary=summary, details={"lines": lines})
        if report:
            passed = code == 0 and not report.failed
            return StageResult(
                passed,
                words.tests_ran(self._name, report.counts, code),
                {"lines": lines, "tests": report.counts, "failures": report.failures},
            )
        summary = words.passed(self._name) if code == 0 else words.failed(self._name, code, last)
        return StageResult(code == 0, summary, {"lines": lines})


def _remove(report: Path) -> str:
    """Remove an earlier run's report, which would be taken for this one's; why that cannot be, or empty."""
    try:
        report.unlink(missing_ok=True)
    except OSError as error:
        return error.strerror or str(error)
    return ""
