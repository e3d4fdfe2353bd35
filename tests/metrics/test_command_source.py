"""Rules of ``source: command`` with real programs: what they say, how they fail, and that nothing of them is left."""

import asyncio
import contextlib
import errno
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from guardian.core.judges.trial import Trial
from guardian.core.model import Environment
from guardian.core.ports import Reading, SourceError
from guardian.core.readings import History
from guardian.core.rules import Command, Direction, Lack, Rule, Source, Threshold, Unit
from guardian.metrics.command import AT_ONCE, CommandSource
from guardian.metrics.process import MOST_BYTES
from guardian.processes.program import PARTING
from tests.waiting import eventually

SINCE = 1_700_000_000.0
TRIAL = Trial(Environment.GREEN, SINCE, 600.0, 0.05, shared=False, history=History())
PATIENCE = 20.0
Program = Callable[..., Rule]


def rule(*argv: str, **changes: object) -> Rule:
    """A rule that runs ``argv`` and needs a number; with ``at_fault`` a verdict."""
    verdict = "at_fault" in changes
    given: dict[str, object] = {"timeout": PATIENCE, "unit": Unit.NUMBER, "by_exit_code": verdict, **changes}
    measure = Command(argv, **given)  # type: ignore[arg-type]
    test = Threshold(Direction.ABOVE, 0.0 if verdict else 10.0, window=60.0)
    return Rule("revenue", "Nobody buys", Source.COMMAND, measure, test, Lack.HOLD)


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Make a shell script, and a rule that runs it."""

    def make(script: str, *arguments: str, **changes: object) -> Rule:
        path = tmp_path / "check"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return rule(str(path), *arguments, **changes)

    return make


@pytest.fixture
async def source() -> AsyncIterator[CommandSource]:
    """A source that is closed at the end."""
    made = CommandSource()
    yield made
    await made.aclose()


async def read(source: CommandSource, asked: Rule) -> Reading | None:
    """What the command of ``asked`` says 90 s after the cutover."""
    return await source.read("web", asked, TRIAL, SINCE + 90.0)


async def refusal(source: CommandSource, asked: Rule) -> str:
    """Why there is no reading."""
    with pytest.raises(SourceError) as caught:
        await read(source, asked)
    return str(caught.value)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("echo 12.5", Reading(12.5)),
        ("echo ' -3e2 '", Reading(-300.0)),
        ("printf '\\n0\\n'", Reading(0.0)),
        ("echo NaN", None),
        ("""echo '{"value": 7}'""", Reading(7.0)),
        ("""echo '{"value": null, "message": "no order yet"}'""", None),
        ("""echo '{"value": NaN}'""", None),
        (
            """echo '{"value": 3, "message": "3 orders\\n a minute", "link": "https://shop.example/orders?env=green"}'""",
            Reading(3.0, "3 orders a minute", "https://shop.example/orders?env=green"),
        ),
        ("""echo '{"value": 3, "link": "javascript:alert(1)"}'""", Reading(3.0)),
        ("""echo '{"value": 3, "link": "https://user:pw@shop.example/", "message": ["a"]}'""", Reading(3.0)),
        ("echo 1; echo trouble >&2", Reading(1.0)),
    ],
)
async def test_a_number_is_what_the_program_prints(
    source: CommandSource, program: Program, script: str, expected: Reading | None
) -> None:
    """A bare number, or JSON with a value, a message and a link; nothing to measure is no data."""
    assert await read(source, program(script)) == expected


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        (":", "wrote nothing, where a finite number"),
        ("echo fine", "wrote `fine`, where a finite number"),
        ("echo 1 2", "wrote `1 2`, where"),
        ("echo inf", "wrote `inf`, where"),
        ("echo 1e999", "wrote `1e999`, where"),
        ("echo ١٢", "wrote `١٢`, where"),
        ("echo 1_000", "wrote `1_000`, where"),
        ("""echo '{"value": true}'""", 'wrote `{"value": true}`, where'),
        ("""echo '{"value": "3"}'""", 'wrote `{"value": "3"}`, where'),
        ("""echo '{"message": "3"}'""", 'wrote `{"message": "3"}`, where'),
        ("""echo '{"value": 1'""", 'wrote `{"value": 1`, where'),
        ("""printf '{"value":'; head -c 200000 /dev/zero | tr '\\0' '['""", 'wrote `{"value":[['),
        ("head -c 100 /dev/urandom", "where a finite number"),
        ("printf '\\033[2J\\000\\377'", "wrote `\\x1b[2J\\x00\ufffd`, where"),
        ("exit 3", "ended with exit code 3"),
        ("echo 12; exit 1", "ended with exit code 1"),
        ("echo first >&2; echo '  no such table\ta ' >&2; exit 2", "ended with exit code 2; it last said: no such table a"),
        ("kill -SEGV $$", "was ended by SIGSEGV"),
        ("kill -KILL $$", "was ended by SIGKILL"),
    ],
)
async def test_whatever_is_no_number_is_a_source_that_failed(
    source: CommandSource, program: Program, script: str, sentence: str
) -> None:
    """No output, words, garbage, infinite numbers, other exit codes and signals are each told, and accuse no release."""
    assert sentence in await refusal(source, program(script))


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("exit 0", Reading(0.0)),
        ("echo all well; echo more", Reading(0.0, "all well")),
        ("exit 99", Reading(1.0)),
        ("echo 'HTTP CRITICAL: 500 | time=1s'; exit 2", Reading(1.0, "HTTP CRITICAL: 500 | time=1s")),
        (
            """echo '{"message": "p95 was 3 s", "link": "http://k6.example/1"}'; exit 99""",
            Reading(1.0, "p95 was 3 s", "http://k6.example/1"),
        ),
        ("printf '\\033[31mred\\n'; exit 2", Reading(1.0, "\\x1b[31mred")),
        ("head -c 900000 /dev/zero | tr '\\0' x; exit 2", Reading(1.0, "x" * 299 + "…")),
    ],
)
async def test_an_exit_code_is_a_verdict(source: CommandSource, program: Program, script: str, expected: Reading) -> None:
    """0 is a good release, the codes that the rule names are one at fault; the message is the first line, or that of the JSON."""
    assert await read(source, program(script, at_fault=(2, 99))) == expected


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("exit 1", "ended with exit code 1"),
        ("exit 127", "ended with exit code 127"),
        ("nosuch-program", "ended with exit code 127; it last said: "),
        ("kill -TERM $$", "was ended by SIGTERM"),
    ],
)
async def test_every_other_exit_code_is_a_source_that_failed(
    source: CommandSource, program: Program, script: str, sentence: str
) -> None:
    """A broken script ends with 1, a missing program with 127, a killed one with a signal: none of them accuses the release."""
    assert sentence in await refusal(source, program(script, at_fault=(2, 99)))


async def test_a_program_is_told_what_it_is_about_and_nothing_else(
    source: CommandSource, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Arguments and environment hold the trial; of guardian's own environment nothing is passed on."""
    monkeypatch.setenv("SECRET_OF_GUARDIAN", "hunter2")
    script = """echo "$1|$2|$GUARDIAN_SERVICE|$GUARDIAN_RULE|$GUARDIAN_SINCE_CUTOVER|$GUARDIAN_CUTOVER|$GUARDIAN_WINDOW|$DB|$(pwd)"
    env | sed 's/=.*//' | sort | tr '\\n' ' ' >&2; exit 7"""
    asked = program(script, "$candidate/$baseline", "$$5; rm -rf $window", at_fault=(9,), environment=(("DB", "shop db"),))
    told = await refusal(source, asked)
    assert told.endswith(
        "it last said: DB GUARDIAN_BASELINE GUARDIAN_CANDIDATE GUARDIAN_CUTOVER GUARDIAN_RULE GUARDIAN_RUN GUARDIAN_SERVICE "
        "GUARDIAN_SINCE_CUTOVER GUARDIAN_TIMEOUT GUARDIAN_WINDOW LANG PATH PWD"
    )
    asked = program(script.replace("exit 7", "exit 9"), *asked.measure.argv[1:], at_fault=(9,), environment=(("DB", "shop db"),))  # type: ignore[union-attr]
    reading = await read(source, asked)
    assert reading is not None
    assert reading.said == "green/blue|$5; rm -rf 60|web|revenue|90.000|1700000000.000|60|shop db|/"


