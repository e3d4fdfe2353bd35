"""What is probably not meant in a rule, as far as it can be seen before anything is judged.

A fault makes a file unusable; what is found here does not, and yet the worst of it (:data:`ERRORS`) should never go live.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from guardian.config.faults import Fault
from guardian.config.rulefiles import Written
from guardian.core.model import Environment
from guardian.core.promql import Reading
from guardian.core.query import variables
from guardian.core.readings import TOTALS
from guardian.core.rules import Action, Direction, Gauge, Query, Ratio, Rule, Sequential, Threshold, Unit
from guardian.core.words import lint as words

ERRORS = frozenset(
    ("fault", "always-fires", "never-fires", "no-server", "refused-query", "unknown-metric", "many-series-now", "bucket-too-low")
)
"""The checks whose findings are no matter of taste."""
GOOD = frozenset(("responses_1xx", "responses_2xx", "responses_3xx"))
CLASSES = tuple(name for name in TOTALS if name.startswith("responses_"))
COUNTING = frozenset(("rate", "increase", "irate", "delta", "idelta", "deriv"))
"""Functions that need two samples."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the surroundings."""

    scrape: float = 15.0
    """Seconds between two samples."""
    guessed: bool = True
    """Whether nobody has said so."""
    watch: float = 600.0
    """Seconds that a service is watched which nothing is known of."""
    scraped: Mapping[str, float] = field(default_factory=dict)
    """Seconds between two samples of single series, as seen."""

    def sampled(self, reading: Reading) -> tuple[float, bool]:
        """Seconds between two samples of what ``reading`` asks for, and whether that is a guess."""
        seen = [self.scraped[metric] for metric in reading.metrics if metric in self.scraped]
        return (max(seen), False) if seen else (self.scrape, self.guessed)


def lint(written: Sequence[Written], known: Known) -> list[Fault]:
    """What is probably not meant in these rules."""
    found = [fault for each in written for check in CHECKS for fault in check(each, known)]
    return sorted({*found, *_nobody_acts(written)})


def _windows(each: Written, known: Known) -> Iterator[Fault]:
    """A rate needs two samples."""
    reading = _query(each)
    if reading is None or not any(map(reading.calls, COUNTING)):
        return
    scrape, guessed = known.sampled(reading)
    own = _window(each.rule) if "window" in variables(_promql(each.rule)) else None
    if own is not None and own < 2 * scrape:
        yield each.at("window", "query").fault(words.short_window(own, scrape, guessed=guessed), "short-window")
    for written in sorted(set(reading.ranges)):
        if written < 2 * scrape:
            yield each.at("query").fault(words.short_window(written, scrape, guessed=guessed), "short-window")


def _reach(each: Written, known: Known) -> Iterator[Fault]:
    """Nothing may be read from behind the cutover."""
    del known
    reading, rule = _query(each), each.rule
    if reading is None or not isinstance(rule.test, Threshold):
        return
    since, reach = rule.test.window + rule.test.warm_up, max(reading.ranges, default=0.0)
    if reach > since:
        yield each.at("query").fault(words.reaches_back(reach, since), "reaches-back")


def _unused(each: Written, known: Known) -> Iterator[Fault]:
    """A window that only delays."""
    del known
    reading = _query(each)
    if reading is None or reading.ranges or "window" in variables(_promql(each.rule)):
        return
    if "window" in each.entries and not each.at("window").path.startswith("defaults"):
        yield each.at("window").fault(words.unused_window(), "unused-window")


def _sides(each: Written, known: Known) -> Iterator[Fault]:
    """A query that knows where the candidate is without being told."""
    del known
    reading = _query(each)
    if reading is None or variables(_promql(each.rule)) & {"candidate", "baseline"}:
        return
    for side in Environment:
        if side in reading.strings:
            yield each.at("query").fault(words.one_sided(side), "one-sided")


def _many(each: Written, known: Known) -> Iterator[Fault]:
    """One number is judged."""
    del known
    reading = _query(each)
    if reading is not None and not reading.single:
        yield each.at("query").fault(words.many_series(), "many-series")


