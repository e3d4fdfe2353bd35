"""What came of a query: one finite value, no data, or a source that failed. Pure: from the bytes of a reply to a reading.

The format is that of Prometheus' HTTP API (https://prometheus.io/docs/prometheus/latest/querying/api/), which Thanos, Mimir and
VictoriaMetrics speak as well. Whatever differs from it by a hair is an error: a number that is not understood is no health.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from math import isfinite, isnan
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from guardian.core.ports import SourceError
from guardian.core.readings import SourceFailure
from guardian.core.words import prometheus as words

OK = 200
REDIRECTS = range(300, 400)
REFUSALS = (401, 403)
LATEST = 1e12
"""Seconds since the epoch beyond which no timestamp is one."""
OUTAGES = ("internal", "unavailable")
"""Prometheus' types of error that tell of the server, not of the query."""
REMARK = "PromQL info: "
"""How Prometheus 2.48 to 2.55 mark, among the warnings, a remark on the style of a query. Since 3.0 these are ``infos``."""
NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|Inf)|NaN", re.ASCII)


class SourceDown(SourceError):
    """The server is at fault, not this query: it does not answer, or somebody else does. Only this counts against its circuit."""


class Busy(SourceError):
    """The query was never sent, for others were before it. Nothing is known of the server: its circuit stays as it is."""


@dataclass(frozen=True, slots=True)
class Value:
    """The one finite number that a query gave."""

    value: float
    at: float
    """For which moment, in seconds since the epoch on the server's clock: that of the evaluation, not of the last scrape."""
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class NoData:
    """The query was answered, and there is nothing to judge."""

    reason: str


Answer: TypeAlias = Value | NoData


@dataclass(frozen=True, slots=True)
class Step:
    """What an instant query at one moment of a range would have been answered."""

    at: float
    answer: Answer | SourceFailure


Series: TypeAlias = tuple[Step, ...]
"""Every step of a range, in order."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server sent, unread."""

    status: int
    body: bytes = field(repr=False)
    location: str = field(default="", repr=False)
    """Where a redirect leads."""
    date: str = ""
    """The server's clock as it stands in the header, to the second."""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """What the request held and no sentence may repeat, should the server echo it."""

    def told(self, text: str) -> str:
        """``text`` of the server's, without the secrets."""
        for secret in self.secrets:
            text = text.replace(secret, "[hidden]")
        return text


@dataclass(frozen=True, slots=True)
class _Sample:
    labels: Mapping[str, str]
    at: float
    value: float
    text: str


def instant(reply: Reply) -> Answer:
    """The answer to an instant query: a vector of at most one series, or a scalar. :class:`SourceError` for anything else."""
    kind, result = _result(reply)
    if kind == "scalar":
        return _answer([_sample({}, result)])
    if kind != "vector":
        raise SourceError(words.wrong_type(kind))
    return _answer([_sample(labels, pair) for labels, pair in _labelled(result, "value")])


def several(reply: Reply) -> tuple[Mapping[str, str], ...]:
    """The labels of every series of a vector, for queries that ask which there are. :class:`SourceError` for anything else."""
    kind, result = _result(reply)
    if kind != "vector":
        raise SourceError(words.wrong_type(kind))
    return tuple(_sample(labels, pair).labels for labels, pair in _labelled(result, "value"))


def series(reply: Reply, times: Sequence[int]) -> Series:
    """The answer to a range query at ``times``, in milliseconds since the epoch.

    Each step is what an instant query would have given, its failures included: a series that changes its labels on the way is one
    value at each step, and two series at one step are ambiguous at that step only. :class:`SourceError` where the reply is not a
    matrix over these times.
    """
    kind, result = _result(reply)
    if kind != "matrix":
        raise SourceError(words.wrong_type(kind))
    found: dict[int, list[_Sample]] = {time: [] for time in times}
    for labels, pairs in _labelled(result, "values"):
        for pair in _list(pairs):
            sample = _sample(labels, pair)
            samples = found.get(round(sample.at * 1000))
            if samples is None:
                raise _garbled(words.UNASKED_TIME)
            samples.append(sample)
    return tuple(_step(time / 1000, samples) for time, samples in found.items())


def fresh(answer: Answer, oldest: float, earliest: float, latest: float) -> Answer:
    """``answer``, if its value is dated at most ``oldest`` seconds before ``earliest``, when it was asked for; else no data.

    A value dated more than that after ``latest``, when it had come, is a :class:`SourceError`: the clocks differ.
    """
    if not isinstance(answer, Value):
        return answer
    if answer.at < earliest - oldest:
        return NoData(words.too_old(earliest - answer.at, oldest))
    if answer.at > latest + oldest:
        raise SourceError(words.from_the_future(answer.at - latest))
    return answer


