"""Addresses that come from elsewhere, and that people may be sent to."""

import re

_LINK = re.compile(r"https?://[^\s@/?#\\\x00-\x20\x7f]{1,253}(?:[/?#][\x21-\x7e]{0,1700})?", re.ASCII)


def followable(text: object) -> str:
    """``text`` where it is an http or https address without a user name or password in it, else nothing."""
    return text if isinstance(text, str) and _LINK.fullmatch(text) else ""
