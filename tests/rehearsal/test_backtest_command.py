"""``guardian rules backtest``: from the files to the report."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pexpect
import pytest
from click.testing import CliRunner, Result

from guardian.cli.main import cli
from guardian.core.deployment import Cause, Phase, Rollback
from guardian.records.store import SqlStore
from tests.rehearsal.history import BAD, Cutovers, deployment, remember

SETTINGS = """
state_dir: state
rules: rules
haproxy: {{socket: haproxy.sock, map: {directory}/haproxy.map}}
api: {{socket: api.sock}}
services:
  web: {{blue: web_blue, green: web_green, watch: 5m}}
prometheus: {{url: "{url}"}}
"""
RULES = """
service: web
rules:
  - name: bad-share
    summary: Too many bad answers
    source: prometheus
    query: max_over_time(bad_share{env="$candidate"}[$window])
    above: 5%
    every: 15s
    window: 15s
    for: 2 of 3
    on_no_data: hold
  - name: server-errors
    summary: Too many 5xx
    source: haproxy
    ratio: responses_5xx / responses
    test: sequential
    limit: 1%
    on_no_data: hold
"""


class Images(HTMLParser):
    """The pictures of a page with their texts."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep each picture."""
        if tag == "img":
            self.found.append(dict(attrs))


class Desk:
    """Where somebody tries out rules."""

    def __init__(self, directory: Path, url: str, cutovers: Cutovers) -> None:
        self.directory, self.cutovers = directory, cutovers
        (directory / "rules").mkdir()
        (directory / "rules" / "web.yaml").write_text(RULES)
        (directory / "guardian.yaml").write_text(SETTINGS.format(directory=directory, url=url))
        self.store = SqlStore(directory / "state")
        for number in range(10):
            at = cutovers.at(number)
            rollback = Rollback(Cause.PERSON, "bob", "users complain", at + 250) if number in BAD else None
            remember(self.store, deployment(number, at, Phase.ROLLED_BACK if rollback else Phase.VERIFIED, rollback))

    def run(self, *words: str) -> Result:
        """Run the command over all of the past."""
        config = ("--config", str(self.directory / "guardian.yaml"))
        return CliRunner().invoke(cli, ["rules", "backtest", *words, *config, "--from", "1d"])

    def write(self, name: str, text: str) -> str:
        """Write a file and give its path."""
        path = self.directory / name
        path.write_text(text)
        return str(path)


@pytest.fixture
def desk(tmp_path: Path, memory: tuple[str, Cutovers]) -> Iterator[Desk]:
    """A configuration, rules, and a store that holds ten cutovers, while its guardian has it open."""
    made = Desk(tmp_path, *memory)
    yield made
    made.store.close()


def test_one_row_for_each_rule(desk: Desk) -> None:
    """Counts, time to detection and who was harmed; each alarm with its sentence; and where the readings came from."""
    said = desk.run("web")
    assert said.exit_code == 0, said.output
    rows = {line.split()[0]: line.split() for line in said.stdout.splitlines() if line.startswith(" web/")}
    assert rows["web/bad-share"][1:6] == ["2", "1", "0", "7", "0"]
    for words in (
        "10 cutovers, 2 of them bad and 8 good",
        "true alarm    1 min 15 s after the cutover: the query's result is 20 % over 15 s; above 5 %",
        "web/server-errors: replayed from HAProxy's exporter, one look every 5.00 s (live guardian looks far more often",
        "web/bad-share: no limit is suggested below 10 good watches with data",
    ):
        assert words in said.stdout


def test_the_report_as_json(desk: Desk) -> None:
    """One document, with every rule over every cutover."""
    report = json.loads(desk.run("--json").stdout)
    assert (report["cutovers"], report["bad"]) == (10, 2)
    assert [rule["counts"]["true alarm"] for rule in report["rules"]] == [2, 2]
    assert report["rules"][0]["median_delay"] == 75.0
    trial = report["trials"][BAD[0]]
    assert (trial["deployment"], trial["bad"], trial["why"]) == (f"web-{BAD[0]}", True, "rolled back by a person")
    assert trial["rules"][0]["verdict"]["finding"] == "breached"


def test_a_page_with_a_chart_of_each_cutover(desk: Desk) -> None:
    """The pictures stand in the page, with a text for those who cannot see them, and nothing is loaded from elsewhere."""
    page = desk.directory / "report.html"
    assert desk.run("--html", str(page)).exit_code == 0
    text, images = page.read_text(), Images()
    images.feed(text)
    assert len(images.found) == 10
    assert all((image["src"] or "").startswith("data:image/png;base64,") for image in images.found)
    assert "first breach 1 min 15 s after the cutover; rollback 4 min 10 s after" in (images.found[BAD[0]]["alt"] or "")
    assert "http" not in text