@pytest.mark.parametrize(
    ("path", "reason"),
    [("/nosuch/check", "No such file or directory"), ("/etc", "Permission denied"), ("plain", "Permission denied")],
)
async def test_what_cannot_be_started_is_told(source: CommandSource, tmp_path: Path, path: str, reason: str) -> None:
    """A missing file, a directory and a file that nobody may run."""
    (tmp_path / "plain").write_text("echo 1")
    assert f"could not be started: {reason}" in await refusal(source, rule(str(tmp_path / path)))


async def test_a_script_without_its_first_line_is_told(source: CommandSource, tmp_path: Path) -> None:
    """The kernel does not know how to run it."""
    (tmp_path / "check").write_text("echo 1\n")
    (tmp_path / "check").chmod(0o755)
    assert "could not be started: Exec format error" in await refusal(source, rule(str(tmp_path / "check")))


def alive(marks: Path) -> list[int]:
    """The processes that wrote their number into ``marks`` and still run."""
    found = [int(mark.name) for mark in marks.iterdir()]
    return [pid for pid in found if _runs(pid)]


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in ("Z", "X")
    except OSError:
        return False


FAMILY = """
mark() { touch "$MARKS/$(exec sh -c 'echo $PPID')"; }
trap '' TERM INT HUP
mark
(mark; sleep 300) &
(mark; trap '' TERM; (mark; sleep 300) & wait) &
setsid sh -c 'touch "$MARKS/$$"; setsid sh -c '"'"'touch "$MARKS/$$"; sleep 300'"'"' & wait' &
(setsid sh -c 'touch "$MARKS/$$"; exec sleep 300' &)
"""


