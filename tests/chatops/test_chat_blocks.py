"""Whatever is put into a block, Slack takes what comes out, and no foreign text commands anything."""

import re
from html import unescape
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.app.notes import NoteView
from guardian.chatops import answers, blocks
from guardian.chatops.blocks import escaped
from tests.doubles.slack.limits import faults_of_message

ANY = st.text(max_size=4200)
HOSTILE = ["<!channel>", "<!here|here>", "<@UBOB>", "<https://evil.example|click me>", "a & b", "*_~`", "\x00\u202e", ""]


@given(ANY, st.lists(ANY, max_size=60), st.integers(0, 30))
def test_slack_takes_whatever_comes_out(text: str, lines: list[str], number: int) -> None:
    """Any text in any place, as often as one likes."""
    ask = blocks.Ask(text, text, text, text)
    buttons = [blocks.Button(f"a{each}", text, text, text, "danger", ask) for each in range(max(1, number))]
    many: list[dict[str, Any]] = [
        blocks.header(text),
        blocks.section(blocks.escaped(text)),
        blocks.fields([text, *lines]),
        blocks.context(text, *lines),
        *blocks.sections(lines),
        blocks.divider(),
        *[blocks.divider() for _ in lines],
        blocks.actions(buttons, text),
    ]
    made = blocks.content(text, many)
    found = [fault for fault in faults_of_message(list(made.blocks)) if "value must be" not in fault]
    assert found == []
    assert 1 <= len(made.text) <= blocks.LONGEST_TEXT
    assert made.blocks[-1]["type"] == "actions"


@pytest.mark.parametrize("text", HOSTILE)
def test_foreign_text_stays_text(text: str) -> None:
    """No mention, no link and no hidden character survives."""
    shown = blocks.escaped(text)
    assert not set("<>") & set(shown)
    assert shown.isprintable()


@given(ANY, st.integers(2, 300))
def test_nothing_is_cut_in_two(text: str, most: int) -> None:
    """A clipped text ends with no half of an entity."""
    shown = blocks.clipped(blocks.escaped(text), most)
    assert len(shown) <= most
    assert not re.search(r"&(?!amp;|lt;|gt;)", shown)


@given(st.integers(0, 10_000))
def test_a_bar_shows_both_sides(green: int) -> None:
    """Twenty cells; whoever has any traffic has at least one of them, and whoever has all of it has all."""
    drawn = blocks.bar(green)
    assert len(drawn) == 20
    assert ("█" in drawn) is (green < 10_000)
    assert ("░" in drawn) is (green > 0)


@pytest.mark.parametrize("before", range(-6, 1))
def test_a_note_is_cut_between_characters(before: int) -> None:
    """What Slack takes as one character stands whole in one block, wherever a piece ends."""
    text = "x" * (answers.NOTE_PIECE + before) + "<b> & more"
    shown = answers.note(NoteView("web-1", "web", "verified", "/notes/web-1.md", "", text))
    pieces = [block["text"]["text"].removeprefix("```").removesuffix("```") for block in shown.blocks[1:]]
    assert "".join(map(unescape, pieces)) == text
    assert "".join(pieces) == escaped(text)
