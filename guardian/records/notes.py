"""The note of a deployment: Markdown with YAML front matter, from the records alone. The same records give the same bytes.

What people wrote (reasons, names, messages of sources) is made inert on its way into the text. One part of the note is theirs: it
is taken over from the note that stands there already.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import yaml

from guardian import __version__
from guardian.core.account import Account, Watched
from guardian.core.deployment import Deployment, Phase, Shielded
from guardian.core.model import Split
from guardian.core.rules import Rule
from guardian.core.verdicts import Conclusion, Verdict
from guardian.core.words import happenings
from guardian.core.words import mutes as mute_words
from guardian.core.words import notes as words
from guardian.core.words import shield as shield_words
from guardian.core.words.figures import count, percent, seconds, share
from guardian.core.words.markdown import cells, inert
from guardian.core.words.quotes import visible
from guardian.core.words.story import split_of
from guardian.core.words.verdicts import value_of


class MarksGone(Exception):
    """A note whose free text cannot be told from the rest. Arises in :func:`free_text`."""


def render(account: Account, pictures: Mapping[str, tuple[str, str]], yours: str = "") -> str:
    """The note. ``pictures``: for each rule that has a chart, its file as seen from the note, and the chart in words.

    ``yours`` is the free text that the note keeps.
    """
    front = yaml.safe_dump(_front(account), allow_unicode=True, sort_keys=False, default_flow_style=False, width=float("inf"))
    parts = [f"---\n{front}---\n", *_body(account, pictures)]
    kept = yours.strip("\n") or words.EMPTY
    parts += [f"## {words.HEADINGS['yours']}\n", f"{words.BEGIN}\n\n{kept}\n\n{words.END}\n"]
    return "\n".join(parts)


def free_text(note: str) -> str:
    """The free text of a note that was rendered before; :class:`MarksGone` where its marks are gone."""
    _, begin, rest = note.partition(f"{words.BEGIN}\n")
    kept, end, _ = rest.rpartition(words.END)
    if not begin or not end:
        raise MarksGone
    kept = kept.strip("\n")
    return "" if kept == words.EMPTY else kept


def _iso(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _written(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


# The front matter, for programs.


def _front(account: Account) -> dict[str, Any]:
    deployment = account.deployment
    rollback, counted = deployment.rollback, account.bad_answers
    front: dict[str, Any] = {
        "deployment": deployment.id,
        "service": account.service,
        "phase": str(deployment.phase),
        "final": not deployment.phase.active,
        "candidate": str(deployment.candidate),
        "version": visible(deployment.version),
        "from": split_of(deployment.fallback),
        "to": split_of(deployment.aim),
        "requested_by": visible(deployment.requested_by),
        "reason": visible(deployment.reason),
        "approved_by": [visible(by) for by, _, _ in account.approvals],
        "requested_at": _iso(deployment.requested_at),
        "cutover_at": _iso(deployment.cutover_at),
        "ended_at": _iso(deployment.ended_at),
        "stages": {f"{done.kind} {done.number}": words.stage_outcome(ok=done.ok) for done in deployment.stages},
        "rules_digest": deployment.rules_digest,
        "rules": {verdict.rule: str(verdict.finding) for verdict, _ in _verdicts(account)},
        "bad_answers": counted[0] if counted else None,
        "shield": _shield_front(deployment.shielded) if deployment.shielded else None,
        "guardian": __version__,
    }
    if rollback:
        front["rollback"] = {
            "cause": str(rollback.cause),
            "by": visible(rollback.by),
            "rule": rollback.verdict.rule if rollback.verdict else None,
            "reason": visible(rollback.reason),
            "ordered_at": _iso(rollback.ordered_at),
            "seconds": None if rollback.seconds is None else round(rollback.seconds, 6),
        }
    return front


def _shield_front(found: Shielded) -> dict[str, int]:
    return {"tried": found.tried, "saved": found.saved, "lost": found.lost, "plain": found.plain}


# The text, for people.


def _body(account: Account, pictures: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    deployment = account.deployment
    yield f"# {inert(words.title(deployment.id, str(deployment.phase)))}\n"
    if deployment.phase.active:
        yield f"> {words.DRAFT}\n"
    yield _table(("", ""), _facts(account))
    yield f"## {words.HEADINGS['timeline']}\n"
    yield _table(words.TIMELINE, _timeline(account), right=(1,))
    if deployment.stages:
        yield f"## {words.HEADINGS['stages']}\n"
        yield _table(words.STAGES, _stages(account), right=(2,))
    yield f"## {words.HEADINGS['rules']}\n"
    yield from _rules(account, pictures)
    if deployment.rollback:
        yield f"## {words.HEADINGS['rollback']}\n"
        yield "".join(f"- {line}\n" for line in _rollback(account))
    yield f"## {words.HEADINGS['remains']}\n"
    yield "".join(f"- {mark} {line}\n" for mark, line in _remains(account))


def _table(head: Iterable[str], rows: Iterable[tuple[str, ...]], right: tuple[int, ...] = ()) -> str:
    names = tuple(head)
    rule = cells(*("---:" if number in right else "---" for number in range(len(names))))
    return "\n".join([cells(*names), rule, *(cells(*row) for row in rows)]) + "\n"


def _facts(account: Account) -> Iterator[tuple[str, str]]:
    deployment, names = account.deployment, words.facts()
    yield names["service"], inert(account.service)
    if deployment.version:
        yield names["version"], inert(deployment.version)
    yield names["moved"], inert(words.moved(split_of(deployment.fallback), split_of(deployment.aim)))
    if shares := [share(step.share) for step in deployment.steps if step.share]:
        yield names["steps"], ", ".join(shares)
    yield names["by"], inert(deployment.requested_by)
    for by, reason, alone in account.approvals:
        yield names["approved"], inert(words.approved(by, reason, alone=alone))
    if deployment.reason:
        yield names["why"], inert(deployment.reason)
    yield names["requested"], f"{_written(deployment.requested_at)} UTC"
    if deployment.cutover_at is not None:
        proved = words.proved_in(deployment.cutover_seconds or 0.0)
        yield names["cutover"], f"{_written(deployment.cutover_at)} UTC, {proved}"
        if deployment.ended_at is not None:
            actual = (deployment.rollback.ordered_at if deployment.rollback else deployment.ended_at) - deployment.cutover_at
            yield names["watch"], words.watched(actual, deployment.watch_seconds)
    if deployment.ended_at is not None:
        took = words.lasted(deployment.ended_at - deployment.requested_at)
        yield names["ended"], f"{_written(deployment.ended_at)} UTC, {took}"
    yield from ((names["muted"], inert(mute_words.in_note(mute))) for mute in deployment.mutes)
    if deployment.rules_digest:
        yield names["rules"], inert(words.digest(deployment.rules_digest))
    if deployment.shielded:
        yield names["shield"], _shielded(deployment, deployment.shielded)


def _shielded(deployment: Deployment, found: Shielded) -> str:
    return shield_words.told(found.tried, found.saved, found.lost, found.plain, str(deployment.candidate.other))


def _timeline(account: Account) -> Iterator[tuple[str, ...]]:
    began = account.deployment.requested_at
    for entry in account.journal:
        if entry.event["kind"] == "stage progressed":  # a playbook says much
            continue
        split = split_of(Split(entry.event["split"]["green"])) if "split" in entry.event else ""
        after = seconds(max(0.0, entry.at - began))
        yield _written(entry.at), after, inert(happenings.happened(entry.event, split))


def _stages(account: Account) -> Iterator[tuple[str, ...]]:
    for done in account.deployment.stages:
        yield str(done.kind), words.stage_outcome(ok=done.ok), seconds(max(0.0, done.ended_at - done.began_at)), inert(done.summary)


def _verdicts(account: Account) -> list[tuple[Verdict, str]]:
    """Every rule's verdict with what it lacked: those of the journal where no evidence is kept."""
    lacking = {each.verdict.rule: _lacked(each) for each in account.deployment.conclusions}
    found = {watched.verdict.rule: watched.verdict for watched in account.watched}
    rollback = account.deployment.rollback
    told = [
        *([rollback.verdict] if rollback and rollback.verdict else []),
        *(each.verdict for each in account.deployment.conclusions),
    ]
    for verdict in told:
        found.setdefault(verdict.rule, verdict)
    return [(verdict, lacking.get(name, "")) for name, verdict in found.items()]


