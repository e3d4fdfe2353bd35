"""Requests of all kinds, once on trial and once without: logs, tables, checks, cookies and answers are the same."""

import asyncio
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import httpx
import pytest

from guardian.balancers.haproxy.balancer import Endpoints
from guardian.balancers.haproxy.runtime import Runtime
from guardian.core.model import Holding, Routing, Split, Sticky
from tests.doubles.origin import ALPHABET
from tests.doubles.streams import HOST
from tests.haproxy.test_shield import GREEN, SERVICE, EncryptedSite, ForwardingSite, NarrowSite, Trial, certify, on_trial
from tests.waiting import eventually

VISITOR = "127.0.0.9"
LINE = re.compile(r'([0-9.]+):[0-9]+ \[[^]]+\] (\S+) (\S+) \S+ ([0-9]+) [0-9]+ - - (\S+) \S+ \S+ "(.*)"')
BUFFER, RESERVE = 16_384, 1_024
"""``tune.bufsize`` and ``tune.maxrewrite``, as HAProxy has them."""


class LoggingSite(ForwardingSite):
    """A site that logs its requests, as the ``defaults`` of most say."""

    def _text(self, endpoints: Endpoints, port: int, marked: str) -> str:
        text = super()._text(endpoints, port, marked)
        text = text.replace("global\n", "global\n    log stdout format raw local0 info\n", 1)
        return text.replace("defaults\n", "defaults\n    log global\n    option httplog\n", 1)


class SchemeSite(EncryptedSite):
    """A site that tells its servers by which scheme a client has come."""

    def _text(self, endpoints: Endpoints, port: int, marked: str) -> str:
        rule = "    http-request set-header X-Forwarded-Proto https if { ssl_fc }\n    http-request set-header X-Port %[dst_port]\n"
        return re.sub(r"(    bind 127.*\n)", lambda bind: bind[1] + rule, super()._text(endpoints, port, marked))


class CountingSite(ForwardingSite):
    """A site that counts the requests of each visitor, and keeps visitors of green on their server."""

    def _text(self, endpoints: Endpoints, port: int, marked: str) -> str:
        table = "    stick-table type ip size 1k expire 1m"
        counted = f"{table} store http_req_cnt\n    http-request track-sc0 src\n"
        text = re.sub(r"(    bind 127.*\n)", lambda bind: bind[1] + counted, super()._text(endpoints, port, marked))
        return text.replace("backend web_green\n", f"backend web_green\n{table}\n    stick on src\n")


class TrackingSite(ForwardingSite):
    """A site each of whose environments counts the requests of each visitor."""

    def _text(self, endpoints: Endpoints, port: int, marked: str) -> str:
        counted = "    stick-table type ip size 1k expire 1m store http_req_cnt\n    http-request track-sc0 src\n"
        text = super()._text(endpoints, port, marked)
        return re.sub(r"^backend web_\w+\n", lambda title: title[0] + counted, text, flags=re.MULTILINE)


class CookieSite(ForwardingSite):
    """A site whose servers are found again by a cookie."""

    def _text(self, endpoints: Endpoints, port: int, marked: str) -> str:
        text = super()._text(endpoints, port, marked).replace("defaults\n", "defaults\n    cookie SRV insert indirect\n", 1)
        return re.sub(r"server (\w+) (\S+) check", r"server \1 \2 cookie \1 check", text)


@dataclass(frozen=True)
class Line:
    """What the log says of a request, without times and counts; the size has a header of the hop in it, which users do not get."""

    client: str
    frontend: str
    backend: str
    status: int
    ending: str
    request: str

    @classmethod
    def read(cls, line: str) -> Self | None:
        """``None`` for a line that tells of something else."""
        if not (parts := LINE.match(line)):
            return None
        return cls(parts[1], parts[2], parts[3], int(parts[4]), parts[5], parts[6])


def visitor(trial: Trial) -> httpx.AsyncClient:
    """A client whose address is its own."""
    transport = httpx.AsyncHTTPTransport(local_address=VISITOR)
    return httpx.AsyncClient(transport=transport, base_url=trial.client.base_url, timeout=20)


async def end(trial: Trial) -> None:
    """The release has proved itself: traffic goes the plain way."""
    await trial.balancer.store("web", Split.all_on(GREEN))


