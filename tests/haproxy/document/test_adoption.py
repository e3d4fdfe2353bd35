"""Adoption: what is told, what is chosen, and what must hold for any configuration."""

import re
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.balancers.haproxy.adoption import Adoption, adopt, removal
from guardian.balancers.haproxy.conversion import Conversion
from guardian.balancers.haproxy.document import Document, load, parse
from guardian.balancers.haproxy.routes import Unfit
from guardian.core.model import Environment, Holding, Routing, Service, Split, Sticky

GALLERY = Path(__file__).parent / "gallery"
WEB = Service("web", "web_blue", "web_green")
API = Service("api", "api_blue", "api_green")
MAP = Path("/var/lib/guardian/haproxy.map")
BACKENDS = b"backend web_blue\n server b h:1\nbackend web_green\n server g h:2\n"
BLOCK = re.compile(rb"[ \t]*# >>> guardian web .*?# <<< guardian web\r?\n", re.DOTALL)

RULES = st.sampled_from(
    (
        b"\tuse_backend web_blue if a || b # c",
        b" use_backend web_blue unless { path 'x y' }",
        b"    default_backend web_blue",
        b"  use_backend other if a",
        b"    default_backend other",
        b"    http-request set-header a b",
    )
)
OTHERS = st.sampled_from((b"  bind :80", b"  mode http", b"", b"# comment \xff"))
RARE = st.sampled_from(
    (
        *(b"listen web_blue", b"defaults", b"defaults d", b"frontend g from d", b"listen l", b"peers p"),
        *(b".if defined(X)\n  use_backend other\n.endif", b".if defined(X)\n    default_backend web_blue\n.endif"),
        b"use_backend %[hdr(host)]",
    )
)
END = st.sampled_from((b"\n", b"\n", b"\n", b"\r\n"))
LINES = st.lists(st.tuples(RULES | RULES | OTHERS | RARE, END).map(b"".join), max_size=25)
CONFIGURATIONS = LINES.map(lambda lines: b"frontend f\n" + b"".join(lines))


def named(*frontends: str) -> Service:
    """The service ``web`` in these frontends only."""
    return replace(WEB, routing=Routing(frontends=frontends))


def gallery(name: str) -> Document:
    """A piece of the gallery, under its bare name."""
    return parse([(name, (GALLERY / name).read_bytes())])


def adopted(document: Document, *services: Service) -> Document:
    """The document with all these services adopted one after the other."""
    for service in services:
        outcome = adopt(document, service, MAP)
        assert isinstance(outcome, Adoption), outcome.sentences
        document = document.apply(outcome.edits)
    return document


def removed(document: Document, service: Service) -> Document:
    """The document without the blocks of ``service``."""
    outcome = removal(document, service.name)
    assert isinstance(outcome, Conversion), outcome.sentences
    return document.apply(outcome.edits)


@given(CONFIGURATIONS)
def test_adoption_adds_blocks_and_changes_nothing_else(configuration: bytes) -> None:
    """Without what stands between the marks, what was adopted is the original; removal gives just that; twice is once."""
    text = configuration + BACKENDS
    document = parse([("haproxy.cfg", text)])
    outcome = adopt(document, WEB, MAP)
    if isinstance(outcome, Unfit):
        assert outcome.sentences
        return
    result = document.apply(outcome.edits)
    assert result.files[0].data.count(b"# >>> guardian web ") == len(outcome.edits) > 0
    assert BLOCK.sub(b"", result.files[0].data) == text
    assert removed(result, WEB).files[0].data == text
    again = adopt(result, WEB, MAP)
    assert isinstance(again, Adoption)
    assert again.edits == ()


@given(CONFIGURATIONS, st.data())
def test_blocks_that_were_moved_about_come_back_into_place(configuration: bytes, data: st.DataObject) -> None:
    """Blocks of earlier times, wherever they stand, are replaced by those that adoption would have put into the bare file."""
    document = parse([("haproxy.cfg", configuration + BACKENDS)])
    outcome = adopt(document, WEB, MAP)
    if isinstance(outcome, Unfit):
        return
    block = "  # >>> guardian web\n  use_backend web_green if { rand(7),sub(txn.guardian_old) lt 0 }\n  # <<< guardian web\n"
    old = list(document.files[0].lines)
    for place in data.draw(st.lists(st.integers(0, len(old)), max_size=3)):
        old.insert(place, block)
    messy = parse([("haproxy.cfg", "".join(old).encode("utf-8", "surrogateescape"))])
    assert adopted(messy, WEB).files[0].data == document.apply(outcome.edits).files[0].data


