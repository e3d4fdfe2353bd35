"""Paths of secrets that systemd hands to the unit."""

from pathlib import Path

import pytest

from guardian.config import kinds
from guardian.config.fields import Misfit

READ = kinds.path(Path("/etc/guardian"), "x").read


def test_a_credential_is_found_where_systemd_put_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under the unit it is in the unit's own directory; for a person who runs `guardian check`, beside guardian.yaml."""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials/guardian.service")
    assert READ("$CREDENTIALS_DIRECTORY/slack-token") == Path("/run/credentials/guardian.service/slack-token")
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    assert READ("$CREDENTIALS_DIRECTORY/slack-token") == Path("/etc/guardian/credentials/slack-token")


def test_a_whole_directory_of_credentials_has_longer_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The files of `LoadCredential=credentials:DIRECTORY` are called by both names (systemd.exec, "LoadCredential=")."""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "credentials_slack-token").write_text("x")
    assert READ("$CREDENTIALS_DIRECTORY/slack-token") == tmp_path / "credentials_slack-token"
    assert READ("$CREDENTIALS_DIRECTORY/other") == tmp_path / "other"


@pytest.mark.parametrize("text", ["$CREDENTIALS_DIRECTORY", "$CREDENTIALS_DIRECTORY/../x", "$CREDENTIALS_DIRECTORY/a/b", "$HOME/x"])
def test_nothing_else_is_a_variable(text: str) -> None:
    """No other name, and no way out of the directory."""
    with pytest.raises(Misfit, match="names a variable"):
        READ(text)
