"""The rules in force: read again on demand, or when their files change; all of them, or none."""

import asyncio
import logging
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass

from guardian.core.ports import Clock
from guardian.core.rules import RuleSet
from guardian.core.words import rulebook as words

logger = logging.getLogger(__name__)


class RulesUnfit(Exception):
    """Rule files that are not used. The message holds all of their faults, one a line. Arises where files are read."""


@dataclass(frozen=True, slots=True)
class Files:
    """The files that rules are read from. Both calls block."""

    read: Callable[[], Mapping[str, RuleSet]]
    """The rules by service; :class:`RulesUnfit`."""
    stamp: Callable[[], Hashable]
    """Something that changes when any of the files does."""


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What came of reading the files again."""

    changed: tuple[str, ...]
    """Services that have other rules from now on."""


class RuleBook:
    """The rules of every service. A watch keeps those that it began with."""

    def __init__(self, rules: Mapping[str, RuleSet], files: Files, clock: Clock, watched: Callable[[], list[str]]) -> None:
        """``watched`` names the services on trial."""
        self._rules, self._files, self._clock, self._watched = dict(rules), files, clock, watched
        self._turn = asyncio.Lock()
        self._stamp: Hashable = None
        self._unsettled: Hashable = None
        self.loaded_at = clock.now()
        self.trouble = ""
        """Why the files as they are now are not used, with all faults; empty when they are."""

    def of(self, service: str) -> RuleSet:
        """The rules of ``service`` as they are now."""
        return self._rules[service]

    @property
    def all(self) -> Mapping[str, RuleSet]:
        """The rules of every service."""
        return self._rules

    async def reload(self) -> Reloaded:
        """Read the files again. :class:`RulesUnfit` where they have a fault: then nothing changes."""
        async with self._turn:
            try:
                found = await asyncio.to_thread(self._files.read)
            except RulesUnfit as unfit:
                self._refuse(str(unfit))
                raise
            changed = tuple(name for name, rules in self._rules.items() if found.get(name, RuleSet(name)) != rules)
            self._rules = {name: found.get(name, RuleSet(name)) for name in self._rules}
            self.loaded_at, self.trouble = self._clock.now(), ""
        logger.info("%s", words.reloaded(changed, [name for name in self._watched() if name in changed]))
        return Reloaded(changed)

    async def look(self) -> None:
        """Reload when the files have changed, and have been left alone since the last look: nobody is read in mid-sentence."""
        stamp = await asyncio.to_thread(self._files.stamp)
        if self._stamp is None:
            self._stamp = stamp
        if stamp == self._stamp:
            return
        if stamp != self._unsettled:
            self._unsettled = stamp
            return
        self._stamp = stamp
        try:
            await self.reload()
        except RulesUnfit:
            return  # it is on record, and told

    def _refuse(self, faults: str) -> None:
        if faults != self.trouble:
            logger.error("%s", words.refused(faults))
        self.trouble = faults
