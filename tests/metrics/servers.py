"""A real Prometheus with a known past, and certificates, as the tests of the sources need them."""

import asyncio
import contextlib
import http.client
import os
import shutil
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeAlias

from guardian.demo.ports import LOOPBACK, free_port
from guardian.metrics.answer import SourceDown, Value
from guardian.metrics.prometheus import Prometheus

Eventually: TypeAlias = Callable[[Callable[[], bool]], Awaitable[None]]
Connect: TypeAlias = Callable[..., Prometheus]


async def answered(client: Prometheus) -> Value:
    """What ``client`` gives as soon as its server answers, for at most 30 s."""
    async with asyncio.timeout(30):
        while True:
            try:
                answer = await client.instant("1")
            except SourceDown:
                await asyncio.sleep(0.02)
            else:
                assert isinstance(answer, Value)
                return answer


def program(name: str) -> str:
    """The path of a program that comes with Debian's packages prometheus and openssl."""
    found = shutil.which(name)
    assert found, f"{name} is missing: install Debian's packages prometheus and openssl"
    return found


def free_address() -> str:
    """An address on loopback where nobody listens."""
    return f"{LOOPBACK}:{free_port()}"


class Server(ABC):
    """A process on loopback that says at ``/-/ready`` when it can be used, between ``with`` and its end or :meth:`stop`."""

    def __init__(self, log: Path) -> None:
        self.address = free_address()
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> list[str]:
        """The program with its options."""

    def __enter__(self) -> Self:
        """Start, and wait until it can be used; again after :meth:`stop`, with the same address and data."""
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(self.command(), stderr=log)
        try:
            _until_ready(self.address, self._process, self._log)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self.stop()

    def stop(self) -> None:
        """End the process, however it fares."""
        if self._process:
            self._process.kill()
            self._process.wait(timeout=30)
            self._process = None

    def freeze(self) -> None:
        """Stop the process where it is, and wait until all of its threads stand still."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._process
        self._process.send_signal(signal.SIGCONT)


class RealPrometheus(Server):
    """A Prometheus process on loopback that keeps its data in ``directory`` and scrapes ``targets``, or else itself.

    ``alerting``, if given, is the text of a file of rules, and the address of an Alertmanager.
    """

    def __init__(self, directory: Path, *targets: str, alerting: tuple[str, str] | None = None) -> None:
        super().__init__(directory / "log")
        self.url = f"http://{self.address}"
        self._directory = directory
        listed = ", ".join(f"'{target}'" for target in (targets or (self.address,)))
        config = f"scrape_configs: [{{job_name: live, scrape_interval: 1s, static_configs: [{{targets: [{listed}]}}]}}]\n"
        self._options: list[str] = []
        if alerting:
            (directory / "rules.yml").write_text(alerting[0])
            config += "global: {evaluation_interval: 1s}\nrule_files: [rules.yml]\n"
            config += f"alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{alerting[1]}']}}]}}]}}\n"
            # By default an alert is told again after a minute, and Prometheus knows its Alertmanager some seconds after its start.
            self._options = ["--rules.alert.resend-delay=1s"]
        (directory / "prometheus.yml").write_text(config)

    def backfill(self, openmetrics: str) -> None:
        """Put samples into the past, before the first start."""
        source = self._directory / "past.txt"
        source.write_text(openmetrics)
        command = [program("promtool"), "tsdb", "create-blocks-from", "openmetrics", source, self._directory / "data"]
        subprocess.run(command, check=True, capture_output=True, timeout=60)

    def command(self) -> list[str]:
        """The program with its options."""
        files = [f"--config.file={self._directory}/prometheus.yml", f"--storage.tsdb.path={self._directory}/data"]
        return [program("prometheus"), *files, f"--web.listen-address={self.address}", *self._options]


class RealAlertmanager(Server):
    """An Alertmanager process on loopback with ``configuration``, alone: no cluster."""

    def __init__(self, directory: Path, configuration: str) -> None:
        super().__init__(directory / "alertmanager.log")
        self._directory = directory
        (directory / "alertmanager.yml").write_text(configuration)

    def command(self) -> list[str]:
        """The program with its options."""
        files = [f"--config.file={self._directory}/alertmanager.yml", f"--storage.path={self._directory}/am"]
        return [program("prometheus-alertmanager"), *files, f"--web.listen-address={self.address}", "--cluster.listen-address="]


def _until_ready(address: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 30
    while not _ready(address):
        fares_well = process.poll() is None and time.monotonic() < deadline
        assert fares_well, log.read_text()
        time.sleep(0.02)


def _ready(address: str) -> bool:
    with contextlib.closing(http.client.HTTPConnection(address, timeout=5)) as connection:
        try:
            connection.request("GET", "/-/ready")
            return connection.getresponse().status == 200
        except OSError:
            return False


@dataclass(frozen=True, slots=True)
class Past:
    """A Prometheus with a known past of twenty minutes that begins at ``since``: one sample every ten seconds.

    In each, ``requests_total`` of green grows by 100 and ``errors_total`` of green by 5; ``idle_total`` stays 0; ``memory_bytes``
    has two instances; ``build_info`` changes its label ``version`` after the middle; ``gauge`` is 1 and ends in the middle.
    """

    url: str
    since: int


def history(since: int) -> str:
    """The samples of :class:`Past` as OpenMetrics text, in which each family stands together."""
    times = [since + 10 * step for step in range(121)]
    middle = since + 600
    families: dict[str, list[str]] = {
        "requests counter": [f'requests_total{{env="green"}} {100 * step} {at}' for step, at in enumerate(times)],
        "errors counter": [f'errors_total{{env="green"}} {5 * step} {at}' for step, at in enumerate(times)],
        "idle counter": [f'idle_total{{env="green"}} 0 {at}' for at in times],
        "memory_bytes gauge": [f'memory_bytes{{env="green",instance="{each}"}} {each} {at}' for each in (1, 2) for at in times],
        "build_info gauge": [
            f'build_info{{version="{version}"}} 1 {at}' for version in (1, 2) for at in times if (at > middle) == (version == 2)
        ],
        "gauge gauge": [f"gauge 1 {at}" for at in times if at <= middle],
    }
    lines = [line for family, samples in families.items() for line in (f"# TYPE {family}", *samples)]
    return "\n".join((*lines, "# EOF", ""))


@dataclass(frozen=True, slots=True)
class Certificates:
    """An authority, what it has signed (a server for 127.0.0.1 and a client), and an authority that has signed nothing.

    ``locked_key`` is the client's key under a password.
    """

    authority: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path
    stranger: Path
    locked_key: Path


def make_certificates(directory: Path) -> Certificates:
    """Certificates and keys as PEM files in ``directory``, valid for a day."""
    authority = ("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")
    signed = ("-CA", directory / "authority.pem", "-CAkey", directory / "authority.key", "-addext", "basicConstraints=CA:FALSE")
    _make_certificate(directory, "authority", authority)
    _make_certificate(directory, "stranger", authority)
    _make_certificate(directory, "server", (*signed, "-addext", "subjectAltName=IP:127.0.0.1"))
    _make_certificate(directory, "client", signed)
    lock = ("-aes256", "-passout", "pass:secret", "-in", directory / "client.key", "-out", directory / "locked.key")
    subprocess.run([program("openssl"), "pkey", *lock], check=True, capture_output=True, timeout=30)
    names = ("authority.pem", "server.pem", "server.key", "client.pem", "client.key", "stranger.pem", "locked.key")
    return Certificates(*(directory / name for name in names))


def _make_certificate(directory: Path, name: str, options: tuple[str | Path, ...]) -> None:
    # A configuration that is nearly empty: the distribution's own would add extensions a second time.
    config = directory / "openssl.cnf"
    config.write_text("[req]\ndistinguished_name = name\n[name]\n")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", directory / f"{name}.key")
    about = ("-days", "1", "-subj", f"/CN={name}", "-out", directory / f"{name}.pem")
    command = [program("openssl"), "req", "-x509", "-config", config, *key, *about, *options]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
