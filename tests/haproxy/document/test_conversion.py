"""Sections that become two backends on request, each with what guardian makes of it beside it.

``x.cfg`` is converted and adopted for the service ``web``. ``x.converted`` is what comes out, to the byte; ``x.unfit`` has the
sentences that say why nothing does.
"""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.balancers.haproxy.adoption import Adoption, adopt, removal
from guardian.balancers.haproxy.conversion import Conversion, convert, converted, restore
from guardian.balancers.haproxy.document import Document, load, parse
from guardian.balancers.haproxy.routes import Unfit
from guardian.core.model import Routing, Service, Split
from tests.haproxy.document.test_adoption import BLOCK
from tests.haproxy.document.test_adoption_gallery import check

CONVERSIONS = Path(__file__).parent / "conversions"
PIECES = sorted(CONVERSIONS.glob("*.cfg"))
FITTING = [piece for piece in PIECES if piece.with_suffix(".converted").exists()]
WEB = Service("web", "web_blue", "web_green")
MAP = Path("/var/lib/guardian/haproxy.map")
MIXED = b"frontend f\n    default_backend web\nbackend web\n    server blue h:1\n    server green h:2 weight 0\n"
LINES = st.lists(
    st.sampled_from((b"# | kept?", b"\tbalance source", b"", b"# \xff\xfe", b" cookie 'a b' # c", b"server blue9 h:9 check"))
    | st.binary(max_size=8).map(lambda some: b"# " + some.replace(b"\n", b"").replace(b"\r", b"")),
    max_size=6,
)
END = st.sampled_from([b"\n", b"\r\n"])


def service(piece: Path) -> Service:
    """The service as guardian.yaml names its backends."""
    return replace(WEB, blue="web") if piece.stem == "keeps-its-name" else WEB


def after(document: Document, owner: Service) -> Document:
    """Converted, and adopted."""
    plan = convert(document, owner)
    assert isinstance(plan, Conversion), plan.sentences
    document = document.apply(plan.edits)
    outcome = adopt(document, owner, MAP)
    assert isinstance(outcome, Adoption), outcome.sentences
    return document.apply(outcome.edits)


def undone(document: Document, name: str) -> Document:
    """Without blocks, and put back."""
    for step in (removal, restore):
        plan = step(document, name)
        assert isinstance(plan, Conversion), plan.sentences
        document = document.apply(plan.edits)
    return document


