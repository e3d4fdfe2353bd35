"""What is said while rules are tried out on made-up series."""

from collections.abc import Sequence

from guardian.core.words.figures import count, seconds
from guardian.core.words.quotes import clipped, listed, quoted


def too_many_values(most: int) -> str:
    """A series that is too long."""
    return f"stands for more than {count(most)} values; use a longer interval"


def no_value(word: str) -> str:
    """A word of a series that means nothing."""
    return f"{quoted(word)} is no value; write numbers, `0+1x10` for 0 and ten steps of 1, `_` for no sample, `NaN` or `stale`"


def no_series(text: str) -> str:
    """Not the name of a series."""
    return f'{quoted(text)} names no series; write a name and its labels, such as `http_requests_total{{env="green"}}`'


def no_counts(text: str) -> str:
    """HAProxy always has a number."""
    return f"{quoted(text)} does not fit, for HAProxy has a number of at least 0 at any moment; write {counter_values()}"


def no_results(text: str) -> str:
    """Results that no command can give."""
    return f"{quoted(text)} does not fit; write {command_values()}: numbers, `_` for nothing to judge, `fail` where it fails"


# The engine.


def no_prometheus() -> str:
    """The engine is not installed."""
    return (
        "rules that ask Prometheus are tested with a real one, and the program `prometheus` is not installed here; on Debian: "
        "apt-get install --no-install-recommends prometheus"
    )


def prometheus_not_up(reason: str) -> str:
    """The engine did not start."""
    return f"the throw-away Prometheus does not come up: {clipped(reason)}"


def samples_refused(reason: str) -> str:
    """The engine did not take a sample."""
    return f"the throw-away Prometheus does not take the samples: {clipped(reason)}"


def made_up_outage() -> str:
    """Why a source does not answer for a while."""
    return "the test has it fail"


def command_fails() -> str:
    """Why a command gives nothing."""
    return "the test has it fail"


# What may stand in a file of tests.


def a_case() -> str:
    """The name of a test."""
    return "a sentence that says what happens, and what guardian should make of it"


def values() -> str:
    """A row of values."""
    return "values, one for each interval, such as `0+1x10 _ NaN stale`"


def a_series() -> str:
    """A series."""
    return 'a series, such as `http_requests_total{env="green"}`'


def counter_values() -> str:
    """A row of values of HAProxy."""
    return "values of at least 0, one for each interval, such as `0+100x60`"


def command_values() -> str:
    """What a command gives."""
    return "one result for each interval, such as `0x5 1 _ fail`"


def a_message(most: int) -> str:
    """What people are told."""
    return f"the sentence as people read it, of up to {count(most)} characters"


def an_alert() -> str:
    """The name of an alert."""
    return "the name of the alert, such as `HighErrorRate`"


def a_label() -> str:
    """The value of a label."""
    return "the value of a label, such as `page`"


def a_verdict() -> str:
    """The four verdicts."""
    return "`healthy`, `breached`, `no data` or `failed`"


def an_outcome() -> str:
    """How a watch can end."""
    return "`verified`, `unverified` or `rolled back`"


def an_effect() -> str:
    """What a rule can have led to."""
    return "`rollback`, `pause`, `notify` (people were told, nothing was moved) or `none`"


def no_environment(name: str) -> str:
    """Counters of neither side."""
    return f"{quoted(name)} is no environment; write `blue` or `green`"


def no_counter(name: str, known: Sequence[str]) -> str:
    """HAProxy counts no such thing."""
    return f"{quoted(name)} is nothing that guardian reads of HAProxy; known are {listed(known)}"


def no_such_rule(name: str, known: Sequence[str]) -> str:
    """An expectation of a rule that the file does not have."""
    return f"{quoted(name)} is no rule of the file under test; known are {listed(known)}" if known else f"{quoted(name)} is no rule"


def wrong_source(name: str, source: str) -> str:
    """Values of a command for a rule that runs none."""
    return f"{quoted(name)} reads {source} and runs no command; remove these values"


def beyond_watch(at: float, watch: float) -> str:
    """An expectation of a time that never comes."""
    return f"{seconds(at)} after the cutover the watch is over (it takes {seconds(watch)}); expect it earlier, or lengthen `watch`"


def ends_before_it_begins() -> str:
    """An outage, or an alert, of no length."""
    return "ends before it begins; write a later time"


def given_twice(name: str) -> str:
    """The same series, written down twice."""
    return f"{quoted(name)} stands here twice; remove one"


def expects_nothing() -> str:
    """A test that cannot fail."""
    return "expects nothing, so it cannot fail; write `expect:` with a list, or `outcome:`"


def nothing_expected_here() -> str:
    """An expectation that cannot fail."""
    return "expects nothing of the rule; write `verdict`, `reason`, `action` or `message`"


def too_many_samples(most: int) -> str:
    """More than anybody means."""
    return f"holds more than {count(most)} samples of series; use a longer interval, or split the file"


def too_many_looks(looks: float, most: int) -> str:
    """A simulation without an end."""
    return f"takes {count(looks)} looks at HAProxy, {count(most)} are the most; shorten `watch`, or lengthen `look_every`"


# What came of it.


def differs(rule: str, at: float, what: str) -> str:
    """An expectation that was not met."""
    return f"{rule}, {seconds(at)} after the cutover: another {what} than expected"


def other_end(what: str) -> str:
    """The end was another one."""
    return f"at the end: another {what} than expected"


def nothing_told() -> str:
    """A rule that led to no message."""
    return "nothing was told about it"


def still_watched(watch: float) -> str:
    """A watch that has no outcome."""
    return f"no outcome after {seconds(watch)}"


EXPECTED, GOT, BECAUSE = "expected", "got", "for"
"""Before what was expected, what came, and why."""
PASSED, FAILED = "ok", "FAILED"


def as_expected(expectations: int) -> str:
    """Behind the name of a test that passed."""
    return f"({count(expectations)} as expected)"


def summary(tests: int, failed: int, files: int, took: float) -> str:
    """The last line."""
    where = "1 file" if files == 1 else f"{count(files)} files"
    what = "1 test" if tests == 1 else f"{count(tests)} tests"
    if failed:
        return f"{count(failed)} of {what} in {where} failed, in {seconds(took)}"
    return f"{what} in {where} passed, in {seconds(took)}"


def no_tests(where: str) -> str:
    """Nothing to run."""
    return f"no tests in {where}; write them into *.yaml in a directory `tests` beside the rules"


def untested(rules: Sequence[str]) -> str:
    """Rules that no test has seen breached."""
    return f"no test expects a breach of {listed(rules)}: nobody knows yet whether that can happen"