@pytest.mark.parametrize("order", list(permutations([WEB, API])), ids=["web first", "api first"])
def test_services_do_not_disturb_one_another(order: tuple[Service, Service]) -> None:
    """Two services in one frontend come out the same in either order, and each goes without the other's blocks moving."""
    document = removed(gallery("another-service.cfg"), API)
    both = adopted(document, *order)
    assert both.files[0].data == (GALLERY / "another-service.adopted").read_bytes()
    assert removed(both, order[0]).files[0].data == adopted(document, order[1]).files[0].data


def test_only_the_frontends_that_were_named_are_looked_at() -> None:
    """A preview of the idle environment keeps its own way, and is mentioned."""
    document = gallery("preview.cfg")
    outcome = adopt(document, named("www"), MAP)
    assert isinstance(outcome, Adoption)
    assert [edit.first for edit in outcome.edits] == [8]
    assert outcome.explanation[-1] == (
        "preview.cfg:13: frontend preview also sends to the service's backends and is left alone, as you did not name it."
    )


def test_a_frontend_that_is_not_there_is_a_fault() -> None:
    """A name that fits nothing would silently adopt nothing."""
    outcome = adopt(gallery("preview.cfg"), named("www", "wwww"), MAP)
    assert outcome == Unfit(("There is no frontend or listen wwww: the configuration has www, preview.",))


@pytest.mark.parametrize(
    ("name", "live", "entry"), [("plain", Environment.BLUE, "web 0"), ("green-serves", Environment.GREEN, "web 10000")]
)
def test_adoption_says_what_the_map_must_say_first(name: str, live: Environment, entry: str) -> None:
    """Nothing may move by being adopted: the map starts with the environment that the file names."""
    outcome = adopt(gallery(f"{name}.cfg"), WEB, MAP)
    assert isinstance(outcome, Adoption)
    assert outcome.split == Split.all_on(live)
    assert f"The map must exist by then and say `{entry}`, so that nothing moves by being adopted." in outcome.explanation[0]


def test_each_block_is_explained() -> None:
    """One sentence for each block, with its place and what it does."""
    fresh, stale = (adopt(gallery(f"{name}.cfg"), WEB, MAP) for name in ("plain", "adopted-and-changed"))
    new = "frontend www: a new block goes with this rule and sends web_green its share of what the rule sends to web_blue."
    assert isinstance(fresh, Adoption)
    assert isinstance(stale, Adoption)
    assert fresh.explanation[1:] == (f"plain.cfg:19: {new}",)
    assert stale.explanation == (
        f"adopted-and-changed.cfg:15: {new}",
        "adopted-and-changed.cfg:8: this block goes with no rule any more and is removed.",
        "adopted-and-changed.cfg:19: this block goes with no rule any more and is removed.",
    )


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("adopted", "adopted.cfg:12: frontend www: the block that goes with this rule stands as it should."),
        (
            "adopted-with-an-older-block",
            "adopted-with-an-older-block.cfg:14: frontend www: the block that goes with this rule is replaced.",
        ),
    ],
)
def test_a_block_that_is_there_is_explained(name: str, sentence: str) -> None:
    """The one that stands as it should, and the one that is replaced; the map is not mentioned again."""
    outcome = adopt(gallery(f"{name}.cfg"), WEB, MAP)
    assert isinstance(outcome, Adoption)
    assert outcome.explanation == (sentence,)


IDLE = (
    "frontend www: add `option idle-close-on-response`, or a reload closes idle kept-alive connections at the moment when clients "
    "use them again."
)
HARD_STOP = (
    "Add `hard-stop-after` to the global section, 30m for example, or workers of earlier reloads live on as long as one of their "
    "connections does."
)
DYNAMIC = (
    "hosts-map-after.cfg:10: this rule chooses its backend only when HAProxy runs: should it choose web_blue or web_green, that "
    "traffic does not follow guardian."
)
TCP = "frontend tls: in TCP mode a switch moves new connections only; those that are open stay where they are."


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("plain", ()),
        ("every-section", ()),
        ("green-serves", (IDLE, HARD_STOP)),
        ("zero-warning", (IDLE,)),
        ("defaults-named", (HARD_STOP,)),
        ("tcp", (TCP, HARD_STOP)),
        ("hosts-map-after", (DYNAMIC, IDLE, HARD_STOP)),
    ],
)
def test_advice_is_what_is_missing(name: str, advice: tuple[str, ...]) -> None:
    """Options that make reloads gentle, where they are missing, and what a switch cannot do."""
    outcome = adopt(gallery(f"{name}.cfg"), WEB, MAP)
    assert isinstance(outcome, Adoption)
    assert outcome.advice == advice


