"""What a backtest says: where its data came from, what is known of a release, and what a rule would have made of it."""

from collections.abc import Mapping, Sequence

from guardian.core.rules import Direction, Rule, Sequential, Source
from guardian.core.words.figures import count, seconds
from guardian.core.words.quotes import clipped, quoted
from guardian.core.words.verdicts import value_of

# Files of marks.


def a_moment() -> str:
    """What to write for a moment."""
    return "a moment such as `2026-11-20T08:15:00Z`; without a zone it is read by the local clock"


def no_moment(text: str) -> str:
    """A text that is no moment."""
    return f"{quoted(text)} is no moment; write {a_moment()}"


def no_range(text: str) -> str:
    """An option of the command line that is no moment."""
    return f"{quoted(text)} does not fit; write `30d` for the time since then, or {a_moment()}"


def must_be_a_list() -> str:
    """The file is something else."""
    return "must be a list: begin each entry with `- service: web`"


def ends_before() -> str:
    """A time that is over before it began."""
    return "lies before `at`; write a later moment"


# What is known of a release.


def marked(note: str, *, false_alarm: bool) -> str:
    """Somebody wrote it down."""
    what = "marked as a false alarm" if false_alarm else "marked as an incident"
    return f"{what}: {clipped(note)}" if note else what


def taken_back(cause: str, rule: str) -> str:
    """It was rolled back."""
    return f"rolled back by {f'rule {rule}' if rule else 'a person' if cause == 'person' else cause}"


def stayed(outcome: str) -> str:
    """Nobody took it back."""
    return f"recorded as {outcome}, and nobody marked an incident"


# Where the data came from.


def from_evidence() -> str:
    """The readings that guardian kept."""
    return "recorded evidence"


def from_the_end_of_evidence(missing: float) -> str:
    """Only the last readings were kept, and the rule is another one now."""
    return f"the end of recorded evidence (the first {seconds(missing)} of the watch were not kept for a changed rule)"


def from_prometheus() -> str:
    """Queries at the moments at which guardian would have asked."""
    return "Prometheus"


def from_alerts() -> str:
    """What Prometheus itself had firing."""
    return "Prometheus' own ALERTS (without silences, and without alerts from elsewhere)"


def from_exporter(step: float) -> str:
    """HAProxy's counters, scraped."""
    return f"HAProxy's exporter, one look every {seconds(step)} (live guardian looks far more often, and fires earlier)"


def not_replayable(source: Source) -> str:
    """Nothing to replay."""
    match source:
        case Source.HAPROXY:
            return "nothing: no evidence is kept that this rule can read, and HAProxy's exporter was not scraped then"
        case Source.COMMAND:
            return "nothing: a command cannot be asked about the past, and no evidence of it is kept"
        case _:
            return "nothing: no evidence is kept that this rule can read, and guardian.yaml names no Prometheus"


# The report.

COLUMNS = (
    "rule",
    "true",
    "false",
    "missed",
    "quiet",
    "undecided",
    "median time to detection",
    "requests harmed",
    "suggested limit",
)
ALARMS = ("deployment", "rule", "", "what it would have said")


def progress(done: int, alarms: int) -> str:
    """While it runs."""
    return f"{count(done)} cutovers replayed, {count(alarms)} alarms"


def headline(cutovers: int, bad: int) -> str:
    """What was replayed."""
    return f"{count(cutovers)} cutovers, {count(bad)} of them bad and {count(cutovers - bad)} good"


def no_cutovers(first: str, last: str) -> str:
    """Nothing to replay."""
    return f"guardian recorded no cutover between {first} and {last}; choose another range, or list cutovers in a file (--cutovers)"


def unknown_service(service: str, known: Sequence[str]) -> str:
    """No such service."""
    return f"guardian.yaml names no service {quoted(service)}; it names {', '.join(known) or 'none'}"


def backwards() -> str:
    """A range that ends before it begins."""
    return "the range ends before it begins; give an earlier --from or a later --to"


def no_rules(service: str) -> str:
    """Nothing to judge by."""
    return f"{service} has no rules to replay; `guardian check` says where they are looked for"


def given_up(reason: str) -> str:
    """A source failed for good."""
    return f"the backtest was given up, since half of one would mislead: {reason}"


def harmed(bad: int, counted: int, of: int) -> str:
    """Bad answers until the alarm."""
    if of == 0:
        return ""
    if counted == 0:
        return "not counted"
    return count(bad) if counted == of else f"{count(bad)} in {count(counted)} of {count(of)}"


def fired(delay: float, reason: str) -> str:
    """An alarm of the replay."""
    return f"{seconds(delay)} after the cutover: {reason}"


def suggested(rule: Rule, limit: float, false_alarms: int) -> str:
    """The limit in short."""
    return f"{value_of(rule, limit)} ({count(false_alarms)} false)"


def arithmetic(rule: Rule, worst: Sequence[float], limit: float, good: tuple[int, int], bad: tuple[int, int]) -> str:
    """How a suggested limit was come by."""
    sequential = isinstance(rule.test, Sequential)
    side = "above" if isinstance(rule.test, Sequential) or rule.test.direction is Direction.ABOVE else "below"
    values = " and ".join(value_of(rule, value) for value in worst)
    what = "rates of whole watches" if sequential else "values that would just not have fired"
    accused = f"a limit of {value_of(rule, limit)} leaves {count(good[1])} of them {side} it"
    caught = f", and finds {count(bad[1])} of {count(bad[0])} bad ones" if bad[0] else ""
    budget = "; each good one is still accused with at most the rule's false_alarm" if sequential else ""
    return f"of {count(good[0])} good watches the worst {what} are {values}: {accused}{caught}{budget}"


def why_suggested(arithmetic: str | None, needed: int) -> str:
    """How a limit was come by, or why none was."""
    return f"suggested limit: {arithmetic}" if arithmetic else f"no limit is suggested below {count(needed)} good watches with data"


def replayed_from(origins: Mapping[str, int]) -> str:
    """Where the readings of a rule came from, and of how many cutovers."""
    return f"replayed from {'; '.join(f'{origin}: {count(number)}' for origin, number in origins.items())}"


def about(service: str, rule: str, told: str) -> str:
    """A remark on one rule."""
    return f"{service}/{rule}: {told}"


# The page.


def page_title(first: str, last: str) -> str:
    """The title of the HTML report."""
    return f"guardian: rules replayed from {first} to {last}"


def chart_title(service: str, rule: str) -> str:
    """The title of a chart."""
    return f"{service}: {rule}"


def chart_subtitle(identifier: str, at: str, summary: str) -> str:
    """The line below it."""
    return f"{identifier}, {at} · {summary}"


FIRST_BREACH, ROLLBACK, TROUBLE = "first breach", "rollback", "incident"
