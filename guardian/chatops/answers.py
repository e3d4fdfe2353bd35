"""Answers to questions: what somebody alone is shown after ``/bg status``, ``history``, ``rules``, ``explain`` and ``help``."""

import re
from collections.abc import Iterator

from guardian.app.deployment_views import DeploymentView
from guardian.app.notes import NoteView
from guardian.app.orders import Orders
from guardian.app.views import Explanation, RulesView, ServiceView
from guardian.chatops.blocks import Block, Content, bar, content, context, divider, escaped, section, sections
from guardian.chatops.wishes import Verb, Wish
from guardian.core.model import Environment
from guardian.core.ports import Clock
from guardian.core.words import cards as words
from guardian.core.words import chat
from guardian.core.words.figures import seconds, share

NOTE_PIECE, MOST_PIECES = 2900, 6
"""Characters of a note in one block, and blocks; the rest is read where the note is."""
_CUT_ENTITY = re.compile(r"&[a-z]{0,3}$")
LISTED = 10
"""Deployments of a history where nobody asked for more."""


class Answers:
    """Asks the program, and puts what it says into blocks."""

    def __init__(self, orders: Orders, clock: Clock) -> None:
        self._orders, self._clock = orders, clock

    async def answer(self, wish: Wish) -> Content:
        """What ``wish`` asks. :class:`~guardian.core.switch.Refused` where there is nothing to say it of."""
        match wish.verb:
            case Verb.STATUS:
                views = [self._orders.service(wish.subject)] if wish.subject else self._orders.services()
                return status(views, self._clock.now())
            case Verb.HISTORY:
                return history(await self._orders.history(wish.subject or None, wish.limit or LISTED), self._clock.now())
            case Verb.RULES:
                return rules(self._orders.rules(), wish.subject)
            case Verb.EXPLAIN:
                return explanation(await self._orders.explain(wish.subject))
            case Verb.NOTE:
                return note(await self._orders.notes.note(wish.subject))
            case _:
                return usage()


def usage() -> Content:
    """Every command."""
    lines = [f"`{chat.COMMAND} {form}`: {what}" for form, what in chat.HELP.items()]
    return content("\n".join(lines), sections(lines))


def status(views: list[ServiceView], now: float) -> Content:
    """Where the traffic of each service is, and whether a rollback would work."""
    told = [service_lines(view, now) for view in views]
    blocks = [block for lines in told for block in (*sections(lines), divider())]
    return content("\n".join(line for lines in told for line in lines), blocks[:-1])


def service_lines(view: ServiceView, now: float) -> list[str]:
    """One service."""
    return [split_line(view), *(f"• {line}" for line in _about(view, now))]


def split_line(view: ServiceView) -> str:
    """The split, in figures and as a bar."""
    shares = {side.name: side.share for side in view.environments}
    blue, green = shares[Environment.BLUE], shares[Environment.GREEN]
    return words.split(escaped(view.service), share(blue), bar(green), share(green))


def _about(view: ServiceView, now: float) -> Iterator[str]:
    yield words.safe_side(view.safe)
    deployment = view.deployment
    yield words.latest(deployment.id, deployment.phase, escaped(deployment.requested_by)) if deployment else words.nothing_yet()
    if deployment and deployment.waits:
        yield words.waits(escaped(chat.in_chat(deployment.waits)))
    if view.queue:
        yield words.queued([escaped(each) for each in view.queue])
    if view.latched:
        yield words.latched(escaped(view.latched))
    if view.frozen:
        yield words.is_frozen(escaped(view.frozen))
    for mute in view.mutes:
        yield words.is_muted(escaped(mute.rule), escaped(mute.says))
    if view.rollback is None:
        yield words.unknown_readiness()
    elif view.rollback.ready:
        yield words.ready(view.rollback.to, seconds(max(0.0, now - view.rollback.checked_at)))
    else:
        yield words.not_ready(view.rollback.to, escaped("; ".join(view.rollback.faults)))
    for verdict in view.verdicts:
        yield words.rule_line(verdict, escaped(verdict.reason))


def history(views: list[DeploymentView], now: float) -> Content:
    """Deployments, newest first."""
    lines = [_past(view, now) for view in views] or [words.no_history()]
    return content("\n".join(lines), sections(lines))


def _past(view: DeploymentView, now: float) -> str:
    reason = view.rollback.reason if view.rollback else view.trouble
    line = words.past(view.id, escaped(view.service), view.phase, escaped(view.requested_by), escaped(reason))
    ago = f"{seconds(max(0.0, now - view.requested_at))} ago"
    return f"{line} · {words.when(view.requested_at, '{date_short_pretty} {time}', ago)}"


def rules(view: RulesView, service: str) -> Content:
    """The rules in force."""
    lines: list[str] = [escaped(view.trouble)] if view.trouble else []
    for each in view.services:
        if service and each.service != service:
            continue
        lines.append(words.rules_of(escaped(each.service), each.digest))
        lines += [words.rule_in_force(rule.name, rule.action, rule.source, escaped(rule.summary)) for rule in each.rules]
        lines += [] if each.rules else [words.no_rules()]
    return content("\n".join(lines), sections(lines))


def note(found: NoteView) -> Content:
    """A deployment's note, and where it is read in full."""
    lines = [words.note_title(found.deployment, found.phase)]
    if found.url:
        lines.append(f"<{escaped(found.url)}|{escaped(found.url)}>")
    elif found.path:
        lines.append(f"`{escaped(found.path)}`")
    text = escaped(found.text.replace("`", "\N{MODIFIER LETTER GRAVE ACCENT}"))
    blocks = [section("\n".join(lines)), *(section(f"```{piece}```") for piece in _pieces(text))]
    return content("\n".join(lines), blocks)


def _pieces(text: str) -> Iterator[str]:
    """What of the escaped ``text`` is shown, in pieces that cut no entity in two."""
    place = 0
    for _ in range(MOST_PIECES):
        piece = text[place : place + NOTE_PIECE]
        piece = _CUT_ENTITY.sub("", piece) if place + NOTE_PIECE < len(text) else piece
        if piece:
            yield piece
        place += len(piece)


def explanation(found: Explanation) -> Content:
    """Why a deployment was judged as it was."""
    lines = [words.explained(found.deployment, found.phase, identical=found.identical)]
    blocks: list[Block] = [section(lines[0])]
    for rule in found.rules:
        line = words.rule_line(rule.recorded, escaped(rule.recorded.reason))
        lines.append(line)
        blocks += [section(line), *([context(f"`{escaped(rule.asked)}`")] if rule.asked else [])]
    return content("\n".join(lines), blocks)
