"""The first configuration: which backends are two environments of one service, and a file that guardian itself accepts."""

from pathlib import Path

import pytest

from guardian.balancers.haproxy import entrance
from guardian.balancers.haproxy.document import parse
from guardian.config.settings import load_settings
from guardian.core.firststeps import Pair, pairs, settings


@pytest.mark.parametrize(
    ("backends", "found"),
    [
        (["web_blue", "web_green", "stats"], [Pair("web", "web_blue", "web_green")]),
        (
            ["green-api", "blue-api", "be.blue", "be.green"],
            [Pair("api", "blue-api", "green-api"), Pair("be", "be.blue", "be.green")],
        ),
        (["BLUE_shop_v1", "GREEN_shop_v1"], [Pair("shop_v1", "BLUE_shop_v1", "GREEN_shop_v1")]),
        (["blue", "green"], [Pair("web", "blue", "green")]),
        (["a_blue_b", "a_green_b"], [Pair("a-b", "a_blue_b", "a_green_b")]),
        (["web_blue", "api_green", "blueberry", "greenberry"], []),
        ([], []),
    ],
)
def test_backends_that_are_called_alike_but_for_their_colours(backends: list[str], found: list[Pair]) -> None:
    """Whatever joins colour and name, wherever the colour stands; words that only contain a colour are none."""
    assert pairs(backends) == found


def test_the_file_is_one_that_guardian_reads(tmp_path: Path) -> None:
    """It says what was found, and has no fault."""
    (tmp_path / "guardian.yaml").write_text(
        settings([Pair("web", "web_blue", "web_green"), Pair("api", "b", "g")], "/run/h.sock", "/var/lib/g.map", ["/etc/h.cfg"])
    )
    read = load_settings(tmp_path / "guardian.yaml")
    assert {name: (one.blue, one.green) for name, one in read.services.items()} == {
        "web": ("web_blue", "web_green"),
        "api": ("b", "g"),
    }
    assert read.haproxy.files == (Path("/etc/h.cfg"),)


@pytest.mark.parametrize(
    "text",
    [
        "global\n\tstats socket /a mode 660\n\tstats timeout 30s\ndefaults\n",
        "global\ndefaults\n mode http\n",
        "global",
        "# nothing else\r\nglobal # here\r\n  daemon\r\n",
        ".if defined(X)\nglobal\n.endif\n",
        "defaults\n",
    ],
)
def test_the_stats_socket_comes_and_goes_to_the_byte(text: str) -> None:
    """One line behind the other sockets of the first ``global`` that is there for sure; taken out, the file is what it was."""
    before = parse([("h.cfg", text.encode())])
    edits = entrance.opening(before, Path("/run/g.sock"), "guardian")
    assert len(edits) == (text.startswith("global") or "\nglobal #" in text)
    opened = before.apply(edits)
    assert entrance.opening(opened, Path("/run/g.sock"), "guardian") == []
    closed = opened.apply(entrance.closing(opened))
    assert closed.files[0].data.rstrip(b"\n") == text.encode().rstrip(b"\n")
    if edits and text.endswith("\n"):
        assert closed.files[0].data == text.encode()


def test_the_starter_is_the_one_that_is_published() -> None:
    """`guardian init` writes the rules that stand in ``rules/``."""
    root = Path(__file__).parents[3]
    assert (root / "guardian" / "cli" / "starter" / "rules.yaml").read_text() == (root / "rules" / "web.yaml").read_text()
