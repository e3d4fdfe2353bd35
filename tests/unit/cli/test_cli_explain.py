"""``guardian explain``: with the daemon, and from a bundle without one."""

import json
from pathlib import Path

import pytest

from tests.doubles.house import House
from tests.unit.cli.conftest import Shell


@pytest.fixture
async def bundle(house: House, shell: Shell, tmp_path: Path) -> Path:
    """The evidence of a release that was rolled back."""
    await shell.run("switch", "web")
    await house.confirm()
    await house.breach()
    path = tmp_path / "web-1.json"
    said = await shell.run("explain", "web-1", "--bundle", str(path))
    assert (said.code, said.out) == (
        0,
        f"{path}: the evidence of 1 rule; `guardian explain {path}` computes it again, on any machine\n",
    )
    return path


async def test_a_bundle_is_explained_without_a_daemon(bundle: Path, shell: Shell, tmp_path: Path) -> None:
    """The same text as the daemon gives, although nobody listens."""
    live = await shell.run("explain", "web-1")
    alone = await Shell(tmp_path / "nobody.sock").run("explain", str(bundle))
    assert (alone.code, alone.out) == (0, live.out)
    assert "read      responses_5xx / responses, of the candidate's backend in HAProxy" in alone.out
    assert "lead to the same verdict, to the last digit" in alone.out


async def test_a_bundle_is_explained_as_json(bundle: Path, shell: Shell) -> None:
    """As the API gives it, or one rule of it."""
    live = json.loads((await shell.run("explain", "web-1", "--json")).out)
    alone = json.loads((await shell.run("explain", str(bundle), "--rule", "server-errors", "--json")).out)
    assert alone == live
    assert alone["identical"] is True


def alter(bundle: Path) -> None:
    """Let the evidence be of another counter."""
    bundle.write_text(bundle.read_text().replace('"responses_5xx"', '"responses_4xx"'))


async def test_a_tampered_bundle_is_told(bundle: Path, shell: Shell) -> None:
    """Exit code 1, and nothing of what it says is repeated."""
    alter(bundle)
    said = await shell.run("explain", str(bundle))
    assert said.code == 1
    assert "this bundle is not as it was written" in said.err
    assert said.out == ""


async def test_what_cannot_be_explained_is_a_sentence(bundle: Path, shell: Shell, tmp_path: Path) -> None:
    """A file that is not there, one that is something else, a rule that did not judge, a place where nothing can be written."""
    (tmp_path / "other.json").write_text("{}")
    for words, sentence in (
        (("explain", str(tmp_path / "nosuch.json")), "No such file"),
        (("explain", str(tmp_path / "other.json")), "this is no evidence bundle"),
        (("explain", str(bundle), "--rule", "nosuch"), "no evidence of a rule `nosuch` is kept for web-1"),
        (("explain", "web-1", "--bundle", str(tmp_path)), "Is a directory"),
    ):
        said = await shell.run(*words)
        assert (said.code, sentence in said.err) == (1, True), said
