"""The examples for CI services: their very script lines, against a real daemon over TLS with a token."""

import asyncio
import json
import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from guardian.demo.application import Fault
from guardian.demo.ports import free_port
from tests.acceptance.conftest import GREEN, Story, Tell
from tests.doubles.door import self_signed

ROOT = Path(__file__).parents[2]
CI = ROOT / "deploy" / "ci"
DEADLINE = 90.0
HOSTILE = 'v4\';$(touch owned) {{7*7}} "x"'


def read(name: str) -> Any:
    """One of the examples in YAML."""
    return yaml.safe_load((CI / name).read_text())


def github(step: str) -> tuple[str, ...]:
    """What GitHub runs a step of its job with: ``bash -e`` on a file."""
    steps = {each["name"]: each["run"] for each in read("github.yml")["jobs"]["deploy"]["steps"] if "run" in each}
    return ("bash", "-e", "-c", steps[step])


def gitlab() -> tuple[str, ...]:
    """What GitLab's runner does with the lines of a script."""
    return ("bash", "-eo", "pipefail", "-c", "\n".join(read("gitlab.yml")["deploy-web"]["script"]))


def jenkins(number: int) -> tuple[str, ...]:
    """What Jenkins does with one of the scripts between triple quotes."""
    scripts = re.findall(r"'''(.*?)'''", (CI / "Jenkinsfile").read_text(), re.DOTALL)
    return ("sh", "-xe", "-c", scripts[number])


def travis() -> tuple[str, ...]:
    """What Travis does with the one line of its script."""
    (line,) = read("travis.yml")["script"]
    return ("bash", "-c", line)


