"""What Prometheus itself says of the rules that ask it: whether it knows the series, and what it would answer now."""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from guardian.config.faults import Fault
from guardian.config.lint import Known
from guardian.config.rulefiles import Written
from guardian.core.access import Access
from guardian.core.judges.trial import Trial
from guardian.core.model import Environment
from guardian.core.ports import SourceError
from guardian.core.promql import Reading, Selector
from guardian.core.query import rendered
from guardian.core.readings import History
from guardian.core.rules import Direction, Query, Threshold
from guardian.core.words import lint as words
from guardian.core.words.verdicts import value_of
from guardian.metrics.answer import Answer, SourceDown, Value
from guardian.metrics.prometheus import CONNECTIONS, Prometheus
from guardian.metrics.source import OLDEST

SPAN = 600
"""Seconds over which samples are counted to see how often something is scraped."""


@dataclass(frozen=True, slots=True)
class Learnt:
    """What came of asking."""

    faults: tuple[Fault, ...]
    scraped: Mapping[str, float] = field(default_factory=dict)
    """Seconds between two samples, by the name of the series."""


def inquire(written: Sequence[Written], access: Access, known: Known) -> Learnt:
    """Ask the Prometheus of ``access`` about every rule among ``written`` that would ask it."""
    asking = [each for each in written if isinstance(each.rule.measure, Query)]
    return asyncio.run(_inquire(asking, access, known)) if asking else Learnt(())


async def _inquire(asking: Sequence[Written], access: Access, known: Known) -> Learnt:
    prometheus = Prometheus(access)
    try:
        clerk = _Clerk(prometheus, known.watch)
        found = await asyncio.gather(*map(clerk.inspect, asking))
        scraped = await clerk.scraped({metric for each in asking for metric in _reading(each).metrics})
    except SourceDown as error:
        return Learnt((asking[0].at("query").fault(words.no_server(str(error)), "no-server"),))
    finally:
        await prometheus.close()
    return Learnt(tuple(fault for faults in found for fault in faults), scraped)


class _Clerk:
    """Asks one server. Raises :class:`SourceDown` where it does not answer."""

    def __init__(self, prometheus: Prometheus, watch: float) -> None:
        self._prometheus, self._watch, self._now = prometheus, watch, time.time()
        self._turns = asyncio.Semaphore(CONNECTIONS)
        self._known: dict[str, asyncio.Task[bool]] = {}

    async def inspect(self, each: Written) -> list[Fault]:
        """What is to be said of one rule."""
        unknown = [metric for metric in _reading(each).metrics if not await self._exists(metric)]
        if unknown:
            return [each.at("query").fault(words.unknown_metric(metric), "unknown-metric") for metric in unknown]
        sides = await asyncio.gather(*(self._side(each, side) for side in Environment))
        silent = all(answer is None for answer, _ in sides)
        found = [fault for _, faults in sides for fault in faults]
        if silent and not found:
            found.append(each.at("query").fault(words.no_series_now(), "no-series-now"))
        return [*_once(found), *await self._buckets(each)]

    async def scraped(self, metrics: set[str]) -> Mapping[str, float]:
        """Seconds between two samples of each of ``metrics`` that has any."""
        queries = {metric: f'max(count_over_time({{__name__="{metric}"}}[{SPAN}s]))' for metric in sorted(metrics)}
        answers = await asyncio.gather(*map(self._ask, queries.values()))
        counted = {metric: answer.value for metric, answer in zip(queries, answers, strict=True) if isinstance(answer, Value)}
        return {metric: round(SPAN / samples, 1) for metric, samples in counted.items() if samples > 1}

    async def _side(self, each: Written, candidate: Environment) -> tuple[float | None, list[Fault]]:
        """What the query gives now with ``candidate`` on trial, and what is wrong with that."""
        query = self._rendered(each, candidate)
        try:
            async with self._turns:
                answer = await self._prometheus.instant(query, self._now, OLDEST)
        except SourceDown:
            raise
        except SourceError as error:
            many = await self._ask(f"count({query})")
            if isinstance(many, Value) and many.value > 1:
                return None, [each.at("query").fault(words.many_series_now(int(many.value)), "many-series-now")]
            return None, [each.at("query").fault(words.refused_query(str(error)), "refused-query")]
        if not isinstance(answer, Value):
            return None, []
        return answer.value, list(_beyond(each, candidate, answer.value))

    async def _buckets(self, each: Written) -> list[Fault]:
        """A quantile is at most the end of the highest bucket that has one."""
        rule, reading = each.rule, Reading.of(self._rendered(each, Environment.GREEN))
        if (
            not isinstance(rule.test, Threshold)
            or rule.test.direction is Direction.BELOW
            or not reading.calls("histogram_quantile")
        ):
            return []
        answers = await asyncio.gather(
            *(self._ask(_highest(each)) for each in reading.selectors if each.metric.endswith("_bucket"))
        )
        highest = [answer.value for answer in answers if isinstance(answer, Value)]
        if not highest or max(highest) > rule.test.limit:
            return []
        sentence = words.bucket_too_low(value_of(rule, rule.test.limit), value_of(rule, max(highest)))
        return [each.at("above").fault(sentence, "bucket-too-low")]

    async def _exists(self, metric: str) -> bool:
        if metric not in self._known:
            self._known[metric] = asyncio.create_task(self._look_up(metric))
        return await self._known[metric]

    async def _look_up(self, metric: str) -> bool:
        """A series that ended a while ago is known, too: the environment that has it may be down now."""
        return isinstance(await self._ask(f'count(last_over_time({{__name__="{metric}"}}[1d]))'), Value)

    async def _ask(self, query: str) -> Answer | None:
        try:
            async with self._turns:
                return await self._prometheus.instant(query, self._now)
        except SourceDown:
            raise
        except SourceError:
            return None

    def _rendered(self, each: Written, candidate: Environment) -> str:
        test, reach = each.rule.test, max(_reading(each).ranges, default=0.0)
        since = self._now - max(reach, test.window + test.warm_up if isinstance(test, Threshold) else 0.0)
        trial = Trial(candidate, since, self._watch, look_every=1.0, shared=False, history=History())
        return rendered(each.service, each.rule, trial, self._now)


def _reading(each: Written) -> Reading:
    return Reading.of(each.rule.measure.promql if isinstance(each.rule.measure, Query) else "")


def _beyond(each: Written, candidate: Environment, value: float) -> Iterator[Fault]:
    test, rule = each.rule.test, each.rule
    if isinstance(test, Threshold) and (value > test.limit if test.direction is Direction.ABOVE else value < test.limit):
        yield each.at("above", "below").fault(words.fires_now(str(candidate), value_of(rule, value)), "fires-now")


def _highest(selector: Selector) -> str:
    """The query that gives the end of the highest bucket: the quantile of a histogram that has all it has in the last one."""
    inner = f"{selector.matchers}," if selector.matchers else ""
    last, all_of_them = f'{selector.metric}{{{inner}le="+Inf"}}', f"{selector.metric}{{{selector.matchers}}}"
    return f"histogram_quantile(1, max by (le) (({last} * 0 + 1) or ({all_of_them} * 0)))"


def _once(faults: Sequence[Fault]) -> list[Fault]:
    """Each check once for each place, though both sides may fail it."""
    return list({(fault.check, fault.line, fault.path): fault for fault in reversed(faults)}.values())
