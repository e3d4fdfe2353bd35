"""The lossless document."""

import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.balancers.haproxy.document import Document, Edit, Section, load, parse
from guardian.demo.haproxy import wheel_binary

STATEMENTS = (b"frontend www", b"  bind :80", b"\tdefault_backend web_blue # x", b"defaults a from b", b"backend 'a", b'"$X" y')
MARKS = (b"    # >>> guardian web", b"# <<< guardian web", b"# >>> guardian api  (managed)")
FRAGMENTS = st.sampled_from((*STATEMENTS, *MARKS, b".if defined(X)", b".endif", b".else", b"", b"\\", b"\xff\xfe"))
ENDS = st.sampled_from([b"\n", b"\n", b"\r\n", b"\r", b"\0\n", b"", b"\x85", "\u2028".encode()])
TEXTS = st.lists(st.tuples(FRAGMENTS, ENDS).map(b"".join), max_size=30).map(b"".join)


def document(text: str) -> Document:
    """One file with this text."""
    return parse([("haproxy.cfg", text.encode())])


def section(read: Document, name: str) -> Section:
    """The section called ``name``."""
    return next(one for one in read.sections if one.name == name)


@given(st.lists(st.binary() | TEXTS, max_size=3))
def test_what_is_read_is_written_back(texts: list[bytes]) -> None:
    """Any bytes at all, in any number of files, come back as they were."""
    assert [file.data for file in parse(("x.cfg", text) for text in texts).files] == texts


@given(st.data())
def test_an_edit_changes_its_lines_and_nothing_else(data: st.DataObject) -> None:
    """Bytes outside the lines of the edits stay, and in order."""
    text = data.draw(TEXTS)
    read = parse([("x.cfg", text)])
    lines = [line.encode("utf-8", "surrogateescape") for line in read.files[0].lines]
    borders = sorted(data.draw(st.lists(st.integers(0, len(lines)), max_size=8, unique=True)))
    spans = list(zip(borders[::2], borders[1::2], strict=False))
    edits = [Edit(read.files[0], first, end, f"<{number}>\n") for number, (first, end) in enumerate(spans)]
    expected, done = b"", 0
    for number, (first, end) in enumerate(spans):
        expected += b"".join(lines[done:first]) + f"<{number}>\n".encode()
        done = end
    changed = read.apply(data.draw(st.permutations(edits)))
    assert changed.files[0].data == expected + b"".join(lines[done:])
    assert read.files[0].data == text


def test_an_edit_of_another_document_is_refused() -> None:
    """An edit belongs to the reading that it was made for: another reading may have other lines."""
    one, other = document("global\n"), document("global\n")
    with pytest.raises(ValueError, match=r"haproxy\.cfg was made for another reading"):
        one.apply([Edit(other.files[0], 0, 1, "")])


def test_a_document_knows_what_haproxy_would_find() -> None:
    """Sections with their kind, name and statements; binds, servers and rules with their words."""
    read = document(
        'frontend www # x\n bind :80\n bind "*:81" ssl\nbackend b\n server s1 h:1\n server-template t 2 h:2\nfuture thing\n'
    )
    www, backend = read.sections
    assert (www.kind, www.name, www.end, www.title) == ("frontend", "www", 3, "frontend www")
    assert [one.argument(1) for one in www.find("bind")] == [":80", "*:81"]
    assert [(one.argument(1), one.where) for one in backend.find("server", "server-template")] == [
        ("s1", "haproxy.cfg:5"),
        ("t", "haproxy.cfg:6"),
    ]
    assert [one.keyword for one in backend.statements] == ["server", "server-template", "future"]
    assert next(backend.find("server")).argument(3) is None


