"""The shield on a real HAProxy: what a release on trial fails is answered by the other side; all else is as without it."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from guardian.balancers.haproxy.balancer import Endpoints, HAProxy
from guardian.core.model import Environment, Service, Split
from guardian.core.shield import Further, Savings, Shield
from guardian.demo.haproxy import HAProxyProcess, Site
from tests.doubles.origin import LARGE, PAUSE, Origin
from tests.doubles.streams import HOST
from tests.waiting import eventually

BLUE, GREEN = Environment.BLUE, Environment.GREEN
ALSO = (Further("POST", "/500/search"), Further("POST", "/500/order", "Idempotency-Key"))
SHIELD = Shield(also=ALSO, never=("/500/report",), patience=0.3)
SERVICE = Service("web", "web_blue", "web_green", shield=SHIELD)


class ForwardingSite(Site):
    """A site whose backends write ``X-Forwarded-For``, as most do."""

    def _text(self, endpoints: Endpoints, port: int, marked: str) -> str:
        return super()._text(endpoints, port, marked).replace("    retries 1\n", "    retries 1\n    option forwardfor\n", 1)


class NarrowSite(ForwardingSite):
    """A site whose servers take one request at a time."""

    def _text(self, endpoints: Endpoints, port: int, marked: str) -> str:
        return super()._text(endpoints, port, marked).replace(" check inter", " maxconn 1 check inter")


class CompressingSite(ForwardingSite):
    """A site that compresses what it answers."""

    def _text(self, endpoints: Endpoints, port: int, marked: str) -> str:
        return super()._text(endpoints, port, marked).replace("    retries 1\n", "    retries 1\n    compression algo gzip\n", 1)


class EncryptedSite(ForwardingSite):
    """A site whose clients speak HTTP/2 over TLS; the certificate lies beside its configuration."""

    def _text(self, endpoints: Endpoints, port: int, marked: str) -> str:
        bind = f"bind {HOST}:{port}"
        certificate = endpoints.map.parent / "site.pem"
        return super()._text(endpoints, port, marked).replace(bind, f"{bind} ssl crt {certificate} alpn h2,http/1.1")


@dataclass
class Trial:
    """A release on green that fails what it is asked to fail, with all of the traffic; blue is good."""

    client: httpx.AsyncClient
    blue: Origin
    green: Origin
    balancer: HAProxy
    haproxy: HAProxyProcess

    async def answer(self, method: str, path: str, **given: Any) -> httpx.Response:
        """The answer to a request at the frontend."""
        return await self.client.request(method, path, **given)

    async def origin(self, method: str, path: str, **given: Any) -> str:
        """Who gave a good answer."""
        answer = await self.answer(method, path, **given)
        assert answer.status_code == 200, answer.text
        return answer.headers["x-origin"]

    async def counted(self) -> Savings:
        """What the shield has done."""
        found = await self.balancer.savings("web", GREEN)
        assert found is not None
        return found


@asynccontextmanager
async def on_trial(
    binary: Path, directory: Path, service: Service = SERVICE, kind: type[Site] = ForwardingSite
) -> AsyncIterator[Trial]:
    """Blue is the safe side, green has the traffic and is on trial."""
    async with AsyncExitStack() as ends:
        blue, green = await ends.enter_async_context(Origin("blue")), await ends.enter_async_context(Origin("green", good=False))
        site = kind(directory, service, [f"{HOST}:{blue.port}"], [f"{HOST}:{green.port}"])
        haproxy = await ends.enter_async_context(HAProxyProcess(binary, site))
        balancer = HAProxy(haproxy.endpoints, [service])
        ends.push_async_callback(balancer.aclose)
        await balancer.store("web", Split.all_on(BLUE))
        await balancer.route("web", Split.all_on(GREEN))
        url = f"http://{HOST}:{haproxy.port}"
        client = await ends.enter_async_context(httpx.AsyncClient(base_url=url, trust_env=False, timeout=20))
        yield Trial(client, blue, green, balancer, haproxy)


@pytest.fixture
async def trial(binary: Path, tmp_path: Path) -> AsyncIterator[Trial]:
    """As most sites are."""
    async with on_trial(binary, tmp_path) as trial:
        yield trial


async def test_what_the_release_fails_is_answered_by_the_other_side(trial: Trial) -> None:
    """Every failure that shows before the first byte, of a request that may be sent twice."""
    for failure in ("500", "502", "503", "504", "drop", "hang"):
        for method in ("GET", "HEAD", "OPTIONS"):
            assert await trial.origin(method, f"/{failure}/x") == "blue", (failure, method)
    counted = await trial.counted()
    assert (counted.tried, counted.saved, counted.lost) == (18, 18, 0)


async def test_the_truth_is_counted(trial: Trial) -> None:
    """The release's own backend has every failure, a hang as the time-out that it is."""
    for path in ("/500/x", "/drop/x", "/hang/x", "/fine"):
        await trial.answer("GET", path)
    counters = (await trial.balancer.snapshot(["web_green"])).backends["web_green"]
    assert (counters.requests, counters.responses_5xx, counters.responses_2xx) == (4, 3, 1)


