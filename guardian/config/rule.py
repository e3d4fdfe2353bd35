"""One rule of a rule file: what it measures, how it is tested, and what follows from it."""

import re

from guardian.config import kinds
from guardian.config.document import Node
from guardian.config.faults import Findings
from guardian.config.fields import Fields, Kind, Misfit
from guardian.config.measures import ANY_LIMIT, MEASURES, SHARE, UNKNOWN, Measured
from guardian.core.rules import (
    Action,
    Against,
    Alerts,
    Command,
    Direction,
    Lack,
    Link,
    Query,
    Ratio,
    Rule,
    Sequential,
    Severity,
    Source,
    Test,
    Threshold,
)
from guardian.core.words import command as command_words
from guardian.core.words import faults as words
from guardian.core.words import forms, rule_faults

LINKS = ("runbook", "dashboard")
"""Where people read on about a rule; each is a key under ``links``."""
THRESHOLD_KEYS = ("above", "below", "every", "window", "for", "warm_up")
SEQUENTIAL_KEYS = ("limit", "against", "tolerance", "floor", "false_alarm")
MOST_CHECKS = 1000
LOOK_EVERY = kinds.duration("10ms", "1h", "1s")
WINDOW = 10.0
"""Seconds that a reading looks back where the rule does not say, unless it is taken less often."""
QUERY_EVERY = kinds.duration("1s", "1h", "15s")
ASKED_EVERY = 15.0
"""Seconds between two queries where the rule does not say: what most Prometheus servers scrape at."""

_LACK = kinds.choice(Lack, forms.lack_of_data())
_CONFIRMATIONS = re.compile(r"([0-9]{1,4})(?: of ([0-9]{1,4}))?")


def read_rule(node: Node, watch: float, findings: Findings) -> Rule | None:
    """The rule in ``node``, of a service that is watched for ``watch`` seconds; ``None`` where not even its name can be read.

    What is wrong is added to ``findings``; a rule with faults holds stand-ins.
    """
    fields = Fields(node, findings)
    source = fields.required("source", kinds.choice(Source))
    if not fields.sound("source"):
        fields.entries()  # which keys may stand here depends on the source
    measured = MEASURES[source](fields) if fields.sound("source") else UNKNOWN
    action = fields.optional("action", kinds.choice(Action, forms.an_action()), Action.ROLLBACK)
    rule = Rule(
        name=fields.required("name", kinds.name("server-errors")),
        summary=fields.required("summary", kinds.SENTENCE),
        source=source,
        measure=measured.measure,
        test=_read_test(fields, measured, watch),
        on_no_data=fields.required("on_no_data", _LACK),
        on_source_error=fields.optional("on_source_error", _LACK, Lack.HOLD),
        action=action,
        min_requests=fields.optional("min_requests", kinds.whole("0", "1000000", "300"), 0),
        severity=fields.optional("severity", kinds.choice(Severity), _SEVERITY[action]),
        shadow=fields.optional("shadow", kinds.SWITCH, default=False),
        links=_read_links(fields.optional_section("links")),
    )
    fields.close()
    return rule if fields.sound("name") else None


_SEVERITY = {Action.ROLLBACK: Severity.CRITICAL, Action.PAUSE: Severity.WARNING, Action.NOTIFY: Severity.WARNING}


def _read_links(fields: Fields) -> tuple[Link, ...]:
    urls = {title: fields.optional(title, kinds.LINK, "") for title in LINKS}
    fields.close()
    return tuple(Link(title, url) for title, url in urls.items() if url)


def _read_test(fields: Fields, measured: Measured, watch: float) -> Test:
    bounded = fields.has("above") or fields.has("below")
    if measured.verdict:
        fields.refuse(("test", "above", "below", *SEQUENTIAL_KEYS), rule_faults.no_limit_needed)
        return _read_threshold(fields, measured, watch)
    fields.optional("test", kinds.word({"sequential": None}), None)
    if fields.has("test") and (fields.sound("test") or not bounded):
        fields.refuse(THRESHOLD_KEYS, rule_faults.threshold_only)
        return _read_sequential(fields, measured)
    if bounded:
        fields.refuse(SEQUENTIAL_KEYS, rule_faults.sequential_only)
        return _read_threshold(fields, measured, watch)
    fields.fault_here(rule_faults.no_test())
    fields.overlook((*THRESHOLD_KEYS, *SEQUENTIAL_KEYS))
    return Sequential(SHARE.stand_in)


