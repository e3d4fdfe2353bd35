"""The note of a deployment: what it says, and that nothing anybody wrote can break it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from guardian.core.model import Split
from guardian.core.ports import JournalEntry
from guardian.core.release import Mute, StageDone
from guardian.core.strategy import StageKind, StepKind, StrategyStep
from guardian.core.words import notes as words
from guardian.core.words.markdown import inert
from guardian.core.words.quotes import visible
from guardian.records.notes import MarksGone, free_text, render
from tests.doubles import accounts
from tests.doubles.accounts import EPOCH, Story

PARSER = MarkdownIt("commonmark").enable("table").enable("strikethrough")
HOSTILE = (
    "# heading",
    "---",
    "1. one",
    "- [x] done",
    "| a | b |",
    "<script>alert(1)</script>",
    "<!-- end of yours -->",
    "](https://evil.example) [x",
    "![x](http://evil.example/track.png)",
    "`code` ``",
    "**bold** _em_ ~~gone~~ $x$",
    "&lt;b&gt; &amp;",
    "key: value # comment",
    "'\"",
    "line\nbreak\r\n---\n# more",
    "\x00\x07\u202e\ud800",
    "*" * 4000,
    "\\",
    "trailing\\",
    "| --- |",
    "    indented",
    "\t",
    "= heading",
    "> quote",
    "{{ template }} %s {0}",
)
text = st.text(st.characters(), max_size=60) | st.sampled_from(HOSTILE)


def front(note: str) -> dict[str, Any]:
    """The front matter."""
    _, head, _ = note.split("---\n", 2)
    found: dict[str, Any] = yaml.safe_load(head)
    return found


def tokens(note: str) -> list[Token]:
    """The text below the front matter, as a Markdown parser understands it."""
    return PARSER.parse(note.split("---\n", 2)[2])


def shape(note: str) -> list[str]:
    """The blocks of a note."""
    return [token.type for token in tokens(note)]


def rendered(story: Story, yours: str = "") -> str:
    """The note of a story, with its chart."""
    return render(story.account, {"server-errors": ("charts/web-1-server-errors.png", "a chart")}, yours)


def test_a_rollback_is_told_with_its_reason_and_its_cost() -> None:
    """What, who, why, every step, verdict, chart, cost and what remains, in this order."""
    note = rendered(accounts.rolled_back())
    for sentence in (
        "# web-1: rolled back",
        "| moved | from blue to green |",
        "| asked for by | alice |",
        "| why | release 4.2 |",
        "| traffic moved | 2023-11-14 22:13:21 UTC, every worker confirmed in 4 ms |",
        "| 2023-11-14 22:13:21 | 0 ms | alice asks for 100 % of the traffic on green: release 4.2 |",
        "| server-errors | breached |",
        "![a chart](<charts/web-1-server-errors.png>)",
        "- Decided by guardian at 2023-11-14 22:13:24 UTC.",
        "- Every worker of the balancer confirmed the old split 4 ms after the decision.",
        "- Bad answers that users got from the new environment: 200, in 3.00 s of exposure. That is 33.3 % of 600 answers.",
        "- [ ] Find out what made server-errors fire, and mend it.",
        "- [ ] Let the service move forward again: `guardian unlatch web --reason …`",
        "## Remarks",
    ):
        assert sentence in note, sentence
    order = [note.index(f"## {words.HEADINGS[name]}") for name in words.HEADINGS if name != "stages"]
    assert order == sorted(order)


def test_the_front_matter_is_for_programs() -> None:
    """The same facts as plain values; times in ISO 8601 with their zone."""
    found = front(rendered(accounts.rolled_back()))
    expected = {
        "deployment": "web-1",
        "service": "web",
        "phase": "rolled back",
        "final": True,
        "from": "blue",
        "to": "green",
        "requested_by": "alice",
        "bad_answers": 200,
    }
    assert expected.items() <= found.items()
    assert found["requested_at"] == "2023-11-14T22:13:21.000Z"
    assert found["rules"] == {"server-errors": "breached"}
    assert found["rollback"]["rule"] == "server-errors"
    assert found["rollback"]["seconds"] == 0.004


REMAINS: list[tuple[Callable[[], Story], str, str]] = [
    (accounts.watching, "watching", "- [ ] The deployment goes on."),
    (accounts.verified, "verified", "- [x] Nothing: green is the safe side."),
    (
        lambda: accounts.verified(500),
        "verified",
        "- [ ] Only green 5 % and blue 95 % was moved: `guardian switch web`",
    ),
    (
        accounts.unverified,
        "unverified",
        "- [ ] Decide: `guardian promote web` vouches for it, `guardian rollback",
    ),
    (accounts.promoted, "unverified", "- [x] Decided: it was promoted."),
    (accounts.unlatched, "rolled back", "- [x] Let the service move forward again: `guardian unlatch web --reason …`"),
    (accounts.by_hand, "rolled back", "- [ ] Find out why, and mend it."),
    (accounts.aborted, "aborted", "- [ ] Mend what stood in the way (worker 2 does not answer), then `guardian switch web` again."),
    (accounts.stuck, "stuck", "- [ ] A person is needed now: the traffic could not be taken back: worker 2 does not answer"),
]


@pytest.mark.parametrize(("tell", "phase", "line"), REMAINS)
def test_each_end_says_what_remains(tell: Callable[[], Story], phase: str, line: str) -> None:
    """Somebody who reads the note knows what to do, and what has been done."""
    note = rendered(tell())
    assert front(note)["phase"] == phase
    assert line in note
    assert (words.DRAFT in note) is (phase in ("watching", "stuck"))


def test_the_same_records_give_the_same_note() -> None:
    """So that a repository has a commit only where something changed; what is rendered again from what was rendered is the same."""
    first = rendered(accounts.rolled_back())
    assert rendered(accounts.rolled_back(), free_text(first)) == first


def test_what_people_wrote_is_kept_to_the_letter() -> None:
    """Whatever it holds, marks and front matter included; only blank lines around it are guardian's."""
    yours = "Cause: a query.\n\n---\n\n## Ours\n\n```yaml\na: 1\n```\n\n<!-- end of yours? -->\n* [link](https://example.org)  \n"
    note = rendered(accounts.rolled_back(), yours)
    assert free_text(note) == yours.strip("\n")
    assert rendered(accounts.unlatched(), free_text(note)).count(yours.strip("\n")) == 1
    twice = note.replace("Cause: a query.", f"Cause: {words.END} a query.")
    assert free_text(twice).startswith(f"Cause: {words.END} a query.")


