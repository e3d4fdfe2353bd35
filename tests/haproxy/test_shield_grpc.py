"""gRPC beside the shield on a real HAProxy: its calls are POSTs and go the plain way, or are saved where the service says so."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from guardian.balancers.haproxy.balancer import Endpoints, HAProxy
from guardian.core.model import Environment, Service, Split
from guardian.core.shield import Further, Savings, Shield
from guardian.demo.haproxy import HAProxyProcess, Site
from tests.doubles.grpc import OK, UNAVAILABLE, GrpcOrigin, message
from tests.doubles.streams import HOST

BLUE, GREEN = Environment.BLUE, Environment.GREEN
SHIELD = Shield(also=(Further("POST", "/shop.Cart/Show"),))
SERVICE = Service("web", "web_blue", "web_green", shield=SHIELD)
LARGE = "x" * 200_000
"""A message that is many times as large as HAProxy's buffer."""


class Http2Site(Site):
    """A site whose servers speak HTTP/2."""

    def _text(self, endpoints: Endpoints, port: int, marked: str) -> str:
        return super()._text(endpoints, port, marked).replace(" check inter", " proto h2 check inter")


@dataclass(frozen=True)
class Answer:
    """What a client of gRPC has been answered."""

    message: bytes
    status: int
    """Of the trailers."""


@dataclass
class Trial:
    """A release on green with all of the traffic, on trial."""

    port: int
    directory: Path
    blue: GrpcOrigin
    green: GrpcOrigin
    balancer: HAProxy

    async def call(self, method: str, text: str) -> Answer:
        """A unary call, by curl: HTTP/2 with prior knowledge."""
        request = self.directory / "request"
        request.write_bytes(message(text))
        process = await asyncio.create_subprocess_exec(
            *("curl", "-s", "--noproxy", "*", "--http2-prior-knowledge", "--max-time", "20", "--data-binary", f"@{request}"),
            *("-H", "content-type: application/grpc", "-H", "te: trailers", "-D", str(self.directory / "head")),
            f"http://{HOST}:{self.port}/shop.Cart/{method}",
            stdout=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(60):
            out, _ = await process.communicate()
        assert process.returncode == 0
        fields = [line.partition(": ") for line in (self.directory / "head").read_text().splitlines()]
        return Answer(out, next(int(value) for name, _, value in fields if name == "grpc-status"))

    async def counted(self) -> Savings:
        """What the shield has done."""
        found = await self.balancer.savings("web", GREEN)
        assert found is not None
        return found


@asynccontextmanager
async def on_trial(binary: Path, directory: Path, green: GrpcOrigin) -> AsyncIterator[Trial]:
    """Blue is the safe side and good."""
    async with AsyncExitStack() as ends:
        blue, green = await ends.enter_async_context(GrpcOrigin("blue")), await ends.enter_async_context(green)
        site = Http2Site(directory, SERVICE, [f"{HOST}:{blue.port}"], [f"{HOST}:{green.port}"])
        haproxy = await ends.enter_async_context(HAProxyProcess(binary, site))
        balancer = HAProxy(haproxy.endpoints, [SERVICE])
        ends.push_async_callback(balancer.aclose)
        await balancer.store("web", Split.all_on(BLUE))
        await balancer.route("web", Split.all_on(GREEN))
        yield Trial(haproxy.port, directory, blue, green, balancer)


@pytest.mark.parametrize("text", ["a cart", LARGE], ids=["small", "large"])
@pytest.mark.parametrize("method", ["Add", "Show"], ids=["plain", "through the hop"])
async def test_a_call_arrives_whole(binary: Path, tmp_path: Path, method: str, text: str) -> None:
    """Message and trailers, of a small call and of one beyond the buffer, and nothing is sent twice."""
    async with on_trial(binary, tmp_path, GrpcOrigin("green")) as trial:
        answer = await trial.call(method, text)
        assert answer == Answer(message(f"green {len(text) + 5}"), OK)
        assert trial.green.called == [message(text)]
        assert (trial.blue.called, (await trial.counted()).tried) == ([], 0)


@pytest.mark.parametrize("method", ["Add", "Show"], ids=["plain", "through the hop"])
async def test_what_grpc_calls_a_failure_is_passed_on(binary: Path, tmp_path: Path, method: str) -> None:
    """It stands in the trailers of an answer with status 200: the client has it as the release gave it."""
    async with on_trial(binary, tmp_path, GrpcOrigin("green", status=UNAVAILABLE)) as trial:
        assert await trial.call(method, "a cart") == Answer(message("green 11"), UNAVAILABLE)
        assert trial.blue.called == []


async def test_a_call_that_may_be_sent_twice_is_saved(binary: Path, tmp_path: Path) -> None:
    """A release that ends the connection without an answer: the other side gives it, with its message and its trailers."""
    async with on_trial(binary, tmp_path, GrpcOrigin("green", cutting=True)) as trial:
        assert await trial.call("Show", "a cart") == Answer(message("blue 11"), OK)
        assert trial.blue.called == [message("a cart")]
        assert (await trial.counted()).saved == 1
