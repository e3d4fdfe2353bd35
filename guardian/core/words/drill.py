"""What is said of a drill: a tiny share to the idle side and back on the live balancer, to prove that a rollback would work."""

from guardian.core.words.figures import seconds, share

LARGEST_SHARE = 100
"""Basis points: a drill is no trial, and nobody watches it."""


def no_share(asked: int) -> str:
    """The share of a drill is out of range."""
    return f"a drill takes 0 to {share(LARGEST_SHARE)} of the traffic, not {share(asked)}; a larger share is a switch"


def form() -> str:
    """What to write as the share of a drill."""
    return f"a whole number of basis points from 0 to {LARGEST_SHARE}; 0 moves no traffic at all"


def unsettled(service: str) -> str:
    """Something is still being done."""
    return f"{service}: the last change of routing is still being brought to its end; try again in a few seconds"


def both_serve(service: str, live: str) -> str:
    """No side is idle; ``live`` is the split in words."""
    return f"{service} is on {live}: a drill needs an idle side; promote, switch or roll back first"


def did_not_end(service: str, patience: float) -> str:
    """Nobody reported the end of a drill."""
    return (
        f"{service}: the drill has not come to its end within {seconds(patience)}; `guardian status {service}` tells how it stands"
    )


def cut_short() -> str:
    """A newer order, or a restart, came between."""
    return "it was cut short; every worker has the split again that guardian intends"


def ordered(service: str, by: str, asked: int) -> str:
    """A drill begins."""
    what = f"{share(asked)} of the traffic" if asked else "no traffic"
    return f"{service}: {by} drills: {what} to the idle side and back"


def done(service: str, there: float, back: float) -> str:
    """A drill that worked."""
    return f"{service}: drill passed: every worker confirmed the way there in {seconds(there)} and the way back in {seconds(back)}"


def failed(service: str, trouble: str) -> str:
    """A drill that did not work."""
    return f"{service}: DRILL FAILED: {trouble}; a rollback might fail in the same way"


def last(ago: float, back: float) -> str:
    """In the status: when the last drill passed."""
    return f"drilled {seconds(ago)} ago, back in {seconds(back)}"


def last_failed(ago: float, trouble: str) -> str:
    """In the status: the last drill did not pass."""
    return f"the drill {seconds(ago)} ago failed: {trouble}"
