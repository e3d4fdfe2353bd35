"""The jobs and hooks for a repository of rules: their very lines are run."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
JOBS = ROOT / "deploy" / "rules-ci"
INSTALLED = ("guardian", "pyproject.toml", "README.md", "LICENSE")


def github() -> list[str]:
    """The lines of GitHub's job."""
    job = yaml.safe_load((JOBS / "github.yml").read_text())["jobs"]["rules"]
    return [step["run"] for step in job["steps"] if "run" in step]


def gitlab() -> list[str]:
    """The lines of GitLab's job."""
    job = yaml.safe_load((JOBS / "gitlab.yml").read_text())["check-rules"]
    return [*job["before_script"], *job["script"]]


def hooks() -> list[str]:
    """The commands of the hooks, as pre-commit puts them together."""
    found: list[dict[str, Any]] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert {hook["language"] for hook in found} == {"python"}
    assert not any(hook["pass_filenames"] for hook in found)
    return [" ".join((hook["entry"], *hook["args"])) for hook in found]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What pip installs: a copy of guardian's source."""
    source = tmp_path_factory.mktemp("copy")
    for name in INSTALLED:
        take = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        take(ROOT / name, source / name)
    return source


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository of rules: those to start with."""
    shutil.copytree(ROOT / "rules", tmp_path / "rules")
    return tmp_path


def run(line: str, repository: Path, copy: Path) -> subprocess.CompletedProcess[str]:
    """Run one line as a runner does; what it installs stays beside the repository, and needs no network."""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "GUARDIAN": str(copy),
        "PIP_TARGET": str(repository / "installed"),
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip's own quirk: this switches isolation off
        "PIP_NO_INDEX": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    command = ["bash", "-eo", "pipefail", "-c", line]
    return subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, timeout=100, check=False)


@pytest.mark.parametrize("lines", [github, gitlab, hooks])
def test_good_rules_pass_every_line(lines: Any, repository: Path, copy: Path) -> None:
    """From the installation to the last report, each line ends with 0."""
    for line in lines():
        done = run(line, repository, copy)
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
    if lines is not hooks:
        assert (repository / "installed" / "guardian" / "daemon.py").exists()
    if lines is github:
        assert '"version": "2.1.0"' in (repository / "rules.sarif").read_text()


@pytest.mark.parametrize("lines", [github, gitlab, hooks])
def test_a_bad_rule_fails_the_check_and_a_bad_expectation_the_test(lines: Any, repository: Path, copy: Path) -> None:
    """Each in its own line, and with the place in its output."""
    check = next(line for line in lines() if "rules check" in line)
    test = next(line for line in lines() if "rules test" in line)
    expectations = repository / "rules" / "tests" / "web.yaml"
    expectations.write_text(expectations.read_text().replace("verdict: breached", "verdict: healthy", 1))
    assert run(check, repository, copy).returncode == 0
    failed = run(test, repository, copy)
    assert failed.returncode == 1
    assert "rules/tests/web.yaml:" in failed.stdout
    rules = repository / "rules" / "web.yaml"
    rules.write_text(rules.read_text().replace("limit: 1%", "limit: 1", 1))
    failed = run(check, repository, copy)
    assert failed.returncode == 1
    assert "rules/web.yaml" in failed.stdout
    assert "has no unit" in failed.stdout
