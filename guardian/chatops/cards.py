"""The one message of a deployment, and what is said in its thread. Pure: the same facts give the same message."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from guardian.chatops.blocks import (
    Ask,
    Block,
    Button,
    Content,
    actions,
    bar,
    content,
    context,
    escaped,
    header,
    section,
    sections,
)
from guardian.chatops.desk import Seen
from guardian.chatops.wishes import Verb, Wish, written
from guardian.core.deployment import Deployment, Phase
from guardian.core.letters import Letter
from guardian.core.model import Split
from guardian.core.rules import Rule, Severity
from guardian.core.verdicts import Verdict
from guardian.core.words import cards as words
from guardian.core.words.figures import seconds, share
from guardian.core.words.story import split_of
from guardian.core.words.verdicts import value_of

MOST_RULES = 20
_LOUD = frozenset({Phase.ROLLED_BACK, Phase.STUCK, Phase.ABORTED})
"""Where a deployment has failed."""
_TAKEABLE = frozenset({Phase.CUTTING_OVER, Phase.WATCHING, Phase.VERIFIED, Phase.UNVERIFIED})
_CALM = {Severity.INFO: "", Severity.WARNING: "*Warning:* ", Severity.CRITICAL: "*Critical:* "}


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the message of a deployment shows."""

    service: str
    deployment: Deployment
    current: bool
    """Whether it is the latest of its service: only then is there anything to press."""
    live: Split
    generation: int
    verdicts: tuple[Verdict, ...] = ()
    """Of the rules, while it is on trial."""
    promoted: bool = False
    """Whether its candidate is the safe side by now."""
    latched: bool = False


def card(facts: Facts, now: float) -> Content:
    """The message as it stands at ``now``."""
    deployment = facts.deployment
    title = words.title(deployment.id, facts.service, deployment.phase)
    blocks: list[Block] = [header(title), section("\n".join(_story(facts, now)))]
    blocks += list(sections(_rules(facts)))
    buttons = list(_buttons(facts)) if facts.current else []
    if buttons:
        blocks.append(actions([_button(facts, each) for each in buttons], f"card:{deployment.id}"))
        blocks.append(context(words.typed_forms([written(each.wish) for each in buttons])))
    text = f"{title}. {'. '.join(_story(facts, now))}"
    return content(text, blocks)


def _story(facts: Facts, now: float) -> Iterator[str]:
    """What it is about, where the traffic is, how long it takes, and what became of it."""
    deployment = facts.deployment
    yield words.asked_by(escaped(deployment.requested_by), escaped(deployment.reason))
    green = (facts.live if facts.current else deployment.target).green
    yield words.split(escaped(facts.service), share(10_000 - green), bar(green), share(green))
    if deployment.phase is Phase.WATCHING and deployment.watch_ends_at is not None:
        left = seconds(max(0.0, deployment.watch_ends_at - now))
        yield words.watched_until(words.when(deployment.watch_ends_at, "{time_secs}", f"in {left}"), left)
    if deployment.rollback:
        took, where = deployment.rollback.seconds, split_of(deployment.fallback)
        yield words.taken_back(escaped(deployment.rollback.by), where, took, escaped(deployment.rollback.reason))
        if deployment.rollback.trouble:
            yield words.stuck(escaped(deployment.rollback.trouble))
    if deployment.paused:
        yield words.paused(deployment.paused.rule, escaped(deployment.paused.reason))
    if deployment.trouble:
        yield words.trouble(escaped(deployment.trouble))
    if facts.promoted and not deployment.rollback:
        yield words.is_safe(str(deployment.candidate))
    if facts.latched:
        yield words.is_latched(facts.service)
    if deployment.ended_at is not None:
        ended = words.when(deployment.ended_at, "{date_short_pretty} {time_secs}", seconds(max(0.0, now - deployment.ended_at)))
        yield words.ended(ended)


def _rules(facts: Facts) -> Iterator[str]:
    """A line for each rule: of the present verdicts, or of those that it ended with."""
    deployment = facts.deployment
    verdicts = [*facts.verdicts] or [each.verdict for each in deployment.conclusions]
    if deployment.rollback and deployment.rollback.verdict:
        fired = deployment.rollback.verdict
        verdicts = [fired, *(each for each in verdicts if each.rule != fired.rule)]
    for verdict in verdicts[:MOST_RULES]:
        line = words.rule_line(verdict, escaped(verdict.reason))
        yield line if verdict.evidence is None else line + words.evidence(verdict.evidence)
    if len(verdicts) > MOST_RULES:
        yield words.more_rules(len(verdicts) - MOST_RULES)


class Press(NamedTuple):
    """Something that can be done now."""

    wish: Wish
    text: str
    label: str
    ask: Ask | None = None
    style: str = ""
    bound: bool = False
    """Whether it means the step that was seen, and no later one."""


def _buttons(facts: Facts) -> Iterator[Press]:
    """What fits the moment, the most wanted first."""
    deployment, service = facts.deployment, facts.service
    back = split_of(deployment.fallback)
    if deployment.phase in _TAKEABLE:
        ask = Ask(words.SURE, words.sure_rollback(service, back), words.ROLL_BACK, words.CANCEL, danger=True)
        yield Press(Wish(Verb.ROLLBACK, service), words.ROLL_BACK, words.label_rollback(service, back), ask, "danger")
    if deployment.phase is Phase.STUCK:
        ask = Ask(words.SURE, words.sure_force(service, back), words.FORCE, words.CANCEL, danger=True)
        yield Press(Wish(Verb.ROLLBACK, service, force=True), words.FORCE, words.label_force(service, back), ask, "danger")
    if deployment.phase is Phase.UNVERIFIED and not facts.promoted:
        side = str(deployment.candidate)
        ask = Ask(words.SURE, words.sure_promote(service, side), words.PROMOTE, words.CANCEL)
        yield Press(Wish(Verb.PROMOTE, service), words.PROMOTE, words.label_promote(service, side), ask, "primary", bound=True)


def _button(facts: Facts, press: Press) -> Button:
    seen = Seen(facts.deployment.id, facts.generation if press.bound else None)
    action = f"order:{press.wish.verb}"
    return Button(action, press.text, seen.written(press.wish), press.label, press.style, press.ask)


def reply(letter: Letter, facts: Facts | None, rule: Rule | None) -> Content:
    """What is said in the thread: the sentence, its links, and, where a release was taken back, the figures that it was for."""
    lines = [f"{_CALM[letter.severity]}{escaped(letter.sentence)}"]
    lines += [f"<{escaped(link.url)}|{escaped(link.title)}>" for link in letter.links]
    rollback = facts.deployment.rollback if facts else None
    if broadcast(letter) and facts and rollback and rollback.verdict:
        lines.append(_figures(rollback.verdict, rule))
        lines.append(escaped(rollback.verdict.reason))
        lines.append(words.taken_back(escaped(rollback.by), split_of(facts.deployment.fallback), rollback.seconds, ""))
    return content(escaped(letter.sentence), sections(lines))


def broadcast(letter: Letter) -> bool:
    """Whether a reply is shown in the channel, too: rollbacks and failures only."""
    failed = letter.phase is not None and Phase(letter.phase) in _LOUD
    return failed and letter.severity is not Severity.INFO


def _figures(verdict: Verdict, rule: Rule | None) -> str:
    value, limit = (
        "?" if number is None else value_of(rule, number) if rule else f"{number:,.4g}" for number in (verdict.value, verdict.limit)
    )
    return words.measured(escaped(verdict.rule), escaped(value), escaped(limit), verdict.samples)
