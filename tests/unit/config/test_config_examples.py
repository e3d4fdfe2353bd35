"""The examples that guardian ships: what is commented out in them is right, too."""

import re
import textwrap
from pathlib import Path

import pytest

from guardian.config.settings import load_settings
from guardian.core.stages import Playbook

ROOT = Path(__file__).parents[3]


def test_the_stages_of_the_example_are_read_when_they_are_wanted(tmp_path: Path) -> None:
    """Whoever takes the `#` away gets what stands there."""
    text = (ROOT / "deploy" / "guardian.yaml").read_text()
    before, _, rest = text.partition("    # stages:\n")
    stages = re.match(r"(?:    #   .*\n)+", rest)
    assert stages
    (tmp_path / "guardian.yaml").write_text(f"{before}    stages:\n" + re.sub(r"(?m)^    # ", "    ", stages[0]))
    found = load_settings(tmp_path / "guardian.yaml").services["web"].stages
    assert isinstance(found.deploy, Playbook)
    assert found.verify is not None
    assert found.parity is not None
    assert isinstance(found.retire, Playbook)


def blocks() -> list[str]:
    """The YAML of deploy/stages.md, each block a stage."""
    return re.findall(r"```yaml\n(.*?)```", (ROOT / "deploy" / "stages.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("block", blocks(), ids=lambda block: block.split(":")[0])
def test_what_the_page_about_stages_says_is_accepted(block: str, tmp_path: Path) -> None:
    """Every block of the page is read without a fault."""
    head = "state_dir: /s\nrules: /r\nhaproxy: {socket: /h, map: /m}\napi: {socket: /a}\n"
    service = (
        "services:\n  web:\n    blue: b\n    green: g\n    routing: {testers: {by: header X-T, secret_file: /t}}\n    stages:\n"
    )
    (tmp_path / "guardian.yaml").write_text(head + service + textwrap.indent(block, " " * 6))
    assert load_settings(tmp_path / "guardian.yaml").services["web"].stages
