"""How a running HAProxy was started, and the check of a configuration in the same way."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from guardian.balancers.haproxy import installation, process
from guardian.balancers.haproxy.document import load
from guardian.balancers.haproxy.installation import check
from guardian.balancers.haproxy.runtime import Worker
from guardian.core.ports import BalancerError, BalancerUnfit
from guardian.demo.haproxy import HAProxyProcess, debian_binary

Start = Callable[..., int]
SLEEP = "import sys,time;print(flush=True);time.sleep(60)"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a program that has these arguments, as a HAProxy has them, and gives its pid."""
    running: list[subprocess.Popen[bytes]] = []

    def begin(*arguments: str, **environment: str) -> int:
        command = [sys.executable, "-c", SLEEP, *arguments]
        running.append(subprocess.Popen(command, cwd=tmp_path, env=os.environ | environment, stdout=subprocess.PIPE))
        assert running[-1].stdout
        running[-1].stdout.readline()
        return running[-1].pid

    yield begin
    for one in running:
        one.kill()
        one.communicate()


def test_arguments_are_read_as_haproxy_reads_them(start: Start, tmp_path: Path) -> None:
    """What a reload puts in front, sockets and pid files are left away; all that decides how the files are read is kept."""
    pid = start(
        *("-sf", "12", "13", "-x", "sockpair@4", "-Ws", "-S", "/run/m.sock", "-p", "/run/h.pid", "-f", "a.cfg", "-f", "/etc/b"),
        *("-C", "sub", "-L", "peer", "-dr", "-db", "-n", "100", "--", "last.cfg"),
        STAGE="blue",
        HAPROXY_MWORKER_REEXEC="1",
        NOTIFY_SOCKET="/run/systemd/notify",
    )
    found = process.invocation(pid)
    directory = tmp_path / "sub"
    assert found.binary == Path(f"/proc/{pid}/exe")
    assert found.files == (directory / "a.cfg", Path("/etc/b"), directory / "last.cfg")
    assert found.options == ("-Ws", "-dr", "-C", "sub", "-L", "peer", "-n", "100")
    assert found.environment
    assert found.environment["STAGE"] == "blue"
    assert not {"HAPROXY_MWORKER_REEXEC", "NOTIFY_SOCKET"} & found.environment.keys()
    assert (found.user, found.group) == (None, None)


def test_a_process_that_is_gone_is_a_sentence() -> None:
    """Not a traceback."""
    with pytest.raises(BalancerUnfit, match="process 4194305 was started cannot be seen"):
        process.invocation(4194305)
    with pytest.raises(BalancerUnfit, match="process 4194305"):
        process.parent(4194305)


def test_a_process_without_a_master_is_told(start: Start) -> None:
    """Its parent is another program."""
    with pytest.raises(BalancerUnfit, match="has no master process"):
        process.parent(1)


def test_the_age_of_a_process_is_told_finely(start: Start) -> None:
    """To a few hundredths of a second, where HAProxy only tells the second."""
    before = time.time()
    pid = start()
    assert before - 0.1 <= process.started(Worker(pid, 0, stopping=False)) <= time.time()
    assert process.started(Worker(4194305, 1000, stopping=False)) == 1001.0


async def test_the_master_is_found_from_its_worker(haproxy: HAProxyProcess) -> None:
    """And what it has open is seen."""
    worker = await haproxy.worker()
    assert worker
    assert process.parent(worker.pid) == haproxy.pid
    found = process.invocation(haproxy.pid)
    assert found.files == (haproxy.configuration,)
    assert "-W" in found.options
    assert process.sockets([worker.pid])


async def test_a_check_sees_what_haproxy_sees(haproxy: HAProxyProcess) -> None:
    """The same binary with the same environment says yes to its own file, and no to another in its own words."""
    run = process.invocation(haproxy.pid)
    check(run, load(run.files))
    haproxy.configuration.write_text(haproxy.configuration.read_text().replace("mode http", "mode nonsense"))
    with pytest.raises(BalancerError, match="nonsense"):
        check(run, load(run.files))
    assert not list(haproxy.configuration.parent.glob(".haproxy*"))


def test_a_variable_of_haproxys_environment_is_there_for_the_check(start: Start, tmp_path: Path) -> None:
    """A file that needs one is fine where HAProxy has it, and only there."""
    file = tmp_path / "haproxy.cfg"
    file.write_text('defaults\n    mode http\n    timeout client 1s\nfrontend x\n    bind "127.0.0.1:${PORT}"\n')
    for environment, good in (({"PORT": "8080"}, True), ({"PORT": "none"}, False)):
        run = process.invocation(start("-W", "-f", str(file), **environment))
        run = process.Invocation(debian_binary(), run.files, run.options, run.environment, run.directory)
        if good:
            check(run, load(run.files))
        else:
            with pytest.raises(BalancerError):
                check(run, load(run.files))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else: run tests/run.sh as root")
def test_a_check_runs_as_haproxys_own_user(start: Start, tmp_path: Path) -> None:
    """What that user may not read, HAProxy may not read either."""
    file, secret = tmp_path / "haproxy.cfg", tmp_path / "secret.map"
    text = "defaults\n    mode http\n    timeout client 1s\nfrontend x\n    bind 127.0.0.1:8080\n"
    file.write_text(f"{text}    use_backend %[src,map_ip({secret},a)]\nbackend a\n")
    secret.write_text("127.0.0.1 a\n")
    secret.chmod(0o600)
    for directory in (tmp_path, *(one for one in tmp_path.parents if one.name.startswith(("pytest-", "popen-")))):
        directory.chmod(0o755)
    check(process.Invocation(debian_binary()), load([file]))
    with pytest.raises(BalancerError, match=r"secret\.map"):
        check(process.Invocation(debian_binary(), user=65534, group=65534), load([file]))


def test_a_haproxy_is_found_where_only_roots_path_leads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian keeps it in /usr/sbin, which people's PATH may lack."""
    program = tmp_path / "haproxy"
    program.touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "elsewhere"))
    monkeypatch.setattr(installation, "ROOTS_PATH", str(tmp_path))
    assert installation.named("haproxy").binary == program