def _lacked(conclusion: Conclusion) -> str:
    rule, missing = conclusion.verdict.rule, conclusion.missing
    if conclusion.muted:
        return mute_words.left_out_in_note(rule, missing)
    return words.missing(rule, missing) if missing and missing != conclusion.verdict.reason else ""


def _rules(account: Account, pictures: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    verdicts = _verdicts(account)
    if not verdicts:
        yield f"{words.no_rules()}\n"
        return
    rules = {watched.rule.name: watched.rule for watched in account.watched}
    yield _table(words.RULES, (_verdict_row(verdict, rules.get(verdict.rule)) for verdict, _ in verdicts), right=(2, 3, 4, 5))
    if not account.watched and not account.deployment.phase.active:
        yield f"{words.no_evidence()}\n"
    yield from (f"{part}\n" for verdict, missing in verdicts for part in _told(verdict, missing, pictures))


def _verdict_row(verdict: Verdict, rule: Rule | None) -> tuple[str, ...]:
    def figure(value: float | None) -> str:
        return "" if value is None else value_of(rule, value) if rule else f"{value:,.4g}"

    evidence = "" if verdict.evidence is None else percent(max(0.0, verdict.evidence))
    finding = str(verdict.finding).replace("_", " ")
    return inert(verdict.rule), finding, figure(verdict.value), figure(verdict.limit), count(verdict.samples), evidence


def _told(verdict: Verdict, missing: str, pictures: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    links = "".join(f" [{inert(link.title)}](<{_address(link.url)}>)" for link in verdict.links)
    yield f"**{inert(verdict.rule)}**: {inert(verdict.reason)}{links}"
    if missing:
        yield inert(missing)
    if picture := pictures.get(verdict.rule):
        path, alternative = picture
        yield f"![{inert(alternative)}](<{_address(path)}>)"


def _address(url: str) -> str:
    """An address between ``<`` and ``>``: nothing in it may end it."""
    return "".join(f"%{ord(each):02X}" if each in "<>\\" else each for each in visible(url))


def _rollback(account: Account) -> Iterator[str]:
    rollback = account.deployment.rollback
    assert rollback  # noqa: S101  the caller has seen it
    yield inert(words.decided(rollback.by, f"{_written(rollback.ordered_at)} UTC"))
    if rollback.forced_by is not None:
        yield inert(words.forced(rollback.forced_by))
    if rollback.reason:
        yield inert(words.because(rollback.reason))
    if rollback.seconds is not None:
        yield words.proved(rollback.seconds)
    elif rollback.trouble:
        yield inert(words.not_proved(rollback.trouble))
    if account.exposed_at is not None:
        yield _cost(account, max(0.0, (rollback.done_at or rollback.ordered_at) - account.exposed_at))


def _cost(account: Account, exposed: float) -> str:
    counted, shielded = account.bad_answers, account.deployment.shielded
    told = f" {shield_words.titled(_shielded(account.deployment, shielded))}" if shielded else ""
    if counted is None:
        return words.cost_unknown(exposed) + told
    if shielded:
        cost = words.cost_shielded(counted[0], whole=counted[1], exposed=exposed)
        return f"{cost}{told} {words.reached(max(counted[0] - shielded.saved, shielded.lost + shielded.plain))}"
    answers = max((watched.bad_answers[1] for watched in account.watched if watched.bad_answers), default=0)
    part = words.share_of(counted[0], answers) if counted[1] and _all_kept(account.watched) else ""
    return f"{words.cost(counted[0], whole=counted[1], exposed=exposed)} {part}".strip()


def _all_kept(watched: Iterable[Watched]) -> bool:
    return all(not each.events_before and each.whole for each in watched)


def _remains(account: Account) -> Iterator[tuple[str, str]]:
    """What people have to do, and whether they have done it."""
    deployment, service = account.deployment, code_free(account.service)
    todo, done = "[ ]", "[x]"
    match deployment.phase:
        case Phase.VERIFIED if deployment.target.sole is None:
            yield todo, words.more_traffic(service, inert(split_of(deployment.target)))
        case Phase.VERIFIED:
            yield done, words.nothing(split_of(deployment.target))
        case Phase.UNVERIFIED if account.happened("promoted"):
            yield done, words.vouched()
        case Phase.UNVERIFIED:
            yield todo, words.decide(service, inert(deployment.trouble))
        case Phase.ROLLED_BACK:
            verdict = deployment.rollback.verdict if deployment.rollback else None
            yield todo, words.find_cause(inert(verdict.rule) if verdict else "")
            if deployment.rollback and deployment.rollback.cause.blames:
                yield done if account.happened("unlatched") else todo, words.unlatch(service)
        case Phase.ABORTED:
            yield todo, words.try_again(service, inert(deployment.trouble))
        case Phase.AWAITING_APPROVAL:
            yield todo, words.agree(deployment.id)
        case Phase.STUCK:
            trouble = deployment.rollback.trouble if deployment.rollback else deployment.trouble
            yield todo, words.needed(inert(trouble))
        case _:
            yield todo, words.goes_on()


def code_free(name: str) -> str:
    """A service's name inside a code span: it holds no backtick, by :data:`guardian.core.model.NAME`."""
    return visible(name).replace("`", "")
