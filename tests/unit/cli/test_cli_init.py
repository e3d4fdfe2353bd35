"""``guardian init``: a first configuration beside a real HAProxy's, whole or to be had by saying it again."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from guardian.demo.haproxy import debian_binary
from tests.unit.cli.conftest import HAPROXY, Said, Shell


async def begun(shell: Shell, directory: Path) -> Said:
    """The command, in an empty directory beside ``haproxy.cfg``; HAProxy knows the group root everywhere."""
    config, file = str(directory / "etc" / "guardian.yaml"), str(directory / "haproxy.cfg")
    return await shell.run(
        "init", "--yes", "--config", config, "--file", file, "--haproxy", str(debian_binary()), "--group", "root"
    )


async def test_what_haproxy_refused_is_begun_anew(shell: Shell, tmp_path: Path) -> None:
    """No guardian.yaml is left behind that would say that all is done; mended, the same command does all of it."""
    (tmp_path / "haproxy.cfg").write_text(HAPROXY.replace("mode http", "mode nonsense"))
    said = await begun(shell, tmp_path)
    assert said.code == 1
    assert "nonsense" in said.err
    assert not (tmp_path / "etc" / "guardian.yaml").exists()
    (tmp_path / "haproxy.cfg").write_text(HAPROXY)
    assert (await begun(shell, tmp_path)).code == 0
    assert "stats socket /run/haproxy/guardian.sock" in (tmp_path / "haproxy.cfg").read_text()
    again = await begun(shell, tmp_path)
    assert "is there already and stays as it is" in again.err


@pytest.fixture
def _closed() -> Iterator[None]:
    """A mask of root's on hardened hosts."""
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_closed")
async def test_guardians_user_can_read_it_whatever_the_mask(shell: Shell, tmp_path: Path) -> None:
    """Directories and files that it makes."""
    (tmp_path / "haproxy.cfg").write_text(HAPROXY)
    assert (await begun(shell, tmp_path)).code == 0
    etc = tmp_path / "etc"
    modes = {str(path.relative_to(tmp_path)): oct(path.stat().st_mode & 0o777) for path in (etc, *etc.rglob("*"))}
    assert modes == {"etc": "0o755", "etc/rules": "0o755", "etc/rules/web.yaml": "0o640", "etc/guardian.yaml": "0o640"}