def check_clock(reply: Reply, most: float, asked: float, came: float) -> None:
    """:class:`SourceError` where the clock of the server differs by more than ``most`` seconds from guardian's.

    By that it told between ``asked`` and ``came``. Nothing is known of a server that does not tell, or not as HTTP demands.
    """
    try:
        told = parsedate_to_datetime(reply.date).timestamp()
    except (ValueError, OverflowError):
        return
    if told + 1 < asked - most:  # the header leaves out fractions of a second
        raise SourceError(words.clocks_apart(told - asked, most))
    if told > came + most:
        raise SourceError(words.clocks_apart(told - came, most))


def _result(reply: Reply) -> tuple[str, Any]:
    """The type and the result of a good reply; :class:`SourceError` for every other."""
    if reply.status in REDIRECTS:
        raise SourceDown(words.redirected(reply.told(_bare(reply.location))))
    if reply.status in REFUSALS:
        raise SourceDown(words.refused(reply.status))
    document = _document(reply)
    if isinstance(document, dict) and document.get("status") == "error":
        raise _own_error(reply, document)
    if reply.status != OK:
        raise SourceDown(words.failed(reply.status))
    match document:
        case {"status": "success", "data": {"resultType": str(kind), "result": result}}:
            _check_warnings(reply, document.get("warnings"))
            return kind, result
        case _:
            raise _garbled(words.NO_RESULT)


def _document(reply: Reply) -> Any:
    """The body as JSON, every number a float; ``None`` in an HTTP error, which says enough."""
    try:
        return json.loads(reply.body.decode(), parse_int=float, parse_constant=float)
    except (ValueError, RecursionError):
        if reply.status != OK:
            return None
    if reply.body.lstrip()[:1] == b"<":
        raise SourceDown(words.web_page())
    raise _garbled(words.NOT_JSON)


def _own_error(reply: Reply, document: dict[str, Any]) -> SourceError:
    match document:
        case {"errorType": str(kind), "error": str(message)}:
            error = SourceDown if kind in OUTAGES else SourceError
            return error(words.query_failed(reply.told(kind), reply.told(message)))
        case _:
            return _garbled(words.NAMELESS_ERROR)


def _check_warnings(reply: Reply, warnings: Any) -> None:
    match warnings:
        case None:
            return
        case list() if all(isinstance(each, str) for each in warnings):
            grave = [reply.told(each) for each in warnings if not each.startswith(REMARK)]
            if grave:
                raise SourceError(words.partial(grave))
        case _:
            raise _garbled(words.ODD_WARNINGS)


def _bare(location: str) -> str:
    """A redirect's target without what may be secret in it: user, password, query."""
    try:
        parts = urlsplit(location)
        host = parts.hostname or ""
    except ValueError:
        return "an address that is none"
    return f"{parts.scheme}://{host}{parts.path}" if host else parts.path or "nowhere"


def _labelled(result: Any, key: str) -> list[tuple[Mapping[str, str], Any]]:
    """Each series of a vector or matrix with what stands under ``key``."""
    return [_series(item, key) for item in _list(result)]


def _series(item: Any, key: str) -> tuple[Mapping[str, str], Any]:
    if isinstance(item, dict) and not item.keys().isdisjoint(("histogram", "histograms")):
        raise SourceError(words.histogram())
    match item:
        case {"metric": dict(labels)} if key in item and all(isinstance(value, str) for value in labels.values()):
            return labels, item[key]
        case _:
            raise _garbled(words.ODD_SERIES)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise _garbled(words.NO_LIST)
    return value


def _sample(labels: Mapping[str, str], pair: Any) -> _Sample:
    match pair:
        case [float(at), str(text)] if abs(at) < LATEST and NUMBER.fullmatch(text):
            return _Sample(labels, at, float(text), text)
        case _:
            raise _garbled(words.ODD_VALUE)


def _answer(samples: Sequence[_Sample]) -> Answer:
    if not samples:
        return NoData(words.no_series())
    if len(samples) > 1:
        raise SourceError(words.several(len(samples), samples[0].labels, samples[1].labels))
    sample = samples[0]
    if isnan(sample.value):
        return NoData(words.not_a_number())
    if not isfinite(sample.value):
        raise SourceError(words.infinite(sample.text))
    return Value(sample.value, sample.at, sample.labels)


def _step(at: float, samples: Sequence[_Sample]) -> Step:
    try:
        return Step(at, _answer(samples))
    except SourceError as error:
        return Step(at, SourceFailure(at, str(error)))


def _garbled(what: str) -> SourceDown:
    return SourceDown(words.garbled(what))
