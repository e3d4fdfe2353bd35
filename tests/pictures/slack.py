"""Pictures of the messages in Slack for the documentation: made from the same code that makes the messages.

``tests/pictures/slack.sh`` makes them all in deploy/slack; it fetches Debian's chromium where there is none.
"""

import base64
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from guardian.chatops.cards import Facts, card, reply
from guardian.core.deployment import Cause, Deployment, Phase, Rollback
from guardian.core.letters import Kind, Letter
from guardian.core.model import Environment, Split
from guardian.core.readings import History
from guardian.core.release import Question
from guardian.core.rules import Direction, Lack, Ratio, Rule, Sequential, Severity, Source, Unit
from guardian.core.strategy import StepKind, StrategyStep
from guardian.core.verdicts import Finding, Verdict
from guardian.records.charts import Chart, Line, Moment, render
from tests.pictures.blockkit import message, page
from tests.pictures.blockkit import reply as shown_reply

AT = 1_795_674_540.0
RULE = Rule("server-errors", "Too many 5xx", Source.HAPROXY, Ratio(("responses_5xx",), ("responses",)), Sequential(0.01), Lack.HOLD)
BAD = Verdict(
    *("server-errors", Finding.BREACHED, AT, 0.052, 0.01, 1024, 4.1),
    "5.2 % responses_5xx (53 of 1,024 in 4.10 s); 1 % is tolerated; a release within that rate would be accused in at most "
    "1 of 1,000 watches",
    evidence=1.0,
)
STEPS = (
    StrategyStep(StepKind.ASK, seconds=3600.0, needed=1),
    StrategyStep(StepKind.SHIFT, share=500, seconds=600.0),
)
WAITING = Deployment(
    id="web-42",
    number=42,
    candidate=Environment.GREEN,
    fallback=Split(0),
    target=Split(0),
    goal=Split(10_000),
    phase=Phase.AWAITING_APPROVAL,
    requested_at=AT,
    requested_by="alice (Slack U0ALICE)",
    reason="a faster cart",
    version="2.4.1",
    watch_seconds=600.0,
    rules_digest="",
    history=History(),
    steps=STEPS,
    question=Question(1, AT, AT + 3600.0, 1),
)
TAKEN_BACK = replace(
    WAITING,
    phase=Phase.ROLLED_BACK,
    step=2,
    target=Split(10_000),
    question=None,
    cutover_at=AT,
    ended_at=AT + 4.143,
    rollback=Rollback(Cause.RULE, "guardian", BAD.reason, AT + 4.1, BAD, AT + 4.143, 0.043),
)
NEWS = Letter(
    *("deploys", "k", Kind.NEWS, AT, "web", "web-42", "rolled back", Severity.CRITICAL),
    "web-42: rolled back: web is on blue in every worker, 43 ms after the decision; "
    "nothing moves forward until `guardian unlatch web`",
)


def approval() -> str:
    """A release that waits for somebody to agree."""
    facts = Facts("web", WAITING, current=True, live=Split(0), generation=7)
    return page(message(card(facts, AT + 300.0).blocks))


def rollback() -> str:
    """A release that was taken back, with what is said in its thread."""
    facts = Facts("web", TAKEN_BACK, current=True, live=Split(0), generation=9, latched=True)
    drawn = chart()
    picture = f"data:image/png;base64,{base64.b64encode(render(drawn)).decode()}"
    return page(message(card(facts, AT + 60.0).blocks), shown_reply(reply(NEWS, facts, RULE).blocks, picture, drawn.alt))


def chart() -> Chart:
    """What the rule measured."""
    before = tuple((at / 2.0, 0.001) for at in range(-16, 1))
    after = tuple((at / 4.0, 0.001 if at < 6 else 0.052) for at in range(17))
    lines = (Line(Environment.BLUE, before), Line(Environment.GREEN, after))
    title, subtitle = "web: server-errors", "web-42, 2026-11-26 07:49:00: Too many 5xx"
    return Chart(title, subtitle, Environment.GREEN, lines, Unit.SHARE, 0.01, Direction.ABOVE, (Moment(4.1, "rollback"),))


PAGES = {"approval": (approval, 260), "rollback": (rollback, 820)}
"""Each picture, and its height."""


def main(directory: Path) -> None:
    """Draw all into ``directory`` with chromium."""
    for name, (make, height) in PAGES.items():
        with tempfile.TemporaryDirectory() as scratch:
            source = Path(scratch, f"{name}.html")
            source.write_text(make())
            subprocess.run(
                [
                    *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-lcd-text"),
                    *(f"--user-data-dir={scratch}/profile", f"--window-size=760,{height}"),
                    *(f"--screenshot={directory / name}.png", source.as_uri()),
                ],
                check=True,
                timeout=120,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
