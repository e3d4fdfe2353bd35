"""Reports in JUnit's XML, as pytest, Selenium runners, k6 and JMeter write them: counted, with each failure as a line."""

import stat
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import ParseError

from junitparser import Error, Failure, JUnitXml, JUnitXmlError, Skipped, TestCase

from guardian.core.words import stages as words

LARGEST = 32 << 20
"""Bytes of a report that are read."""
MOST_FAILURES = 50
"""Failures that are told one by one."""


class ReportUnfit(Exception):
    """The report is not there, or is none. The message is a sentence for people."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a report says."""

    passed: int
    failed: int
    """Failures and errors."""
    skipped: int
    failures: tuple[str, ...]
    """One line each, bounded."""

    @property
    def counts(self) -> tuple[int, int, int]:
        """Passed, failed, skipped."""
        return self.passed, self.failed, self.skipped


def read_report(path: Path) -> Report:
    """The report at ``path``. :class:`ReportUnfit` where it is missing, too large, no JUnit XML, or has no test at all."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise ReportUnfit(words.report_no_file(path))
        if found.st_size > LARGEST:
            raise ReportUnfit(words.report_too_large(path, LARGEST))
        data = path.read_bytes()
    except OSError as error:
        raise ReportUnfit(words.report_unreadable(path, error.strerror or str(error))) from error
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:  # no tool writes them, and entities can be nested until memory ends
        raise ReportUnfit(words.report_no_junit(path, words.document_type()))
    try:
        parsed = JUnitXml.fromstring(data)
    except (ParseError, JUnitXmlError, ValueError, LookupError) as error:
        raise ReportUnfit(words.report_no_junit(path, str(error))) from error
    report = _counted([case for suite in parsed for case in suite])  # a suite's cases are those of its inner suites, too
    if not sum(report.counts):
        raise ReportUnfit(words.report_empty(path))
    return report


def _counted(cases: list[TestCase]) -> Report:
    passed = failed = skipped = 0
    failures: list[str] = []
    for case in cases:
        results = list(case.result)
        bad = [result for result in results if isinstance(result, Failure | Error)]
        if bad:
            failed += 1
            if len(failures) < MOST_FAILURES:
                failures.append(words.test_failed(case.classname or "", case.name or "", bad[0].message or bad[0].text or ""))
        elif any(isinstance(result, Skipped) for result in results):
            skipped += 1
        else:
            passed += 1
    if failed > len(failures):
        failures.append(words.more_failures(failed - len(failures)))
    return Report(passed, failed, skipped, tuple(failures))