@pytest.mark.parametrize("mark", [words.BEGIN, words.END])
def test_a_note_without_its_marks_is_not_guessed_at(mark: str) -> None:
    """Nothing tells what is whose."""
    with pytest.raises(MarksGone):
        free_text(rendered(accounts.rolled_back()).replace(mark, ""))


def test_a_whole_deployment_is_told_with_its_version_stages_and_approvals() -> None:
    """What was released, what was done around it, by which steps it came to its traffic, and who agreed; no playbook's output."""
    account = accounts.rolled_back().account
    stage = StageDone(StageKind.VERIFY, 1, ok=True, summary="12 checks | passed", began_at=EPOCH, ended_at=EPOCH + 9.5)
    whole = replace(
        account.deployment,
        version="shop@4.2",
        stages=(stage,),
        steps=(StrategyStep(StepKind.SHIFT, 500, 60.0),),
        goal=Split(10_000),
    )
    said: list[dict[str, Any]] = [
        {"kind": "approved", "by": "bob", "reason": "looks good", "alone": False},
        {"kind": "approved", "by": "eve", "reason": "", "alone": False},
        {"kind": "approval lapsed", "by": "eve"},
        {"kind": "approved", "by": "dan", "reason": "", "alone": True},
        {"kind": "stage progressed", "line": "TASK [x] ok"},
    ]
    journal = tuple(JournalEntry(100 + number, EPOCH + 2.0, "web", "web-1", event) for number, event in enumerate(said))
    note = render(replace(account, deployment=whole, journal=(*account.journal, *journal)), {})
    for line in (
        "| version | shop@4.2 |",
        "| moved | from blue to green |",
        "| by steps of | 5 % |",
        "| approved by | bob: looks good |",
        "| approved by | dan (alone, with broken glass) |",
        "| verify | done | 9.50 s | 12 checks \\| passed |",
    ):
        assert line in note, line
    assert "TASK" not in note
    found = front(note)
    assert (found["version"], found["approved_by"], found["stages"]) == ("shop@4.2", ["bob", "dan"], {"verify 1": "done"})


