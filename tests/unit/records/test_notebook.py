"""The directory of the notes: what is in it at every instant, and what people wrote there."""

import asyncio
import resource
import stat
from pathlib import Path

import pytest

from guardian.core.notebook import LeftAlone, NotWritten
from guardian.core.words import notes as words
from guardian.records.charts import Chart
from guardian.records.notebook import CHARTS, DirectoryNotebook
from tests.doubles import accounts

PNG = b"\x89PNG\r\n\x1a\n"


class Pencil:
    """Draws quickly, and counts."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.drawn: list[Chart] = []
        self._fault = fault

    async def __call__(self, chart: Chart) -> bytes:
        """A picture of ``chart``."""
        self.drawn.append(chart)
        if self._fault:
            raise self._fault
        return PNG + chart.title.encode()


def kept(directory: Path) -> list[str]:
    """Everything in the directory."""
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


async def test_a_note_is_written_with_its_charts(tmp_path: Path) -> None:
    """One file for the deployment, one for each chart, and nothing else; readable for everybody who may enter the directory."""
    directory, pencil = tmp_path / "notes", Pencil()
    path = await DirectoryNotebook(directory, draw=pencil).write(accounts.rolled_back().account)
    assert kept(directory) == [f"{CHARTS}/web-1-server-errors.png", "web-1.md"]
    assert path == directory / "web-1.md"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert f"![{pencil.drawn[0].alt.split('.')[0]}" in path.read_text()


async def test_a_real_chart_is_drawn(tmp_path: Path) -> None:
    """By Matplotlib, in a process of its own."""
    await DirectoryNotebook(tmp_path).write(accounts.rolled_back().account)
    assert (tmp_path / CHARTS / "web-1-server-errors.png").read_bytes().startswith(PNG)


async def test_hand_edits_survive_until_the_end_and_beyond(tmp_path: Path) -> None:
    """From the draft to the last word, and when the note is written again later."""
    notebook, story = DirectoryNotebook(tmp_path, draw=Pencil()), accounts.watching()
    path = await notebook.write(story.account)
    assert words.DRAFT in path.read_text()
    path.write_text(path.read_text().replace(words.EMPTY, "We watch it from Lisbon. — „ok“"))
    story.breach()
    await notebook.write(story.account)
    text = path.read_text()
    assert words.DRAFT not in text
    assert text.count("We watch it from Lisbon. — „ok“") == 1
    assert notebook.text(story.account).count("We watch it from Lisbon.") == 1


async def test_a_note_that_is_as_it_should_be_is_not_touched(tmp_path: Path) -> None:
    """Nothing is written, and no chart is drawn twice."""
    pencil = Pencil()
    notebook, account = DirectoryNotebook(tmp_path, draw=pencil), accounts.rolled_back().account
    path = await notebook.write(account)
    before = path.stat()
    await notebook.write(account)
    assert (path.stat().st_mtime_ns, path.stat().st_ino, len(pencil.drawn)) == (before.st_mtime_ns, before.st_ino, 1)


@pytest.mark.parametrize("damage", [lambda text: text.replace(words.END, ""), lambda _: "mine\n", lambda _: ""])
async def test_a_note_without_marks_is_left_alone(tmp_path: Path, damage: object) -> None:
    """Whatever people made of it stays; the sentence says what to do."""
    notebook, account = DirectoryNotebook(tmp_path, draw=Pencil()), accounts.rolled_back().account
    path = await notebook.write(account)
    path.write_text(damage(path.read_text()))  # type: ignore[operator]
    before = path.read_bytes()
    with pytest.raises(LeftAlone, match="lost the marks"):
        await notebook.write(account)
    assert path.read_bytes() == before


async def test_a_note_that_is_no_text_is_left_alone(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 are somebody's."""
    notebook, account = DirectoryNotebook(tmp_path, draw=Pencil()), accounts.rolled_back().account
    (tmp_path / "web-1.md").write_bytes(b"\xff\xfe")
    with pytest.raises(LeftAlone, match="could not be read"):
        await notebook.write(account)


async def test_a_chart_that_cannot_be_drawn_is_left_out(tmp_path: Path) -> None:
    """The note does not wait for a picture."""
    for fault in (TimeoutError(), OSError("no fonts")):
        path = await DirectoryNotebook(tmp_path, draw=Pencil(fault)).write(accounts.rolled_back().account)
        assert "![" not in path.read_text()
        assert "server-errors" in path.read_text()


async def test_a_full_disk_leaves_the_old_note_whole(tmp_path: Path) -> None:
    """The old one stands, nothing lies beside it, and the next attempt succeeds."""
    notebook, story = DirectoryNotebook(tmp_path, draw=Pencil()), accounts.watching()
    path = await notebook.write(story.account)
    before = path.read_bytes()
    story.let(accounts.RollbackOrdered(story.pass_by(1.0), "bob", "no"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(NotWritten, match="could not be written"):
            await notebook.write(story.account)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
    assert kept(tmp_path) == ["web-1.md"]
    await notebook.write(story.account)
    assert b"bob" in path.read_bytes()


async def test_a_directory_that_cannot_be_is_a_sentence(tmp_path: Path) -> None:
    """A file is in its place."""
    (tmp_path / "notes").write_text("")
    with pytest.raises(NotWritten, match="could not be written"):
        await DirectoryNotebook(tmp_path / "notes" / "deep", draw=Pencil()).write(accounts.rolled_back().account)


async def test_without_a_directory_notes_are_shown_and_not_written() -> None:
    """What the records say can always be read."""
    notebook, account = DirectoryNotebook(None), accounts.rolled_back().account
    assert "# web-1: rolled back" in notebook.text(account)
    assert notebook.kept("web-1") is None
    with pytest.raises(NotWritten, match="names no directory"):
        await notebook.write(account)
    assert await notebook.publish(account) == ""


async def test_names_become_plain_names_of_files(tmp_path: Path) -> None:
    """A service may have a colon in its name, a file system need not like it."""
    notebook = DirectoryNotebook(tmp_path)
    assert notebook.name("shop:eu.1-7") == "shop_eu.1-7.md"
    assert notebook.name("../../etc/passwd") == ".._.._etc_passwd.md"


async def test_writers_take_turns(tmp_path: Path) -> None:
    """Two letters about one deployment at once leave one whole note."""
    notebook, account = DirectoryNotebook(tmp_path, draw=Pencil()), accounts.rolled_back().account
    await asyncio.gather(*(notebook.write(account) for _ in range(5)))
    assert kept(tmp_path) == [f"{CHARTS}/web-1-server-errors.png", "web-1.md"]