@pytest.fixture
def marks(tmp_path: Path) -> Path:
    """Where processes leave their number."""
    (tmp_path / "marks").mkdir()
    return tmp_path / "marks"


async def test_a_late_program_is_ended_with_all_its_children(source: CommandSource, program: Program, marks: Path) -> None:
    """Deaf ones, orphans and those that left the session: none runs on, and the deadline is kept."""
    asked = program(FAMILY + "echo half a sentence >&2; wait", timeout=2.0, environment=(("MARKS", str(marks)),))
    started = time.monotonic()
    assert await refusal(source, asked) == (
        f"`{_short(asked)}` was not done within 2.00 s, and was ended with its children; it last said: half a sentence"
    )
    assert time.monotonic() - started < 2.0 + PARTING + PATIENCE
    assert len(os.listdir(marks)) >= 6  # noqa: PTH208  a fixture's directory
    assert alive(marks) == []


def _short(asked: Rule) -> str:
    name = asked.measure.argv[0]  # type: ignore[union-attr]
    return name if len(name) <= 48 else name[:47] + "…"


async def test_whoever_stops_waiting_ends_the_program(source: CommandSource, program: Program, marks: Path) -> None:
    """A watch that is over leaves no load test behind."""
    asked = program(FAMILY + "wait", environment=(("MARKS", str(marks)),))
    reading = asyncio.create_task(read(source, asked))

    async def all_there() -> bool:
        return len(alive(marks)) >= 6

    async def all_gone() -> bool:
        return alive(marks) == []

    await eventually(all_there, PATIENCE)
    reading.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await reading
    await eventually(all_gone, PATIENCE)


async def test_children_of_a_program_that_ended_are_ended(source: CommandSource, program: Program, marks: Path) -> None:
    """What it left in its session goes with it, even where it holds the output open; nobody waits for that."""
    script = (
        """(touch "$MARKS/$(exec sh -c 'echo $PPID')"; sleep 300) & while [ -z "$(ls "$MARKS")" ]; do sleep 0.01; done; echo 4"""
    )
    assert await read(source, program(script, environment=(("MARKS", str(marks)),))) == Reading(4.0)

    async def gone() -> bool:
        return alive(marks) == []

    await eventually(gone)