async def test_good_answers_are_the_releases_own(trial: Trial) -> None:
    """Also those that say no: they are what the application means."""
    assert await trial.origin("GET", "/fine") == "green"
    for status in (301, 401, 404, 429):
        answer = await trial.answer("GET", f"/{status}/x")
        assert (answer.status_code, answer.headers["x-origin"]) == (status, "green")
    assert (await trial.counted()).tried == 0


async def test_requests_with_side_effects_are_sent_once(trial: Trial) -> None:
    """Unless the service says so for their path; and what it never wants twice is not, whatever its method."""
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert (await trial.answer(method, "/500/x", content=b"pay")).status_code == 500
    assert (await trial.answer("GET", "/500/report")).status_code == 500
    counted = await trial.counted()
    assert (counted.tried, counted.lost, counted.plain) == (0, 0, 5)
    assert await trial.origin("POST", "/500/search", content=b"query") == "blue"
    assert [came.method for came in trial.blue.came] == ["POST"]
    assert trial.blue.came[0].body == b"query"
    assert (await trial.counted()).plain == 5


async def test_a_header_may_say_that_a_request_can_be_sent_twice(trial: Trial) -> None:
    """Where the service says so: the same request without it, or with it elsewhere, is sent once."""
    key = {"idempotency-key": "one"}
    assert (await trial.answer("POST", "/500/order", content=b"pay")).status_code == 500
    assert (await trial.answer("POST", "/500/pay", content=b"pay", headers=key)).status_code == 500
    assert await trial.origin("POST", "/500/order", content=b"pay", headers=key) == "blue"
    assert [(came.body, came.values("idempotency-key")) for came in trial.blue.came] == [(b"pay", ["one"])]


async def test_an_answer_that_breaks_off_stays_broken(trial: Trial) -> None:
    """What has reached the user cannot be taken back, and nobody pretends that it was whole."""
    with pytest.raises(httpx.RemoteProtocolError):
        await trial.answer("GET", "/cut/x")


async def test_patience_is_for_the_release_alone(trial: Trial) -> None:
    """An answer that takes longer is given by the other side, in whatever time that takes."""
    assert SHIELD.patience < PAUSE
    assert await trial.origin("GET", "/slow/x") == "blue"


async def test_upgrades_and_streams_of_events_go_the_plain_way(trial: Trial) -> None:
    """Neither can be repeated: they reach the release directly."""
    reader, writer = await asyncio.open_connection(HOST, trial.haproxy.port)
    writer.write(b"GET /ws HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\nhello")
    assert b"101" in await reader.readline()
    assert (await reader.readuntil(b"hello")).endswith(b"hello")
    writer.close()
    assert (await trial.answer("GET", "/500/x", headers={"accept": "text/event-stream"})).status_code == 500
    assert not trial.blue.came


@pytest.mark.parametrize("forwarded", [[], ["9.9.9.9"], ["9.9.9.9, 8.8.8.8", "7.7.7.7"]], ids=len)
async def test_the_request_arrives_as_it_was_sent(trial: Trial, forwarded: list[str]) -> None:
    """The same headers, the same address of the client once, and nothing of guardian's own, on both sides."""
    headers = [("host", "shop.example.org"), ("cookie", "a=b; c=d"), *(("x-forwarded-for", one) for one in forwarded)]
    for path in ("/fine", "/500/x"):
        await trial.answer("GET", path, headers=[*headers, ("range", "bytes=0-9")])
    for came in (trial.green.came[0], trial.blue.came[0]):
        assert came.values("host") == ["shop.example.org"]
        assert came.values("cookie") == ["a=b; c=d"]
        assert came.values("range") == ["bytes=0-9"]
        assert came.values("x-forwarded-for") == [*forwarded, HOST]
        assert not [name for name, _ in came.headers if "guardian" in name]


