"""Tokens: what a program shows over TCP in place of a user of this host. Only their hashes are kept."""

import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest

from guardian.core.people import Person, Role, Scope

RANDOM_BYTES = 6 + 32
"""What a token is made of: its id, which is no secret, and its secret, which nobody can guess."""
_TEXT = re.compile(r"gdn_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_NOBODYS = sha256(b"nobody's").hexdigest()


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token: everything but the token itself."""

    id: str
    name: str
    """Whose it is; orders are recorded under ``token NAME``."""
    role: Role | None
    """``None`` for a token whose scope is not the API."""
    scope: Scope
    services: tuple[str, ...]
    """The only services that it opens; empty for all."""
    digest: str
    """SHA-256 of its secret, as hexadecimal digits."""
    created_at: float
    created_by: str
    expires_at: float
    revoked_at: float | None = None
    revoked_by: str = ""

    @property
    def person(self) -> Person:
        """Who shows it."""
        return Person(f"token {self.name}", self.role, frozenset(self.services), self.scope)

    def valid(self, now: float) -> bool:
        """Whether it opens anything at the moment ``now``."""
        return self.revoked_at is None and now < self.expires_at


@dataclass(frozen=True, slots=True)
class Minted:
    """A token as it is made: its text is shown once, and kept nowhere."""

    id: str
    text: str
    digest: str


def mint(random: bytes) -> Minted:
    """The token that consists of so many ``random`` bytes: :data:`RANDOM_BYTES`."""
    identifier, secret = random[:6].hex(), urlsafe_b64encode(random[6:]).rstrip(b"=").decode()
    return Minted(identifier, f"gdn_{identifier}_{secret}", _digest(secret))


def identified(text: str) -> str:
    """The id in ``text``; empty where it is no token. Whether it is the right one, :func:`opens` tells."""
    parts = _TEXT.fullmatch(text)
    return parts[1] if parts else ""


def opens(text: str, token: Token | None) -> bool:
    """Whether ``text`` is ``token``, in a time that tells nothing of either; there may be no such token."""
    parts = _TEXT.fullmatch(text)
    secret = parts[2] if parts else ""
    return compare_digest(_digest(secret), token.digest if token else _NOBODYS) and token is not None


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
