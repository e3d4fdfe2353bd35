"""The shell against a guardian elsewhere, with a token; and the commands that make tokens and prove the audit log."""

import json
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from guardian.api.door import Certificate, Tcp
from guardian.demo.ports import free_port
from guardian.records.store import SqlStore
from tests.doubles.door import Door, opened, self_signed
from tests.unit.cli.conftest import Said, Shell


@pytest.fixture
async def door(socket: Path, tmp_path: Path) -> AsyncIterator[Door]:
    """A guardian that is served over TLS, and the operator's token in a file."""
    certificate, key = self_signed(tmp_path)
    async with opened(socket, tcp=Tcp("127.0.0.1", free_port(), Certificate(certificate, key).context)) as door:
        (tmp_path / "token").write_text(f"{door.texts['operator']}\n")
        yield Door(door.house, door.tokens, door.port, door.texts, certificate)


async def remotely(door: Door, shell: Shell, *words: str, token: str = "token", ca: bool = True) -> Said:
    """What a command says when it is told where guardian is."""
    files = shell.socket.parent
    trust = ("--ca", str(files / "certificate.pem")) if ca else ()
    return await shell.run("--url", door.url, "--token-file", str(files / token), *trust, *words)


async def test_orders_and_questions_go_over_tls(door: Door, shell: Shell) -> None:
    """The same commands, the same output; the journal names the token."""
    switched = await remotely(door, shell, "switch", "web", "--reason", "release 4.2")
    assert (switched.code, switched.err) == (0, "")
    assert "web-1: cutting over to green" in switched.out
    assert door.house.state.deployment is not None
    assert door.house.state.deployment.requested_by == "token operator"
    status = await remotely(door, shell, "status", "--json")
    assert json.loads(status.out)[0]["deployment"]["requested_by"] == "token operator"


async def test_a_wait_over_tls_ends_with_the_outcome(door: Door, shell: Shell, tmp_path: Path) -> None:
    """What CI does: order, follow, and go by the exit code."""
    where = ("--url", door.url, "--token-file", str(tmp_path / "token"), "--ca", str(tmp_path / "certificate.pem"))
    async with shell.start(*where, "switch", "web", "--wait") as typed:
        await typed.says("green")
        await door.house.confirm()
        await typed.says("watch")
        await door.house.end_watch(enough=True)
        assert (await typed.end()).code == 0


async def test_the_environment_can_say_where_it_is(door: Door, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """In CI the token is a variable, and so is the rest."""
    monkeypatch.setenv("GUARDIAN_URL", door.url)
    monkeypatch.setenv("GUARDIAN_TOKEN", door.texts["viewer"])
    monkeypatch.setenv("GUARDIAN_CA", str(door.certificate))
    assert (await shell.run("status")).code == 0
    refused = await shell.run("switch", "web")
    assert (refused.code, refused.err) == (1, "Error: token viewer has the role viewer; this takes operator\n")


async def test_what_is_wrong_with_the_way_is_told(door: Door, shell: Shell, tmp_path: Path) -> None:
    """An untrusted certificate, no token, a wrong token, nobody there: a sentence each, and an exit code that scripts know."""
    untrusted = await remotely(door, shell, "status", ca=False)
    assert untrusted.code == 3
    assert "shows a certificate that is not trusted" in untrusted.err
    assert "--ca names a file" in untrusted.err
    missing = await remotely(door, shell, "status", token="none")
    assert missing.code == 2
    assert "none cannot be read as a file with a token" in missing.err
    (tmp_path / "wrong").write_text("gdn_wrong")
    wrong = await remotely(door, shell, "status", token="wrong")
    assert (wrong.code, wrong.err) == (
        1,
        "Error: this token is not valid (any more); `guardian token list` on guardian's host says which are\n",
    )
    (tmp_path / "binary").write_bytes(b"\xff\n\n\x00")
    assert (await remotely(door, shell, "status", token="binary")).code == 2
    nobody = await shell.run("--url", f"https://127.0.0.1:{free_port()}", "status")
    assert nobody.code == 3
    assert "cannot be reached" in nobody.err


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://balancer.example.org:8443", "would send the token unencrypted"),
        ("balancer:8443", "write `https://HOST:PORT`"),
        ("https://user:secret@balancer", "write `https://HOST:PORT`"),
        ("https://balancer/guardian", "write `https://HOST:PORT`"),
        ("https://balancer:port", "write `https://HOST:PORT`"),
    ],
)
async def test_an_address_that_is_none_is_told(shell: Shell, url: str, sentence: str) -> None:
    """Before anything is sent."""
    said = await shell.run("--url", url, "status")
    assert said.code == 2
    assert sentence in said.err


