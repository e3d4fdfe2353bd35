"""The sections of the shield in configurations of all kinds: added, accepted by HAProxy, kept, and taken out to the byte."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from guardian.balancers.haproxy.adoption import Adoption, adopt, removal
from guardian.balancers.haproxy.conversion import Conversion
from guardian.balancers.haproxy.document import Document, parse
from guardian.balancers.haproxy.routes import Unfit
from guardian.balancers.haproxy.shielding import digest
from guardian.core.model import Holding, Routing, Service, Sticky, Way
from guardian.core.shield import Further, Shield
from tests.haproxy.document.test_adoption_gallery import MAP, PIECES, WEB, load

SHIELD = Shield(
    also=(Further("POST", "/search"), Further("PUT", "/", "Idempotency-Key")),
    never=("/report/", "/export"),
    patience=1.5,
    budget=20,
)
SHIELDED = replace(WEB, shield=SHIELD)
BARE = """\
global
    stats socket /run/haproxy/admin.sock
defaults
    mode http
    timeout connect 1s
    timeout client 1s
    timeout server 500ms
frontend www
    bind :80
    default_backend web_blue
backend web_blue
    server b 127.0.0.1:81
backend web_green
    server g 127.0.0.1:82
"""


def documented(text: str) -> Document:
    """A configuration of one file."""
    return parse([("haproxy.cfg", text.encode())])


def shielded(document: Document, service: Service = SHIELDED) -> Adoption:
    """How it is adopted."""
    outcome = adopt(document, service, Path("/m.map"))
    assert isinstance(outcome, Adoption), outcome.sentences
    return outcome


def written(document: Document, service: Service = SHIELDED) -> str:
    """What adoption makes of it."""
    return document.apply(shielded(document, service).edits).files[0].data.decode()


@pytest.mark.parametrize("piece", PIECES, ids=lambda path: path.name)
def test_the_gallery_takes_the_shield_or_says_why_not(piece: Path, binary: str, tmp_path: Path) -> None:
    """HAProxy thinks of it as before, adopting twice is adopting once, and removal gives back every byte."""
    bare = load([piece])
    document = bare.apply(taken.edits) if isinstance(taken := removal(bare, WEB.name), Conversion) else bare
    outcome = adopt(document, SHIELDED, MAP)
    if isinstance(outcome, Unfit):
        assert isinstance(adopt(document, WEB, MAP), Unfit), outcome.sentences
        return
    adopted = document.apply(outcome.edits)
    assert ("guardian_web" in adopted_text(adopted)) is not any("without the shield" in one for one in outcome.advice)
    again = adopt(adopted, SHIELDED, MAP)
    assert isinstance(again, Adoption)
    assert again.edits == ()
    back = removal(adopted, WEB.name)
    assert isinstance(back, Conversion)
    assert [file.data for file in adopted.apply(back.edits).files] == [file.data for file in document.files]
    (tmp_path / "haproxy.map").write_text("web 0\napi 0\n")
    assert checked(binary, adopted, tmp_path / "after") == checked(binary, document, tmp_path / "before")


def adopted_text(document: Document) -> str:
    """All of its text."""
    return "".join(line for file in document.files for line in file.lines)


def checked(binary: str, document: Document, directory: Path) -> bool:
    """Whether HAProxy accepts it."""
    directory.mkdir()
    arguments = []
    for file in document.files:
        path = directory / Path(file.path).name
        path.write_bytes(file.data.replace(str(MAP).encode(), str(directory.parent / "haproxy.map").encode()))
        arguments += ["-f", path.name]
    done = subprocess.run([binary, "-c", *arguments], cwd=directory, capture_output=True, timeout=60, check=False)
    return done.returncode == 0


def test_patience_is_no_longer_than_the_backends_own() -> None:
    """A release has no more time on trial than it would have without."""
    text = written(documented(BARE))
    assert text.count("set-timeout server 500ms") == 2
    assert "set-timeout server 1500ms" not in text


def test_patience_is_set_where_it_counts() -> None:
    """In the backends, above all else, for what came through the hop: HAProxy forgets what a `listen` says of others."""
    lines = [line.strip() for line in written(documented(BARE)).splitlines()]
    for number, side in enumerate(("blue", "green"), 1):
        heading = lines.index(f"backend web_{side}")
        tests = f"{{ fe_name guardian_web_{side} }} {{ str(web/trial),map_str_int(/m.map,0) eq {number} }}"
        assert lines[heading + 2] == f"http-request set-timeout server 500ms if {tests}"
        assert lines[heading + 4].startswith("server")


def test_what_an_earlier_guardian_adopted_is_brought_up_to_date() -> None:
    """It had patience in its own sections, and nothing in the backends: adopted again, it is as if adopted today."""
    document = documented(BARE)
    today = written(document)
    earlier = [line for line in today.splitlines(keepends=True) if "fe_name guardian_" not in line]
    for heading in ("backend web_blue\n", "backend web_green\n"):
        del earlier[earlier.index(heading) + 1 : earlier.index(heading) + 3]  # the marks around it
    text = "".join(earlier).replace("    bind abns@", "    http-request set-timeout server 500ms\n    bind abns@")
    inner = text.partition("# >>> guardian web sections")[2].partition("\n")[2].partition("# <<< guardian web sections")[0]
    changed = today.partition("# >>> guardian web sections ")[2][:16]
    before = documented(text.replace(changed, digest(inner)))
    plan = shielded(before)
    assert plan.changes
    assert adopted_text(before.apply(plan.edits)) == today


def test_a_listen_without_a_rule_has_both(binary: str, tmp_path: Path) -> None:
    """What draws stands under its heading, patience behind what the user says first; HAProxy takes it, and it stays."""
    own = "frontend www\n    bind :80\n    default_backend web_blue\nbackend web_blue\n"
    document = documented(BARE.replace(own, "listen web_blue\n    bind :80\n"))
    outcome = adopt(document, SHIELDED, MAP)
    assert isinstance(outcome, Adoption)
    adopted = document.apply(outcome.edits)
    assert adopted_text(adopted).count("# >>> guardian web ") == 4
    again, back = adopt(adopted, SHIELDED, MAP), removal(adopted, WEB.name)
    assert isinstance(again, Adoption)
    assert again.edits == ()
    assert isinstance(back, Conversion)
    assert adopted_text(adopted.apply(back.edits)) == adopted_text(document)
    (tmp_path / "haproxy.map").write_text("web 0\n")
    assert checked(binary, adopted, tmp_path / "after")


def test_a_configuration_without_defaults_stays_one() -> None:
    """Who writes sections below guardian's inherits nothing of it."""
    bare = BARE.replace("defaults\n    mode http\n", "").replace(
        "    timeout connect 1s\n    timeout client 1s\n    timeout server 500ms\n", ""
    )
    for section in ("frontend www", "backend web_blue", "backend web_green"):
        bare = bare.replace(f"{section}\n", f"{section}\n    mode http\n")
    text = written(documented(bare))
    assert text.rstrip().splitlines()[-2:] == ["defaults", "# <<< guardian web sections"]


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("    server g ", "    http-request set-header X-Forwarded-Proto https if { ssl_fc }\n    server g ", "`ssl_fc`"),
        ("    server g ", "    http-request deny if { var(txn.who) -m found }\n    server g ", "`txn.who`"),
        ("    server g ", "    http-request deny if { sc0_http_req_rate gt 9 }\n    server g ", "`sc0_http_req_rate`"),
        ("    server g ", "    option forwardfor header X-Client\n    server g ", "`option forwardfor header X-Client`"),
        ("    bind :80\n", "    bind :80\n    http-response set-header X-By %[srv_name]\n", "`srv_name`"),
        (
            "defaults\n",
            "backend guardian_web_green\n    mode http\ndefaults\n",
            "guardian_web_green is the name of",
        ),
        ("    mode http\n", "    mode tcp\n", "is not in `mode http`"),
        ("global\n", "backend early\nglobal\n", "no place for guardian's sections"),
    ],
    ids=["tls", "variable", "counter", "header", "server's name", "name taken", "tcp", "no place"],
)
def test_what_the_hop_does_not_carry_is_left_unsaved(before: str, after: str, sentence: str) -> None:
    """The service is adopted all the same, and people are told what to change."""
    document = documented(BARE.replace(before, after, 1))
    outcome = shielded(document)
    assert sentence in outcome.advice[0]
    assert "without the shield" in outcome.advice[0]
    assert "guardian_web" not in "".join(edit.text for edit in outcome.edits)


