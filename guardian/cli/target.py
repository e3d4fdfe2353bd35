"""Where the daemon is: behind the unix socket of this host, or at an address, with a token."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from guardian.core.words import access as words

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True)
class Target:
    """The way to the daemon. ``str()`` is how people know it."""

    socket: Path
    url: str = ""
    """Empty: it is the socket."""
    token: str = ""
    """As an environment variable has it."""
    token_file: Path | None = None
    ca: Path | None = None
    """The authorities that are trusted, and no others; without it, those of the system."""

    def __str__(self) -> str:
        return self.url or str(self.socket)

    @cached_property
    def base(self) -> str:
        """The address that all paths of the API are below. ``click.UsageError`` with a sentence where there is none such."""
        if not self.url:
            return "http://guardian/v1/"
        try:
            parts = urlsplit(self.url)
            sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            sound = False
        if not sound or parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc:
            raise click.UsageError(words.url_misfit(self.url))
        if parts.scheme == "http" and not _loopback(parts.hostname or ""):
            raise click.UsageError(words.url_unprotected(self.url))
        return f"{parts.scheme}://{parts.netloc}/v1/"

    def transport(self) -> "httpx.HTTPTransport":
        """How bytes travel there."""
        import httpx

        if not self.url:
            # Nothing is encrypted on a unix socket, and loading the certificates of the world would take longer than the call.
            return httpx.HTTPTransport(uds=str(self.socket), verify=False)
        import ssl

        try:
            return httpx.HTTPTransport(verify=ssl.create_default_context(cafile=self.ca) if self.url.startswith("https") else False)
        except OSError as error:
            raise click.UsageError(words.certificate_not_trusted(self.url, str(error))) from error

    def headers(self) -> dict[str, str]:
        """The token, where there is one. ``click.UsageError`` with a sentence where its file cannot be read."""
        if not self.url:
            return {}
        token = self.token.strip()
        if self.token_file:
            try:
                token = self.token_file.read_text().strip()
            except (OSError, UnicodeDecodeError) as error:
                raise click.UsageError(words.token_file_unusable(self.token_file, str(error))) from error
        if not token.isascii() or not token.isprintable():
            raise click.UsageError(words.token_file_unusable(self.token_file or Path("GUARDIAN_TOKEN"), words.holds_no_token()))
        return {"authorization": f"Bearer {token}"} if token else {}


def _loopback(host: str) -> bool:
    from ipaddress import ip_address

    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
