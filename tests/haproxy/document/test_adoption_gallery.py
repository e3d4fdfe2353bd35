"""Configurations as people write them, each with what guardian makes of it beside it.

``x.cfg``, or a directory ``x`` of several files, is adopted for the service ``web``. ``x.adopted`` is what comes out, to the byte;
``x.unfit`` has the sentences that say why nothing does.
"""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from guardian.balancers.haproxy import literal
from guardian.balancers.haproxy.adoption import Adoption, adopt, removal
from guardian.balancers.haproxy.conversion import Conversion
from guardian.balancers.haproxy.document import Document, load, parse
from guardian.balancers.haproxy.routes import Unfit
from guardian.core.model import Holding, Routing, Service, Split, Sticky, Way
from tests.binaries import LATER

GALLERY = Path(__file__).parent / "gallery"
PIECES = sorted(path for path in GALLERY.iterdir() if path.suffix == ".cfg" or (path.is_dir() and not path.suffix))
WEB = Service("web", "web_blue", "web_green")
MAP = Path("/var/lib/guardian/haproxy.map")
REFUSED = {
    "byte-order-mark.cfg": "HAProxy reads the mark as a part of the first word",
    "certificates.cfg": "the certificates are not here",
    "future-sections.cfg": "sections of HAProxy 3",
    "no-final-newline-in-the-way.cfg": "HAProxy takes the file for truncated",
    "no-final-newline.cfg": "the same",
    "nul-byte.cfg": "a NUL byte",
    "unreadable-lines.cfg": "unmatched quotes",
}
"""What HAProxy 2.6 and 2.8 refuse as it is; all else they accept. Later ones refuse programs and empty files, too."""


@pytest.fixture(params=PIECES, ids=lambda path: path.name)
def piece(request: pytest.FixtureRequest) -> Path:
    """Each configuration of the gallery."""
    return Path(request.param)


def contents(path: Path) -> dict[str, bytes]:
    """The files that HAProxy would read at ``path``, by name."""
    return {Path(file.path).name: file.data for file in load([path]).files}


def after(document: Document) -> Document:
    """The document after adoption, where it fits."""
    outcome = adopt(document, WEB, MAP)
    return document.apply(outcome.edits) if isinstance(outcome, Adoption) else document


def test_the_gallery_is_written_back_byte_for_byte(piece: Path) -> None:
    """Reading and writing changes nothing."""
    for file in load([piece]).files:
        assert file.data == Path(file.path).read_bytes()


def test_each_piece_comes_out_as_it_should(piece: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks stand where they belong and nothing else has changed, or the sentences say what to change."""
    monkeypatch.chdir(GALLERY)
    document = load([Path(piece.name)])
    outcome = adopt(document, WEB, MAP)
    if isinstance(outcome, Unfit):
        assert "".join(f"{sentence}\n" for sentence in outcome.sentences) == piece.with_suffix(".unfit").read_text()
        assert not piece.with_suffix(".adopted").exists()
        return
    adopted = {Path(file.path).name: file.data for file in document.apply(outcome.edits).files}
    expected = piece.with_suffix(".adopted")
    assert adopted == (contents(expected) if expected.is_dir() else {piece.name: expected.read_bytes()})
    assert not piece.with_suffix(".unfit").exists()


def test_what_was_adopted_needs_no_more(piece: Path) -> None:
    """Adopting twice is adopting once."""
    adopted = after(load([piece]))
    outcome = adopt(adopted, WEB, MAP)
    assert isinstance(outcome, Unfit) or outcome.edits == ()


@pytest.mark.parametrize(
    "bare", [path for path in PIECES if not path.stem.startswith(("adopted", "block"))], ids=lambda path: path.name
)
def test_removal_gives_the_original_back(bare: Path) -> None:
    """Whatever adoption put in comes out again, to the byte."""
    document = load([bare])
    adopted = after(document)
    outcome = removal(adopted, WEB.name)
    assert isinstance(outcome, Conversion), outcome.sentences
    assert [file.data for file in adopted.apply(outcome.edits).files] == [file.data for file in document.files]


def test_haproxy_thinks_of_it_as_before(piece: Path, binary: str, tmp_path: Path) -> None:
    """``haproxy -c`` accepts or refuses what was adopted just as it did the original, with as many warnings."""
    (tmp_path / "haproxy.map").write_text("web 0\napi 0\n")
    document = load([piece])
    code, warnings, printed = check(binary, document, tmp_path / "before")
    if Path(binary) not in LATER:
        assert (code == 0) == (piece.name not in REFUSED), printed
    adopted = after(document)
    if adopted is not document:
        later = check(binary, adopted, tmp_path / "after")
        assert later[:2] == (code, warnings), later[2]


RICH = Routing(Way.RELOAD, Sticky(Holding.SOURCE), fallback=True)
"""The longest block: a sticky split, written out, with fallback."""


def test_the_longest_block_fits_wherever_the_plain_one_does(piece: Path, binary: str, tmp_path: Path) -> None:
    """HAProxy takes a sticky, written out, falling back block as well, and it comes out to the byte."""
    bare, service = with_global(load([piece])), replace(WEB, routing=RICH)
    document = bare.apply(removed.edits) if isinstance(removed := removal(bare, WEB.name), Conversion) else bare
    outcome = adopt(document, service, MAP, Split(500))
    if isinstance(outcome, Unfit):
        fits = piece.stem != "long-condition-that-fits" and piece.with_suffix(".adopted").exists()
        assert not fits, outcome.sentences
        return
    rich = document.apply(outcome.edits)
    assert literal.read(rich, service) == Split(500)
    taken = removal(rich, WEB.name)
    assert isinstance(taken, Conversion)
    assert [file.data for file in rich.apply(taken.edits).files] == [file.data for file in document.files]
    (tmp_path / "haproxy.map").write_text("web 0\napi 0\n")
    before = check(binary, document, tmp_path / "before")
    after = check(binary, rich, tmp_path / "after")
    assert after[:2] == before[:2], after[2]


def with_global(document: Document) -> Document:
    """The document, which begins with a ``global`` section: most pieces have none, and a split is written out there."""
    if any(not section.heading.depth for section in document.proxies("global")):
        return document
    first, *others = document.files
    return parse([(first.path, b"global\n" + first.data), *((file.path, file.data) for file in others)])


def check(binary: str, document: Document, directory: Path) -> tuple[int, int, str]:
    """The exit code of ``haproxy -c``, the number of its warnings, and what it printed."""
    directory.mkdir()
    files = list(written(document, directory))
    command = [binary, "-W", "-c", *(option for file in files for option in ("-f", file))]
    environment = {**os.environ, "TARGET": "nowhere", "PATHS": "/b /c"}
    run = subprocess.run(
        command,
        env=environment,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        errors="replace",
        stdin=subprocess.DEVNULL,
    )
    return run.returncode, run.stderr.count("[WARNING]"), run.stderr


def written(document: Document, directory: Path) -> Iterator[str]:
    """The document's files in ``directory``, with a map that is there."""
    for file in document.files:
        path = directory / Path(file.path).name
        path.write_bytes(file.data.replace(bytes(MAP), bytes(directory.parent / "haproxy.map")))
        yield str(path)


def test_the_gallery_is_as_large_as_it_should_be() -> None:
    """At least forty configurations, most of which HAProxy accepts, and no expectation without its configuration."""
    names = {path.stem for path in PIECES}
    assert len(names) >= 40
    assert len(names) - len(REFUSED) >= 40
    assert {path.stem for path in GALLERY.iterdir() if path.suffix in {".adopted", ".unfit"}} == names