async def test_a_request_is_one_line_in_the_log(binary: Path, tmp_path: Path) -> None:
    """With the client's address, the frontend and the status that it has without a trial; the hop writes none."""
    async with on_trial(binary, tmp_path, kind=LoggingSite) as trial, visitor(trial) as client:
        paths = ("/fine", "/404/x", "/large", "/last")
        for path in ("/500/x", *paths):
            await client.get(path)
        await end(trial)
        for path in paths:
            await client.get(path)

        def lines() -> list[Line]:
            return [line for text in trial.haproxy.log.read_text().splitlines() if (line := Line.read(text))]

        async def written() -> bool:
            return len(lines()) > 2 * len(paths)

        await eventually(written)
        saved, *others = lines()
        on, off = others[: len(paths)], others[len(paths) :]
        assert (saved.client, saved.frontend, saved.status) == (VISITOR, "web", 200)
        assert saved.backend == "web_green.trial/web_blue"
        assert [replace(line, backend="") for line in on] == [replace(line, backend="") for line in off]
        assert {(line.client, line.frontend, line.ending) for line in on} == {(VISITOR, "web", "----")}
        assert ({line.backend for line in on}, {line.backend for line in off}) == (
            {"web_green.trial/web_green"},
            {"web_green/green1"},
        )


async def test_servers_are_told_the_scheme_by_which_a_client_came(binary: Path, tmp_path: Path) -> None:
    """Behind TLS, the release, and the other side for it, see every header that they see without a trial."""
    await certify(tmp_path)
    async with on_trial(binary, tmp_path, kind=SchemeSite) as trial:
        url = f"https://{HOST}:{trial.haproxy.port}"
        async with httpx.AsyncClient(base_url=url, verify=False, trust_env=False, timeout=20) as client:
            for path in ("/fine", "/500/x"):
                await client.get(path)
            await end(trial)
            await client.get("/fine")
        seen = [sorted(came.headers) for came in (*trial.green.came, *trial.blue.came)]
        assert seen == [seen[0]] * 4
        assert trial.blue.came[0].values("x-forwarded-proto") == ["https"]
        assert trial.blue.came[0].values("x-port") == [str(trial.haproxy.port)]


async def test_stick_tables_keep_their_meaning(binary: Path, tmp_path: Path) -> None:
    """The frontend counts each request once, also one that was saved; the backend knows visitors by their own address."""
    async with on_trial(binary, tmp_path, kind=CountingSite) as trial, visitor(trial) as client:
        for path in ("/fine", "/500/x", "/fine"):
            assert (await client.get(path)).status_code == 200
        answers = await Runtime(trial.haproxy.endpoints.socket, 5.0).ask("show table web", "show table web_green")
        counted, kept = (text.splitlines() for text in answers.texts)
        assert [re.findall(r"key=(\S+) .*http_req_cnt=(\d+)", line) for line in counted if "key=" in line] == [[(VISITOR, "3")]]
        assert [re.findall(r"key=(\S+) .*server_id=(\d+)", line) for line in kept if "key=" in line] == [[(VISITOR, "1")]]


async def test_counters_of_backends_count_each_visit_of_theirs(binary: Path, tmp_path: Path) -> None:
    """What a backend has follow a visitor counts its own requests: with a trial as without, and once on each side if saved."""
    async with on_trial(binary, tmp_path, kind=TrackingSite) as trial, visitor(trial) as client:

        async def counts() -> list[str]:
            answers = await Runtime(trial.haproxy.endpoints.socket, 5.0).ask("show table web_green", "show table web_blue")
            return [count for text in answers.texts for count in re.findall(rf"key={VISITOR} .*http_req_cnt=(\d+)", text)]

        await client.get("/fine")
        assert await counts() == ["1"]
        await client.get("/500/x")
        assert await counts() == ["2", "1"]
        await end(trial)
        await client.get("/fine")
        assert await counts() == ["3", "1"]


async def test_a_queue_of_the_release_keeps_its_meaning(binary: Path, tmp_path: Path) -> None:
    """Requests that come at once to a server which takes one at a time wait for their turn, and the release answers all of them."""
    async with on_trial(binary, tmp_path, kind=NarrowSite) as trial:
        assert await asyncio.gather(*(trial.origin("GET", "/fine") for _ in range(5))) == ["green"] * 5
        assert (await trial.counted()).tried == 0


