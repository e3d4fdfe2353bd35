"""A skipped test is never taken for one that passed: the run names it at its end."""

import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
SKIPPED = """
import pytest

@pytest.mark.skipif(True, reason="booting a system takes root")
def test_boot():
    pass

def test_other():
    pytest.skip("only root may label files")
"""


def test_what_was_skipped_is_named_with_what_it_takes(tmp_path: Path) -> None:
    """Whichever way it is skipped, where several processes run the tests."""
    (tmp_path / "conftest.py").write_text("from tests.conftest import pytest_terminal_summary\n")
    (tmp_path / "test_skipped.py").write_text(SKIPPED)
    said = run(tmp_path, "2")
    assert "NOT PROVED by this run" in said
    for line in ("1 tests were skipped: booting a system takes root", "1 tests were skipped: only root may label files"):
        assert line in said
    for name in ("test_boot", "test_other"):
        assert f"    test_skipped.py::{name}" in said


def test_where_nothing_was_skipped_nothing_is_said(tmp_path: Path) -> None:
    """Everything was proved."""
    (tmp_path / "conftest.py").write_text("from tests.conftest import pytest_terminal_summary\n")
    (tmp_path / "test_passed.py").write_text("def test_passed():\n    pass\n")
    said = run(tmp_path, "0")
    assert "1 passed" in said
    assert "NOT PROVED" not in said


def run(place: Path, workers: str) -> str:
    """What pytest says about the tests in ``place``."""
    words = (sys.executable, "-m", "pytest", "-n", workers, "-p", "no:cacheprovider", "--rootdir", str(place), str(place))
    environment = {"PYTHONPATH": str(CHECKOUT), "PATH": "/usr/bin:/bin"}
    return subprocess.run(words, env=environment, cwd=place, capture_output=True, text=True, check=False, timeout=100).stdout