def _extremes(each: Written, known: Known) -> Iterator[Fault]:
    """Limits that say nothing."""
    del known
    rule, reading = each.rule, _query(each)
    if isinstance(rule.measure, Ratio) and _is_all(rule.measure):
        yield each.at("ratio").fault(words.always_all(), "always-fires")
    if reading is None or not isinstance(rule.test, Threshold) or rule.test.limit < 1 or _unit(rule) is not Unit.NUMBER:
        return
    above, at = rule.test.direction is Direction.ABOVE, each.at("above", "below")
    limit = f"{rule.test.limit:g}"
    if above and reading.tokens[0].text == "absent":
        yield at.fault(words.one_or_nothing(), "never-fires")
    elif _is_share(reading) and above:
        yield at.fault(words.share_in_plain(limit), "never-fires")
    elif _is_share(reading) and rule.test.limit > 1:
        yield at.fault(words.below_more_than_all(limit), "always-fires")


def _upside_down(each: Written, known: Known) -> Iterator[Fault]:
    """Good answers are no reason to go back."""
    del known
    measure, test = each.rule.measure, each.rule.test
    if not isinstance(measure, Ratio) or _is_all(measure):
        return
    good = [name for name in measure.numerator if name in GOOD]
    if good and (isinstance(test, Sequential) or test.direction is Direction.ABOVE):
        yield each.at("ratio").fault(words.good_as_bad(good), "good-as-bad")


def _minimum(each: Written, known: Known) -> Iterator[Fault]:
    """One request among one is all of them."""
    del known
    rule, test = each.rule, each.rule.test
    counts = isinstance(rule.measure, Ratio) or rule.measure is Gauge.LATENCY
    if counts and isinstance(test, Threshold) and test.needed == 1 and not rule.min_requests:
        yield each.at("above", "below").fault(words.no_minimum(), "no-minimum")


def _watch(each: Written, known: Known) -> Iterator[Fault]:
    """Where the length of the watch is known, it is a fault."""
    test = each.rule.test
    if each.watch < float("inf") or not isinstance(test, Threshold):
        return
    needed = test.warm_up + test.window + (test.of - 1) * test.every
    if needed >= known.watch:
        yield each.at("for", "window", "warm_up").fault(words.outlasts_watch(needed, known.watch), "outlasts-watch")


CHECKS: Sequence[Callable[[Written, Known], Iterator[Fault]]] = (
    _windows,
    _reach,
    _unused,
    _sides,
    _many,
    _extremes,
    _upside_down,
    _minimum,
    _watch,
)


def _nobody_acts(written: Iterable[Written]) -> Iterator[Fault]:
    services: dict[str, list[Written]] = {}
    for each in written:
        services.setdefault(each.service, []).append(each)
    for service, own in services.items():
        if all(each.rule.shadow or each.rule.action is Action.NOTIFY for each in own):
            yield own[0].place.fault(words.nobody_acts(service), "nobody-acts")


def _promql(rule: Rule) -> str:
    return rule.measure.promql if isinstance(rule.measure, Query) else ""


def _query(each: Written) -> Reading | None:
    reading = Reading.of(_promql(each.rule))
    return reading if reading.tokens else None


def _window(rule: Rule) -> float:
    return rule.test.window if isinstance(rule.test, Threshold) else 0.0


def _unit(rule: Rule) -> Unit | None:
    return rule.measure.unit if isinstance(rule.measure, Query) else None


def _is_all(measure: Ratio) -> bool:
    """Whether all that counts below the line counts above it, too."""
    return _apart(measure.denominator) <= _apart(measure.numerator)


def _apart(names: Iterable[str]) -> set[str]:
    """Counters, with each class of answers for itself."""
    return {each for name in names for each in (CLASSES if name == "responses" else (name,))}


def _is_share(reading: Reading) -> bool:
    """Whether it divides some of a series by all of it."""
    sides = reading.sides
    if sides is None:
        return False
    above, below = sides
    some, whole = above.selectors, below.selectors
    if not some or len(whole) != 1 or not whole[0].metric:
        return False
    return all(each.metric == whole[0].metric for each in some)
