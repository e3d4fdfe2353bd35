"""The comparison of readers of haproxy.cfg in small: what is identical, lost or failed is told, whoever read it."""

import re
import sys
from pathlib import Path

import pytest

from tests.bench import document
from tests.bench.document import Outcome, guardians, lost, rivals, row

HERE = Path(__file__).parent
TEXT = b"global\n    maxconn 10 # few\n\n# mine\ndefaults\n    mode http\n"


def test_guardian_writes_what_it_read(tmp_path: Path) -> None:
    """Byte for byte, and the row says so."""
    path = tmp_path / "0.cfg"
    path.write_bytes(TEXT)
    outcome = guardians(path)
    assert outcome.written == TEXT
    assert row("guardian", [TEXT], [outcome])[:-1] == ("guardian", "1 of 1", "-", "1", "0", "0")


def test_what_a_reader_loses_is_counted() -> None:
    """Comments apart from all lines; blanks do not count, and a file that was not written counts as failed."""
    written = b"global\n  maxconn 10\n\ndefaults\n  mode http\n"
    assert (lost(TEXT, written, comments=True), lost(TEXT, written, comments=False)) == (2, 2)
    told = row("rival", [TEXT, TEXT], [Outcome(written, 0.5), Outcome(None, 0.0, "ParseError")])
    assert told == ("rival", "1 of 2", "1 ParseError", "0", "2", "2", "500 ms")


def test_a_rival_that_fails_or_takes_too_long_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interpreter without it fails with its own word; one that never ends is given up."""
    path = tmp_path / "0.cfg"
    path.write_bytes(TEXT)
    assert "Traceback" in rivals(Path(sys.executable), path).failure
    endless = tmp_path / "endless"
    endless.write_text("#!/bin/sh\nexec sleep 60\n")
    endless.chmod(0o755)
    monkeypatch.setattr(document, "PATIENCE", 0.2)
    assert rivals(endless, path) == Outcome(None, 0.2, "more than 0 s")


def test_the_command_installs_by_locks_that_are_there() -> None:
    """Every package with a hash, and the build's own before what it builds."""
    text = (HERE / "document.sh").read_text()
    names = re.search(r"for lock in (.+); do", text)
    assert names
    for name in names[1].split():
        lines = (HERE / f"{name}.txt").read_text()
        assert "--hash=sha256:" in lines
        assert lines.count("==") <= lines.count("--hash=sha256:")
    assert names[1].split() == ["pyhaproxy-build", "pyhaproxy"]
    assert "--require-hashes" in text
