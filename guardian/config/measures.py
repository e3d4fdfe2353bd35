"""What a rule measures: one reader per source, each with the units that its limits are written in.

A new source is a member of :class:`guardian.core.rules.Source`, its measure in :data:`guardian.core.rules.Measure`, and a reader
in :data:`MEASURES`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from guardian.config import kinds
from guardian.config.fields import Fields, Kind, Misfit
from guardian.core import query
from guardian.core.readings import COUNTED
from guardian.core.rules import Gauge, Measure, Query, Ratio, Source, Unit
from guardian.core.words import faults as words
from guardian.core.words import forms


@dataclass(frozen=True, slots=True)
class Measured:
    """A measure, and what a limit of it looks like."""

    measure: Measure
    limit: Kind[float]
    """:data:`ANY_LIMIT` where the measure could not be read."""


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
            raise Misfit(words.no_counter())
        if name not in COUNTED:
            raise Misfit(words.unknown_counter(name, COUNTED))
        if name in names:
            raise Misfit(words.counter_twice(name))
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
    fields.refuse(("query",), words.prometheus_only)
    ratio, value = fields.optional("ratio", RATIO, RATIO.stand_in), fields.optional("value", GAUGE, None)
    if fields.has("ratio") and fields.has("value"):
        fields.fault("value", words.ratio_and_value())
        return Measured(ratio, ANY_LIMIT)
    if fields.has("ratio"):
        return Measured(ratio, SHARE)
    if not fields.has("value"):
        fields.fault_here(words.no_measure())
    return Measured(ratio, ANY_LIMIT) if value is None else Measured(value, _UNITS[value])


def _read_query(text: str) -> str:
    wrong = query.faults(text)
    if wrong:
        raise Misfit(wrong[0])
    return text


QUERY = Kind(_read_query, forms.a_query(), "vector(0)")
_TIME = re.compile(r"[0-9.]+ ?(ms|s|m|h|d)")


def _read_prometheus(fields: Fields) -> Measured:
    """A query gives a bare number: its limit says what it is."""
    promql = fields.required("query", QUERY)
    fields.refuse(("ratio", "value"), words.haproxy_only)
    fields.refuse(("min_requests",), words.counts_no_requests)
    limit = fields.text("above") or fields.text("below")
    if limit.endswith("%"):
        return Measured(Query(promql, Unit.SHARE), SHARE)
    if _TIME.fullmatch(limit):
        return Measured(Query(promql, Unit.SECONDS), kinds.duration("1ms", "7d", "800ms"))
    return Measured(Query(promql, Unit.NUMBER), kinds.number("0", "1e15", "100"))


UNKNOWN = Measured(RATIO.stand_in, ANY_LIMIT)
"""What a rule measures whose source could not be read."""
MEASURES: Mapping[Source, Callable[[Fields], Measured]] = {
    Source.HAPROXY: _read_haproxy,
    Source.PROMETHEUS: _read_prometheus,
}
"""How the measure of a rule is read, by its source. Each reader takes the keys of its own source, and no others."""