@dataclass
class Runner:
    """A machine of a CI service: with guardian's command, a token, and the authority, and nothing else of this host."""

    directory: Path
    port: int
    secrets: dict[str, str] = field(default_factory=dict)

    async def run(self, argv: Sequence[str], **given: str) -> tuple[int, str]:
        """The exit code and the output of a script, with variables as the service sets them."""
        environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
            "HOME": str(self.directory),
            "LANG": "C.UTF-8",
            "GUARDIAN_URL": f"https://127.0.0.1:{self.port}",
            "GUARDIAN_CA": "ca.pem",
            **self.secrets,
            **given,
        }
        process = await asyncio.create_subprocess_exec(
            *argv, cwd=self.directory, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        try:
            async with asyncio.timeout(DEADLINE):
                output, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.communicate()
        return process.returncode or 0, output.decode()


async def begin(tell: Tell, tmp_path: Path) -> tuple[Story, Runner]:
    """A service that is deployed by a program which writes down what it was told, and a machine with a token for it."""
    certificate, key = self_signed(tmp_path)
    port = free_port()
    writes = "import sys; open(sys.argv[1], 'a').write(sys.argv[2] + chr(10))"
    command = json.dumps([sys.executable, "-c", writes, f"{tmp_path}/deployed", "$version"])
    release = f"    stages: {{deploy: {{command: {command}}}}}\n"
    tcp = f"  tcp: {{listen: '127.0.0.1:{port}', certificate: {certificate}, key: {key}}}\n"
    story = await tell(watch="8s", api=tcp, release=release)
    runner = Runner(tmp_path / "workspace", port)
    runner.directory.mkdir()
    shutil.copy(certificate, runner.directory / "ca.pem")
    created = await story.client.post("/v1/tokens", json={"name": "ci-web", "role": "operator", "services": ["web"], "days": 1})
    runner.secrets["GUARDIAN_TOKEN"] = created.raise_for_status().json()["token"]
    return story, runner


def deployed(tmp_path: Path) -> list[str]:
    """What the deploy stage was told, so far."""
    path = tmp_path / "deployed"
    return path.read_text().splitlines() if path.exists() else []


def owned(tmp_path: Path) -> bool:
    """Whether a shell has read a tag."""
    return any(tmp_path.rglob("owned"))


async def test_each_example_deploys_once_and_tells_how_it_ended(tell: Tell, tmp_path: Path) -> None:
    """GitHub: verified, and not twice. GitLab: a tag full of shell is refused. Jenkins: aborted. Travis: rolled back."""
    story, runner = await begin(tell, tmp_path)
    await story.traffic(300)
    run = {"VERSION": "v2", "KEY": "github-77", "GITHUB_SERVER_URL": "https://g", "GITHUB_REPOSITORY": "a/b", "GITHUB_RUN_ID": "77"}
    for _ in range(2):
        code, said = await runner.run(github("Deploy"), **run)
        assert code == 0, said
        assert "verified" in said
    assert deployed(tmp_path) == ["v2"]

    pipeline = {"CI_COMMIT_TAG": "v4", "CI_PIPELINE_ID": "12", "CI_PIPELINE_URL": "https://gitlab/12"}
    code, said = await runner.run(gitlab(), **{**pipeline, "CI_COMMIT_TAG": HOSTILE})
    assert (code, "cannot name a version" in said) == (1, True), said
    assert not owned(tmp_path)
    code, said = await runner.run(gitlab(), **pipeline)
    assert code == 0, said
    assert deployed(tmp_path) == ["v2", "v4"]

    build = {"VERSION": "v5", "BUILD_TAG": "jenkins-web-9", "BUILD_URL": "https://j/9"}
    following = asyncio.create_task(runner.run(jenkins(0), **build))
    await story.until("watching")
    code, said = await runner.run(jenkins(1), **build)
    assert code == 0, said
    code, said = await following
    assert code in (20, 30), said

    await story.order("unlatch", reason="test") if (await story.service())["latched"] else None
    live = (await story.service())["environments"]
    idle = next(side["name"] for side in live if side["share"] == 0)
    await story.stage.applications[GREEN if idle == "green" else GREEN.other].fail(Fault(errors=0.5))
    tag = {"TRAVIS_TAG": "v6", "TRAVIS_BUILD_ID": "3", "TRAVIS_BUILD_WEB_URL": "https://t/3"}
    code, said = await runner.run(travis(), **tag)
    assert code == 20, said
    assert deployed(tmp_path) == ["v2", "v4", "v5", "v6"]


async def test_a_release_that_nothing_proved_good_is_a_warning(tell: Tell, tmp_path: Path) -> None:
    """Without traffic a watch sees nothing: exit code 10, which GitHub's lines turn into an annotation."""
    _, runner = await begin(tell, tmp_path)
    code, said = await runner.run(gitlab(), CI_COMMIT_TAG="v2", CI_PIPELINE_ID="1", CI_PIPELINE_URL="u")
    assert code == 10, said
    assert read("gitlab.yml")["deploy-web"]["allow_failure"]["exit_codes"] == [10]
    code, said = await runner.run(
        github("Deploy"), VERSION="v2", KEY="gitlab-1", GITHUB_SERVER_URL="s", GITHUB_REPOSITORY="r", GITHUB_RUN_ID="1"
    )
    assert code == 0, said
    assert "::warning::v2 has all traffic, but was not proved good" in said


async def test_without_its_token_a_job_is_told_so_and_deploys_nothing(tell: Tell, tmp_path: Path) -> None:
    """A token that has run out, and one for another service."""
    story, runner = await begin(tell, tmp_path)
    other = await story.client.post("/v1/tokens", json={"name": "viewer", "role": "viewer", "days": 1})
    for token in ("nonsense", other.json()["token"]):
        runner.secrets["GUARDIAN_TOKEN"] = token
        code, said = await runner.run(travis(), TRAVIS_TAG="v2", TRAVIS_BUILD_ID="3", TRAVIS_BUILD_WEB_URL="u")
        assert code != 0
        assert token not in said
    assert deployed(tmp_path) == []


async def test_the_line_that_installs_guardian_installs_it(tmp_path: Path) -> None:
    """The same line in every example; here from a copy of this checkout, and without what it depends on."""
    lines = {
        read("gitlab.yml")["deploy-web"]["before_script"][0],
        read("travis.yml")["install"][0],
        github("Install guardian")[-1],
    }
    (line,) = lines
    for name in ("guardian", "pyproject.toml", "README.md", "LICENSE"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / "source" / name if copy is shutil.copytree else _made(tmp_path / "source") / name)
    more = {
        "GUARDIAN": str(tmp_path / "source"),
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_TARGET": str(tmp_path / "into"),
    }
    code, said = await Runner(tmp_path, 0).run(("bash", "-e", "-c", line), **more, PIP_NO_INDEX="1")
    assert code == 0, said
    assert (tmp_path / "into" / "guardian" / "cli" / "main.py").exists()


def _made(directory: Path) -> Path:
    directory.mkdir(exist_ok=True)
    return directory


@pytest.mark.parametrize("name", ["github.yml", "gitlab.yml", "travis.yml", "Jenkinsfile"])
def test_no_example_holds_a_token_or_quotes_a_variable_badly(name: str) -> None:
    """Tokens come from the service, and every variable stands in double quotes: a tag may hold anything."""
    text = (CI / name).read_text()
    assert "gdn_" not in text
    commands = [line for line in text.splitlines() if "guardian deploy web" in line or "guardian abort" in line]
    assert commands
    for line in commands:
        bare: Mapping[str, Any] = dict.fromkeys(re.findall(r'(?<!["\w/-])\$\{?[A-Z_]+', re.sub(r'"[^"]*"', '""', line)))
        assert not [word for word in bare if word != "$?"], line
