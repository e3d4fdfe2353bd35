"""The section ``strategy`` of a service: the steps to its traffic, approvals, queue, warm time, and when releases may move."""

import re
from dataclasses import replace
from datetime import date
from zoneinfo import ZoneInfo

from guardian.config import kinds
from guardian.config.document import Node, RefusedNode, ScalarNode
from guardian.config.faults import Findings
from guardian.config.fields import Fields, Kind, Misfit
from guardian.core.calendar import Calendar, Exemption, Hours, Window
from guardian.core.model import BASIS_POINTS
from guardian.core.strategy import Queueing, StepKind, Strategy, StrategyStep
from guardian.core.words import faults as words
from guardian.core.words import strategy_faults as forms

BAKE = kinds.duration("1s", "7d", "2m")
MOST_STEPS = 50
_PERCENT = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,2}))? ?%")
_SHIFT = re.compile(r"([0-9.]+ ?%)(?: for (.+))?", re.IGNORECASE)
_RAMP = re.compile(r"ramp to ([0-9.]+ ?%)(?: over (.+))?", re.IGNORECASE)
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])-([01]?[0-9]|2[0-4]):([0-5][0-9])")
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,2}")
NO_WINDOW = Window((0,), Hours(0, 1), "UTC")
NO_EXEMPTION = Exemption("", "", None, "")


def read_strategy(fields: Fields, findings: Findings) -> Strategy:
    """The strategy in ``fields``."""
    approval = fields.optional_section("approval")
    needed = approval.optional("needed", kinds.whole("1", "10", "1"), 1)
    expires = approval.optional("expires", kinds.duration("1m", "7d", "1h"), 3600.0)
    approval.close()
    steps = [_asking(step, needed, expires) for step in _steps(fields, findings)]
    strategy = Strategy(
        steps=tuple(steps),
        queue=fields.optional("queue", kinds.choice(Queueing, forms.a_queueing()), Queueing.REFUSE),
        warm=fields.optional("warm", kinds.duration("0s", "30d", "1h"), 3600.0),
        calendar=_calendar(fields),
    )
    if fields.sound("approval") and not strategy.asks:
        fields.refuse(("approval",), lambda _: forms.nobody_is_asked())
    fields.close()
    return strategy


def _asking(step: StrategyStep, needed: int, expires: float) -> StrategyStep:
    return replace(step, needed=needed, seconds=expires) if step.kind is StepKind.ASK else step


# Steps.


def _steps(fields: Fields, findings: Findings) -> list[StrategyStep]:
    """The steps as they are written, the cutover of all traffic left out: it is always the last one."""
    found: list[StrategyStep] = []
    share, last = 0, False
    nodes = fields.items("steps") if fields.has("steps") else []
    if not fields.has("steps"):
        fields.overlook(("steps",))
    for number, node in enumerate(nodes):
        step = _read(node, findings)
        if step is None:
            continue
        if last:
            findings.add(node.place.fault(forms.after_all()))
            continue
        if number >= MOST_STEPS:
            findings.add(node.place.fault(forms.too_many_steps(MOST_STEPS)))
            break
        if step.kind.moves:
            if step.share <= share:
                findings.add(node.place.fault(forms.share_does_not_grow(step.share, share)))
            share, last = max(share, step.share), step.share == BASIS_POINTS
        if not (last and step.kind is StepKind.SHIFT):
            found.append(step)
    return found


def _read(node: Node, findings: Findings) -> StrategyStep | None:
    sentence = ""
    if isinstance(node, ScalarNode):
        try:
            return _step(" ".join(node.text.split()))
        except Misfit as misfit:
            sentence = str(misfit)
    elif not isinstance(node, RefusedNode):
        sentence = words.must_be_one_value(forms.a_step())
    if sentence:
        findings.add(node.place.fault(sentence))
    return None


