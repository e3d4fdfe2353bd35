"""Bad days of the work around a switch: whatever a stage does, the real daemon moves no traffic for it."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from tests.acceptance.conftest import BLUE, Tell

DEPLOYS = """
import subprocess, sys, time
version, pids = sys.argv[1:3]
if version == "hangs":
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True)
    open(pids, "w").write(str(child.pid))
    time.sleep(300)
if version == "floods":
    for _ in range(200):
        sys.stdout.write("x" * 999_999 + chr(10))
    sys.exit("no space left")
"""


def alive(pid: Path) -> bool:
    """Whether the process with that number runs; one that has ended and that nobody has asked after does not."""
    try:
        return Path(f"/proc/{pid.read_text()}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


STORIES = {
    "hangs": "was not done within 8.00 s, and was ended with all that it started",
    "floods": "ended with exit code 1; it last said: no space left",
    "passes": "header `X-Version` is `v1`, expected `passes`",
}
"""What becomes of a deployment, by its version: the last one is deployed, is healthy, and fails the smoke test."""


@pytest.mark.timeout(240)
async def test_no_stage_that_fails_moves_any_traffic(tell: Tell, tmp_path: Path) -> None:
    """A deploy that hangs, one that floods, and servers that pass the health check and fail the smoke test.

    Each ends the deployment with its reason, while every request is answered by the side that was live, and nobody is left behind.
    """
    await asyncio.to_thread((tmp_path / "deploys.py").write_text, DEPLOYS)
    command = json.dumps([sys.executable, str(tmp_path / "deploys.py"), "$version", str(tmp_path / "pids")])
    release = f"""\
    stages:
      deploy: {{command: {command}, timeout: 8s}}
      verify: {{settle: 10s, checks: [{{name: home, path: /, header: {{X-Version: $version}}}}]}}
"""
    story = await tell(release=release)
    traffic = await story.traffic(50)
    for version, reason in STORIES.items():
        await story.order("deploy", version=version)
        deployment = await story.until("aborted")
        assert reason in json.dumps(deployment, ensure_ascii=False), deployment
    await story.seen(traffic, 20)
    assert {answer.environment for answer in traffic.answers} == {BLUE}
    assert not await asyncio.to_thread(alive, tmp_path / "pids")


@pytest.mark.timeout(240)
async def test_environments_that_are_not_alike_block_a_deployment(tell: Tell, tmp_path: Path) -> None:
    """The parity stage's program finds a package on one side only; nothing moves."""
    facts = json.dumps([sys.executable, "-c", "import sys; print('package:app', sys.argv[1])", "$environment"])
    release = f"""\
    stages:
      deploy: {{command: [{sys.executable}, -c, pass]}}
      parity: {{facts: {{command: {facts}}}}}
"""
    story = await tell(release=release)
    traffic = await story.traffic(50)
    await story.order("deploy", version="v2")
    deployment = await story.until("aborted")
    assert "package:app: blue `blue`, green `green`" in json.dumps(deployment, ensure_ascii=False)
    await story.seen(traffic, 20)
    assert {answer.environment for answer in traffic.answers} == {BLUE}
