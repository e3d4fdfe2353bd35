"""Secrets taken out of text that others will read: tokens, tickets, answer addresses, triggers, passwords in URLs."""

import re

HIDDEN = "(hidden)"
_SECRETS = (
    re.compile(r"gdn_[0-9a-f]{12}_[A-Za-z0-9_-]{8,}"),
    re.compile(r"xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]+|xapp-[A-Za-z0-9-]+"),
    re.compile(r"(?<=[?&]ticket=)[^&\s'\"\\)>]+"),
    re.compile(r"(?<=hooks\.slack\.com/)[^\s'\"\\)>]+"),
    re.compile(r"(?<=/response_url/)[^\s'\"\\)>]+"),
    re.compile(r"(?<=files\.slack\.com/upload/)[^\s'\"\\)>]+"),
    re.compile(r"(?<=trigger_id)(?:['\"\\]*\s*[:=]\s*['\"\\]*)[0-9][0-9.]*\.[A-Za-z0-9]+"),
    re.compile(r"\b[0-9]{6,}\.[0-9]{6,}\.[0-9a-f]{16,}\b"),
    re.compile(r"(?<=Bearer )[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE),
    re.compile(r"(?<=Basic )[A-Za-z0-9+/]{8,}=*", re.IGNORECASE),
    re.compile(r"(?<=://)[^\s/@:]+:[^\s/@]+(?=@)"),
    re.compile(r"(?<=://)[0-9a-f]{32}(?=@)"),
    re.compile(r"\b(?:gdn_[0-9a-f]{12}_|gh[a-z]_|github_pat_|glpat-|sntry[a-z]_)[A-Za-z0-9_=-]{8,}"),
)


def scrubbed(text: str) -> str:
    """``text`` without anything that looks like a secret."""
    for secret in _SECRETS:
        text = secret.sub(HIDDEN, text)
    return text
