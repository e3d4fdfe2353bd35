"""The role that guardian ships, played on this machine: a real repository, a real application, deployed over and over."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

import pytest

from guardian.core.ports import StageResult
from guardian.core.stages import Playbook
from guardian.demo.ports import free_port
from guardian.stages.ansible import AnsibleWork
from tests.stages.conftest import Heard

SHIPPED = Path(__file__).parents[2] / "deploy" / "ansible"
HOSTILE_TAG = "v2;$(touch${IFS}owned)'{{7+7}}\"&!"
SERVER = """\
import http.server, os, sys
os.setsid()
VERSION = open("version").read().strip()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if os.path.exists("installed") else 500)
        self.send_header("X-Version", VERSION)
        self.end_headers()
    def log_message(self, *_):
        pass
server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
if os.fork():
    os._exit(0)
os.dup2(os.open("/dev/null", os.O_RDWR), 1)
os.dup2(1, 2)
open(sys.argv[2], "w").write(str(os.getpid()))
server.serve_forever()
"""
STOP = """\
import os, signal, sys
try:
    os.kill(int(open(sys.argv[1]).read()), signal.SIGKILL)
    os.unlink(sys.argv[1])
except (OSError, ValueError):
    pass
"""


def git(repository: Path, *arguments: str) -> None:
    """Run git, as somebody."""
    somebody = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
    subprocess.run(["git", "-C", str(repository), *arguments], check=True, capture_output=True, env={**os.environ, **somebody})


@dataclass
class Site:
    """A repository with several versions, and a host of each environment, both of them this machine."""

    directory: Path
    port: int
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def pid(self) -> Path:
        """Where the application says who it is."""
        return self.directory / "app.pid"

    def release(self, tag: str, *, installs: bool = True) -> None:
        """Commit and tag a version."""
        repository = self.directory / "repository"
        if not repository.exists():
            repository.mkdir()
            git(repository, "init", "-q")
        (repository / "version").write_text(f"{tag}\n")
        (repository / "server.py").write_text(SERVER)
        (repository / "install.py").write_text("open('installed', 'w')\n" if installs else "raise SystemExit('no compiler')\n")
        git(repository, "add", ".")
        git(repository, "commit", "-q", "-m", "a version")
        git(repository, "tag", "-f", tag)

    def inventory(self) -> Path:
        """One host each; everything without systemd."""
        text = """\
all:
  vars:
    ansible_connection: local
    ansible_pipelining: true
    ansible_python_interpreter: {python}
    application_repository: {directory}/repository
    application_directory: {directory}/srv
    application_install_command: [{python}, install.py]
    application_systemd: false
    application_start_command: [{python}, server.py, "{port}", {directory}/app.pid]
    application_stop_command: [{python}, {directory}/stop.py, {directory}/app.pid]
    application_health_url: http://127.0.0.1:{port}/health
    application_version_header: X-Version
    application_healthy_within: 5
    application_kept_releases: 2
web_blue:
  hosts: {{b1: }}
  vars: {{application_environment: blue}}
web_green:
  hosts: {{g1: }}
  vars: {{application_environment: green}}
"""
        (self.directory / "stop.py").write_text(STOP)
        (self.directory / "hosts.yml").write_text(text.format(python=sys.executable, directory=self.directory, port=self.port))
        return self.directory / "hosts.yml"

    async def play(self, version: str, name: str = "deploy.yml", limit: str = "web_green") -> StageResult:
        """Play a playbook that we ship as guardian does."""
        values: Mapping[str, str] = {
            "service": "web",
            "environment": "green",
            "backend": "web_green",
            "version": version,
            "deployment": "web-1",
        }
        work = Playbook(SHIPPED / name, self.inventory(), limit, tuple(self.variables.items()), 90)
        return await AnsibleWork(work, values).run(Heard())

    def answers(self) -> str:
        """The version that runs."""
        with urlopen(f"http://127.0.0.1:{self.port}/", timeout=5) as answer:
            return str(answer.headers["X-Version"])


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A site whose application ends with the test."""
    site = Site(tmp_path, free_port())
    yield site
    if site.pid.exists():
        os.kill(int(site.pid.read_text()), signal.SIGKILL)


@pytest.mark.timeout(300)
async def test_the_role_brings_one_version_after_another_and_frees_the_host(site: Site) -> None:
    """v1; v1 again, without a change; one that does not install; a tag full of shell and templates; and stopped.

    Each is proved by the application's own answer. What fails to install leaves the old version running.
    """
    site.release("v1")
    site.release("broken", installs=False)
    site.release(HOSTILE_TAG)
    first = await site.play("v1")
    assert first.ok, first
    assert site.answers() == "v1"
    process = site.pid.read_text()
    again = await site.play("v1")
    assert again.ok, again
    assert "`g1` needed no change" in again.summary
    assert site.pid.read_text() == process
    broken = await site.play("broken")
    assert not broken.ok
    assert "Install the version`: " in broken.summary
    assert "no compiler" in broken.summary
    assert site.answers() == "v1"
    hostile = await site.play(HOSTILE_TAG)
    assert hostile.ok, hostile
    assert site.answers() == HOSTILE_TAG
    assert not list(site.directory.rglob("owned"))
    retired = await site.play(HOSTILE_TAG, "retire.yml")
    assert retired.ok, retired
    with pytest.raises(OSError, match="refused"):
        site.answers()


async def test_the_role_refuses_hosts_of_the_other_environment(site: Site) -> None:
    """A limit that lets live hosts in does not get past the first task."""
    site.release("v1")
    result = await site.play("v1", limit="all")
    assert not result.ok
    assert "b1 belongs to blue, and green is deployed to" in result.summary
    assert not site.pid.exists()


@pytest.mark.parametrize("name", ["deploy.yml", "facts.yml", "retire.yml"])
def test_the_playbooks_pass_ansibles_own_check(name: str) -> None:
    """``ansible-playbook --syntax-check`` reads every task of play and role."""
    program = Path(sys.executable).parent / "ansible-playbook"
    argv = [str(program), "--syntax-check", "-i", str(SHIPPED / "hosts.ini"), str(SHIPPED / name)]
    argv += ["-e", "guardian_service=web", "-e", "guardian_environment=green"]
    found = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert found.returncode == 0, found.stderr
