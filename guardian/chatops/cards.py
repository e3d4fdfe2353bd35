"""The one message of a deployment, and what is said in its thread. Pure: the same facts give the same message."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from guardian.app.deployment_views import deployment_view
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
from guardian.core.deployment import Deployment, Phase, Rollback, Shielded
from guardian.core.letters import Letter
from guardian.core.model import BASIS_POINTS, Split
from guardian.core.release import Question
from guardian.core.rules import Rule, Severity
from guardian.core.verdicts import Verdict
from guardian.core.words import cards as words
from guardian.core.words import chat, mutes
from guardian.core.words import shield as shield_words
from guardian.core.words.figures import seconds, share
from guardian.core.words.story import split_of
from guardian.core.words.verdicts import value_of

MOST_RULES = 20
_LOUD = frozenset({Phase.ROLLED_BACK, Phase.STUCK, Phase.ABORTED})
"""Where a deployment has failed."""
_TAKEABLE = frozenset({Phase.SHIFTING, Phase.CUTTING_OVER, Phase.VERIFIED, Phase.UNVERIFIED})
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
    frozen: str = ""
    """Until when, by whom and why nothing of the service moves forward; empty where it may."""
    muted: tuple[tuple[str, str], ...] = ()
    """The rules that are muted while it goes on, each with until when, by whom and why."""
    note: str = ""
    """Where its note is read; empty where nobody said."""
    shielded: Shielded | None = None
    """What the shield has done so far; ``None`` where it had nothing to do."""


def card(facts: Facts, now: float) -> Content:
    """The message as it stands at ``now``."""
    deployment = facts.deployment
    title = words.title(deployment.id, facts.service, deployment.phase)
    blocks: list[Block] = [header(title), section("\n".join(_story(facts, now)))]
    blocks += list(sections(_rules(facts)))
    if facts.note:
        blocks.append(context(words.note_link(escaped(facts.note))))
    buttons = list(_buttons(facts)) if facts.current else []
    if buttons:
        blocks.append(actions([_button(facts, each) for each in buttons], f"card:{deployment.id}"))
        blocks.append(context(words.typed_forms([_typed(each) for each in buttons])))
    text = f"{title}. {'. '.join(_story(facts, now))}"
    return content(text, blocks)


def _story(facts: Facts, now: float) -> Iterator[str]:
    """What it is about, where the traffic is, how long it takes, and what became of it."""
    deployment = facts.deployment
    yield words.asked_by(escaped(deployment.requested_by), escaped(deployment.reason), escaped(deployment.version))
    if deployment.alone:
        yield words.glass_broken(escaped(deployment.requested_by))
    green = (facts.live if facts.current else deployment.target).green
    yield words.split(escaped(facts.service), share(BASIS_POINTS - green), bar(green), share(green))
    yield from _way(facts, now)
    if deployment.question:
        yield from _asked(deployment, deployment.question, now)
    if deployment.rollback:
        yield from _taken_back(deployment, deployment.rollback)
    yield from _shielded(facts)
    if deployment.paused:
        yield words.paused(deployment.paused.rule, escaped(deployment.paused.reason))
    if deployment.trouble:
        yield words.trouble(escaped(deployment.trouble))
    if facts.promoted and not deployment.rollback:
        yield words.is_safe(str(deployment.candidate))
    if facts.latched:
        yield words.is_latched(escaped(facts.service))
    for mute in () if deployment.phase.active else deployment.mutes:
        yield words.was_muted(escaped(mute.rule), escaped(mutes.in_force(mute)))
    if deployment.ended_at is not None:
        ago = seconds(max(0.0, now - deployment.ended_at))
        yield words.ended(words.when(deployment.ended_at, "{date_short_pretty} {time_secs}", f"{ago} ago"))


def _way(facts: Facts, now: float) -> Iterator[str]:
    """The steps, which one it is at, what it waits for, and how long."""
    deployment, view = facts.deployment, deployment_view(facts.service, facts.deployment)
    if view.steps:
        yield words.steps([(escaped(step.name), step.state) for step in view.steps])
    if deployment.watch_ends_at is not None and deployment.phase.proved:
        left = seconds(max(0.0, deployment.watch_ends_at - now))
        yield words.judged_until(str(deployment.phase), words.when(deployment.watch_ends_at, "{time_secs}", f"in {left}"), left)
    if deployment.held:
        yield words.held(escaped(deployment.held.by), escaped(deployment.held.reason))
    elif view.waits and not deployment.undecided and not deployment.paused:
        yield words.waits(escaped(chat.in_chat(view.waits)))
    if facts.current and facts.frozen and deployment.phase.active:
        yield words.is_frozen(escaped(facts.frozen))
    for rule, says in facts.muted:
        yield words.is_muted(escaped(rule), escaped(says))
    for skip in deployment.skips:
        yield words.skipped(escaped(skip.by), escaped(skip.reason))


def _asked(deployment: Deployment, question: Question, now: float) -> Iterator[str]:
    """A question to people: who has agreed, how many are needed, until when; afterwards only who agreed."""
    for approval in question.approvals:
        at = words.when(approval.at, "{date_short_pretty} {time}", f"{seconds(max(0.0, now - approval.at))} ago")
        told = words.glass_approval if approval.alone else words.approval
        yield told(escaped(approval.by), at, escaped(approval.reason))
    if deployment.undecided:
        left = seconds(max(0.0, question.expires_at - now))
        until = words.when(question.expires_at, "{date_short_pretty} {time}", f"in {left}")
        yield words.asking(len(question.approvals), question.needed, until)


def _taken_back(deployment: Deployment, rollback: Rollback) -> Iterator[str]:
    reason = "" if rollback.verdict else escaped(rollback.reason)  # a rule's stands below, with its figures
    yield words.taken_back(escaped(rollback.by), split_of(deployment.fallback), rollback.seconds, reason)
    if rollback.trouble:
        yield words.stuck(escaped(rollback.trouble))


def _shielded(facts: Facts) -> Iterator[str]:
    """What users did not notice."""
    if found := facts.shielded:
        told = shield_words.told(found.tried, found.saved, found.lost, found.plain, str(facts.deployment.candidate.other))
        yield words.shield(told)


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


def _typed(press: "Press") -> str:
    return f"{written(press.wish)} {words.WHY}" if press.asks_why else written(press.wish)


class Press(NamedTuple):
    """Something that can be done now."""

    wish: Wish
    text: str
    label: str
    ask: Ask | None = None
    style: str = ""
    generation: int | None = None
    """What it means: the step or the question that was seen, and no later one."""
    asks_why: bool = False
    """Whether it opens a form for the reason."""


def _buttons(facts: Facts) -> Iterator[Press]:
    """What fits the moment, the most wanted first."""
    deployment, service = facts.deployment, facts.service
    if deployment.undecided and deployment.question:
        yield from _answers(facts, deployment.question)
    yield from _ways_back(facts)
    if deployment.phase.active and not deployment.phase.going_back:
        if deployment.held or deployment.paused:
            yield Press(Wish(Verb.RESUME, service), words.RESUME, words.label_resume(deployment.id))
        else:
            yield Press(Wish(Verb.PAUSE, service), words.PAUSE, words.label_pause(deployment.id))
    if deployment.phase.proved and not deployment.ready and not deployment.held:
        label = words.label_skip(deployment.id)
        yield Press(Wish(Verb.PROMOTE, service), words.SKIP, label, generation=facts.generation, asks_why=True)
    if deployment.phase is Phase.UNVERIFIED and not facts.promoted:
        side = str(deployment.candidate)
        ask = Ask(words.SURE, words.sure_promote(service, side), words.PROMOTE, words.CANCEL)
        label = words.label_promote(service, side)
        yield Press(Wish(Verb.PROMOTE, service), words.PROMOTE, label, ask, "primary", facts.generation)
    if facts.latched:
        yield Press(Wish(Verb.UNLATCH, service), words.UNLATCH, words.label_unlatch(service), asks_why=True)


def _answers(facts: Facts, question: Question) -> Iterator[Press]:
    deployment = facts.deployment
    ask = Ask(words.SURE, words.sure_approve(deployment.id, facts.service), words.APPROVE, words.CANCEL)
    number = question.number
    yield Press(Wish(Verb.APPROVE, deployment.id), words.APPROVE, words.label_approve(deployment.id), ask, "primary", number)
    reject = Wish(Verb.REJECT, deployment.id)
    yield Press(reject, words.REJECT, words.label_reject(deployment.id), None, "danger", number, asks_why=True)


def _ways_back(facts: Facts) -> Iterator[Press]:
    deployment, service = facts.deployment, facts.service
    back = split_of(deployment.fallback)
    if deployment.exposed or deployment.phase in _TAKEABLE:
        ask = Ask(words.SURE, words.sure_rollback(service, back), words.ROLL_BACK, words.CANCEL, danger=True)
        yield Press(Wish(Verb.ROLLBACK, service), words.ROLL_BACK, words.label_rollback(service, back), ask, "danger")
    elif deployment.phase is Phase.STUCK:
        ask = Ask(words.SURE, words.sure_force(service, back), words.FORCE, words.CANCEL, danger=True)
        yield Press(Wish(Verb.ROLLBACK, service, force=True), words.FORCE, words.label_force(service, back), ask, "danger")
    elif deployment.phase.active and not deployment.phase.going_back:
        ask = Ask(words.SURE, words.sure_abort(deployment.id), words.ABORT, words.CANCEL, danger=True)
        yield Press(Wish(Verb.ABORT, service), words.ABORT, words.label_abort(deployment.id), ask, "danger")


def _button(facts: Facts, press: Press) -> Button:
    seen = Seen(facts.deployment.id, press.generation)
    action = f"{'why' if press.asks_why else 'order'}:{press.wish.verb}"
    return Button(action, press.text, seen.written(press.wish), press.label, press.style, press.ask)


def reply(letter: Letter, facts: Facts | None, rule: Rule | None) -> Content:
    """What is said in the thread: the sentence, its links, and, where a release was taken back, the figures that it was for."""
    sentence = escaped(chat.in_chat(letter.sentence))
    lines = [f"{_CALM[letter.severity]}{sentence}"]
    lines += [f"<{escaped(link.url)}|{escaped(link.title)}>" for link in letter.links]
    rollback = facts.deployment.rollback if facts else None
    if broadcast(letter) and facts and rollback and rollback.verdict:
        lines.append(_figures(rollback.verdict, rule))
        lines.append(escaped(rollback.verdict.reason))
        lines.append(words.taken_back(escaped(rollback.by), split_of(facts.deployment.fallback), rollback.seconds, ""))
        lines += _shielded(facts)
    return content(sentence, sections(lines))


def broadcast(letter: Letter) -> bool:
    """Whether a reply is shown in the channel, too: rollbacks and failures only."""
    failed = letter.phase is not None and Phase(letter.phase) in _LOUD
    return failed and letter.severity is not Severity.INFO


def _figures(verdict: Verdict, rule: Rule | None) -> str:
    value, limit = (
        "?" if number is None else value_of(rule, number) if rule else f"{number:,.4g}" for number in (verdict.value, verdict.limit)
    )
    return words.measured(escaped(verdict.rule), escaped(value), escaped(limit), verdict.samples)
