"""What the pages of the benchmarks have in common."""

import os
import sys

from tests.bench.page import UNKNOWN, heading, said, table


def test_a_table_is_markdown() -> None:
    """Columns, a line, rows."""
    assert table(("a", "b"), [("1", "2"), ("3", "4")]) == "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |"


def test_a_heading_says_when_where_and_how() -> None:
    """One line each, the programs that took part among them, the command last."""
    lines = heading("load 1.0", [("HAProxy", "2.6")], "run --all").splitlines()
    assert [line.partition(":")[0] for line in lines] == ["- Date", "- Commit", "- Machine", "- HAProxy", "- Python", "- Command"]
    assert f"- Machine: {os.cpu_count()} x " in lines[2]
    assert lines[2].endswith(", load 1.0")
    assert lines[-1] == "- Command: `run --all`"


def test_a_program_says_its_version_on_either_stream_or_nothing() -> None:
    """Prometheus says it on the one, older programs on the other; one that is not installed is no error."""
    for stream in ("stdout", "stderr"):
        assert said(sys.executable, "-c", f"import sys; print('1.0\\nmore', file=sys.{stream})") == "1.0"
    assert said(sys.executable, "-c", "") == UNKNOWN
    assert said("guardian-has-no-such-program") == UNKNOWN