async def test_large_bodies_pass_unharmed(trial: Trial) -> None:
    """Answers far beyond the buffer, and a request in pieces that is larger than it."""
    assert len((await trial.answer("GET", "/large")).content) == LARGE

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield os.urandom(5_000)

    answer = await trial.answer("POST", "/500/search", content=pieces())
    assert answer.status_code in {200, 500}
    assert next(came for came in trial.green.came if came.method == "POST").body != b""
    assert (await trial.answer("GET", "/fine", content=b"y" * 100_000)).json()["length"] == 100_000


async def test_a_release_that_is_gone_is_answered_for(trial: Trial) -> None:
    """Nobody listens: the users of idempotent requests do not notice."""
    await trial.green.go()
    for _ in range(5):
        assert await trial.origin("GET", "/fine") == "blue"


async def test_after_promotion_traffic_goes_the_plain_way(trial: Trial) -> None:
    """The side that has proved itself fails for itself, and the trial's backends see nothing more."""
    before = await trial.counted()
    await trial.balancer.store("web", Split.all_on(GREEN))
    assert (await trial.answer("GET", "/500/x")).status_code == 500
    after = await trial.counted()
    assert (after.tried, after.lost) == (before.tried, before.lost)
    assert trial.haproxy.endpoints.map.read_text() == "web 10000\nweb/trial 1\n"


