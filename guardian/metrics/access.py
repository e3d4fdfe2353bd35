"""How a Prometheus is reached: its address, and the files that hold what nobody else may know."""

import re
import stat
from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from guardian.core.words import prometheus as words
from guardian.metrics.answer import SourceDown

LONGEST_PATIENCE = 300.0
LONGEST_SECRET = 16384
"""Bytes. Servers accept headers of 8 to 64 KiB."""
_VISIBLE = re.compile(r"[\x21-\x7e]+")
"""What can stand in a header and a URL as it is: no blank, no line break, nothing to be encoded."""


@dataclass(frozen=True, slots=True)
class Access:
    """The way to one Prometheus. Holds no secret, only the names of the files that do.

    ``ValueError`` with a sentence for people where the parts contradict one another.
    """

    url: str
    """``http`` or ``https``, host, and if need be port and path."""
    bearer_token_file: Path | None = None
    username: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    """The authorities that are trusted, and no others; without it, those of the system."""
    client_cert_file: Path | None = None
    client_key_file: Path | None = None
    """The certificate's key, unencrypted; without it, the certificate's file holds both."""
    timeout: float = 10.0
    """Seconds in which a query is answered, its waiting for a connection included: above 0, at most 300."""

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if fault := self._address_fault() or self._login_fault() or self._certificate_fault():
            raise ValueError(fault)
        if not 0 < self.timeout <= LONGEST_PATIENCE:
            raise ValueError(words.bad_patience(LONGEST_PATIENCE))

    @property
    def base(self) -> str:
        """The address without a slash at its end."""
        return self.url.rstrip("/")

    def _address_fault(self) -> str:
        try:
            parts = urlsplit(self.url)
            sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            sound = False
        return "" if sound and _VISIBLE.fullmatch(self.url) and not set("@?#") & set(self.url) else words.not_an_address()

    def _login_fault(self) -> str:
        if (self.username is None) != (self.password_file is None):
            return words.half_a_login()
        if self.username is None:
            return ""
        if not self.username.isprintable() or ":" in self.username:
            return words.bad_user(self.username)
        return words.two_logins() if self.bearer_token_file else ""

    def _certificate_fault(self) -> str:
        if self.client_key_file and not self.client_cert_file:
            return words.key_without_certificate()
        plain = self.url.startswith("http:")
        return words.certificates_without_tls() if plain and (self.ca_file or self.client_cert_file) else ""


@dataclass(frozen=True, slots=True)
class Login:
    """What a request shows to be let in: the value of its Authorization header, and the secrets in it."""

    header: str = field(default="", repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)


def read_login(access: Access) -> Login:
    """The login as its file has it now; :class:`SourceDown` where it cannot be read. Files change under a running program."""
    if access.bearer_token_file:
        token = _read_secret(access.bearer_token_file)
        if not _VISIBLE.fullmatch(token):
            raise SourceDown(words.secret_unfit(access.bearer_token_file, LONGEST_SECRET))
        return Login(f"Bearer {token}", (token,))
    if access.username is not None and access.password_file:
        password = _read_secret(access.password_file)
        pair = b64encode(f"{access.username}:{password}".encode()).decode()  # RFC 7617, in UTF-8
        return Login(f"Basic {pair}", (pair, password))
    return Login()


def _read_secret(path: Path) -> str:
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
