"""Orders and questions typed in a shell: sentences, JSON and exit codes."""

import json
import subprocess
import sys
from typing import Any

import pytest

from guardian import __version__
from guardian.core.model import Environment, Split
from tests.doubles.house import House, client_of
from tests.unit.cli.conftest import Said, Shell

HEAVY = (
    "httpx",
    "rich",
    "pydantic",
    "fastapi",
    "starlette",
    "uvicorn",
    "sqlalchemy",
    "apscheduler",
    "prometheus_client",
    "yaml",
    "asyncio",
)


def said_json(said: Said) -> Any:
    """What a command printed, as JSON values."""
    assert said.code == 0, said
    return json.loads(said.out)


def test_the_command_starts_without_anything_heavy() -> None:
    """``guardian --help`` imports nothing that only single commands need."""
    program = f"import sys, guardian.cli.main; print([name for name in {HEAVY} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert found.stdout == "[]\n"


async def test_help_and_version(shell: Shell) -> None:
    """Both work without a daemon; the help lists the exit codes."""
    told = await shell.run("--help")
    assert (told.code, told.err) == (0, "")
    assert "\n    10   after --wait: unverified\n" in told.out
    assert (await shell.run("--version")).out == f"guardian {__version__}\n"


async def test_a_switch_is_ordered_and_confirmed(house: House, shell: Shell) -> None:
    """Side, share and reason arrive; the answer says how to follow it and how to take it back."""
    said = await shell.run("switch", "web", "--to", "green", "--share", "5%", "--reason", "release 1.2")
    assert said.code == 0
    assert said.out == (
        "web-1: cutting over to green 5 % and blue 95 %; `guardian status web` shows how it goes, "
        "`guardian rollback web` takes it back\n"
    )
    assert house.state.live == Split(500)
    assert house.state.deployment is not None
    assert house.state.deployment.reason == "release 1.2"


async def test_a_rollback_is_ordered_and_confirmed(house: House, shell: Shell) -> None:
    """Also onto a side without a healthy server, but only by force."""
    await shell.run("switch", "web")
    await house.confirm()
    house.balancer.servers_up["web_blue"] = 0
    refused = await shell.run("rollback", "web", "--reason", "no")
    assert refused.code == 1
    assert "--force sends it there all the same" in refused.err
    done = await shell.run("rollback", "web", "--force")
    assert (done.code, done.out) == (0, "web-1: rolling back to blue; `guardian status web` shows how it goes\n")
    assert house.state.live == Split.all_on(Environment.BLUE)


async def test_promote_and_unlatch_say_what_is_so_now(house: House, shell: Shell) -> None:
    """The new safe side; the free way."""
    await shell.run("switch", "web")
    await house.confirm()
    await house.end_watch(enough=False)
    assert (await shell.run("promote", "web")).out == "web: green is the safe side now\n"
    await shell.run("switch", "web")
    await house.confirm()
    await house.breach()
    assert (await shell.run("unlatch", "web", "--reason", "fixed")).out == "web may move forward again: `guardian switch web`\n"


async def test_a_refusal_is_a_sentence_and_one(house: House, shell: Shell) -> None:
    """What the daemon refuses, and what it does not know, ends with 1."""
    for words, sentence in (
        (("promote", "web"), "blue is the safe side of web already"),
        (("unlatch", "web", "--reason", "x"), "web is not latched"),
        (("status", "nope"), "there is no service nope"),
        (("switch", "nope"), "there is no service nope"),
        (("history", "nope"), "there is no deployment nope"),
        (("explain", "../web"), "there is nothing at `/v1/deployments/../web/explanation`"),
    ):
        said = await shell.run(*words)
        assert (said.code, said.out) == (1, ""), words
        assert sentence in said.err


@pytest.mark.parametrize(
    "words",
    [
        ("switch",),
        ("switch", "web", "--to", "red"),
        ("switch", "web", "--share", "5"),
        ("switch", "web", "--share", "0%"),
        ("switch", "web", "--share", "100.01%"),
        ("switch", "web", "--share", "0.001%"),
        ("switch", "web", "--share", "-5%"),
        ("unlatch", "web"),
        ("history", "--limit", "0"),
        ("launch",),
    ],
)
async def test_what_cannot_be_understood_is_two(shell: Shell, words: tuple[str, ...]) -> None:
    """Wrong words are told before any daemon is asked."""
    said = await shell.run(*words)
    assert (said.code, said.out) == (2, "")
    assert "Error: " in said.err