async def test_a_token_is_made_listed_and_revoked(door: Door, shell: Shell, tmp_path: Path) -> None:
    """The token alone goes to standard output, so that it can go into a file; the list shows what it may do."""
    made = await shell.run("token", "create", "ci-web", "--role", "operator", "--service", "web", "--expires", "30d")
    assert made.code == 0
    assert made.out.startswith("gdn_")
    assert len(made.out.splitlines()) == 1
    assert "ci-web is valid until " in made.err
    (tmp_path / "ci").write_text(made.out)
    assert (await remotely(door, shell, "switch", "web", token="ci")).code == 0
    listed = (await shell.run("token", "list")).out
    assert next(line.split()[2:4] for line in listed.splitlines() if "ci-web" in line) == ["operator", "web"]
    assert made.out.strip().split("_", 2)[2] not in listed
    assert (await shell.run("token", "revoke", "ci-web")).out == "ci-web is revoked, and opens nothing from now on\n"
    assert (await remotely(door, shell, "status", token="ci")).code == 1
    assert "revoked by" in (await shell.run("token", "list")).out
    assert json.loads((await shell.run("token", "list", "--json")).out)[-1]["name"] == "ci-web"


@pytest.mark.parametrize("days", ["0d", "731d", "1w", "", "-1", "9999d"])
async def test_a_time_that_does_not_fit_is_told(shell: Shell, days: str) -> None:
    """A token ends, and within two years."""
    said = await shell.run("token", "create", "ci", "--expires", days)
    assert said.code == 2
    assert "write a number of days from 1d to 730d" in said.err


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A guardian.yaml whose database has five entries."""
    path = tmp_path / "guardian.yaml"
    path.write_text(
        "state_dir: state\nrules: rules\nhaproxy: {socket: h.sock, map: /tmp/h.map}\napi: {socket: a.sock}\n"
        "services:\n  web: {blue: b, green: g}\n"
    )
    with closing(SqlStore(tmp_path / "state")) as store:
        for number in range(5):
            store.append("web", None, float(number), {"kind": "noted", "number": number}, {"service": "web", "deployment": None})
    return path


async def test_the_audit_log_is_proved(shell: Shell, config: Path, tmp_path: Path) -> None:
    """From the database, from an export, and from a part of one; a hash that was noted must be in it."""
    exported = await shell.run("audit", "export", "--config", str(config))
    rows = [json.loads(line) for line in exported.out.splitlines()]
    assert [row["number"] for row in rows] == [1, 2, 3, 4, 5]
    (tmp_path / "log.jsonl").write_text(exported.out)
    (tmp_path / "part.jsonl").write_text((await shell.run("audit", "export", "--config", str(config), "--after", "2")).out)
    for words in (("--config", str(config)), (str(tmp_path / "log.jsonl"),), (str(tmp_path / "part.jsonl"),)):
        said = await shell.run("audit", "verify", *words, "--head", rows[3]["hash"])
        assert said.code == 0, said.err
        assert rows[-1]["hash"] in said.out
    said = await shell.run("audit", "verify", "--config", str(config), "--head", "0" * 64)
    assert (said.code, "cut off or replaced" in said.err) == (1, True)


async def test_a_log_that_was_changed_is_told(shell: Shell, config: Path, tmp_path: Path) -> None:
    """An entry altered, left out, or no entry at all: which one it is, and exit code 1."""
    lines = (await shell.run("audit", "export", "--config", str(config))).out.splitlines()
    altered = lines[2].replace('"web"', '"shop"')
    for name, changed, sentence in (
        ("altered", [*lines[:2], altered, *lines[3:]], "entry 3 is missing, or not as it was written"),
        ("left-out", [*lines[:2], *lines[3:]], "entry 3 is missing"),
        ("nonsense", [*lines[:2], "{}"], "nonsense.jsonl:3: is no entry of an audit log"),
        ("binary", ["\x00[" * 100], "binary.jsonl:1: is no entry"),
    ):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(changed))
        said = await shell.run("audit", "verify", str(tmp_path / f"{name}.jsonl"))
        assert said.code == 1
        assert sentence in said.err
    with closing(SqlStore(tmp_path / "state")) as store, store._writer.begin() as connection:
        connection.exec_driver_sql("UPDATE journal SET at = 9 WHERE number = 4")
    said = await shell.run("audit", "verify", "--config", str(config))
    assert (said.code, "entry 4 is missing" in said.err) == (1, True)
