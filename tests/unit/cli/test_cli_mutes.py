"""``guardian mute`` and ``unmute``."""

from tests.doubles.house import House
from tests.unit.cli.conftest import Shell


async def test_a_rule_is_muted_shown_and_lifted(house: House, shell: Shell) -> None:
    """Until when, by whom and why stands in the answer, in the status and in its JSON."""
    muted = await shell.run("mute", "web", "server-errors", "--for", "2h", "--reason", "a known bug")
    assert muted.code == 0
    assert muted.out.startswith("server-errors of web is muted until ")
    assert muted.out.endswith(
        ": a known bug; it is judged and told, and takes nothing back; `guardian unmute web server-errors` lifts that\n"
    )
    status = (await shell.run("status", "web")).out
    assert "muted" in status
    assert "server-errors: muted until" in status
    assert '"rule": "server-errors"' in (await shell.run("status", "web", "--json")).out
    lifted = await shell.run("unmute", "web", "server-errors", "--reason", "mended")
    assert lifted.out == "server-errors of web is not muted any more; it begins anew, and what it saw meanwhile does not count\n"
    assert "muted" not in (await shell.run("status", "web")).out
    assert house.state.mutes == ()


async def test_what_is_refused(house: House, shell: Shell) -> None:
    """A rule that is not there, more than a day, no reason, no length, no unit: each with its sentence."""
    unknown = await shell.run("mute", "web", "server-eror", "--for", "2h", "--reason", "a known bug")
    assert unknown.code == 1
    assert "did you mean `server-errors`?" in unknown.err
    long = await shell.run("mute", "web", "server-errors", "--for", "25h", "--reason", "a known bug")
    assert (long.code, "24 h at the most, not 25 h" in long.err) == (1, True)
    assert (await shell.run("mute", "web", "server-errors", "--for", "2h")).code == 2
    assert (await shell.run("mute", "web", "server-errors", "--reason", "a known bug")).code == 2
    assert (await shell.run("mute", "web", "server-errors", "--for", "2", "--reason", "a known bug")).code == 2
    assert "is not muted; nothing to do" in (await shell.run("unmute", "web", "server-errors")).err
    assert house.state.mutes == ()
