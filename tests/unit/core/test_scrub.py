"""Secrets are taken out of what others read, and nothing else is."""

import pytest

from guardian.core.scrub import HIDDEN, scrubbed

SECRET = {
    "a bot token": ("token xoxb-123-456-AbC is bad", f"token {HIDDEN} is bad"),
    "an app token": ("xapp-1-A0-1-abc", HIDDEN),
    "a ticket": ("url='wss://x.slack.com/link/?ticket=ab-cd&app_id=1'", f"url='wss://x.slack.com/link/?ticket={HIDDEN}&app_id=1'"),
    "an answer address": ("https://hooks.slack.com/commands/T1/2/x failed", f"https://hooks.slack.com/{HIDDEN} failed"),
    "an upload address": ("https://files.slack.com/upload/v1/ABC", f"https://files.slack.com/upload/{HIDDEN}"),
    "a trigger": ('"trigger_id":"13345224609.738474920.8088930838d88f008e0"', f'"trigger_id{HIDDEN}"'),
    "a bare trigger": ("13345224609.738474920.8088930838d88f008e0", HIDDEN),
    "a bearer": ("Authorization: Bearer abcdefgh12345", f"Authorization: Bearer {HIDDEN}"),
    "a basic login": ("authorization: Basic eC1hY2Nlc3M6c2VjcmV0", f"authorization: Basic {HIDDEN}"),
    "a DSN": (f"https://{'0a' * 16}@o1.ingest.example.org/42", f"https://{HIDDEN}@o1.ingest.example.org/42"),
    "guardian's token": (f"GUARDIAN_TOKEN=gdn_{'0a' * 6}_abcDEF-1234", f"GUARDIAN_TOKEN={HIDDEN}"),
    "a token of a git server": ("remote: glpat-abcdefgh1234 refused", f"remote: {HIDDEN} refused"),
    "a token of Sentry": ("sntryu_0123456789abcdef", HIDDEN),
    "a login": ("https://user:pass@example.org/x", f"https://{HIDDEN}@example.org/x"),
}
HARMLESS = [
    "web-7: rolled back: web is on blue in every worker, 43 ms after the decision",
    "https://example.org/a?b=c&ticket_count=3",
    "1700000000.000123",
    "127.0.0.1:8080",
    "the bearer of this letter",
]


@pytest.mark.parametrize("name", SECRET)
def test_a_secret_is_hidden(name: str) -> None:
    """What stands around it stays."""
    text, shown = SECRET[name]
    assert scrubbed(text) == shown


@pytest.mark.parametrize("text", HARMLESS)
def test_the_rest_is_left_alone(text: str) -> None:
    """Nothing that people need is taken from them."""
    assert scrubbed(text) == text
