"""Keeps the evidence of what is on trial, so that a restart goes on from it: rule by rule, the one that was kept longest ago first.

What a rule has seen takes milliseconds to gather and to write; of ten thousand rules all of it would take a core for a minute.
"""

from collections.abc import Awaitable, Callable, Sequence
from math import inf

from guardian.app.evidence import evidence_of
from guardian.app.watching import Records
from guardian.core.judges.judge import Judge
from guardian.core.ports import Clock

SAVE_SECONDS = 10.0
"""Between two turns."""
TURN_SECONDS = 2.0
"""How long a turn begins to keep more: beyond that, judging comes first, and the next turn goes on."""

Save = Callable[[str, str, dict[str, object]], Awaitable[None]]
"""Keeps the evidence of one rule in one deployment."""


class Saver:
    """Saves what ``judges`` have seen; each comes with its deployment."""

    def __init__(self, judges: Callable[[], Sequence[tuple[str, Judge]]], save: Save, clock: Clock) -> None:
        self._judges, self._save, self._clock = judges, save, clock
        self._saved: dict[tuple[str, str], float] = {}
        """When the evidence of each rule on trial was kept last."""

    async def turn(self, seconds: float = TURN_SECONDS) -> None:
        """Keep evidence for so many seconds, or until all has been kept."""
        judges = {(deployment, judge.rule.name): judge for deployment, judge in self._judges()}
        self._saved = {key: self._saved.get(key, -inf) for key in judges}
        until = self._clock.monotonic() + seconds
        for deployment, rule in sorted(judges, key=self._saved.__getitem__):
            now = self._clock.monotonic()
            if now >= until:
                return
            await self._save(deployment, rule, evidence_of(judges[deployment, rule]))
            self._saved[deployment, rule] = now

    async def keep(self, deployment: str, records: Records) -> None:
        """Keep what the rules of one deployment have seen to the end."""
        for rule, record in records.items():
            await self._save(deployment, rule, dict(record))

    async def everything(self) -> None:
        """Keep all of it."""
        await self.turn(inf)
