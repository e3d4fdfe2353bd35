"""The split that stands in the configuration itself."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.balancers.haproxy import literal
from guardian.balancers.haproxy.adoption import Adoption, adopt
from guardian.balancers.haproxy.block import Written
from guardian.balancers.haproxy.document import Document, load, parse
from guardian.balancers.haproxy.routes import Unfit
from guardian.core.model import BASIS_POINTS, Holding, Routing, Service, Split, Sticky, Way

GALLERY = Path(__file__).parent / "gallery"
MAP = Path("/var/lib/guardian/haproxy.map")
SPLITS = st.integers(0, BASIS_POINTS).map(Split)
ROUTINGS = st.builds(Routing, st.just(Way.RELOAD), st.sampled_from([None, Sticky(Holding.SOURCE)]), st.booleans(), st.just(()))
PIECES = st.sampled_from(["several-frontends", "alternatives", "crlf", "latin1-comments", "green-serves", "tcp", "another-service"])


def web(routing: Routing) -> Service:
    """The service ``web``, routed so."""
    return Service("web", "web_blue", "web_green", routing=routing)


def bare_piece(name: str) -> Document:
    """A piece of the gallery that begins with a ``global`` section."""
    file = load([GALLERY / f"{name}.cfg"]).files[0]
    return parse([("haproxy.cfg", b"global\n" + file.data)])


def adopted(document: Document, service: Service, split: Split | None = None) -> Document:
    """The document with the blocks of ``service``."""
    outcome = adopt(document, service, MAP, split)
    assert isinstance(outcome, Adoption), outcome.sentences
    return document.apply(outcome.edits)


@given(PIECES, ROUTINGS, SPLITS, SPLITS)
def test_what_is_written_is_read_and_nothing_else_changes(piece: str, routing: Routing, first: Split, second: Split) -> None:
    """A rewritten split is the one that adoption would have written, and writing it twice is writing it once."""
    bare, service = bare_piece(piece), web(routing)
    document = adopted(bare, service, first)
    assert literal.written(document, service) == Written(first)
    rewritten = document.apply(literal.rewrite(document, service, Written(second, 7)))
    assert literal.written(rewritten, service) == Written(second, 7)
    assert literal.rewrite(rewritten, service, Written(second, 7)) == ()
    again = rewritten.apply(literal.rewrite(rewritten, service, Written(second)))
    assert again.files[0].data == adopted(bare, service, second).files[0].data


def test_another_service_is_left_alone() -> None:
    """Each service's split is its own, also where one's name begins like the other's."""
    document = bare_piece("plain")
    one, other = web(Routing(Way.RELOAD)), replace(web(Routing(Way.RELOAD)), name="web.1")
    both = adopted(adopted(document, one, Split(1)), other, Split(2))
    changed = both.apply(literal.rewrite(both, one, Written(Split(3), 9)))
    assert (literal.written(changed, one), literal.written(changed, other)) == (Written(Split(3), 9), Written(Split(2)))


def test_services_do_not_push_one_another_about() -> None:
    """Several services have their splits under one heading, and each finds its own where it stands."""
    one, other = web(Routing(Way.RELOAD)), replace(web(Routing(Way.RELOAD)), name="shop", blue="api_blue", green="api_green")
    both = adopted(adopted(bare_piece("another-service"), one, Split(1)), other, Split(2))
    for service in (one, other):
        again = adopt(both, service, MAP)
        assert isinstance(again, Adoption)
        assert again.edits == ()


def test_without_a_global_section_there_is_no_place() -> None:
    """The sentence says what to write; one inside a conditional block does not count."""
    for text in (b"", b".if defined(X)\nglobal\n.endif\n"):
        piece = parse([("haproxy.cfg", text + load([GALLERY / "several-frontends.cfg"]).files[0].data)])
        outcome = adopt(piece, web(Routing(Way.RELOAD)), MAP)
        assert isinstance(outcome, Unfit)
        assert "begin the configuration with the line `global`" in outcome.sentences[0]


def test_a_block_that_asks_the_map_has_no_split() -> None:
    """There is nothing to read in it, and nothing to rewrite."""
    document, service = load([GALLERY / "adopted.cfg"]), web(Routing())
    assert literal.read(document, service) is None
    assert literal.rewrite(document, service, Written(Split(5))) == ()


@pytest.mark.parametrize("hand", ["int(501)", "int(10001)", "int(99999999)"])
def test_a_split_that_somebody_wrote_by_hand_is_not_guessed(hand: str) -> None:
    """Two that disagree give no split, and adoption refuses to choose; rewriting makes them one."""
    service = web(Routing(Way.RELOAD))
    data = adopted(bare_piece("several-frontends"), service, Split(500)).files[0].data
    start, end = data.index(b"    # >>> guardian web"), data.index(b"    # <<< guardian web\n") + len(b"    # <<< guardian web\n")
    doubled = data[:end] + data[start:end].replace(b"int(500)", hand.encode()) + data[end:]
    damaged = parse([("haproxy.cfg", doubled)])
    assert literal.read(damaged, service) is None
    outcome = adopt(damaged, service, MAP)
    assert isinstance(outcome, Unfit)
    assert "different shares (500, " in outcome.sentences[0]
    mended = damaged.apply(literal.rewrite(damaged, service, Written(Split(500))))
    assert literal.read(mended, service) == Split(500)


def test_a_share_that_cannot_be_is_none() -> None:
    """More than all of the traffic is no split."""
    service = web(Routing(Way.RELOAD))
    data = adopted(bare_piece("plain"), service, Split(500)).files[0].data
    assert literal.read(parse([("haproxy.cfg", data.replace(b"int(500)", b"int(10001)"))]), service) is None


def test_adoption_keeps_the_split_that_stands() -> None:
    """Bringing a block up to date moves no traffic, nor does a change of the way: the split goes along from the map and to it."""
    document = bare_piece("plain")
    runtime, written = web(Routing()), web(Routing(Way.RELOAD))
    literally = adopted(adopted(document, runtime), written, Split(2_500))
    assert literal.read(literally, written) == Split(2_500)
    kept = adopt(literally, replace(written, routing=Routing(Way.RELOAD, fallback=True)), MAP, Split(0))
    assert isinstance(kept, Adoption)
    assert kept.split == Split(2_500)
    back = adopt(literally, runtime, MAP, Split(0))
    assert isinstance(back, Adoption)
    assert back.split == Split(2_500)
    assert literally.apply(back.edits).files[0].data == adopted(document, runtime).files[0].data


def test_adoption_says_what_the_blocks_decide() -> None:
    """Without a map nobody needs to be told of one."""
    outcome = adopt(bare_piece("green-serves"), web(Routing(Way.RELOAD)), MAP)
    assert isinstance(outcome, Adoption)
    assert outcome.split == Split(10_000)
    assert "It gives green 10000 of 10000, so that nothing moves" in outcome.explanation[0]