def _step(text: str) -> StrategyStep:
    if text.lower() in ("ask", "verify"):
        return StrategyStep(StepKind(text.lower()))
    if parts := _RAMP.fullmatch(text):
        share, over = _share(parts[1], text), parts[2]
        if over is None:
            raise Misfit(forms.ramp_without_time(text))
        return StrategyStep(StepKind.RAMP, share, BAKE.read(over))
    if not (parts := _SHIFT.fullmatch(text)):
        raise Misfit(words.misfit(text, forms.a_step()))
    share, bake = _share(parts[1], text), parts[2]
    if share == BASIS_POINTS:
        if bake is not None:
            raise Misfit(forms.all_for_a_time(text))
        return StrategyStep(StepKind.SHIFT, share)
    if bake is None:
        raise Misfit(forms.share_without_time(text))
    return StrategyStep(StepKind.SHIFT, share, BAKE.read(bake))


def _share(text: str, step: str) -> int:
    parts = _PERCENT.fullmatch(text)
    share = int(parts[1]) * 100 + int((parts[2] or "").ljust(2, "0")) if parts else 0
    if not 0 < share <= BASIS_POINTS:
        raise Misfit(forms.no_share(step))
    return share


# When releases may move.


def _calendar(fields: Fields) -> Calendar:
    windows = fields.optional_list("windows", Kind(_window, forms.a_window(), NO_WINDOW))
    exceptions = fields.optional_list("exceptions", Kind(_exemption, forms.an_exception(), NO_EXEMPTION))
    zone = windows[0].zone if windows else "UTC"
    return Calendar(windows, tuple(replace(each, zone=each.zone or zone) for each in exceptions))


def _window(text: str) -> Window:
    days, hours, zone = _parts(text, forms.a_window())
    return Window(_days(days, text), _hours(hours, text), _zone(zone))


def _exemption(text: str) -> Exemption:
    dates, *rest = text.split()
    first, _, last = dates.partition("..")
    try:
        begin, end = date.fromisoformat(first), date.fromisoformat(last or first)
    except ValueError:
        raise Misfit(words.misfit(text, forms.an_exception())) from None
    if len(first) != len("2026-12-24") or end < begin:
        raise Misfit(words.misfit(text, forms.an_exception()))
    if rest and rest[0].lower() == "closed" and len(rest) <= 2:  # noqa: PLR2004  `closed`, and a zone
        return Exemption(begin.isoformat(), end.isoformat(), None, _zone(rest[1]) if len(rest) > 1 else "")
    _, hours, zone = _parts(text, forms.an_exception())
    return Exemption(begin.isoformat(), end.isoformat(), _hours(hours, text), _zone(zone))


def _parts(text: str, form: str) -> list[str]:
    parts = text.split()
    if len(parts) != 3:  # noqa: PLR2004  days or dates, hours, zone
        raise Misfit(words.misfit(text, form))
    return parts


def _days(text: str, window: str) -> tuple[int, ...]:
    if text.lower() == "daily":
        return tuple(range(7))
    days: set[int] = set()
    for part in text.lower().split(","):
        first, dash, last = part.partition("-")
        if first not in _DAYS or (dash and last not in _DAYS):
            raise Misfit(words.misfit(window, forms.a_window()))
        begin, end = _DAYS.index(first), _DAYS.index(last or first)
        days |= {(begin + number) % 7 for number in range((end - begin) % 7 + 1)}
    return tuple(sorted(days))


def _hours(text: str, whole: str) -> Hours:
    parts = _HOURS.fullmatch(text)
    if not parts:
        raise Misfit(words.misfit(whole, forms.a_window()))
    start, end = (int(parts[at]) * 60 + int(parts[at + 1]) for at in (1, 3))
    if end > 24 * 60:
        raise Misfit(words.misfit(whole, forms.a_window()))
    return Hours(start, end)


def _zone(text: str) -> str:
    try:
        if _ZONE.fullmatch(text):
            return ZoneInfo(text).key
    except (KeyError, ValueError, OSError):  # no such zone, or none that could be read
        pass
    raise Misfit(forms.no_zone(text))