def test_charts_as_files(desk: Desk) -> None:
    """A picture for each cutover, and its text beside it; a page that is written, too, names them from where it stands."""
    page = desk.directory / "report.html"
    assert desk.run("--png", str(desk.directory / "charts"), "--html", str(page)).exit_code == 0
    images = Images()
    images.feed(page.read_text())
    assert [image["src"] for image in images.found] == [f"charts/web-{number}.png" for number in range(10)]
    written = sorted(path.name for path in (desk.directory / "charts").iterdir())
    assert written == sorted(f"web-{number}.{kind}" for number in range(10) for kind in ("png", "txt"))


def test_other_rules_marks_and_cutovers_from_files(desk: Desk) -> None:
    """Rules of a branch over listed cutovers against marked incidents: nothing comes from guardian's own records."""
    (desk.directory / "branch").mkdir()
    (desk.directory / "branch" / "web.yaml").write_text(RULES.replace("above: 5%", "above: 10%"))
    since = desk.cutovers.at
    listed = "".join(f"- {{service: web, candidate: green, at: '{_written(since(number))}', watch: 5m}}\n" for number in range(10))
    marked = "".join(f"- {{service: web, at: '{_written(since(number) + 30)}', note: 503 at checkout}}\n" for number in (BAD[0], 9))
    files = ("--cutovers", desk.write("cutovers.yaml", listed), "--incidents", desk.write("incidents.yaml", marked))
    said = desk.run("--rules", str(desk.directory / "branch"), *files, "--json")
    assert said.exit_code == 0, said.output
    counts = json.loads(said.stdout)["rules"][0]["counts"]
    assert counts == {"true alarm": 1, "false alarm": 1, "missed": 1, "quiet": 7, "undecided": 0}


def _written(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("nosuch",), 1, "guardian.yaml names no service `nosuch`; it names web"),
        (("--to", "40d"), 1, "the range ends before it begins"),
        (("--to", "yesterday"), 2, "`yesterday` does not fit; write `30d`"),
        (("--incidents", "nosuch.yaml"), 1, "nosuch.yaml"),
        (("--html", "/nosuch/report.html"), 1, "/nosuch/report.html: No such file or directory"),
    ],
)
def test_what_stands_in_the_way_is_a_sentence(desk: Desk, words: tuple[str, ...], code: int, sentence: str) -> None:
    """With an exit code, and no traceback."""
    said = desk.run(*words)
    assert (said.exit_code, sentence in said.stderr) == (code, True), said.output


def test_faults_of_a_marks_file_are_told_with_their_lines(desk: Desk) -> None:
    """All of them at once."""
    text = "- {service: web, at: noon}\n- {service: web, at: '2026-01-02', until: '2026-01-01', colour: red}\n"
    said = desk.run("--incidents", desk.write("marks.yaml", text))
    assert said.exit_code == 1
    for part in ("marks.yaml:1: [0].at: `noon` is no moment", "marks.yaml:2: [1].until: lies before `at`", "`colour` is not known"):
        assert part in said.stderr, said.stderr
    assert "must be a list" in desk.run("--incidents", desk.write("marks.yaml", "service: web\n")).stderr


def test_a_prometheus_that_is_gone_ends_the_backtest(desk: Desk) -> None:
    """Half a backtest would mislead: the reason, and no report."""
    path = desk.directory / "guardian.yaml"
    path.write_text(path.read_text().split("prometheus:")[0] + 'prometheus: {url: "http://127.0.0.1:1"}\n')
    said = desk.run("--json")
    assert (said.exit_code, said.stdout) == (1, "")
    assert "the backtest was given up, since half of one would mislead: Prometheus at http://127.0.0.1:1 does not" in said.stderr


def test_without_records_there_is_nothing_to_replay(desk: Desk) -> None:
    """An empty range is told; a store that is not there is not made."""
    said = CliRunner().invoke(
        cli, ["rules", "backtest", "--config", str(desk.directory / "guardian.yaml"), "--from", "2020-01-01", "--to", "2020-02-01"]
    )
    assert "guardian recorded no cutover between 2020-01-01 00:00 and 2020-02-01 00:00" in said.stdout
    path = desk.directory / "guardian.yaml"
    path.write_text(path.read_text().replace("state_dir: state", "state_dir: elsewhere"))
    assert desk.run().exit_code == 1
    assert not (desk.directory / "elsewhere").exists()


def test_whoever_waits_sees_a_bar(desk: Desk) -> None:
    """On a terminal, by the time that has been replayed; it is gone when the report comes, and a pipe never sees it."""
    program = [sys.executable, "-c", "from guardian.cli.main import main; main()"]
    words = ["rules", "backtest", "--from", "1d", "--config", str(desk.directory / "guardian.yaml")]
    terminal = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    with pexpect.spawn(program[0], [*program[1:], *words], env=terminal, timeout=60, encoding="utf-8") as shown:
        shown.expect("cutovers.*%")
        shown.expect("10 cutovers")
        shown.expect(pexpect.EOF)
    piped = subprocess.run([*program, *words], capture_output=True, text=True, timeout=60, check=True)
    assert piped.stderr == ""