def test_a_mute_is_in_the_note() -> None:
    """Who muted which rule, until when and why, among the facts; and that the rule proves nothing, beside its verdict."""
    story, mute = accounts.verified(), Mute("server-errors", "erik", "a known | bug", EPOCH, EPOCH + 7_200.0)
    account, concluded = story.account, story.account.deployment.conclusions
    left = replace(concluded[0], enough=False, missing="muted until then; left out of the outcome: fine", muted=True)
    deployment = replace(account.deployment, mutes=(mute,), conclusions=(left, *concluded[1:]))
    note = render(replace(account, deployment=deployment), {}, "")
    assert "| muted | server-errors, muted until 2023-11-15 00:13 UTC by erik: a known \\| bug |" in note
    assert "server-errors proves nothing: muted until then; left out of the outcome: fine" in note
    assert "saw too little" not in note


def test_a_deployment_of_long_ago_has_a_note() -> None:
    """Without evidence it rests on the journal."""
    story = accounts.rolled_back()
    story.store._evidence.clear()
    note = rendered(story)
    assert words.no_evidence() in note
    assert "| server-errors | breached |" in note
    assert "no rule counted its bad answers" in note
    assert front(note)["bad_answers"] is None


@pytest.mark.parametrize(
    ("counts", "told", "reached"),
    [
        ((200, 198, 2, 0), "200 failures, 198 answered by blue, 2 failed there, too", "Of these, users got at least 2."),
        ((150, 150, 0, 0), "150 failures, 150 answered by blue", "Of these, users got at least 50."),
        (
            (157, 157, 0, 43),
            "200 failures, 157 answered by blue, 43 of requests that are never sent twice",
            "Of these, users got at least 43.",
        ),
        ((205, 205, 0, 0), "205 failures, 205 answered by blue", "None that was counted reached a user."),
    ],
    ids=["some failed there, too", "some are missing", "some came the plain way", "all were saved"],
)
def test_what_users_did_not_notice_is_told(counts: tuple[int, int, int, int], told: str, reached: str) -> None:
    """The cost is what users got, not what the release failed; without the shield there is no word of it."""
    story = accounts.rolled_back()
    assert "shield" not in rendered(story).split("---\n", 2)[2]
    story.save(*counts)
    note = rendered(story)
    assert f"| shield | {told} |" in note
    assert f"judged: 200, in 3.00 s of exposure. The shield: {told}. {reached}" in note
    assert "Bad answers that users got" not in note
    assert front(note)["shield"] == dict(zip(("tried", "saved", "lost", "plain"), counts, strict=True))


def test_a_deployment_that_nobody_watched_says_so() -> None:
    """Before its watch ended there are no verdicts, and without rules there never are."""
    note = rendered(accounts.watching())
    assert words.no_rules() in note


@given(by=text, reason=text)
def test_nothing_anybody_wrote_breaks_a_note(by: str, reason: str) -> None:
    """Names and reasons change neither the blocks of the text nor the keys of the front matter, and read as they were written."""
    plain = rendered(accounts.rolled_back("alice", "release"))
    hostile = rendered(accounts.rolled_back(by, reason or "x"))
    assert shape(hostile) == shape(plain)
    assert front(hostile).keys() == front(plain).keys()
    assert (front(hostile)["requested_by"], front(hostile)["reason"]) == (visible(by), visible(reason or "x"))
    assert free_text(hostile) == ""


PLACES = [("", ""), ("- ", ""), ("| x |\n| --- |\n| ", " |"), ("**by** ", "")]


@pytest.mark.parametrize(("before", "after"), PLACES)
@given(foreign=text)
def test_inert_text_reads_as_it_was_written(before: str, after: str, foreign: str) -> None:
    """In a paragraph, a list and a cell, and behind other text, a parser finds one text and no markup."""
    inline = [token for token in PARSER.parse(f"{before}{inert(foreign)}{after}\n") if token.type == "inline"]
    children = list(inline[-1].children or []) if inline else []
    if before == "**by** ":
        children = children[[child.type for child in children].index("strong_close") + 1 :]
    assert {token.type for token in children} <= {"text", "text_special"}
    assert "".join(token.content for token in children).split() == visible(foreign).split()
