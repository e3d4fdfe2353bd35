"""Block Kit, as plain data within Slack's limits by construction: whatever is put in, Slack takes what comes out."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from guardian.core.model import BASIS_POINTS

Block = dict[str, Any]
MOST_BLOCKS, MOST_IN_VIEW = 50, 100
LONGEST_SECTION, LONGEST_HEADER, LONGEST_TEXT = 3000, 150, 3900
LONGEST_BUTTON, LONGEST_VALUE, LONGEST_LABEL = 75, 2000, 75
LONGEST_CONTEXT, MOST_IN_CONTEXT, MOST_FIELDS, LONGEST_FIELD, MOST_BUTTONS = 2000, 10, 10, 2000, 25
LONGEST_TITLE, LONGEST_CONFIRM_TITLE, LONGEST_CONFIRM, LONGEST_CHOICE = 24, 100, 300, 30
LONGEST_ALT = 1900
EMPTY = "…"
"""Slack takes no empty text."""
_CUT_ENTITY = re.compile(r"&[a-z]{0,3}$|<[^>]*$")


@dataclass(frozen=True, slots=True)
class Content:
    """A message: its blocks, and the text for notifications, screen readers, and wherever blocks cannot be shown."""

    text: str
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """The question before something that moves traffic."""

    title: str
    text: str
    yes: str
    no: str
    danger: bool = False


@dataclass(frozen=True, slots=True)
class Button:
    """A button. ``label`` tells those who cannot see what is around it what it does."""

    action: str
    text: str
    value: str
    label: str
    style: str = ""
    ask: Ask | None = None


def escaped(text: str) -> str:
    """Foreign text as it may stand in a message: nothing in it is a mention, a link, or a command to Slack."""
    visible = "".join(
        character if character.isprintable() or character == "\n" else "\N{REPLACEMENT CHARACTER}" for character in text
    )
    return visible.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def clipped(text: str, most: int) -> str:
    """``text``, escaped already, of at most ``most`` characters; no entity and no mention is cut in two."""
    if len(text) <= most:
        return text
    return f"{_CUT_ENTITY.sub('', text[: most - 1])}…"


def mrkdwn(text: str, most: int = LONGEST_SECTION) -> Block:
    """Formatted text; ``verbatim``, so that Slack looks for no mentions or channels of its own in it."""
    return {"type": "mrkdwn", "text": clipped(text, most) or EMPTY, "verbatim": True}


def plain(text: str, most: int) -> Block:
    """Text that is shown as it is."""
    line = " ".join(text.split())
    return {"type": "plain_text", "text": (line if len(line) <= most else f"{line[: most - 1]}…") or EMPTY, "emoji": False}


def header(text: str) -> Block:
    """A heading."""
    return {"type": "header", "text": plain(text, LONGEST_HEADER)}


def section(text: str) -> Block:
    """A paragraph."""
    return {"type": "section", "text": mrkdwn(text)}


def sections(lines: Iterable[str]) -> Iterator[Block]:
    """Lines as paragraphs that are as few as can be: none is cut that fits into one."""
    held: list[str] = []
    for line in lines:
        if held and sum(map(len, held)) + len(held) + len(line) > LONGEST_SECTION:
            yield section("\n".join(held))
            held = []
        held.append(line)
    if held:
        yield section("\n".join(held))


def fields(texts: Sequence[str]) -> Block:
    """Short texts side by side."""
    return {"type": "section", "fields": [mrkdwn(text, LONGEST_FIELD) for text in texts[:MOST_FIELDS]]}


def context(*texts: str) -> Block:
    """Small print."""
    return {"type": "context", "elements": [mrkdwn(text, LONGEST_CONTEXT) for text in texts[:MOST_IN_CONTEXT]]}


def divider() -> Block:
    """A line."""
    return {"type": "divider"}


def button(given: Button) -> Block:
    """A button."""
    made: Block = {
        "type": "button",
        "action_id": given.action,
        "text": plain(given.text, LONGEST_BUTTON),
        "value": given.value[:LONGEST_VALUE],
        "accessibility_label": plain(given.label, LONGEST_LABEL)["text"],
    }
    if given.style:
        made["style"] = given.style
    if given.ask:
        made["confirm"] = _confirm(given.ask)
    return made


def _confirm(ask: Ask) -> Block:
    made: Block = {
        "title": plain(ask.title, LONGEST_CONFIRM_TITLE),
        "text": plain(ask.text, LONGEST_CONFIRM),
        "confirm": plain(ask.yes, LONGEST_CHOICE),
        "deny": plain(ask.no, LONGEST_CHOICE),
    }
    return {**made, "style": "danger"} if ask.danger else made


def actions(buttons: Sequence[Button], block_id: str = "") -> Block:
    """Buttons side by side."""
    made: Block = {"type": "actions", "elements": [button(each) for each in buttons[:MOST_BUTTONS]]}
    return {**made, "block_id": block_id[:255]} if block_id else made


def content(text: str, blocks: Iterable[Block], most: int = MOST_BLOCKS) -> Content:
    """A message of at most ``most`` blocks: where there are more, the middle gives way, and its end, with the buttons, stays."""
    made = list(blocks)
    if len(made) > most:
        left_out = len(made) - most + 1
        made = [*made[: most - 4], context(f"… {left_out} more"), *made[-3:]]
    return Content(clipped(text, LONGEST_TEXT) or EMPTY, tuple(made))


def bar(green: int, width: int = 20) -> str:
    """A split as a bar: full for blue, light for green; whoever has any traffic has at least one cell of it."""
    cells = round(green / BASIS_POINTS * width)
    if 0 < green < BASIS_POINTS:
        cells = min(width - 1, max(1, cells))
    return "█" * (width - cells) + "░" * cells
