"""The judge of a threshold rule whose values come one by one from a source that is asked."""

from collections import deque

from guardian.core.judges.judge import Numbers
from guardian.core.judges.threshold import Measured, ThresholdJudge
from guardian.core.readings import Look


class SampledJudge(ThresholdJudge):
    """Judges ``above``/``below`` rules of queries, alerts and commands: each value is one evaluation, an empty one is no data.

    Whoever asks the source waits until the rule's window fits behind the cutover and its warm-up.
    """

    def extract(self, look: Look) -> Numbers:
        """The balancer's counters do not matter here: ``TypeError``, for nobody may ask."""
        message = f"{self.rule.name} does not read the balancer's counters ({look.at})"
        raise TypeError(message)

    def _take(self, at: float, seconds: float, numbers: Numbers) -> None:
        self._window = deque([(at, seconds, numbers)])
        self._evaluate()

    def _measure(self) -> Measured:
        numbers = self._window[-1][2]
        return (numbers[0], 1) if numbers else (None, 0)
