"""Adopted configurations under requests: what is sent where, by real HAProxy."""

import asyncio
import random
import re
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from guardian.balancers.haproxy.adoption import Adoption, adopt
from guardian.balancers.haproxy.document import parse
from guardian.core.model import Service
from tests.haproxy.document.conftest import Start

WEB = Service("web-1.2", "web_blue", "web_green")
MAP = Path("/var/lib/guardian/haproxy.map")
NAMES = ("blue", "green", "other", "files")
HEAD = "defaults\n mode http\n timeout connect 5s\n timeout client 5s\n timeout server 5s\n"
ANSWERS = "".join(
    f"backend web_{name}\n http-request return status 200 content-type text/plain string {name}\n"
    f"backend t_{name}\n mode tcp\n server s unix@{name}\n"
    f"frontend {name}\n bind unix@{name}\n default_backend web_{name}\n"
    for name in NAMES
)
"""A backend that answers with its name, in HTTP, and one that connects to it, in TCP."""
READY = "frontend ready\n bind unix@ready\n"
TRUTHS = [dict(zip("abc", values, strict=True)) for values in product("01", repeat=3)]


async def answers(socket: Path, headers: list[dict[str, str]]) -> list[str]:
    """The names that answered requests with these headers, one after the other on one connection."""
    async with asyncio.timeout(30):
        reader, writer = await asyncio.open_unix_connection(socket)
        names = []
        for one in headers:
            lines = "".join(f"{name}: {value}\r\n" for name, value in one.items())
            writer.write(f"GET / HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = int(head.split("content-length: ")[1].split("\r\n")[0])
            body = (await reader.readexactly(length)).decode()
            names.append(body if " 200 " in head.split("\r\n")[0] else head.split()[1])
            if "connection: close" in head:
                writer.close()
                await writer.wait_closed()
                reader, writer = await asyncio.open_unix_connection(socket)
        writer.close()
        await writer.wait_closed()
    return names


def adopted(configuration: str, share: int, directory: Path, service: Service = WEB) -> bytes:
    """The configuration after adoption, with a map of this share."""
    document = parse([("haproxy.cfg", configuration.encode())])
    frontends = re.findall(r"^frontend (f\d*)$", configuration, re.MULTILINE)
    outcome = adopt(document, replace(service, routing=replace(service.routing, frontends=tuple(frontends))), MAP)
    assert isinstance(outcome, Adoption), outcome.sentences
    entry = directory / f"{share}.map"
    entry.write_text(f"{service.name} {share}\n")
    return document.apply(outcome.edits).files[0].data.replace(bytes(MAP), bytes(entry))


def condition(chance: random.Random) -> str:
    """A condition on the headers a, b and c, in one of the ways to write it."""
    tests = [f"{chance.choice(['', '!', '! ', '!!'])}{chance.choice([name, f'{{ req.hdr({name}) 1 }}'])}" for name in "abcabc"]
    chance.shuffle(tests)
    words = [tests.pop()]
    while tests and chance.random() < 0.6:
        words += [chance.choice(["or", "||", "", ""]), tests.pop()]
    return f"{chance.choice(['if', 'if', 'unless'])} {' '.join(words)}"


def frontend(number: int, chance: random.Random) -> str:
    """A frontend with rules in any order, on the socket of its number."""
    rules = [
        f" use_backend web_{chance.choice(['blue', 'blue', 'other', 'files'])} {condition(chance)}"
        for _ in range(chance.randrange(4))
    ]
    rules.append(f" default_backend web_{chance.choice(['blue', 'blue', 'other'])}")
    rules += [" http-request allow if a", " http-request set-header x y"][: chance.randrange(3)]
    chance.shuffle(rules)
    acls = "".join(f" acl {name} req.hdr({name}) 1\n" for name in "abc")
    return f"frontend f{number}\n bind unix@f{number}\n{acls}" + "\n".join(rules) + "\n"


@pytest.mark.parametrize("seed", range(2))
async def test_only_the_services_requests_go_elsewhere(start: Start, tmp_path: Path, seed: int) -> None:
    """With nothing for green, all is as without guardian; with all for green, just blue's requests go to green."""
    chance = random.Random(seed)
    frontends = 30
    configuration = HEAD + "".join(frontend(number, chance) for number in range(frontends)) + ANSWERS + READY
    plain = await start(configuration.encode(), "plain")
    none = await start(adopted(configuration, 0, tmp_path), "none")
    everything = await start(adopted(configuration, 10_000, tmp_path), "all")
    seen = set()
    for number in range(frontends):
        before = await answers(plain / f"f{number}", TRUTHS)
        assert await answers(none / f"f{number}", TRUTHS) == before
        expected = ["green" if name == "blue" else name for name in before]
        assert await answers(everything / f"f{number}", TRUTHS) == expected, configuration
        seen.update(before)
    assert seen == {"blue", "other", "files"}


async def test_green_as_the_side_that_serves(start: Start, tmp_path: Path) -> None:
    """Where the file names green, nothing for green means all for blue, and all for green means no change."""
    configuration = HEAD + "frontend f\n bind unix@f\n default_backend web_green\n" + ANSWERS + READY
    none = await start(adopted(configuration, 0, tmp_path), "none")
    everything = await start(adopted(configuration, 10_000, tmp_path), "all")
    assert set(await answers(none / "f", [{}] * 50)) == {"blue"}
    assert set(await answers(everything / "f", [{}] * 50)) == {"green"}


@pytest.mark.parametrize("rule", ["default_backend web_blue", "use_backend web_blue if TRUE or TRUE or TRUE"])
async def test_a_share_is_what_was_asked_for(start: Start, tmp_path: Path, rule: str) -> None:
    """A quarter is a quarter, also where a request fits several alternatives of a rule (within six standard deviations)."""
    configuration = HEAD + f"frontend f\n bind unix@f\n {rule}\n" + ANSWERS + READY
    directory = await start(adopted(configuration, 2_500, tmp_path), "quarter")
    names = await answers(directory / "f", [{}] * 4_000)
    assert abs(names.count("green") / 4_000 - 0.25) < 6 * (0.25 * 0.75 / 4_000) ** 0.5
    assert set(names) == {"blue", "green"}


async def test_tcp_follows_the_map_past_a_rule_that_accepts(start: Start, tmp_path: Path) -> None:
    """In TCP mode connections follow the share, though ``tcp-request content accept`` ends the rules above."""
    rules = " mode tcp\n bind unix@f\n tcp-request inspect-delay 1s\n tcp-request content accept if TRUE\n default_backend t_blue\n"
    configuration = HEAD + "frontend f\n" + rules + ANSWERS + READY
    service = Service("tcp", "t_blue", "t_green")
    for share, name in ((0, "blue"), (10_000, "green")):
        directory = await start(adopted(configuration, share, tmp_path, service), name)
        assert set(await answers(directory / "f", [{}] * 5)) == {name}
