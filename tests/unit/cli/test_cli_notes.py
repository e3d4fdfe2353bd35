"""``guardian notes``, through the API: what is kept, what would be written, and what people wrote."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from guardian.core.words import notes as words
from tests.doubles.house import House
from tests.unit.cli.conftest import Shell


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A guardian that keeps notes."""
    async with House(notes=tmp_path / "notes").open(tmp_path / "api.sock") as house:
        yield house


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A shell at its socket."""
    return Shell(tmp_path / "api.sock")


async def rolled_back(house: House, shell: Shell) -> None:
    """A release that was taken back."""
    await shell.run("switch", "web", "--reason", "release | 4.2")
    await house.confirm()
    await house.breach()
    await house.confirm()


async def test_a_note_is_composed_from_the_records(house: House, shell: Shell) -> None:
    """Nothing is written yet: it is shown as it would be, and listed as missing."""
    await rolled_back(house, shell)
    shown, rendered = await shell.run("notes", "show", "web-1"), await shell.run("notes", "render", "web-1")
    assert shown.code == rendered.code == 0
    assert shown.out == rendered.out
    assert "# web-1: rolled back" in shown.out
    listed = await shell.run("notes", "list")
    assert "not written" in listed.out


async def test_a_note_is_written_on_demand_and_keeps_what_people_wrote(house: House, shell: Shell, tmp_path: Path) -> None:
    """`render --write` puts it in its place; `show` prints it as it stands."""
    await rolled_back(house, shell)
    written = json.loads((await shell.run("notes", "render", "web-1", "--write", "--json")).out)
    path = tmp_path / "notes" / "web-1.md"
    assert (written["path"], written["url"]) == (str(path), "https://notes.example.org/main/web-1.md")
    path.write_text(path.read_text().replace(words.EMPTY, "A query."))
    await shell.run("unlatch", "web", "--reason", "fixed")
    assert "fixed" not in (await shell.run("notes", "show", "web-1")).out
    again = await shell.run("notes", "render", "web-1", "--write")
    assert "A query." in again.out
    assert "lets the service move forward again: fixed" in again.out
    listed = json.loads((await shell.run("notes", "list", "web", "--json")).out)
    assert [(note["deployment"], note["path"], note["text"]) for note in listed] == [("web-1", str(path), "")]


async def test_what_cannot_be_is_a_sentence(house: House, shell: Shell, tmp_path: Path) -> None:
    """A deployment that there never was, and a note that people took over."""
    assert (await shell.run("notes", "list")).out == "guardian remembers no deployment; `guardian switch` begins one\n"
    unknown = await shell.run("notes", "show", "web-9")
    assert (unknown.code, "web-9" in unknown.err) == (1, True)
    await rolled_back(house, shell)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "web-1.md").write_text("mine")
    taken = await shell.run("notes", "render", "web-1", "--write")
    assert (taken.code, "lost the marks" in taken.err) == (1, True)
    assert (await shell.run("notes", "show", "web-1")).out == "mine"
