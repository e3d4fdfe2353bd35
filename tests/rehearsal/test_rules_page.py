"""The page about rules: what stands there is what happens."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from guardian.cli.main import cli
from guardian.core.words.lint import TITLES
from guardian.rehearsal.script import EXPECTED

PAGE = (Path(__file__).parents[2] / "rules" / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
YAML = [block for kind, block in BLOCKS if kind == "yaml"]


def test_the_rule_and_its_test_do_what_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rule is beyond reproach; its test fails exactly as it is shown, and passes once it expects what came."""
    rule, tests = YAML
    (tmp_path / "tests").mkdir()
    (tmp_path / "web.yaml").write_text(rule)
    (tmp_path / "tests" / "web.yaml").write_text(tests)
    monkeypatch.chdir(tmp_path)
    checked = CliRunner().invoke(cli, ["rules", "check", "."])
    assert checked.output.splitlines()[-1] == "1 rule in 1 file: 0 faults, 1 warning"  # nothing but a shadow is not enough to act
    failed = CliRunner().invoke(cli, ["rules", "test", "."])
    (shown,) = [block for _, block in BLOCKS if "FAILED" in block]
    timeless = re.compile(r"in [0-9.]+ m?s$", re.MULTILINE)
    assert timeless.sub("", failed.output) == timeless.sub("", shown)
    expected, got = (re.search(rf"{word} +(the query.*)", shown) for word in ("expected", "got"))
    assert expected
    assert got
    (tmp_path / "tests" / "web.yaml").write_text(tests.replace(expected[1], got[1]))
    assert CliRunner().invoke(cli, ["rules", "test", "."]).exit_code == 0


def test_every_check_and_every_expectation_is_described() -> None:
    """A name in an annotation can be looked up."""
    undescribed = {name for name in (*TITLES, *EXPECTED) if f"`{name}`" not in PAGE}
    assert undescribed == {"unwatched"}  # that says it all itself


def test_every_command_on_the_page_exists() -> None:
    """With every option that is named."""
    for command in re.findall(r"guardian (rules [a-z]+|explain)", PAGE):
        assert CliRunner().invoke(cli, [*command.split(), "--help"]).exit_code == 0
    helped = "".join(
        CliRunner().invoke(cli, [*command.split(), "--help"]).output
        for command in ("rules check", "rules test", "rules backtest", "rules reload", "explain")
    )
    assert all(option in helped for option in set(re.findall(r"--[a-z]+", PAGE)))