async def test_what_the_daemon_cannot_understand_is_two(house: House, shell: Shell) -> None:
    """A reason that is too long, blank where one is needed, or no text at all."""
    for words in (
        ("switch", "web", "--reason", "x" * 501),
        ("unlatch", "web", "--reason", "  "),
        ("switch", "web", "--reason", b"\xff".decode(errors="surrogateescape")),
    ):
        said = await shell.run(*words)
        assert said.code == 2
        assert "write text of up to 500 characters that says why" in said.err
    assert house.state.deployment is None


async def test_json_is_what_the_api_answers(house: House, shell: Shell) -> None:
    """``--json`` prints the API's own JSON, for questions and for orders."""
    await shell.run("switch", "web", "--json")
    await house.confirm()
    await house.breach()
    async with client_of(shell.socket) as client:
        for words, path in (
            (("status",), "/v1/services"),
            (("status", "web"), "/v1/services/web"),
            (("history",), "/v1/deployments"),
            (("history", "web"), "/v1/deployments?service=web"),
            (("history", "web-1"), "/v1/deployments/web-1"),
            (("explain", "web-1"), "/v1/deployments/web-1/explanation"),
        ):
            assert said_json(await shell.run(*words, "--json")) == (await client.get(path)).json()
    ordered = said_json(await shell.run("unlatch", "web", "--reason", "x", "--json"))
    assert (ordered["service"], ordered["latched"]) == ("web", "")


async def test_status_shows_where_the_traffic_is(house: House, shell: Shell) -> None:
    """The split in words, the phase, who wanted it, and whether a rollback would work."""
    await house.prober.probe()
    await shell.run("switch", "web", "--share", "5%", "--reason", "[bold]1.2[/bold]")
    await house.confirm()
    said = await shell.run("status")
    assert said.code == 0
    assert "web is on green 5 % and blue 95 %" in said.out
    assert "web-1 is watching, " in said.out
    assert " left; to green 5 % and blue 95 %, by " in said.out
    assert " ago: [bold]1.2[/bold]\n" in said.out
    assert "would work, to blue" in said.out


async def test_history_lists_and_tells(house: House, shell: Shell) -> None:
    """Deployments as a list; one of them event by event; and nothing at first."""
    assert (await shell.run("history")).out == "guardian remembers no deployment; `guardian switch` begins one\n"
    await shell.run("switch", "web")
    await house.confirm()
    await house.breach()
    listed = await shell.run("history", "web", "--limit", "1")
    assert "rolling back" in listed.out
    told = await shell.run("history", "web-1")
    _, _, _, _, asked, routed, breached, *_ = told.out.splitlines()
    assert "asks for 100 % of the traffic on green" in asked
    assert "the balancer's worker has it, proved in 4 ms" in routed
    assert "server-errors is breached: 100 % responses_5xx" in breached


async def test_explain_tells_the_arithmetic_and_the_same_verdict(house: House, shell: Shell) -> None:
    """What was measured, its limit, the last looks, and that it comes out again."""
    await shell.run("switch", "web")
    await house.confirm()
    verdict = await house.breach()
    said = await shell.run("explain", "web-1")
    assert said.code == 0
    looks = verdict.samples // 10
    for words in (
        "web-1 was rolled back by server-errors: Too many 5xx",
        f"responses_5xx / responses is 100 %, from {verdict.samples} requests",
        f"{verdict.samples} / {verdict.samples} = 100 %",
        "1 %; what was measured is 100 times that",
        f"the {looks} recorded looks lead to the same verdict",
    ):
        assert words in said.out


async def test_explain_ends_with_one_when_another_verdict_comes_out(house: House, shell: Shell) -> None:
    """Evidence that does not lead to the recorded verdict is told aloud."""
    await shell.run("switch", "web")
    await house.confirm()
    await house.breach()
    record = house.store.evidence("web-1")["server-errors"]
    record["evidence"]["looks"].pop()
    house.store.save_evidence("web-1", "server-errors", record)
    said = await shell.run("explain", "web-1")
    assert said.code == 1
    assert "NOT THE SAME" in said.out