async def test_visitors_of_a_slice_stay_on_their_side(binary: Path, tmp_path: Path) -> None:
    """By their cookie, also those who were saved; those of the other side never meet the release."""
    sticky = replace(SERVICE, routing=Routing(sticky=Sticky(Holding.COOKIE, "id")))
    async with on_trial(binary, tmp_path, sticky) as trial:
        await trial.balancer.route("web", Split(2_000))

        async def origins(path: str) -> list[str]:
            return [await trial.origin("GET", path, headers={"cookie": f"id=visitor-{number}"}) for number in range(40)]

        first = await origins("/fine")
        assert set(first) == {"blue", "green"}
        assert await origins("/500/x") == ["blue"] * 40
        assert (await trial.counted()).saved == first.count("green")
        assert await origins("/fine") == first


@pytest.mark.parametrize(("fallback", "posted"), [(False, 503), (True, 200)], ids=["by the hop", "by the fallback, too"])
async def test_health_checks_keep_their_meaning(binary: Path, tmp_path: Path, fallback: bool, posted: int) -> None:  # noqa: FBT001
    """A release whose servers are down is answered for; what is never sent twice fails, unless HAProxy itself falls back."""
    async with on_trial(binary, tmp_path, replace(SERVICE, routing=Routing(fallback=fallback))) as trial:

        async def up() -> bool:
            return (await trial.balancer.health("web_green")).able

        async def down() -> bool:
            return not await up()

        await trial.green.go()
        await eventually(down)
        for _ in range(3):
            assert await trial.origin("GET", "/fine") == "blue"
        assert (await trial.answer("POST", "/fine")).status_code == posted
        await trial.green.come_back()
        await eventually(up)
        assert await trial.origin("GET", "/fine") == "green"


async def test_a_range_is_answered_whole(binary: Path, tmp_path: Path) -> None:
    """Status, range and bytes, from the release and from the other side for it."""
    async with on_trial(binary, tmp_path) as trial:
        trial.green.good = True
        for origin, path in (("green", "/alphabet"), ("blue", "/500/alphabet")):
            answer = await trial.answer("GET", path, headers={"range": "bytes=3-9"})
            trial.green.good = False
            assert (answer.status_code, answer.headers["x-origin"]) == (206, origin)
            assert (answer.headers["content-range"], answer.content) == (f"bytes 3-9/{len(ALPHABET)}", ALPHABET[3:10])


async def test_cookies_of_servers_keep_their_meaning(binary: Path, tmp_path: Path) -> None:
    """Given once, honoured, and hidden from the servers; an answer of the other side names its own server, as it does without."""
    async with on_trial(binary, tmp_path, kind=CookieSite) as trial:
        assert (await trial.answer("GET", "/fine")).headers.get_list("set-cookie") == ["SRV=green1; path=/"]
        assert trial.client.cookies["SRV"] == "green1"
        assert "set-cookie" not in (await trial.answer("GET", "/fine")).headers
        assert (await trial.answer("GET", "/500/x")).headers.get_list("set-cookie") == ["SRV=blue1; path=/"]
        assert [came.values("cookie") for came in (*trial.green.came, *trial.blue.came)] == [[]] * 4


async def test_bodies_around_the_size_of_the_buffer_are_saved_whole_or_left_alone(binary: Path, tmp_path: Path) -> None:
    """One byte below, at and above each limit, of the body and of the request: none is lost, none arrives in part."""
    async with on_trial(binary, tmp_path) as trial:
        empty = trial.client.build_request("POST", "/500/search", content=b"x" * BUFFER)
        head = len(b"POST /500/search HTTP/1.1\r\n\r\n") + sum(len(name) + len(value) + 4 for name, value in empty.headers.raw)
        limits = (BUFFER - RESERVE - head, BUFFER - RESERVE, BUFFER - head, BUFFER)
        statuses = {}
        for length in (BUFFER // 2, *(limit + more for limit in limits for more in (-1, 0, 1)), 2 * BUFFER):
            body = bytes(65 + number % 26 for number in range(length))
            statuses[length] = (await trial.answer("POST", "/500/search", content=body)).status_code
            assert statuses[length] in {200, 500}
            asked = [trial.green, trial.blue] if statuses[length] == 200 else [trial.green]
            assert [origin.came.pop().body == body for origin in asked] == [True] * len(asked), length
            assert trial.green.came + trial.blue.came == []
        assert (statuses[BUFFER // 2], statuses[2 * BUFFER]) == (200, 500)