@pytest.mark.parametrize("stream", ["1", "2"])
async def test_a_flood_is_ended_at_its_bound(source: CommandSource, program: Program, stream: str) -> None:
    """Of a gigabyte on either output no more than the bound is kept, and the program is ended at once."""
    asked = program(f"exec head -c 1000000000 /dev/zero >&{stream}")
    assert f"wrote more than {MOST_BYTES:,} bytes and was ended" in await refusal(source, asked)


async def test_a_gigabyte_costs_no_gigabyte(source: CommandSource, program: Program) -> None:
    """The memory that a flood takes is a few times its bound."""
    before = _resident()
    await refusal(source, program("exec cat /dev/zero"))
    assert _resident() - before < 32 * MOST_BYTES


def _open() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def test_no_more_run_at_once_than_the_bound(program: Program, marks: Path, tmp_path: Path) -> None:
    """The others wait, and each is read in the end."""
    source = CommandSource(at_once=2)
    script = """touch "$MARKS/$$"; ls "$MARKS" | wc -l; sleep 0.1; rm "$MARKS/$$" """
    asked = program(script, environment=(("MARKS", str(marks)),))
    readings = await asyncio.gather(*(read(source, asked) for _ in range(12)))
    assert max(reading.value for reading in readings if reading) <= 2
    await source.aclose()


async def test_a_program_that_finds_no_place_is_told_and_the_others_go_on(program: Program) -> None:
    """Whoever waits longer than its own deadline has a source that failed; a place that is free again is used."""
    source = CommandSource(at_once=1)
    slow = asyncio.create_task(read(source, program("sleep 300", timeout=60.0)))
    await asyncio.sleep(0)
    assert "was not started: 1 commands were running for" in await refusal(source, rule("/bin/true", timeout=0.2))
    slow.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await slow
    assert await read(source, program("echo 5")) == Reading(5.0)
    await source.aclose()


async def test_one_that_hangs_holds_up_nobody_else(source: CommandSource, program: Program, tmp_path: Path) -> None:
    """While all places but one hang, another is read at once, and the event loop never stops."""
    hanging = [asyncio.create_task(read(source, rule("/bin/sleep", "300"))) for _ in range(AT_ONCE - 1)]
    await asyncio.sleep(0)
    assert await read(source, program("echo 6")) == Reading(6.0)
    for task in hanging:
        task.cancel()
    await asyncio.gather(*hanging, return_exceptions=True)


async def test_nothing_of_a_run_is_left_open(source: CommandSource, program: Program) -> None:
    """Descriptors and threads are as many after a hundred runs, good and bad ones, as before."""
    good, bad = program("echo 1"), rule("/nosuch")

    async def both() -> None:
        await read(source, good)
        await refusal(source, bad)

    await asyncio.gather(*(both() for _ in range(AT_ONCE)))
    before = _open()
    for _ in range(50):
        await both()
    assert _open() <= before


async def test_signals_that_guardian_ignores_reach_a_program(source: CommandSource, program: Program) -> None:
    """Python ignores SIGPIPE; a program that is started must not."""
    assert signal.getsignal(signal.SIGPIPE) is signal.SIG_IGN
    assert await read(source, program("(kill -PIPE $(exec sh -c 'echo $PPID'); echo deaf) >/dev/null; echo $?")) == Reading(141.0)


async def test_a_host_without_descriptors_is_a_source_that_failed(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing else: the place of the program that could not be run is free for the next one."""
    source, asked = CommandSource(at_once=1), program("echo 12.5")
    with monkeypatch.context() as bad:
        bad.setattr("guardian.processes.program.os.eventfd", _no_descriptors)
        assert "Too many open files" in await refusal(source, asked)
    with monkeypatch.context() as bad:
        bad.setattr("guardian.processes.program.os.pidfd_open", _no_descriptors)
        assert "Too many open files" in await refusal(source, asked)
    assert await read(source, asked) == Reading(12.5)
    await source.aclose()


def _no_descriptors(*_: object) -> int:
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
