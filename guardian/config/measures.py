"""What a rule measures: one reader per source, each with the units that its limits are written in.

A new source is a member of :class:`guardian.core.rules.Source`, its measure in :data:`guardian.core.rules.Measure`, and a reader
in :data:`MEASURES`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from guardian.config import kinds
from guardian.config.fields import Fields, Kind, Misfit
from guardian.core import invocation, matchers, query
from guardian.core.readings import COUNTED
from guardian.core.rules import Alerts, Command, Gauge, Measure, Query, Ratio, Sender, Source, Unit
from guardian.core.words import alerts as alert_words
from guardian.core.words import command as command_words
from guardian.core.words import faults as words
from guardian.core.words import forms, rule_faults


@dataclass(frozen=True, slots=True)
class Measured:
    """A measure, and what a limit of it looks like."""

    measure: Measure
    limit: Kind[float]
    """:data:`ANY_LIMIT` where the measure could not be read."""
    verdict: bool = False
    """Whether the source itself says what is bad: then there is no limit to write."""


SHARE = kinds.share("1%")
NUMBER = kinds.number("0", "1e9", "100")
LATENCY = kinds.duration("1ms", "1h", "300ms")
ANY_LIMIT = Kind(lambda _: 1.0, "a limit", 1.0)
"""Whatever stands there: its unit is not known."""


def _read_ratio(text: str) -> Ratio:
    sums = text.split("/")
    if len(sums) != 2:  # noqa: PLR2004  a ratio has two sides
        raise Misfit(words.misfit(text, forms.a_ratio(COUNTED)))
    return Ratio(numerator=_read_sum(sums[0]), denominator=_read_sum(sums[1]))


def _read_sum(text: str) -> tuple[str, ...]:
    names: list[str] = []
    for name in map(str.strip, text.split("+")):
        if not name:
            raise Misfit(rule_faults.no_counter())
        if name not in COUNTED:
            raise Misfit(rule_faults.unknown_counter(name, COUNTED))
        if name in names:
            raise Misfit(rule_faults.counter_twice(name))
        names.append(name)
    return tuple(names)


RATIO = Kind(_read_ratio, forms.a_ratio(COUNTED), Ratio(("responses_5xx",), ("responses",)))
GAUGE = kinds.choice(Gauge)
_UNITS: Mapping[Gauge, Kind[float]] = {
    Gauge.LATENCY: LATENCY,
    Gauge.REQUEST_RATE: NUMBER,
    Gauge.QUEUED: NUMBER,
    Gauge.SERVERS_UP: NUMBER,
}


def _read_haproxy(fields: Fields) -> Measured:
    fields.refuse(("query",), rule_faults.prometheus_only)
    ratio, value = fields.optional("ratio", RATIO, RATIO.stand_in), fields.optional("value", GAUGE, None)
    if fields.has("ratio") and fields.has("value"):
        fields.fault("value", rule_faults.ratio_and_value())
        return Measured(ratio, ANY_LIMIT)
    if fields.has("ratio"):
        return Measured(ratio, SHARE)
    if not fields.has("value"):
        fields.fault_here(rule_faults.no_measure())
    return Measured(ratio, ANY_LIMIT) if value is None else Measured(value, _UNITS[value])


LONGEST_QUERY = 10_000
"""Characters of a query. It is sent again and again, and nobody could read it."""


def _read_query(text: str) -> str:
    if len(text) > LONGEST_QUERY:
        raise Misfit(rule_faults.query_too_long(len(text), LONGEST_QUERY))
    wrong = query.faults(text)
    if wrong:
        raise Misfit(wrong[0])
    return text


QUERY = Kind(_read_query, forms.a_query(), "vector(0)")
_TIME = re.compile(r"[0-9.]+ ?(ms|s|m|h|d)")


def _read_prometheus(fields: Fields) -> Measured:
    """A query gives a bare number: its limit says what it is."""
    promql = fields.required("query", QUERY)
    fields.refuse(("ratio", "value"), rule_faults.haproxy_only)
    fields.refuse(("min_requests",), rule_faults.counts_no_requests)
    unit, limit = _unit(fields)
    return Measured(Query(promql, unit), limit)


def _unit(fields: Fields) -> tuple[Unit, Kind[float]]:
    """What the limit that stands there says that a bare number is."""
    limit = fields.text("above") or fields.text("below")
    if limit.endswith("%"):
        return Unit.SHARE, SHARE
    if _TIME.fullmatch(limit):
        return Unit.SECONDS, kinds.duration("1ms", "7d", "800ms")
    return Unit.NUMBER, kinds.number("0", "1e15", "100")


LONGEST_MATCHER = 1000
"""Characters of a matcher."""


def _read_matcher(text: str) -> str:
    if len(text) > LONGEST_MATCHER:
        raise Misfit(rule_faults.text_too_long(len(text), LONGEST_MATCHER))
    try:
        matcher = matchers.Matcher.of(text)
    except ValueError as error:
        raise Misfit(str(error)) from error
    wrong = query.faults(matcher.value, matchers.VARIABLES)
    if wrong:
        raise Misfit(wrong[0])
    return str(matcher)


MATCHER = Kind(_read_matcher, forms.a_matcher(), 'service="$service"')


def _read_alerts(fields: Fields) -> Measured:
    found = fields.series("match", MATCHER, required=True)
    if fields.sound("match") and all(matchers.Matcher.of(each).fits({}) for each in found):
        fields.fault("match", alert_words.excludes_only())
    senders = fields.optional_list("from", kinds.choice(Sender))
    fields.refuse(("ratio", "value"), rule_faults.haproxy_only)
    fields.refuse(("query",), rule_faults.prometheus_only)
    fields.refuse(("for",), rule_faults.alerts_wait_by_themselves)
    fields.refuse(("min_requests",), rule_faults.sees_no_requests)
    return Measured(Alerts(found, senders), ANY_LIMIT, verdict=True)


def _read_argument(text: str) -> str:
    wrong = query.faults(text, invocation.VARIABLES)
    if wrong or not text.isprintable():
        raise Misfit(wrong[0] if wrong else words.misfit(text, forms.an_argument()))
    return text


def _read_value(text: str) -> str:
    if not text.isprintable():
        raise Misfit(words.misfit(text, forms.an_argument()))
    return text


ARGUMENT = Kind(_read_argument, forms.an_argument(), "")
VALUE = Kind(_read_value, forms.a_text(), "")
EXIT_CODE = kinds.whole("1", "255", "99")
COMMAND_TIMEOUT = kinds.duration("100ms", "1h", "10s")


def _read_command(fields: Fields) -> Measured:
    """A program that gives a number is held against a limit; one whose exit code is a verdict has no other."""
    argv = fields.series("command", ARGUMENT, required=True)
    if fields.sound("command") and not (argv and invocation.startable(argv[0])):
        fields.fault("command", command_words.no_program(argv[0] if argv else ""))
    timeout = fields.optional("timeout", COMMAND_TIMEOUT, COMMAND_TIMEOUT.stand_in)
    environment = fields.mapping("environment", VALUE)
    for name in environment:
        if not invocation.settable(name):
            fields.fault("environment", command_words.unsettable(name))
        elif invocation.secret(name):
            fields.fault("environment", command_words.no_secrets(name))
    fields.refuse(("ratio", "value"), rule_faults.haproxy_only)
    fields.refuse(("query",), rule_faults.prometheus_only)
    fields.refuse(("min_requests",), rule_faults.sees_no_requests)
    given = tuple(environment.items())
    if fields.has("above") or fields.has("below"):
        fields.refuse(("at_fault",), command_words.number_or_verdict)
        unit, limit = _unit(fields)
        return Measured(Command(argv, timeout, unit, environment=given), limit)
    codes = fields.optional_list("at_fault", EXIT_CODE)
    if not codes and fields.sound("at_fault"):
        fields.fault_here(command_words.no_verdict())
    return Measured(Command(argv, timeout, by_exit_code=True, at_fault=codes, environment=given), ANY_LIMIT, verdict=True)


UNKNOWN = Measured(RATIO.stand_in, ANY_LIMIT)
"""What a rule measures whose source could not be read."""
MEASURES: Mapping[Source, Callable[[Fields], Measured]] = {
    Source.HAPROXY: _read_haproxy,
    Source.PROMETHEUS: _read_prometheus,
    Source.ALERTS: _read_alerts,
    Source.COMMAND: _read_command,
}
"""How the measure of a rule is read, by its source. Each reader takes the keys of its own source, and no others."""
