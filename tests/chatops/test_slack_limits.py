"""The stand-in holds messages and views to Slack's limits."""

from typing import Any

import pytest

from tests.doubles.slack.limits import faults_of_message, faults_of_view


def plain(text: str) -> dict[str, Any]:
    """A plain text."""
    return {"type": "plain_text", "text": text}


def section(**more: Any) -> dict[str, Any]:
    """A section."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": "x"}, **more}


def button(**more: Any) -> dict[str, Any]:
    """A button."""
    return {"type": "button", "action_id": "a", "text": plain("Go"), **more}


CONFIRM = {"title": plain("Sure?"), "text": plain("It moves traffic"), "confirm": plain("Yes"), "deny": plain("No")}
IMAGE = {"type": "image", "image_url": "https://example.org/x.png", "alt_text": "a chart"}
GOOD = [
    {"type": "header", "text": plain("h" * 150)},
    section(block_id="b", accessory=button(confirm=CONFIRM, style="danger")),
    section(fields=[{"type": "mrkdwn", "text": "x" * 2000}] * 10),
    {"type": "divider"},
    {"type": "context", "elements": [{"type": "mrkdwn", "text": "x"}, IMAGE]},
    {"type": "actions", "elements": [button(action_id=f"a{number}") for number in range(25)]},
    IMAGE,
]
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown block": ({"type": "marquee"}, "unsupported type"),
    "an unknown key": (section(colour="red"), "invalid additional property"),
    "a long text": (section(text=plain("x" * 3001)), "1 to 3000"),
    "an empty text": (section(text=plain("")), "1 to 3000"),
    "no text": ({"type": "section"}, "text or fields"),
    "a long header": ({"type": "header", "text": plain("x" * 151)}, "1 to 150"),
    "a header with markup": ({"type": "header", "text": {"type": "mrkdwn", "text": "x"}}, "must be plain_text"),
    "too many fields": (section(fields=[plain("x")] * 11), "10 fields"),
    "too many buttons": ({"type": "actions", "elements": [button(action_id=str(n)) for n in range(26)]}, "1 to 25"),
    "no button": ({"type": "actions", "elements": []}, "1 to 25"),
    "two buttons of one name": ({"type": "actions", "elements": [button(), button()]}, "must be unique"),
    "a long button": ({"type": "actions", "elements": [button(text=plain("x" * 76))]}, "1 to 75"),
    "a long value": ({"type": "actions", "elements": [button(value="x" * 2001)]}, "1 to 2000"),
    "a strange style": ({"type": "actions", "elements": [button(style="blue")]}, "invalid style"),
    "a long label": ({"type": "actions", "elements": [button(accessibility_label="x" * 76)]}, "1 to 75"),
    "a long question": ({"type": "actions", "elements": [button(confirm={**CONFIRM, "text": plain("x" * 301)})]}, "1 to 300"),
    "an image without words": ({"type": "image", "image_url": "https://example.org/x.png"}, "alt_text"),
    "an image from nowhere": ({"type": "image", "alt_text": "x"}, "one of image_url"),
    "a full context": ({"type": "context", "elements": [plain("x")] * 11}, "1 to 10"),
}


def test_what_slack_takes_is_taken() -> None:
    """All kinds of blocks, filled to their limits, and fifty of them."""
    assert faults_of_message(GOOD) == []
    assert faults_of_message([{"type": "divider"}] * 50) == []


@pytest.mark.parametrize("name", BAD)
def test_what_slack_refuses_is_refused(name: str) -> None:
    """Each fault is found and named."""
    block, said = BAD[name]
    assert any(said in fault for fault in faults_of_message([block])), faults_of_message([block])


def test_there_may_be_fifty_blocks_and_each_once() -> None:
    """Fifty-one blocks are too many for a message, a name stands once, and blocks are a list."""
    assert "50" in faults_of_message([{"type": "divider"}] * 51)[0]
    assert "unique" in faults_of_message([section(block_id="b"), section(block_id="b")])[0]
    assert faults_of_message("blocks")


def test_a_view_has_limits_of_its_own() -> None:
    """A modal's title is short, inputs need a way to be sent, a home has no title, and a hundred blocks fit."""
    asked = {"type": "input", "label": plain("Why"), "element": {"type": "plain_text_input", "action_id": "x", "max_length": 3000}}
    modal = {"type": "modal", "title": plain("x" * 24), "submit": plain("Send"), "blocks": [asked]}
    assert faults_of_view(modal) == []
    assert faults_of_view({"type": "home", "blocks": [{"type": "divider"}] * 100}) == []
    assert "1 to 24" in faults_of_view({**modal, "title": plain("x" * 25)})[0]
    assert "submit" in faults_of_view({key: value for key, value in modal.items() if key != "submit"})[0]
    assert "1 to 3000" in faults_of_view({**modal, "private_metadata": "x" * 3001})[0]
    assert "3000" in faults_of_view({**modal, "blocks": [{**asked, "element": {**asked["element"], "max_length": 3001}}]})[0]
    assert faults_of_view({"type": "poster", "blocks": []})
