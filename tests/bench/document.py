"""Reading a haproxy.cfg and writing it back unchanged: guardian's document beside pyhaproxy, over the gallery and a long file."""

import argparse
import subprocess
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from guardian.balancers.haproxy.document import parse

GALLERY = Path(__file__).parents[1] / "haproxy" / "document" / "gallery"
ROUNDTRIP = Path(__file__).with_name("roundtrip.py")
LONG = 50_000
PATIENCE = 120.0
"""Seconds that pyhaproxy may take for one file."""
SECTION = """\
backend shop_{number}
    mode http
    balance roundrobin
    # added in ticket {number}, do not touch
    option httpchk GET /health
    http-request set-header X-Shop {number}
    server one 127.0.0.1:{port} check inter 2s
    server two 127.0.0.1:{port} check backup

"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One file, read and written."""

    written: bytes | None
    """``None`` where that failed."""
    seconds: float
    failure: str = ""


def guardians(path: Path) -> Outcome:
    """Guardian's document."""
    began = time.perf_counter()
    written = parse([(path.name, path.read_bytes())]).files[0].data
    return Outcome(written, time.perf_counter() - began)


def rivals(python: Path, path: Path) -> Outcome:
    """pyhaproxy's; its start is not counted."""
    out = path.with_suffix(".out")
    try:
        command = [python, ROUNDTRIP, path, out]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return Outcome(None, PATIENCE, f"more than {PATIENCE:.0f} s")
    if done.returncode:
        return Outcome(None, 0.0, done.stderr.partition(":")[0])
    return Outcome(out.read_bytes(), float(done.stdout))


def lost(before: bytes, after: bytes, *, comments: bool) -> int:
    """Lines of ``before`` with something on them that ``after`` lacks, blanks at both ends aside; those with a comment, or all."""
    return sum((_lines(before, comments=comments) - _lines(after, comments=comments)).values())


def _lines(text: bytes, *, comments: bool) -> Counter[bytes]:
    return Counter(line.strip() for line in text.splitlines() if line.strip() and (b"#" in line or not comments))


def long_file() -> bytes:
    """A configuration of 50,000 lines, as a generator of such files would write it."""
    start = "global\n    maxconn 1000\n\ndefaults\n    mode http\n    timeout connect 5s\n\n"
    sections = (LONG - start.count("\n")) // SECTION.count("\n")
    return (start + "".join(SECTION.format(number=number, port=1024 + number) for number in range(sections))).encode()


def row(name: str, texts: list[bytes], outcomes: list[Outcome]) -> tuple[str, ...]:
    """One reader's figures."""
    good = [(text, outcome.written) for text, outcome in zip(texts, outcomes, strict=True) if outcome.written is not None]
    failures = Counter(outcome.failure for outcome in outcomes if outcome.written is None)
    return (
        name,
        f"{len(good):,} of {len(texts):,}",
        ", ".join(f"{number} {failure}" for failure, number in failures.most_common()) or "-",
        f"{sum(before == after for before, after in good):,}",
        f"{sum(lost(before, after, comments=True) for before, after in good):,}",
        f"{sum(lost(before, after, comments=False) for before, after in good):,}",
        f"{sum(outcome.seconds for outcome in outcomes if outcome.written is not None) * 1000:,.0f} ms",
    )


def main() -> None:
    """Compare, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("python", type=Path, help="the interpreter that has pyhaproxy")
    given = parser.parse_args()
    console = Console(width=150, highlight=False)
    gallery = [path.read_bytes() for path in sorted(GALLERY.glob("*.cfg"))]
    with tempfile.TemporaryDirectory() as name:
        for title, texts in ((f"{len(gallery)} files of the gallery", gallery), (f"one file of {LONG:,} lines", [long_file()])):
            table = Table(title=title, title_justify="left")
            for column in ("", "written", "failed", "identical", "comments lost", "lines lost", "time"):
                table.add_column(column)
            paths = [Path(name) / f"{number}.cfg" for number in range(len(texts))]
            for path, text in zip(paths, texts, strict=True):
                path.write_bytes(text)
            table.add_row(*row("guardian", texts, [guardians(path) for path in paths]))
            table.add_row(*row("pyhaproxy 0.3.7", texts, [rivals(given.python, path) for path in paths]))
            console.print(table)
    console.print("lost: of the files that were written; lines are compared without the blanks around them")


if __name__ == "__main__":
    main()
