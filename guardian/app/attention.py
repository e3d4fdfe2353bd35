"""Who is looked at closely though no release is on trial: services whose errors can tell how long clumps of them last.

For the rate of errors a look a second is enough. To it, all that hang on one slow query fail at once; that they fail one after the
other for half a second is seen only by whoever looks as often as a judge does. Errors that no rule judges tell nothing, and what a
rule counts that is no trouble, such as redirections, comes in no clumps.
"""

from collections.abc import Mapping

from guardian.app.observe import Observer
from guardian.core.model import Environment
from guardian.core.readings import TROUBLES, Tally
from guardian.core.rules import Ratio, RuleSet, Sequential

SECONDS = 600.0
"""After an error. Where they are rarer, hardly any of them can be waited for."""
SERVICES = 20
"""At once: those with the latest errors. Twenty cost about 3 % of a core."""


class Attention:
    """Knows the services with errors of late of which too little is known."""

    def __init__(self) -> None:
        self._errors: dict[str, float] = {}
        """When each had its last one; the latest at the end."""

    def saw(self, observer: Observer, rules: RuleSet, at: float, tallies: Mapping[Environment, Tally]) -> None:
        """What a look at the service of ``observer`` brought that ended at ``at`` (monotonic seconds)."""
        judged = {name for rule in rules.rules if isinstance(rule.test, Sequential) for name in _troubles(rule.measure)}
        found = [(side, [name for name in judged if tally.count(name)]) for side, tally in tallies.items()]
        if any(names for _, names in found):
            self._errors.pop(observer.service.name, None)
            if not all(observer.past[side].known(names) for side, names in found if names):
                self._errors[observer.service.name] = at

    def closely(self, now: float) -> list[str]:
        """The services to look at as if they were on trial."""
        self._errors = {service: at for service, at in self._errors.items() if now - at < SECONDS}
        return list(self._errors)[-SERVICES:]


def _troubles(measure: object) -> set[str]:
    return {*measure.numerator}.intersection(TROUBLES) if isinstance(measure, Ratio) else set()
