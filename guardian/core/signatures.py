"""Signed messages of other programs: who sent them, that nobody changed them, and that they are not sent again by somebody else."""

import hmac
from collections import OrderedDict
from hashlib import sha256


def signature(secret: bytes, body: bytes) -> str:
    """The HMAC-SHA-256 of ``body``, as hexadecimal digits: what Sentry, GitHub and others put into a header."""
    return hmac.new(secret, body, sha256).hexdigest()


def signed(secret: bytes, body: bytes, given: str) -> bool:
    """Whether ``given`` is the signature of ``body``, in a time that tells nothing of either. An empty secret signs nothing."""
    return bool(secret) and hmac.compare_digest(signature(secret, body).encode(), given.encode(errors="replace"))


class ReplayWindow:
    """Admits each message once, and none whose own time is further from now than the window. Holds a bounded number of marks."""

    def __init__(self, seconds: float = 300.0, most: int = 10_000) -> None:
        """When ``most`` marks are younger than the window, nothing new is admitted: who floods it gets no replay through."""
        self._seconds, self._most = seconds, most
        self._seen: OrderedDict[str, float] = OrderedDict()

    def admit(self, mark: str, sent_at: float, now: float) -> bool:
        """Whether the message with this ``mark`` (its signature, or its id) may be taken; then it is known from now on."""
        while self._seen and next(iter(self._seen.values())) <= now - 2 * self._seconds:  # its time is outside the window by then
            self._seen.popitem(last=False)
        if not abs(now - sent_at) <= self._seconds or mark in self._seen or len(self._seen) >= self._most:
            return False
        self._seen[mark] = now
        return True
