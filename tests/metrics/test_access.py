"""The way to a Prometheus is checked before it is gone, and its secrets stay in their files."""

import math
import os
from pathlib import Path
from typing import Any

import pytest

from guardian.core.access import Access
from guardian.metrics.access import certificate_state, read_login
from guardian.metrics.answer import SourceDown

URL = "https://prometheus.example.com:9090/metrics/"
FILE = Path("/etc/guardian/token")


def test_a_whole_way_is_accepted() -> None:
    """An address with a path, a login and certificates go together; the slash at the end does not count."""
    access = Access(URL, username="guardian", password_file=FILE, ca_file=FILE, client_cert_file=FILE, timeout=300)
    assert access.base == "https://prometheus.example.com:9090/metrics"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "prometheus:9090",
        "ftp://prometheus",
        "http://",
        "http:///path",
        "http://user:secret@prometheus",
        "http://prometheus?query=1",
        "http://prometheus#x",
        "http://prometheus:port",
        "http://prometheus:99999",
        "http://[::1",
        "http://one..two",
        f"http://{'x' * 64}.example",
        "http://prometheus /",
        "http://prometheus\r\nX-Evil: 1",
    ],
)
def test_an_address_that_leads_nowhere_or_holds_a_secret_is_refused(url: str) -> None:
    """Other schemes, missing hosts, bad ports, blanks, line breaks, passwords and queries are refused without repeating them."""
    with pytest.raises(ValueError, match="name secrets by their files") as caught:
        Access(url)
    assert "secret@" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"bearer_token_file": FILE, "username": "a", "password_file": FILE}, "not both; remove one"),
        ({"username": "a"}, "belong together; name both, or neither"),
        ({"password_file": FILE}, "belong together; name both, or neither"),
        ({"username": "a:b", "password_file": FILE}, "`a:b` cannot be a user here"),
        ({"client_key_file": FILE}, "needs its certificate"),
        ({"timeout": 0}, "must be above 0 and at most 5 min"),
        ({"timeout": 301}, "must be above 0 and at most 5 min"),
        ({"timeout": math.nan}, "must be above 0 and at most 5 min"),
    ],
)
def test_parts_that_contradict_one_another_are_refused(settings: dict[str, Any], sentence: str) -> None:
    """Two logins, half a login, a key without certificate, and no deadline are each refused with their sentence."""
    with pytest.raises(ValueError, match=sentence):
        Access(URL, **settings)


def test_certificates_without_tls_are_refused() -> None:
    """Someone who names an authority believes that the connection is safe; over http it is not."""
    with pytest.raises(ValueError, match="certificates mean nothing to an `http://` address"):
        Access("http://prometheus:9090", ca_file=FILE)


def test_the_login_is_what_the_file_says_now(tmp_path: Path) -> None:
    """Each look reads the file again; the line's end is not part of the secret; nothing secret shows in the repr."""
    file = tmp_path / "token"
    access = Access(URL, bearer_token_file=file)
    for token in ("first-token", "second.token~+/="):
        file.write_text(f"{token}\n")
        login = read_login(access)
        assert login.header == f"Bearer {token}"
        assert login.secrets == (token,)
        assert token not in repr(login) + repr(access)


def test_a_password_may_hold_what_people_type(tmp_path: Path) -> None:
    """Basic authentication carries UTF-8, and blanks inside a password."""
    file = tmp_path / "password"
    file.write_text("pass wörd\r\n")
    login = read_login(Access(URL, username="guardian", password_file=file))
    assert login.header == "Basic Z3VhcmRpYW46cGFzcyB3w7ZyZA=="
    assert "wörd" not in repr(login)


def test_without_a_login_nothing_is_shown() -> None:
    """No file, no header."""
    assert read_login(Access(URL)).header == ""


@pytest.mark.parametrize("content", [b"", b"\n", b"two words", b"two\nlines", b"tok\x00en", b"\xff\xfe", b"x" * 16385])
def test_a_file_that_holds_no_token_is_refused_unread(tmp_path: Path, content: bytes) -> None:
    """What cannot stand in a header never gets there, and is not repeated."""
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(SourceDown, match="holds no secret that can be sent") as caught:
        read_login(Access(URL, bearer_token_file=file))
    assert "words" not in str(caught.value)


def test_a_secret_that_is_missing_or_a_pipe_is_a_sentence_and_no_wait(tmp_path: Path) -> None:
    """A missing file is named with the system's reason; a pipe nobody writes to does not hold up the thread."""
    missing, pipe = tmp_path / "missing", tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(SourceDown, match=r"missing cannot be read: No such file or directory; it must be a file"):
        read_login(Access(URL, bearer_token_file=missing))
    with pytest.raises(SourceDown, match="pipe holds no secret"):
        read_login(Access(URL, bearer_token_file=pipe))


def test_certificates_have_changed_when_a_file_was_replaced(tmp_path: Path) -> None:
    """A renewed file of the same size is noticed; a missing one is named."""
    file, renewed = tmp_path / "ca.pem", tmp_path / "new.pem"
    file.write_text("old")
    renewed.write_text("new")
    access = Access(URL, ca_file=file)
    before = certificate_state(access)
    assert certificate_state(access) == before
    renewed.rename(file)
    assert certificate_state(access) != before
    file.unlink()
    with pytest.raises(SourceDown, match=r"ca\.pem cannot be read: No such file"):
        certificate_state(access)
