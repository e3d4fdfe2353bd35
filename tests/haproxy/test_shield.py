"""The shield on a real HAProxy: what a release on trial fails is answered by the other side; all else is as without it."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from guardian.balancers.haproxy.balancer import Endpoints, HAProxy
from guardian.core.model import Environment, Service, Split
from guardian.core.shield import Further, Savings, Shield
from guardian.demo.haproxy import HAProxyProcess, Site
from tests.doubles.origin import HOST, LARGE, PAUSE, Origin
from tests.waiting import eventually

BLUE, GREEN = Environment.BLUE, Environment.GREEN
SHIELD = Shield(also=(Further("POST", "/500/search"),), never=("/500/report",), patience=0.3)
SERVICE = Service("web", "web_blue", "web_green", shield=SHIELD)


class ForwardingSite(Site):
    """A site whose backends write ``X-Forwarded-For``, as most do."""

    def _text(self, endpoints: Endpoints, port: int, marked: str) -> str:
        return super()._text(endpoints, port, marked).replace("    retries 1\n", "    retries 1\n    option forwardfor\n", 1)


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


@pytest.fixture
async def trial(binary: Path, tmp_path: Path) -> AsyncIterator[Trial]:
    """Blue is the safe side, green has the traffic and is on trial."""
    async with AsyncExitStack() as ends:
        blue, green = await ends.enter_async_context(Origin("blue")), await ends.enter_async_context(Origin("green", good=False))
        site = ForwardingSite(tmp_path, SERVICE, [f"{HOST}:{blue.port}"], [f"{HOST}:{green.port}"])
        haproxy = await ends.enter_async_context(HAProxyProcess(binary, site))
        balancer = HAProxy(haproxy.endpoints, [SERVICE])
        ends.push_async_callback(balancer.aclose)
        await balancer.store("web", Split.all_on(BLUE))
        await balancer.route("web", Split.all_on(GREEN))
        url = f"http://{HOST}:{haproxy.port}"
        client = await ends.enter_async_context(httpx.AsyncClient(base_url=url, trust_env=False, timeout=20))
        yield Trial(client, blue, green, balancer, haproxy)


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
    assert await trial.origin("POST", "/500/search", content=b"query") == "blue"
    assert [came.method for came in trial.blue.came] == ["POST"]
    assert trial.blue.came[0].body == b"query"


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
    await trial.green.__aexit__()
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


async def test_a_thousand_switches_of_the_trial_harm_nobody(trial: Trial) -> None:
    """On and off under load: no request fails, and the release answers."""
    stop = asyncio.Event()

    async def visit() -> list[str]:
        return [await trial.origin("GET", "/fine") for _ in range(10_000) if not stop.is_set()]

    visits = [asyncio.create_task(visit()) for _ in range(4)]
    for _ in range(500):
        await trial.balancer.store("web", Split.all_on(GREEN))
        await trial.balancer.store("web", Split.all_on(BLUE))
    stop.set()
    origins = [origin for seen in await asyncio.gather(*visits) for origin in seen]
    # A host that is busy may take longer than patience allows: then the other side answers, and it is counted.
    assert origins.count("blue") == (await trial.counted()).saved
    assert origins.count("green") > len(origins) / 2


async def test_a_reload_comes_up_with_the_safe_side(trial: Trial) -> None:
    """Which the file names, with its trial; a canary goes on when it is restored."""
    await trial.haproxy.reload()
    assert await trial.origin("GET", "/500/x") == "blue"
    await trial.balancer.route("web", Split.all_on(GREEN))

    async def saved() -> bool:
        return await trial.origin("GET", "/500/x") == "blue" and (await trial.counted()).saved > 0

    await eventually(saved, 10)
