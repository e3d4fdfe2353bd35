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


@pytest.mark.parametrize("text", ["$CREDENTIALS_DIRECTORY", "$CREDENTIALS_DIRECTORY/../x", "$CREDENTIALS_DIRECTORY/a/b", "$HOME/x"])
def test_nothing_else_is_a_variable(text: str) -> None:
    """No other name, and no way out of the directory."""
    with pytest.raises(Misfit, match="names a variable"):
        READ(text)