@pytest.mark.parametrize("switches", [200, pytest.param(1_000, marks=pytest.mark.long)])
async def test_switches_of_the_trial_harm_nobody(binary: Path, tmp_path: Path, switches: int) -> None:
    """On and off under load: no request fails, the release answers, and none that comes when it is off still takes the hop."""
    patient = replace(SERVICE, shield=replace(SHIELD, patience=10.0))  # a busy host is no failure of the release
    stop = asyncio.Event()

    async def visit(trial: Trial) -> list[str]:
        return [await trial.origin("GET", "/fine") for _ in range(10_000) if not stop.is_set()]

    async with on_trial(binary, tmp_path, patient) as trial:
        visits = [asyncio.create_task(visit(trial)) for _ in range(3)]
        stale = 0
        for _ in range(switches // 2):
            await trial.balancer.store("web", Split.all_on(GREEN))
            stale += (await trial.answer("GET", "/500/x")).status_code != 500  # only by the hop could blue have answered
            await trial.balancer.store("web", Split.all_on(BLUE))
        stop.set()
        origins = [origin for seen in await asyncio.gather(*visits) for origin in seen]
    assert stale == 0
    assert set(origins) == {"green"}


async def test_a_reload_comes_up_with_the_safe_side(trial: Trial) -> None:
    """Which the file names, with its trial; a canary goes on when it is restored."""
    await trial.haproxy.reload()
    assert await trial.origin("GET", "/500/x") == "blue"
    await trial.balancer.route("web", Split.all_on(GREEN))

    async def saved() -> bool:
        return await trial.origin("GET", "/500/x") == "blue" and (await trial.counted()).saved > 0

    await eventually(saved, 10)


async def test_a_promotion_reaches_a_worker_that_lingers(trial: Trial) -> None:
    """A visitor who has kept a connection since before a reload goes the plain way as well, as soon as the release is promoted."""
    reader, writer = await asyncio.open_connection(HOST, trial.haproxy.port)

    async def status() -> int:
        writer.write(b"GET /500/x HTTP/1.1\r\nhost: x\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().splitlines() if line.startswith(b"content-length"))
        await reader.readexactly(int(length.split()[1]))
        return int(head.split()[1])

    async def both_asked() -> bool:
        return len(await trial.balancer.read("web")) > 1

    with closing(writer):
        assert await status() == 200
        await trial.haproxy.reload()
        await trial.balancer.route("web", Split.all_on(GREEN))
        await trial.balancer.store("web", Split.all_on(GREEN))
        await eventually(both_asked, 30)  # who could not be told at once is told when it is asked
        assert await status() == 500


async def test_a_killed_haproxy_comes_up_with_the_safe_side(trial: Trial) -> None:
    """And a trial that is restored is shielded again."""
    await trial.haproxy.restart()
    assert await trial.origin("GET", "/500/x") == "blue"
    assert (await trial.counted()).tried == 0
    await trial.balancer.route("web", Split.all_on(GREEN))
    assert await trial.origin("GET", "/500/x") == "blue"
    assert (await trial.counted()).saved == 1


async def test_the_budget_ends_the_saving(binary: Path, tmp_path: Path) -> None:
    """So many a second and no more: what is not saved is what the release answers; a second later there is budget again."""
    budget = 5
    async with on_trial(binary, tmp_path, replace(SERVICE, shield=replace(SHIELD, budget=budget))) as trial:
        statuses = [(await trial.answer("GET", "/500/x")).status_code for _ in range(4 * budget)]
        counted = await trial.counted()
        assert statuses[:budget] == [200] * budget
        assert 500 in statuses
        assert (counted.saved, counted.lost) == (statuses.count(200), statuses.count(500))

        async def saved_again() -> bool:
            return (await trial.answer("GET", "/500/x")).status_code == 200

        await eventually(saved_again)


async def test_a_queue_on_the_other_side_ends_the_saving(binary: Path, tmp_path: Path) -> None:
    """Whoever already waits there is not made to wait longer; without a queue, all is saved as before."""
    async with on_trial(binary, tmp_path, kind=NarrowSite) as trial:
        assert await trial.origin("GET", "/500/x") == "blue"
        stop = asyncio.Event()

        async def wait_in_line() -> set[str | None]:
            seen: set[str | None] = set()
            while not stop.is_set():
                seen.add((await trial.answer("GET", "/slow/x")).headers.get("x-origin"))
            return seen

        async def given_up() -> bool:
            return (await trial.answer("GET", "/500/y")).status_code == 500

        waiting = [asyncio.create_task(wait_in_line()) for _ in range(4)]
        await eventually(given_up, 30)
        stop.set()
        assert "blue" in set().union(*await asyncio.gather(*waiting))

        async def saved_again() -> bool:
            return await trial.origin("GET", "/500/x") == "blue"

        await eventually(saved_again)


async def test_compressed_answers_are_compressed_once(binary: Path, tmp_path: Path) -> None:
    """Whoever answers: the release itself, or the other side for it."""
    async with on_trial(binary, tmp_path, kind=CompressingSite) as trial:
        for path, origin in (("/fine", "green"), ("/500/x", "blue")):
            answer = await trial.answer("GET", path, headers={"accept-encoding": "gzip"})
            assert (answer.headers["content-encoding"], answer.json()["origin"]) == ("gzip", origin)
        plain = await trial.answer("GET", "/500/x", headers={"accept-encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert len((await trial.answer("GET", "/large")).content) == LARGE


async def test_clients_may_speak_http2_over_tls(binary: Path, tmp_path: Path) -> None:
    """Several requests over one connection, some of which the release fails: each has its own good answer."""
    await certify(tmp_path)
    async with on_trial(binary, tmp_path, kind=EncryptedSite) as trial:
        url = f"https://{HOST}:{trial.haproxy.port}"
        paths = ("fine", "500/x", "drop/x", "hang/x", "large")
        shown = "%{http_version} %{http_code} %{size_download} %header{x-origin}\n"
        fetch = ("curl", "-sk", "--noproxy", "*", "--http2", "--max-time", "20", "--parallel", "-w", shown)
        told = await _run(*fetch, *(part for path in paths for part in ("-o", os.devnull, f"{url}/{path}")))
        answers = [line.split() for line in told.splitlines()]
        assert [answer[:2] for answer in answers] == [["2", "200"]] * len(paths)
        assert sorted(answer[3] for answer in answers) == ["blue"] * 3 + ["green"] * 2
        assert str(LARGE) in {answer[2] for answer in answers}


async def certify(directory: Path) -> None:
    """The certificate of an encrypted site, with its key."""
    certificate, key = directory / "site.pem", directory / "site.key"
    make = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=site", "-days", "1")
    await _run(*make, "-keyout", str(key), "-out", str(certificate))
    certificate.write_text(certificate.read_text() + key.read_text())


async def _run(*command: str) -> str:
    """What a program says; it must succeed."""
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    async with asyncio.timeout(60):
        out, trouble = await process.communicate()
    assert process.returncode == 0, trouble.decode()
    return out.decode()
