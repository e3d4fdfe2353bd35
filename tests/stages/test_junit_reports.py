"""Reports in JUnit's XML: what real tools write, and what must not be believed."""

import sys
from pathlib import Path

import pytest

from guardian.processes.program import Program
from guardian.processes.running import run
from guardian.stages.junit import MOST_FAILURES, ReportUnfit, read_report
from guardian.stages.lines import Kept, Lines

BAD = {
    "nothing": ("", "is no JUnit XML"),
    "not xml": ("all good", "is no JUnit XML"),
    "html": ("<html><body/></html>", "is no JUnit XML"),
    "empty": ("<testsuites/>", "holds no test"),
    "laughs": ('<!DOCTYPE x [<!ENTITY a "ha">]><testsuite><testcase name="&a;"/></testsuite>', "declares a document type"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_report_that_is_none_is_refused(name: str, tmp_path: Path) -> None:
    """What cannot be read, and what holds no test, is no proof of anything."""
    text, sentence = BAD[name]
    (tmp_path / "report.xml").write_text(text)
    with pytest.raises(ReportUnfit, match=sentence):
        read_report(tmp_path / "report.xml")


def test_a_report_that_is_missing_or_no_file_is_refused(tmp_path: Path) -> None:
    """A path without a report, and a directory in its place."""
    with pytest.raises(ReportUnfit, match="cannot be read: No such file"):
        read_report(tmp_path / "none.xml")
    with pytest.raises(ReportUnfit, match="is not a regular file"):
        read_report(tmp_path)


def test_nested_suites_are_counted_once(tmp_path: Path) -> None:
    """Suites in suites, as Gradle and Playwright write them."""
    inner = '<testsuite name="b"><testcase name="2"/><testcase name="3"><error message="broken"/></testcase></testsuite>'
    (tmp_path / "report.xml").write_text(f'<testsuites><testsuite name="a"><testcase name="1"/>{inner}</testsuite></testsuites>')
    assert read_report(tmp_path / "report.xml").counts == (2, 1, 0)


def test_many_failures_are_counted_and_some_named(tmp_path: Path) -> None:
    """A suite that fails as a whole does not fill a note."""
    cases = "".join(f'<testcase name="t{number}"><failure message="{"no " * 500}"/></testcase>' for number in range(500))
    (tmp_path / "report.xml").write_text(f"<testsuite>{cases}</testsuite>")
    report = read_report(tmp_path / "report.xml")
    assert report.failed == 500
    assert len(report.failures) == MOST_FAILURES + 1
    assert report.failures[-1] == "failed: 450 more"
    assert max(map(len, report.failures)) < 400


async def test_the_report_of_a_real_pytest_is_read(tmp_path: Path) -> None:
    """Not a file that we made up: pytest's own."""
    (tmp_path / "test_it.py").write_text("def test_good(): pass\ndef test_bad(): assert 1 == 2\n")
    argv = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", ".", "--junitxml=report.xml", "test_it.py")
    kept = Kept()
    await run(Program(argv, {"PATH": "/usr/bin:/bin"}, tmp_path), Lines(kept.add, kept.add), 60)
    report = read_report(tmp_path / "report.xml")
    assert report.counts == (1, 1, 0)
    assert report.failures == ("failed: test_it.test_bad: assert 1 == 2",)
