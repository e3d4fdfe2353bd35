"""How a Prometheus is reached: its address, and the files that hold what nobody else may know."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from guardian.core.words import prometheus as words

LONGEST_PATIENCE = 300.0
_VISIBLE = re.compile(r"[\x21-\x7e]+")
"""What can stand in a URL as it is: no blank, no line break, nothing to be encoded."""


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
            (parts.hostname or "").encode("idna")  # refuses what no resolver takes: empty labels, and overlong ones
            host = (parts.hostname or "").encode("idna")
            sound = parts.scheme in ("http", "https") and host and parts.port != 0
        except ValueError:  # a port that is no number, half an IPv6 address, a name that no server can have
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