def test_what_a_backend_sets_itself_it_may_ask_for() -> None:
    """Its variables live and end on its own side of the hop."""
    rule = "    http-request set-var(txn.who) src\n    http-request deny if { var(txn.who) -m ip 10.0.0.0/8 }\n    server g "
    assert "guardian_web" in written(documented(BARE.replace("    server g ", rule, 1)))


@pytest.mark.parametrize("number", [0, 1])
def test_what_a_frontend_and_a_backend_both_count_would_count_twice(number: int) -> None:
    """HAProxy heeds the first of two with the same number, but on trial a request is two streams; numbers of their own are safe."""
    text = BARE.replace("    bind :80\n", "    bind :80\n    http-request track-sc0 src\n", 1)
    document = documented(text.replace("    server g ", f"    http-request track-sc{number} src table www\n    server g ", 1))
    refused = any("says `track-sc0`, too" in one for one in shielded(document).advice)
    assert (refused, "guardian_web" in written(document)) == (number == 0, number == 1)


def test_sections_that_were_changed_by_hand_are_not_overwritten() -> None:
    """The sentence says where, and nothing is lost."""
    changed = written(documented(BARE)).replace("    retries 1\n", "    retries 2\n", 1)
    outcome = adopt(documented(changed), SHIELDED, Path("/m.map"))
    assert isinstance(outcome, Unfit)
    assert "were changed by hand" in outcome.sentences[0]
    assert isinstance(removal(documented(changed), "web"), Unfit)


def test_saying_off_takes_the_sections_out() -> None:
    """The next adoption leaves only the plain block."""
    on = documented(written(documented(BARE)))
    assert written(on, WEB) == written(documented(BARE), WEB)


@pytest.mark.parametrize(
    "routing", [Routing(sticky=Sticky(Holding.COOKIE, "id")), Routing(fallback=True)], ids=["sticky", "fallback"]
)
def test_it_goes_with_every_way_to_draw(routing: Routing, binary: str, tmp_path: Path) -> None:
    """Sticky visitors and HAProxy's own fallback keep their meaning."""
    service = replace(SHIELDED, routing=routing)
    (tmp_path / "m.map").write_text("web 0\n")
    text = written(documented(BARE), service).replace("/m.map", str(tmp_path / "m.map")).replace("/run/haproxy", str(tmp_path))
    (tmp_path / "haproxy.cfg").write_text(text)
    done = subprocess.run([binary, "-c", "-f", tmp_path / "haproxy.cfg"], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert routing.way is Way.RUNTIME