@pytest.mark.parametrize("piece", PIECES, ids=lambda piece: piece.name)
def test_each_piece_comes_out_as_it_should(piece: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new sections and the blocks are right to the byte, or the sentences say what to change."""
    monkeypatch.chdir(CONVERSIONS)
    document = load([Path(piece.name)])
    plan = convert(document, service(piece))
    if isinstance(plan, Unfit):
        assert "".join(f"{sentence}\n" for sentence in plan.sentences) == piece.with_suffix(".unfit").read_text()
        return
    assert after(document, service(piece)).files[0].data == piece.with_suffix(".converted").read_bytes()


@pytest.mark.parametrize("piece", FITTING, ids=lambda piece: piece.name)
def test_what_was_converted_is_put_back(piece: Path) -> None:
    """Taken out again, every byte is as it was; and until then a second conversion finds nothing to do."""
    whole = after(load([piece]), service(piece))
    assert undone(whole, "web").files[0].data == piece.read_bytes()
    again = convert(whole, service(piece))
    assert isinstance(again, Conversion)
    assert again.edits == ()
    assert set(converted(whole)) == {"web"}


@pytest.mark.parametrize("piece", FITTING, ids=lambda piece: piece.name)
def test_haproxy_thinks_of_it_as_before(piece: Path, binary: str, tmp_path: Path) -> None:
    """``haproxy -c`` accepts what was converted, with as many warnings as it had for the original."""
    (tmp_path / "haproxy.map").write_text("web 0\n")
    document = load([piece])
    before = check(binary, document, tmp_path / "before")
    assert before[0] == 0, before[2]
    later = check(binary, after(document, service(piece)), tmp_path / "after")
    assert later[:2] == before[:2], later[2]


@given(LINES, LINES, st.lists(END, min_size=32, max_size=32))
def test_any_section_comes_back_to_the_byte(inside: list[bytes], around: list[bytes], ends: list[bytes]) -> None:
    """Whatever comments, line ends and odd bytes a section holds, its conversion can be undone."""
    lines = [*MIXED.splitlines(), *inside, b"    server green7 h:3 disabled", *around]
    text = b"".join(line + end for line, end in zip(lines, ends, strict=False))
    whole = after(parse([("haproxy.cfg", text)]), WEB)
    assert undone(whole, "web").files[0].data == text


@pytest.mark.parametrize("changed", [b"server blue h:1\n", b"# |     server blue h:1\n", b"# <<< converted by guardian for web\n"])
def test_what_was_changed_since_is_not_overwritten(changed: bytes) -> None:
    """A server added to a new section, a line lost among those kept, a mark gone: nothing is put back over it."""
    whole = after(parse([("haproxy.cfg", MIXED)]), WEB).files[0].data
    assert whole.count(changed)
    damaged = parse([("haproxy.cfg", whole.replace(changed, b"server blue h:1 maxconn 5\n" if changed[0] == ord("s") else b""))])
    taken = removal(damaged, "web")
    assert isinstance(taken, Conversion)
    plan = restore(damaged.apply(taken.edits), "web")
    assert isinstance(plan, Unfit)
    assert "was changed since" in plan.sentences[0]


def test_a_mark_that_was_changed_is_not_believed() -> None:
    """How many lines are kept is a part of what the digest holds."""
    whole = after(parse([("haproxy.cfg", MIXED)]), WEB).files[0].data
    bare = parse([("haproxy.cfg", BLOCK.sub(b"", whole).replace(b" 3 lines kept", b" 2 lines kept"))])
    assert isinstance(restore(bare, "web"), Unfit)


def test_the_environment_in_service_stays_so() -> None:
    """Where blue is the backup, green serves, and nothing moves: the map is to give all to green."""
    document = load([CONVERSIONS / "backup.cfg"])
    plan = convert(document, WEB)
    assert isinstance(plan, Conversion)
    assert "`fallback: true`" in plan.explanation[1]
    outcome = adopt(document.apply(plan.edits), WEB, MAP)
    assert isinstance(outcome, Adoption)
    assert outcome.split == Split(10_000)
    allowed = convert(document, replace(WEB, routing=Routing(fallback=True)))
    assert isinstance(allowed, Conversion)
    assert len(allowed.explanation) == 1


def test_of_several_listens_the_named_one_is_converted() -> None:
    """Guardian does not guess which listen a service is."""
    listens = b"".join(
        b"listen %s\n    bind :%d\n    server s h:1\n" % (name, port) for name, port in ((b"www", 80), (b"shop", 81))
    )
    document = parse([("haproxy.cfg", listens + b"backend web_green\n    server g h:2\n")])
    plan = convert(document, WEB)
    assert plan == Conversion((), ("No section holds what should be backends of web: nothing to convert.",))
    named = convert(document, replace(WEB, routing=Routing(frontends=("shop",))))
    assert isinstance(named, Conversion)
    assert [edit.first for edit in named.edits] == [3]


def test_a_listen_in_the_place_of_a_backend_is_told_of() -> None:
    """Without the request for it nothing is converted, and the sentence names the way."""
    outcome = adopt(load([CONVERSIONS / "listen-of-one.cfg"]), WEB, MAP)
    assert isinstance(outcome, Unfit)
    assert "`guardian haproxy adopt web --convert`" in outcome.sentences[0]


def test_the_gallery_has_no_expectation_without_its_configuration() -> None:
    """Each piece has what comes of it beside it, and nothing else lies there."""
    beside = sorted(path.stem for path in CONVERSIONS.iterdir() if path.suffix in {".converted", ".unfit"})
    assert beside == [piece.stem for piece in PIECES]
    assert len(FITTING) >= 10
