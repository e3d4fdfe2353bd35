"""What stands on a chart, and what is said to those who cannot see it."""

from guardian.core.rules import Unit
from guardian.core.words.figures import percent, seconds
from guardian.core.words.quotes import visible

CUTOVER = "cutover"
MINUTE = 60.0
MINUS = "\N{MINUS SIGN}"


def figure(unit: Unit, value: float) -> str:
    """A value as it stands at an axis or a line."""
    match unit:
        case Unit.SHARE:
            return percent(value)
        case Unit.SECONDS:
            return seconds(value) if value >= 0 else f"-{seconds(-value)}"
        case Unit.NUMBER:
            return f"{value:,.4g}"


def limit(written: str) -> str:
    """At the line of the limit."""
    return f"limit {written}"


def after_cutover(at: float) -> str:
    """At the axis of time."""
    if at == 0:
        return "0"
    length = f"{abs(at):.3g} s" if abs(at) < MINUTE else seconds(abs(at))
    return f"{'+' if at > 0 else MINUS}{length}"


def on_trial(environment: str) -> str:
    """The candidate in the legend."""
    return f"{environment} (on trial)"


def line(environment: str, before: str | None, after: str | None, *, candidate: bool) -> str:
    """One line of a chart: what it holds at the most, before the cutover and after."""
    name = on_trial(environment) if candidate else environment
    told = [f"{when} at most {value}" for when, value in (("before the cutover", before), ("after it", after)) if value]
    return f"{name}: {' and '.join(told)}" if told else f"{name}: nothing was measured"


def moment(what: str, at: float) -> str:
    """One mark of a chart."""
    return f"{what} {seconds(abs(at))} {'after' if at >= 0 else 'before'} the cutover"


def alternative(title: str, lines: list[str], written_limit: str | None, moments: list[str]) -> str:
    """All of a chart in words."""
    held = [] if written_limit is None else [limit(written_limit)]
    return f"{title}. {'; '.join([*lines, *held, *moments])}."


def nothing_to_draw() -> str:
    """In the middle of a chart without a point."""
    return "nothing was measured around this cutover"


def clipped(text: str, most: int) -> str:
    """``text`` on one line of at most ``most`` characters."""
    line = visible(text)
    return line if len(line) <= most else f"{line[: most - 1]}…"


def not_drawn(said: str) -> str:
    """The process that draws failed; the last line that it said."""
    return f"the chart could not be drawn: {' '.join(said.split())[-200:] or 'nothing was said'}"
