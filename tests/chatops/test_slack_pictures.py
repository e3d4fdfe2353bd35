"""The pictures in the documentation show what Slack would take, and all of it."""

import html
import re
from dataclasses import replace

import pytest

from guardian.chatops.cards import Facts, card, reply
from guardian.core.deployment import Shielded
from guardian.core.model import Split
from tests.doubles.slack.limits import faults_of_message
from tests.pictures.blockkit import marked, message
from tests.pictures.slack import AT, NEWS, PAGES, RULE, TAKEN_BACK, WAITING


@pytest.mark.parametrize("deployment", [WAITING, TAKEN_BACK])
def test_what_is_pictured_is_what_slack_takes(deployment: object) -> None:
    """The blocks keep to Slack's limits, and none of their words is lost on the way into the picture."""
    facts = Facts("web", deployment, current=True, live=Split(0), generation=1)  # type: ignore[arg-type]
    blocks = list(card(facts, AT).blocks)
    assert faults_of_message(blocks) == []
    shown = html.unescape(re.sub(r"<[^>]*>", "", message(blocks)))
    for block in blocks:
        for text in [block.get("text", {}), *(each.get("text", each) for each in block.get("elements", []))]:
            if isinstance(text, dict) and text.get("type") == "plain_text":
                assert text["text"] in shown


def test_each_page_is_made() -> None:
    """A release that waits, and one that was taken back with its chart."""
    assert "Waits for approval" in PAGES["approval"][0]()
    assert "data:image/png;base64," in PAGES["rollback"][0]()


def test_what_the_shield_did_stands_in_the_message_and_the_broadcast() -> None:
    """As soon as anything is known of it; before, not a word."""
    known = Facts("web", TAKEN_BACK, current=True, live=Split(0), generation=1, shielded=Shielded(53, 52, 2))
    told = "*Shield* 54 failures, 52 answered by blue, 1 failed there, too, 1 not saved"
    assert told in str(card(known, AT).blocks)
    assert told in str(reply(NEWS, known, RULE).blocks)
    unknown = replace(known, shielded=None)
    assert "Shield" not in str((card(unknown, AT).blocks, reply(NEWS, unknown, RULE).blocks))


def test_marks_are_shown_as_slack_shows_them() -> None:
    """Bold, code, dates and links; what was escaped stays so."""
    shown = marked("*Rule* `a` <!date^1^{time}|in 5 min> <https://example.org|here> &lt;b&gt; 2*3*4")
    assert shown == (
        '<b>Rule</b> <code>a</code> <span class="at">in 5 min</span> <a href="https://example.org">here</a> &lt;b&gt; 2*3*4'
    )