@pytest.mark.parametrize("line", [b"no option idle-close-on-response", b"default option idle-close-on-response"])
def test_an_option_that_is_taken_back_is_missing(line: bytes) -> None:
    """The option of the defaults does not count where the frontend takes it back."""
    text = (GALLERY / "plain.cfg").read_bytes().replace(b"    option forwardfor\n", b"    " + line + b"\n")
    outcome = adopt(parse([("plain.cfg", text)]), WEB, MAP)
    assert isinstance(outcome, Adoption)
    assert outcome.advice == (IDLE,)


def test_one_backend_for_both_environments_is_a_fault() -> None:
    """Guardian needs two backends to tell the environments apart."""
    sentence = (
        "Both environments of web are backend web_blue: give each a backend of its own, with only its own servers, and name the "
        "two in guardian.yaml."
    )
    assert adopt(gallery("plain.cfg"), Service("web", "web_blue", "web_blue"), MAP) == Unfit((sentence,))


@pytest.mark.parametrize(
    ("service", "path"),
    [(WEB, Path("haproxy.map")), (WEB, Path("/var/lib/a b")), (Service("w;eb", "web_blue", "web_green"), MAP)],
    ids=["relative path", "blank in the path", "bad name"],
)
def test_what_cannot_stand_in_a_configuration_is_a_fault(service: Service, path: Path) -> None:
    """A path or name that HAProxy would read otherwise never gets into a block."""
    outcome = adopt(gallery("plain.cfg"), service, path)
    assert isinstance(outcome, Unfit)
    assert "cannot be" in outcome.sentences[0]


def test_removal_of_nothing_says_so() -> None:
    """A configuration without blocks stays as it is."""
    outcome = removal(gallery("plain.cfg"), WEB.name)
    assert outcome == Conversion((), ("The configuration has no block of web; nothing to remove.",))


@pytest.mark.parametrize("name", ["block-without-end", "block-without-beginning", "block-with-a-stranger"])
def test_damaged_blocks_are_not_removed(name: str) -> None:
    """Where the marks do not say for sure what is guardian's, nothing is taken out."""
    outcome = removal(gallery(f"{name}.cfg"), WEB.name)
    assert isinstance(outcome, Unfit)
    assert outcome.sentences == tuple((GALLERY / f"{name}.unfit").read_text().splitlines())
    assert isinstance(removal(gallery(f"{name}.cfg"), API.name), Conversion)


def test_a_block_that_runs_into_the_next_section_is_damaged() -> None:
    """Two half blocks in two sections are not one whole."""
    text = b"frontend f\n    # >>> guardian web\nbackend b\n    # <<< guardian web\n"
    outcome = removal(parse([("x.cfg", text)]), WEB.name)
    assert outcome == Unfit(
        (
            "x.cfg:2: this block of guardian has no end: put `# <<< guardian web` after its last line, or delete the block.",
            "x.cfg:4: this end of a block has no beginning: delete it, or put `# >>> guardian web` where the block began.",
        )
    )


def test_all_faults_are_told_at_once() -> None:
    """What does not depend on one another is told together."""
    text = (GALLERY / "modes-differ.cfg").read_bytes() + b"# <<< guardian web\n"
    outcome = adopt(parse([("x.cfg", text)]), named("y"), Path("x"))
    assert isinstance(outcome, Unfit)
    assert len(outcome.sentences) == 4


def test_blocks_stand_in_the_files_of_their_rules() -> None:
    """Of several files only those change that hold a rule of the service."""
    document = load([GALLERY / "several-files"])
    outcome = adopt(document, WEB, MAP)
    assert isinstance(outcome, Adoption)
    assert {Path(edit.file.path).name for edit in outcome.edits} == {"10-frontends.cfg"}


@pytest.mark.parametrize("name", ["tcp", "plain"])
def test_only_http_has_cookies(name: str) -> None:
    """A visitor's cookie cannot be seen in TCP mode, so such a service is refused with what to write."""
    service = replace(WEB, routing=Routing(sticky=Sticky(Holding.COOKIE, "uid")))
    outcome = adopt(gallery(f"{name}.cfg"), service, MAP)
    assert isinstance(outcome, Unfit) is (name == "tcp")
    if isinstance(outcome, Unfit):
        assert "write `sticky: source` in guardian.yaml" in outcome.sentences[0]


@pytest.mark.parametrize(("name", "advised"), [("plain", 0), ("adopted", 2)])
def test_a_fallback_that_can_never_happen_is_told(name: str, advised: int) -> None:
    """Servers that nobody checks are never down."""
    outcome = adopt(gallery(f"{name}.cfg"), replace(WEB, routing=Routing(fallback=True)), MAP)
    assert isinstance(outcome, Adoption)
    assert len([sentence for sentence in outcome.advice if "never falls back: add `check`" in sentence]) == advised
