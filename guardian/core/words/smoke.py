"""What verifying an environment found."""

from collections.abc import Sequence

from guardian.core.words.figures import count, percent, seconds
from guardian.core.words.quotes import quoted, visible

MOST_TOLD = 3
"""Failures that a summary repeats."""


def _written(numbers: Sequence[int]) -> str:
    *most, last = map(str, numbers)
    return f"{', '.join(most)} or {last}" if most else last


def time_was_up() -> str:
    """No answer within the time-out."""
    return "the time was up"


def wrong_status(status: int, expected: Sequence[int]) -> str:
    """Another status."""
    return f"answered {status}, expected {_written(expected)}"


def too_slow(took: float, limit: float) -> str:
    """Too late."""
    return f"took {seconds(took)}, allowed {seconds(limit)}"


def wrong_header(name: str, found: str | None, wanted: str) -> str:
    """Another header."""
    return f"header {quoted(name)} is {quoted(found) if found is not None else 'missing'}, expected {quoted(wanted)}"


def body_without(pattern: str, body: str) -> str:
    """The pattern is nowhere in the body."""
    return f"nothing in the body matches {quoted(pattern)}; it begins with {quoted(body) if body else 'nothing'}"


def no_json(body: str) -> str:
    """The body is none."""
    return f"the body is no JSON; it begins with {quoted(body) if body else 'nothing'}"


def nothing_at(path: str) -> str:
    """Nothing stands there."""
    return f"the JSON has nothing at {quoted(path)}"


def wrong_json(path: str, found: str, wanted: str) -> str:
    """Something else stands there."""
    return f"the JSON has {quoted(found)} at {quoted(path)}, expected {quoted(wanted)}"


def no_answer(reason: str, limit: float) -> str:
    """Nobody answered, or not to the end."""
    return f"did not answer within {seconds(limit)}: {visible(reason)}"


def too_many_errors(bad: int, asked: int, limit: float) -> str:
    """More failures than the budget."""
    if not asked:
        return "not one request could be sent"
    return f"{count(bad)} of {count(asked)} requests failed ({percent(bad / asked)}), allowed {percent(limit)}"


def too_high_latency(found: float | None, quantile: float, limit: float) -> str:
    """Too slow under load."""
    what = f"{quantile * 100:g} % of the answers"
    if found is None:
        return f"no answer to measure, where {what} must come within {seconds(limit)}"
    return f"{what} took up to {seconds(found)}, allowed {seconds(limit)}"


def load_passed(sent: int, failed: int, found: float | None, quantile: float) -> str:
    """What a load measured."""
    latency = "" if found is None else f", {quantile * 100:g} % within {seconds(found)}"
    return f"load: {count(sent)} requests, {count(failed)} failed{latency}"


def load_endless() -> str:
    """The load's own process outlived its deadline."""
    return "it did not end"


def load_silent() -> str:
    """The load's own process ended without a result, and without a reason."""
    return "it said nothing"


def load_broke(reason: str) -> str:
    """The load's own process did not come to its end."""
    return f"load: could not be measured: {visible(reason)}"


def load_failed(wrong: Sequence[str]) -> str:
    """A load that cost more than allowed."""
    return f"load: {'; '.join(wrong)}"


def load_begins(requests: float, duration: float) -> str:
    """A load is about to run."""
    return f"load: about {count(requests)} requests in {seconds(duration)}"


def server_down(name: str, status: str) -> str:
    """A server that gets nothing."""
    return f"server {quoted(name)} is {visible(status)} in HAProxy's eyes"


def no_servers(backend: str) -> str:
    """Nothing to verify."""
    return f"{quoted(backend)} has no server"


def servers_up(number: int) -> str:
    """All of them."""
    return f"HAProxy finds {'the one server' if number == 1 else f'all {number} servers'} healthy"


def waits_for(down: Sequence[str], rest: float) -> str:
    """Servers that may still come up."""
    return f"waiting up to {seconds(rest)}: {'; '.join(down)}"


def balancer_silent(reason: str) -> str:
    """The balancer could not be asked."""
    return f"HAProxy could not be asked: {visible(reason)}"


def check_failed(check: str, where: str, wrong: Sequence[str]) -> str:
    """A check that an answer did not meet."""
    return f"{quoted(check)} at {visible(where)}: {'; '.join(wrong)}"


def check_passed(check: str, where: str, took: float) -> str:
    """One that it met."""
    return f"{quoted(check)} at {visible(where)}: as expected, in {seconds(took)}"


def passed(environment: str, parts: Sequence[str]) -> str:
    """All went well."""
    return f"{environment} verified: {'; '.join(parts) or 'nothing was asked for'}"


def failed(environment: str, wrong: Sequence[str], parts: int) -> str:
    """Something did not."""
    more = f"; and {count(len(wrong) - MOST_TOLD)} more" if len(wrong) > MOST_TOLD else ""
    return f"{environment} is not fit for traffic: {'; '.join(wrong[:MOST_TOLD])}{more} ({count(parts)} other checks passed)"


def checks_passed(number: int) -> str:
    """How many."""
    return f"{count(number)} smoke checks passed"