def _read_sequential(fields: Fields, measured: Measured) -> Sequential:
    single = not isinstance(measured.measure, Ratio)
    if single and fields.sound("test"):
        fields.fault(
            "test", rule_faults.sequential_value("query" if isinstance(measured.measure, Query) else str(measured.measure))
        )
    limit = fields.required("limit", ANY_LIMIT if single else measured.limit)
    defaults = Sequential(limit)
    against = fields.optional("against", kinds.choice(Against), defaults.against)
    if against is Against.LIMIT and fields.sound("against"):
        fields.refuse(("tolerance", "floor"), rule_faults.baseline_only)
    floor = fields.optional("floor", SHARE, min(defaults.floor, limit))
    if fields.sound("limit", "floor") and floor > limit:
        fields.fault("floor", rule_faults.floor_above_limit(fields.text("floor"), fields.text("limit")))
    return Sequential(
        limit=limit,
        against=against,
        false_alarm=fields.optional("false_alarm", kinds.number("1e-9", "0.1", "0.001"), defaults.false_alarm),
        tolerance=fields.optional("tolerance", kinds.multiple("1x", "100x", "2x"), defaults.tolerance),
        floor=floor,
    )


def _read_threshold(fields: Fields, measured: Measured, watch: float) -> Threshold:
    direction, limit = (Direction.ABOVE, 0.0) if measured.verdict else _read_bound(fields, measured)
    defaults, measure = Threshold(direction, limit), measured.measure
    alone = isinstance(measure, Alerts)  # whoever fires an alert has waited by himself
    needed, of = (1, 1) if alone else fields.optional("for", CONFIRMATIONS, (defaults.needed, defaults.of))
    asked = isinstance(measure, Query | Alerts | Command)
    every = fields.optional("every", QUERY_EVERY if asked else LOOK_EVERY, ASKED_EVERY if asked else defaults.every)
    if isinstance(measure, Command) and fields.sound("every", "timeout") and measure.timeout > every:
        fields.fault("every" if fields.has("every") else "timeout", command_words.longer_than_every(measure.timeout, every))
    window = _read_window(fields, every, whole=not isinstance(measure, Alerts | Command))
    warm_up = fields.optional("warm_up", kinds.duration("0s", "7d", "2s"), defaults.warm_up)
    # The first check waits until warm-up and window have passed, and a rule has proved nothing before its last of M checks.
    needs = warm_up + window + (of - 1) * every
    if fields.sound("for", "every", "window", "warm_up") and needs >= watch:
        fields.fault_here(rule_faults.longer_than_watch(needs, watch))
    return Threshold(direction, limit, needed, of, every, window, warm_up)


def _read_window(fields: Fields, every: float, *, whole: bool) -> float:
    """How far a reading looks back. ``whole``: guardian itself reads it, and without gaps; else the source says nothing of it."""
    if not whole:
        return fields.optional("window", kinds.duration("0s", "7d", "1m"), 0.0)
    window = fields.optional("window", kinds.duration("10ms", "7d", "10s"), max(WINDOW, every))
    if fields.sound("every", "window") and window < every:
        fields.fault("window", rule_faults.window_too_short(window, every))
    return window


def _read_bound(fields: Fields, measured: Measured) -> tuple[Direction, float]:
    direction = Direction.ABOVE if fields.has(Direction.ABOVE) else Direction.BELOW
    limit = fields.required(direction, measured.limit)
    fields.overlook(Direction)
    if fields.has(direction.ABOVE) and fields.has(Direction.BELOW):
        fields.fault(Direction.BELOW, rule_faults.above_and_below())
    elif direction is Direction.BELOW and limit == 0:
        fields.fault(Direction.BELOW, rule_faults.never_below())
    return direction, limit


def _read_confirmations(text: str) -> tuple[int, int]:
    parts = _CONFIRMATIONS.fullmatch(text)
    needed, of = (int(parts[1]), int(parts[2] or parts[1])) if parts else (0, 0)
    if not 0 < of <= MOST_CHECKS or needed == 0:
        raise Misfit(words.misfit(text, forms.confirmations()))
    if needed > of:
        raise Misfit(rule_faults.more_than_all(needed, of))
    return needed, of


CONFIRMATIONS = Kind(_read_confirmations, forms.confirmations(), (1, 1))
