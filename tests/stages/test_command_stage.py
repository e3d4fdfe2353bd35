"""Stages that are programs: real ones, good and bad."""

import asyncio
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from guardian.core.stages import Command
from guardian.stages.command import CommandWork
from guardian.stages.lines import FIRST, LAST, LONGEST
from tests.stages.conftest import HOSTILE, Heard
from tests.waiting import eventually

REPORT = """<testsuites><testsuite name="ui">
<testcase classname="shop" name="login"/><testcase classname="shop" name="old"><skipped/></testcase>
<testcase classname="shop" name="pay"><failure message="expected 200,\n got 500">long text</failure></testcase>
</testsuite></testsuites>"""


def python(code: str, *arguments: str, timeout: float = 20.0, report: Path | None = None) -> Command:
    """A command that is a Python program."""
    return Command((sys.executable, "-c", code, *arguments), timeout=timeout, report=report, name="work")


def alive(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def test_arguments_and_environment_arrive_as_they_are(values: Mapping[str, str], heard: Heard) -> None:
    """A version full of shell and YAML is one argument and one variable, and nothing interprets it."""
    code = "import os, sys; print(sys.argv[1] == os.environ['GUARDIAN_VERSION'] == os.environ['OWN']); print(sys.argv[1])"
    command = Command((sys.executable, "-c", code, "$version"), environment=(("OWN", "$version"),))
    result = await CommandWork(command, values).run(heard)
    assert result.ok
    assert list(result.details["lines"]) == ["True", HOSTILE]
    assert not await asyncio.to_thread(Path("/tmp/owned").exists)


async def test_nothing_of_guardians_own_environment_is_passed_on(
    values: Mapping[str, str], heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A secret in guardian's environment is none of a stage's business."""
    monkeypatch.setenv("SLACK_TOKEN", "xoxb-secret")
    result = await CommandWork(python("import os; print(os.environ.get('SLACK_TOKEN'))"), values).run(heard)
    assert list(result.details["lines"]) == ["None"]


async def test_a_failure_says_the_code_and_the_last_words(values: Mapping[str, str], heard: Heard) -> None:
    """Exit code and last line stand in the one sentence that people read first."""
    result = await CommandWork(python("import sys; print('begin'); sys.exit('no space left')"), values).run(heard)
    assert not result.ok
    assert result.summary == "`work` ended with exit code 1; it last said: no space left"


async def test_a_program_that_does_not_exist_is_told(values: Mapping[str, str], heard: Heard) -> None:
    """A wrong path is a sentence, not a crash."""
    result = await CommandWork(Command(("/nowhere/deploy",)), values).run(heard)
    assert not result.ok
    assert result.summary.startswith("`deploy` could not be started: `/nowhere/deploy`: No such file or directory")


async def test_progress_is_told_while_it_runs(values: Mapping[str, str], heard: Heard) -> None:
    """The first line arrives long before the end."""
    code = "import sys, time; print('\\x1b[31mstopping\\x1b[0m', flush=True); time.sleep(60)"
    running = asyncio.create_task(CommandWork(python(code, timeout=60), values).run(heard))

    async def told() -> bool:
        return "stopping" in heard

    await eventually(told)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


@pytest.mark.parametrize("cancelled", [False, True], ids=["deadline", "cancelled"])
async def test_a_program_that_hangs_is_ended_with_all_its_children(
    values: Mapping[str, str], heard: Heard, tmp_path: Path, *, cancelled: bool
) -> None:
    """At the deadline, and when the deployment is called off, nobody is left: not even a child with a session of its own."""
    pids = tmp_path / "pids"
    code = f"""
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
daemon = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True)
open({str(pids)!r} + ".new", "w").write(f"{{os.getpid()}} {{child.pid}} {{daemon.pid}}")
os.rename({str(pids)!r} + ".new", {str(pids)!r})
time.sleep(300)
"""
    began = time.monotonic()
    running = asyncio.create_task(CommandWork(python(code, timeout=60 if cancelled else 3), values).run(heard))

    async def started() -> bool:
        return pids.exists()

    await eventually(started)
    if cancelled:
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    else:
        result = await running
        assert not result.ok
        assert "was not done within 3.00 s, and was ended with all that it started" in result.summary
    assert time.monotonic() - began < 40

    async def gone() -> bool:
        return not any(map(alive, map(int, pids.read_text().split())))

    await eventually(gone)


async def test_a_gigabyte_is_read_and_forgotten(values: Mapping[str, str], heard: Heard) -> None:
    """However much a program prints, only its first and last lines are kept, and progress is told now and then."""
    code = """
import sys
block = (b"x" * 99 + b"\\n") * 10_000
for _ in range(1_000):
    sys.stdout.buffer.write(block)
sys.stdout.buffer.write(b"y" * 10_000_000 + b"\\nthe end\\n")
"""
    result = await CommandWork(python(code, timeout=100), values).run(heard)
    assert result.ok
    lines = list(result.details["lines"])
    assert len(lines) == FIRST + 1 + LAST
    assert lines[-1] == "the end"
    assert max(map(len, lines)) <= LONGEST
    assert "lines left out" in lines[FIRST]
    assert len(heard) < 500


async def test_a_report_is_counted_and_its_failures_named(values: Mapping[str, str], heard: Heard, tmp_path: Path) -> None:
    """A failed test in the report fails the stage although the program ended well."""
    report = tmp_path / "report.xml"
    code = "import sys; open(sys.argv[1], 'w').write(sys.argv[2])"
    result = await CommandWork(python(code, str(report), REPORT, report=report), values).run(heard)
    assert not result.ok
    assert result.summary == "`work`: 1 tests passed, 1 failed, 1 skipped"
    assert list(result.details["failures"]) == ["failed: shop.pay: expected 200, got 500"]


async def test_an_old_report_is_not_taken_for_a_new_one(values: Mapping[str, str], heard: Heard, tmp_path: Path) -> None:
    """The report of an earlier run is removed first, so a run that writes none proves nothing."""
    report = tmp_path / "report.xml"
    report.write_text(REPORT)
    result = await CommandWork(python("pass", report=report), values).run(heard)
    assert not result.ok
    assert result.summary.startswith("`work` ended with exit code 0, but its report")