@pytest.mark.parametrize(
    ("above", "heading", "mode"),
    [
        ("", "frontend f", "tcp"),
        ("defaults\n mode http\n", "frontend f", "http"),
        ("defaults\n mode http\ndefaults\n", "frontend f", "tcp"),
        ("defaults\n mode tcp\n mode http\n", "frontend f", "http"),
        ("defaults a\n mode http\ndefaults b\n mode tcp\n", "frontend f", "tcp"),
        ("defaults a\n mode http\ndefaults b\n mode tcp\n", "frontend f from a", "http"),
        ("defaults a\n mode http\ndefaults b from a\n", "frontend f", "http"),
        ("defaults a\n mode http\ndefaults from a\n", "frontend f", "http"),
        ("defaults a\n mode http\ndefaults b from a\n mode tcp\ndefaults\n", "frontend f from b", "tcp"),
        ("defaults a\n mode http\ndefaults a\n mode tcp\n", "frontend f from a", "tcp"),
        ("defaults from\n mode http\n", "frontend f from from", "http"),
        ("defaults\n mode http\n", "frontend f from unknown", "tcp"),
        ("defaults\n mode http\n", "frontend f\n mode tcp", "tcp"),
        ("defaults\n mode http\n", "frontend f\n.if defined(X)\n mode tcp\n.endif", None),
        ("defaults\n mode http\n", "frontend f\n.if defined(X)\n mode http\n.endif", "http"),
        ("defaults\n mode http\n", "frontend f\n.if defined(X)\n mode tcp\n.endif\n mode tcp", "tcp"),
        ("defaults\n mode http\n.if defined(X)\ndefaults\n mode tcp\n.endif\n", "frontend f", None),
        (".if defined(X)\ndefaults\n mode http\n.endif\n", "frontend f", None),
        (".if defined(X)\ndefaults a\n mode http\n.endif\n", "frontend f from a", "http"),
        ("defaults\n mode http\n.if defined(X)\n", "frontend f\n mode tcp\n.endif", "tcp"),
        ("defaults\n", 'frontend f\n mode "$MODE"', None),
    ],
)
def test_settings_come_from_the_right_defaults(above: str, heading: str, mode: str | None) -> None:
    """The section's own last statement counts, then the ``defaults`` it names, or else the last above; a doubt stays a doubt."""
    assert section(document(f"{above}{heading}\n"), "f").mode == mode


def test_defaults_carry_over_from_file_to_file() -> None:
    """A file ends its last section, and its ``defaults`` still hold in the next one."""
    read = parse([("a.cfg", b"defaults\n mode http\nfrontend a\n"), ("b.cfg", b" mode tcp\nfrontend b\n")])
    assert [(one.title, one.mode) for one in read.proxies("frontend")] == [("frontend a", "http"), ("frontend b", "http")]


def test_directories_stand_for_the_files_that_haproxy_reads(tmp_path: Path) -> None:
    """The same files, in the same order, as HAProxy takes from the same ``-f``."""
    (tmp_path / "first.txt").write_text("global\n")
    directory = tmp_path / "conf.d"
    directory.mkdir()
    for name in ("b.cfg", "a.cfg", "B.cfg", "é.cfg", "10.cfg", "9.cfg", ".hidden.cfg", "c.cfg.bak", "d.cfg.cfg", "e.txt", ".cfg"):
        (directory / name).write_text(f"backend {name}\n")
    (directory / "f.cfg").mkdir()
    (directory / "g.cfg").symlink_to("e.txt")
    read = load([tmp_path / "first.txt", directory])
    options = [option for path in (tmp_path / "first.txt", directory) for option in ("-f", path)]
    run = subprocess.run([wheel_binary(), "-dC", "-c", *options], capture_output=True, timeout=20, check=False)
    assert "".join(f"{one.heading.text.strip()} \n" for one in read.sections) in run.stdout.decode()
    assert len(read.sections) == len(read.files) == 8


def test_a_file_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    """The loader adds nothing to what the operating system says."""
    with pytest.raises(FileNotFoundError):
        load([tmp_path / "haproxy.cfg"])


def test_a_large_configuration_is_read_at_once() -> None:
    """50,000 lines in well under a second, and less than that to find where a split stands in them."""
    backend = "backend b{}\n    balance roundrobin\n" + "    server s1 10.0.0.1:80 check inter 2s fall 3 # a note\n" * 8
    data = ("global\n    maxconn 100\n" + "".join(backend.format(number) for number in range(5_000))).encode()
    assert data.count(b"\n") > 50_000
    took = []
    for _ in range(3):
        began = time.perf_counter()
        document = parse([("haproxy.cfg", data)])
        took.append(time.perf_counter() - began)
    assert document.files[0].data == data
    assert len(document.sections) == 5_001
    assert min(took) < 0.8
