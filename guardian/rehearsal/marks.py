"""Files in which people write down what guardian cannot know: incidents, and cutovers from before its time."""

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from guardian.config import kinds
from guardian.config.document import ListNode, Node, read_document
from guardian.config.faults import ConfigFaults, Findings, GivenUp
from guardian.config.fields import Fields, Kind, Misfit
from guardian.core.deployment import Cause
from guardian.core.judges.trial import Trial
from guardian.core.model import Environment
from guardian.core.readings import History
from guardian.core.words import backtest as words
from guardian.rehearsal.cutovers import Cutover, Incident

T = TypeVar("T")

_OUTCOMES: dict[str, tuple[str, Cause | None]] = {
    "good": ("verified", None),
    "bad": ("rolled back", Cause.PERSON),
    "unknown": ("unknown", None),
}
_YES = {"true": True, "false": False}


def moment(text: str) -> float:
    """A moment in seconds since the epoch: ISO 8601, by the local clock without a zone. :class:`Misfit` for anything else."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError) as error:
        raise Misfit(words.no_moment(text)) from error


_MOMENT = Kind(moment, words.a_moment(), 0.0)


def read_incidents(path: Path) -> tuple[Incident, ...]:
    """The incidents in the file at ``path``; :class:`ConfigFaults` with all that is wrong in it."""
    return _read(path, _incident)


def read_cutovers(path: Path, look_every: float) -> tuple[Cutover, ...]:
    """The cutovers in the file at ``path``, oldest first. Errors as for :func:`read_incidents`."""
    found = _read(path, lambda fields: _cutover(fields, look_every))
    return tuple(sorted(found, key=lambda each: each.trial.since))


def _read(path: Path, read: Callable[[Fields], T]) -> tuple[T, ...]:
    findings = Findings()
    found: tuple[T, ...] = ()
    try:
        document = read_document(path, findings)
        if document is not None:
            found = _items(document.root, read, findings)
    except GivenUp:
        pass
    if findings.faults:
        raise ConfigFaults(findings.faults)
    return found


def _items(root: Node, read: Callable[[Fields], T], findings: Findings) -> tuple[T, ...]:
    if not isinstance(root, ListNode):
        findings.add(root.place.fault(words.must_be_a_list()))
        return ()
    found = []
    for node in root.items:
        fields = Fields(node, findings)
        found.append(read(fields))
        fields.close()
    return tuple(found)


def _incident(fields: Fields) -> Incident:
    incident = Incident(
        service=fields.required("service", kinds.name("web")),
        at=fields.required("at", _MOMENT),
        until=fields.optional("until", _MOMENT, None),
        note=fields.optional("note", kinds.SENTENCE, ""),
        false_alarm=fields.optional("false_alarm", kinds.word(_YES), False),  # noqa: FBT003  the value of a key
    )
    if fields.sound("at", "until") and incident.until is not None and incident.until <= incident.at:
        fields.fault("until", words.ends_before())
    return incident


def _cutover(fields: Fields, look_every: float) -> Cutover:
    service, since = fields.required("service", kinds.name("web")), fields.required("at", _MOMENT)
    watch = fields.optional("watch", kinds.duration("1s", "7d", "10m"), 600.0)
    candidate = fields.required("candidate", kinds.choice(Environment))
    outcome, cause = fields.optional("outcome", kinds.word(_OUTCOMES), _OUTCOMES["unknown"])
    until = fields.optional("until", _MOMENT, None)
    if fields.sound("at", "until") and until is not None and until <= since:
        fields.fault("until", words.ends_before())
    identifier = f"{service}@{time.strftime('%Y-%m-%dT%H:%M:%S', time.localtime(since))}"
    trial = Trial(candidate, since, watch, look_every, shared=False, history=History())
    return Cutover(identifier, service, trial, min(until or since + watch, since + watch), outcome, cause)
