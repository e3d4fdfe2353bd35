"""What is wrong with the strategy of a service in guardian.yaml, and what to write instead."""

from guardian.core.words.figures import count
from guardian.core.words.figures import share as written
from guardian.core.words.quotes import quoted


def a_step() -> str:
    """One step to a release's traffic."""
    return "`5% for 2m`, `ramp to 50% over 10m`, `ask`, `verify`, or `100%` as the last step"


def a_queueing() -> str:
    """What becomes of a deployment that comes too early."""
    return "`refuse` (while another one is under way) or `wait` (for its turn)"


def a_window() -> str:
    """When releases may move."""
    return "days, hours and a time zone, such as `Mon-Thu 09:00-16:00 Europe/Berlin` or `daily 22:00-04:00 UTC`"


def an_exception() -> str:
    """Dates with other windows."""
    return "dates and `closed`, or dates, hours and a time zone, such as `2026-12-24..2027-01-01 closed`"


def share_without_time(text: str) -> str:
    """A share that bakes for nobody knows how long."""
    return f"{quoted(text)} does not say for how long it is judged; write `{text} for 2m`"


def ramp_without_time(text: str) -> str:
    """A ramp without a slope."""
    return f"{quoted(text)} does not say how fast; write `{text} over 10m`"


def all_for_a_time(text: str) -> str:
    """The last step with a time of its own."""
    return f"{quoted(text)}: how long a release is judged once it has all of the traffic is said by `watch`; write `100%`"


def no_share(text: str) -> str:
    """A share that is none."""
    return f"{quoted(text)}: a share is more than 0% and at most 100%, in steps of 0.01%, such as `5%`"


def share_does_not_grow(share: int, before: int) -> str:
    """A step backwards."""
    return f"{written(share)} is no more than the {written(before)} of the step before; shares must grow"


def after_all() -> str:
    """Steps after the last one."""
    return "comes after all of the traffic has moved; `100%`, or a ramp to it, is the last step"


def too_many_steps(most: int) -> str:
    """More steps than anybody follows."""
    return f"is one step too many: there may be up to {count(most)}; `ramp to 50% over 10m` makes many small ones"


def nobody_is_asked() -> str:
    """Terms of an approval that is not asked for."""
    return "says how people approve, but no step asks them; add the step `ask`"


def nothing_verifies() -> str:
    """A step that nobody can do."""
    return "has a step `verify`, but nothing says how; add `verify` to the `stages` of this service, or leave the step out"


def no_zone(text: str) -> str:
    """An unknown time zone."""
    return f"{quoted(text)} is no time zone that this system knows; write one such as `Europe/Berlin` or `UTC`"
