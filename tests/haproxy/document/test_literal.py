"""The split that stands in the blocks themselves."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.balancers.haproxy import literal
from guardian.balancers.haproxy.adoption import Adoption, adopt
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


def adopted(document: Document, service: Service, split: Split | None = None) -> Document:
    """The document with the blocks of ``service``."""
    outcome = adopt(document, service, MAP, split)
    assert isinstance(outcome, Adoption), outcome.sentences
    return document.apply(outcome.edits)


@given(PIECES, ROUTINGS, SPLITS, SPLITS)
def test_what_is_written_is_read_and_nothing_else_changes(piece: str, routing: Routing, first: Split, second: Split) -> None:
    """A rewritten split is the one that adoption would have written, in every block, and writing it twice is writing it once."""
    bare, service = load([GALLERY / f"{piece}.cfg"]), web(routing)
    document = adopted(bare, service, first)
    assert literal.read(document, service) == first
    rewritten = document.apply(literal.rewrite(document, service, second))
    assert literal.read(rewritten, service) == second
    assert rewritten.files[0].data == adopted(bare, service, second).files[0].data
    assert literal.rewrite(rewritten, service, second) == ()


def test_another_service_is_left_alone() -> None:
    """Each service's split is its own, also where one's name begins like the other's."""
    document = load([GALLERY / "plain.cfg"])
    one, other = web(Routing(Way.RELOAD)), replace(web(Routing(Way.RELOAD)), name="web.1")
    both = adopted(adopted(document, one, Split(1)), other, Split(2))
    changed = both.apply(literal.rewrite(both, one, Split(3)))
    assert (literal.read(changed, one), literal.read(changed, other)) == (Split(3), Split(2))


def test_a_block_that_asks_the_map_has_no_split() -> None:
    """There is nothing to read in it, and nothing to rewrite."""
    document, service = load([GALLERY / "adopted.cfg"]), web(Routing())
    assert literal.read(document, service) is None
    assert literal.rewrite(document, service, Split(5)) == ()


@pytest.mark.parametrize("hand", ["int(501)", "int(10001)", "int(99999999)"])
def test_a_split_that_somebody_wrote_by_hand_is_not_guessed(hand: str) -> None:
    """Blocks that disagree, or say what cannot be, give no split; rewriting makes them one; and adoption refuses to choose."""
    service = web(Routing(Way.RELOAD))
    document = adopted(load([GALLERY / "several-frontends.cfg"]), service, Split(500))
    damaged = parse([("haproxy.cfg", document.files[0].data.replace(b"int(500)", hand.encode(), 1))])
    assert literal.read(damaged, service) is None
    outcome = adopt(damaged, service, MAP)
    assert isinstance(outcome, Unfit)
    assert "different shares (500, " in outcome.sentences[0]
    mended = damaged.apply(literal.rewrite(damaged, service, Split(500)))
    assert mended.files[0].data == document.files[0].data


def test_adoption_keeps_the_split_that_stands() -> None:
    """Bringing a block up to date moves no traffic, nor does a change of the way: the split goes along from the map and to it."""
    document = load([GALLERY / "plain.cfg"])
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
    outcome = adopt(load([GALLERY / "green-serves.cfg"]), web(Routing(Way.RELOAD)), MAP)
    assert isinstance(outcome, Adoption)
    assert outcome.split == Split(10_000)
    assert "They give green 10000 of 10000, so that nothing moves" in outcome.explanation[0]
