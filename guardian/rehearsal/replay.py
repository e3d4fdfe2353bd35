"""Replaying rules over one cutover: from guardian's own evidence where it has kept it, else from what Prometheus remembers."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from guardian.core.judges import judge_for
from guardian.core.model import Service
from guardian.core.readings import SourceFailure
from guardian.core.rules import Rule, Source, Threshold
from guardian.core.words import backtest as words
from guardian.metrics.answer import Value
from guardian.rehearsal import exporter
from guardian.rehearsal.cutovers import Cutover
from guardian.rehearsal.past import Past, evaluations
from guardian.rehearsal.recorded import BAD_ANSWERS, Recording, replay_recorded
from guardian.rehearsal.tape import Replay, Tape

Evidence = Callable[[str], Mapping[str, Mapping[str, Any]]]
"""The recorded evidence of a deployment, by rule; it may block."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One cutover, and what there is to replay."""

    cutover: Cutover
    service: Service
    recordings: tuple[Recording, ...]
    past: Past | None
    scraped: float | None
    """Seconds between two scrapes of HAProxy's exporter around the cutover; ``None`` where there are none."""

    @classmethod
    async def of(cls, cutover: Cutover, service: Service, past: Past | None, evidence: Evidence) -> "Scene":
        """Gather it. :class:`~guardian.core.ports.StoreError`, :class:`~guardian.metrics.answer.SourceDown`."""
        records = await asyncio.to_thread(evidence, cutover.id)
        scraped = await exporter.scraped_every(past, service, cutover) if past else None
        return cls(cutover, service, tuple(map(Recording.of, records.values())), past, scraped)

    async def replay(self, rule: Rule) -> Replay:
        """What ``rule`` would have made of it."""
        kept = [recording for recording in self.recordings if recording.fits(rule)]
        # What guardian itself saw goes before what others scraped: the same rule first, then whatever was kept whole.
        kept.sort(key=lambda recording: (not recording.same(rule), recording.base is not None))
        best = kept[0] if kept else None
        if best and (best.same(rule) or best.base is None):
            return await asyncio.to_thread(replay_recorded, best, rule)
        if self.past and rule.source in (Source.PROMETHEUS, Source.ALERTS):
            return await self._from_prometheus(self.past, rule)
        if self.past and self.scraped and rule.source is Source.HAPROXY:
            return await self._from_exporter(self.past, rule, self.scraped)
        if best:
            return await asyncio.to_thread(replay_recorded, best, rule)
        return Replay(rule.name, words.not_replayable(rule.source))

    async def _from_prometheus(self, past: Past, rule: Rule) -> Replay:
        assert isinstance(rule.test, Threshold)  # noqa: S101  no rule file holds another test for these sources
        tape = Tape(rule, self.cutover.trial)
        async for piece in evaluations(past, self.cutover, rule):
            for at, answer in piece:
                if isinstance(answer, SourceFailure):
                    tape.fail(answer)
                else:
                    tape.feed(at, rule.test.every, (answer.value,) if isinstance(answer, Value) else ())
        return tape.end(words.from_alerts() if rule.source is Source.ALERTS else words.from_prometheus())

    async def _from_exporter(self, past: Past, rule: Rule, step: float) -> Replay:
        trial = replace(self.cutover.trial, look_every=step)
        judge, tape = judge_for(rule, trial), Tape(rule, trial)
        async for look in exporter.looks(past, self.service, self.cutover, rule, step):
            tape.feed(look.at, look.seconds, judge.extract(look))
        return tape.end(words.from_exporter(step), step)

    async def bad_answers(self, until: float) -> int | None:
        """How many answers with 5xx the candidate gave between the cutover and ``until``; ``None`` where nobody counted."""
        for recording in self.recordings:
            counted = recording.bad_answers
            if counted:
                return next((bad for at, bad in reversed(counted) if at <= until), 0)
        if self.past is None or self.scraped is None:
            return None
        since, backend = self.cutover.trial.since, self.service.backend(self.cutover.trial.candidate)
        query = exporter.promql(BAD_ANSWERS, backend)
        (_, before), (_, after) = await self.past.each([query] * 2, [since, until + self.scraped])
        if not isinstance(after, Value):
            return None
        grown = after.value - (before.value if isinstance(before, Value) else 0.0)
        return int(grown) if grown >= 0 else None

    async def replay_all(self, rules: Sequence[Rule]) -> list[Replay]:
        """What each of ``rules`` would have made of it."""
        return list(await asyncio.gather(*map(self.replay, rules)))
