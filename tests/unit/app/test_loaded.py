"""What the daemon loads: what only some installations need stays out of the memory of the others."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
UNUSED = (
    *("aiohttp", "alembic", "ansible_runner", "httpx", "matplotlib", "pygments"),
    *("rich", "scipy", "sentry_sdk", "slack_bolt", "slack_sdk"),
)
LOADED = f"import json, sys; print(json.dumps([name for name in {UNUSED} if name in sys.modules]))"
STAGES = """
from guardian.core.model import Service
from guardian.core.stages import Parity, Stages, Verify
from guardian.stages import runner
from tests.doubles.balancer import FakeBalancer

service = Service("web", "web_blue", "web_green", stages={stages})
runner.Stages({{"web": service}}, FakeBalancer([service]))
"""


def loaded(program: str) -> list[str]:
    """Which of the unused ``program`` has loaded."""
    command = [sys.executable, "-c", f"{program}\n{LOADED}"]
    said = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=60, check=True).stdout
    found: list[str] = json.loads(said)
    return found


def test_the_daemon_loads_nothing_that_is_not_configured() -> None:
    """No client of HTTP, no charts, no Slack, no Sentry."""
    assert loaded("import guardian.daemon") == []


def test_what_requests_need_is_loaded_at_the_start_where_they_are_configured() -> None:
    """And not at the first of them, which may come while another release is on trial."""
    assert "httpx" not in loaded(STAGES.format(stages="Stages()"))
    assert "httpx" in loaded(STAGES.format(stages="Stages(parity=Parity())"))
    assert "httpx" in loaded(STAGES.format(stages="Stages(verify=Verify())"))
