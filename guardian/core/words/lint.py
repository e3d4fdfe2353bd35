"""What can be said of a rule before it has judged anything."""

from collections.abc import Sequence

from guardian.core.model import Environment
from guardian.core.words.figures import count, seconds
from guardian.core.words.quotes import clipped, listed, quoted

TITLES = {
    "fault": "The file cannot be used as it is",
    "short-window": "A window holds fewer than two samples",
    "reaches-back": "A query reaches behind the cutover",
    "unused-window": "The query does not use the rule's window",
    "one-sided": "A query names one environment itself",
    "many-series": "A query may give more than one series",
    "always-fires": "The limit is always exceeded",
    "never-fires": "The limit is never exceeded",
    "good-as-bad": "Good answers are counted as bad ones",
    "no-minimum": "A single request can be a breach",
    "outlasts-watch": "The rule needs longer than the watch",
    "unwatched": "No rule watches the service",
    "nobody-acts": "No rule of the service takes traffic back",
    "no-server": "Prometheus does not answer",
    "refused-query": "Prometheus refuses the query",
    "unknown-metric": "Prometheus does not know the series",
    "no-series-now": "The query gives nothing now",
    "many-series-now": "The query gives more than one series",
    "bucket-too-low": "No bucket of the histogram reaches the limit",
    "fires-now": "The limit is exceeded now",
}
"""What each check looks for, by its name."""


def short_window(window: float, scrape: float, *, guessed: bool) -> str:
    """Too few samples for a rate."""
    how = "if it is scraped every" if guessed else "for it is scraped every"
    return (
        f"{seconds(window)} hold fewer than two samples, {how} {seconds(scrape)}: there will often be nothing to judge; "
        f"make it at least {seconds(2 * scrape)}"
    )


def reaches_back(reach: float, window: float) -> str:
    """The old release would be judged, too."""
    return (
        f"looks back {seconds(reach)}, and is first asked {seconds(window)} after the cutover: until then it judges the release "
        f"before; write `[$window]`, or lengthen `window`"
    )


def unused_window() -> str:
    """A window that only delays."""
    return "is not used by the query, and only delays the first check; write `[$window]` in the query, or remove this"


def one_sided(side: Environment) -> str:
    """The wrong side is judged every other time."""
    return (
        f"names `{side}` itself, so it judges the wrong environment whenever {side.other} is the candidate; write `$candidate`, or "
        f"`$baseline` for the other one"
    )


def many_series() -> str:
    """Two values are none."""
    return "may give a series for each server, and guardian judges only a single number; add them up, as in `sum(…)` or `max(…)`"


def always_all() -> str:
    """A share of all in all."""
    return "is always 100 %, for both sides of the `/` count the same; write what is bad on the left"


def share_in_plain(limit: str) -> str:
    """A percentage without its sign."""
    return f"is never exceeded: the query gives a share, which is at most 1; write `{limit}%` if that is what {quoted(limit)} means"


def below_more_than_all(limit: str) -> str:
    """The other way round."""
    return f"is never reached, for a share is at most 1, so every release is at fault; write `{limit}%`"


def one_or_nothing() -> str:
    """``absent`` gives 1, or nothing."""
    return "is never exceeded: `absent` gives 1 or nothing at all; write `above: 0`, and `on_no_data: pass`"


def good_as_bad(counters: Sequence[str]) -> str:
    """The ratio is upside down."""
    return f"counts {listed(counters)} as bad, and a good release has nothing else; write what is bad, such as `responses_5xx`"


def no_minimum() -> str:
    """One of one is all of them."""
    return "can be a breach after a single request; write `min_requests`, or more than one check in `for`"


def outlasts_watch(needed: float, watch: float) -> str:
    """A rule that could not speak in a watch of the usual length."""
    return f"takes {seconds(needed)}, and a watch lasts {seconds(watch)} unless the service says otherwise: it would prove nothing"


def nobody_acts(service: str) -> str:
    """Nothing would go back."""
    return f"no rule of {quoted(service)} takes traffic back or pauses: all of them only tell"


# What Prometheus says.


def refused_query(reason: str) -> str:
    """It cannot be evaluated."""
    return f"Prometheus refuses it: {clipped_reason(reason)}"


def no_server(reason: str) -> str:
    """Nobody answers."""
    return f"nothing could be asked: {clipped_reason(reason)}"


def unknown_metric(metric: str) -> str:
    """No such series."""
    return f"Prometheus has had no series {quoted(metric)} for a day"


def no_series_now() -> str:
    """The labels fit nothing."""
    return "gives nothing now, whichever environment is the candidate: its series exist, but none of them has these labels"


def many_series_now(series: int) -> str:
    """Several numbers came."""
    return f"gives {count(series)} series now, and guardian judges only a single number; add them up, as in `sum(…)` or `max(…)`"


def bucket_too_low(limit: str, highest: str) -> str:
    """A quantile is never more than the highest bucket."""
    return (
        f"is never exceeded: the histogram's highest bucket ends at {highest}, and its quantiles are never more than that; "
        f"lower {limit}, or give the histogram higher buckets"
    )


def fires_now(candidate: str, value: str) -> str:
    """A limit that would take back every release."""
    return f"is exceeded now: with {candidate} as the candidate the query gives {value}"


def clipped_reason(reason: str) -> str:
    """A server's own words, not too many of them."""
    return reason if len(reason) <= LONGEST_REASON else clipped(reason[:LONGEST_REASON])


LONGEST_REASON = 300


# What came of it.


def summary(files: int, rules: int, faults: int, warnings: int) -> str:
    """The last line."""
    where = f"{count(rules)} rule{'' if rules == 1 else 's'} in {count(files)} file{'' if files == 1 else 's'}"
    if not faults and not warnings:
        return f"{where}: nothing to say against them"
    told = [f"{count(number)} {name}{'' if number == 1 else 's'}" for number, name in ((faults, "fault"), (warnings, "warning"))]
    return f"{where}: {', '.join(told)}"


def whom_to_ask() -> str:
    """Nobody is named."""
    return "--online needs somebody to ask: --prometheus with an address, or --config with a guardian.yaml that names one"


def nothing_there(where: str) -> str:
    """No rule file."""
    return f"no rule files in {where}; a directory of rules holds one *.yaml for each service"
