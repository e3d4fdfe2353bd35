"""What is shown to a Prometheus to be let in, read from files that change under a running program."""

import re
import stat
from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path

from guardian.core.access import Access
from guardian.core.words import prometheus as words
from guardian.metrics.answer import SourceDown

LONGEST_SECRET = 16384
"""Bytes. Servers accept headers of 8 to 64 KiB."""
_VISIBLE = re.compile(r"[\x21-\x7e]+")
"""What can stand in a header as it is: no blank, no line break, nothing to be encoded."""


@dataclass(frozen=True, slots=True)
class Login:
    """What a request shows to be let in: the value of its Authorization header, and the secrets in it."""

    header: str = field(default="", repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)


def read_login(access: Access) -> Login:
    """The login as its file has it now; :class:`SourceDown` where it cannot be read. Files change under a running program."""
    if access.bearer_token_file:
        token = read_secret(access.bearer_token_file)
        if not _VISIBLE.fullmatch(token):
            raise SourceDown(words.secret_unfit(access.bearer_token_file, LONGEST_SECRET))
        return Login(f"Bearer {token}", (token,))
    if access.username is not None and access.password_file:
        password = read_secret(access.password_file)
        pair = b64encode(f"{access.username}:{password}".encode()).decode()  # RFC 7617, in UTF-8
        return Login(f"Basic {pair}", (pair, password))
    return Login()


def read_secret(path: Path) -> str:
    """The one line that the file at ``path`` holds; :class:`SourceDown` where it holds something else, or cannot be read."""
    try:
        # A pipe would hold up the thread for ever.
        data = path.read_bytes() if stat.S_ISREG(path.stat().st_mode) else b""
    except OSError as error:
        reason = error.strerror or str(error)
        raise SourceDown(words.secret_unreadable(path, reason)) from error
    text = data.decode("utf-8", "replace").rstrip("\r\n")
    if not text or not text.isprintable() or "\ufffd" in text or len(data) > LONGEST_SECRET:
        raise SourceDown(words.secret_unfit(path, LONGEST_SECRET))
    return text


def certificate_state(access: Access) -> tuple[tuple[int, int, int], ...]:
    """Changes whenever one of the certificate files is replaced or rewritten: its inode, change time and size."""
    files = (access.ca_file, access.client_cert_file, access.client_key_file)
    try:
        return tuple((found.st_ino, found.st_ctime_ns, found.st_size) for file in files if file and (found := file.stat()))
    except OSError as error:
        raise SourceDown(words.secret_unreadable(Path(error.filename), error.strerror or str(error))) from error
