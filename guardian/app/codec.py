"""Events, states and letters as plain JSON values, and back without loss: how the journal and the outbox keep them."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from guardian.core.alerts import Alert
from guardian.core.deployment import Deployment, ServiceState
from guardian.core.events import Event
from guardian.core.letters import Letter
from guardian.core.line import Posting
from guardian.core.ports import KeptLetter

_EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="kind")])
_STATE = TypeAdapter(ServiceState)
_DEPLOYMENT = TypeAdapter(Deployment)
_LETTER = TypeAdapter(Letter)
_ALERT = TypeAdapter(Alert)


def event_to_record(event: Event) -> dict[str, Any]:
    """Plain JSON values; ``kind`` says which event it is."""
    record: dict[str, Any] = _EVENT.dump_python(event, mode="json")
    return record


def event_from_record(record: Mapping[str, Any]) -> Event:
    """The event that :func:`event_to_record` wrote. ``ValueError`` for a record that is none."""
    return _EVENT.validate_python(record)


def state_to_record(state: ServiceState) -> dict[str, Any]:
    """Plain JSON values."""
    record: dict[str, Any] = _STATE.dump_python(state, mode="json")
    return record


def state_from_record(record: Mapping[str, Any]) -> ServiceState:
    """The state that :func:`state_to_record` wrote. ``ValueError`` for a record that is none."""
    return _STATE.validate_python(record)


def deployment_from_record(record: Mapping[str, Any]) -> Deployment:
    """The deployment in a record of :func:`state_to_record`; keys that a store adds are overlooked. ``ValueError`` as above."""
    return _DEPLOYMENT.validate_python(record)


def kept_letter(posting: Posting) -> KeptLetter:
    """A letter as it is recorded."""
    letter: dict[str, Any] = _LETTER.dump_python(posting.letter, mode="json")
    return KeptLetter(letter, posting.unsure, posting.reference, posting.settled)


def posting_of(kept: KeptLetter) -> Posting:
    """The letter that :func:`kept_letter` recorded. ``ValueError`` for a record that is none."""
    return Posting(_LETTER.validate_python(kept.letter), kept.unsure, kept.reference, kept.settled)


def alert_to_record(alert: Alert) -> dict[str, Any]:
    """Plain JSON values."""
    record: dict[str, Any] = _ALERT.dump_python(alert, mode="json")
    return record


def alert_from_record(record: Mapping[str, Any]) -> Alert:
    """The alert that :func:`alert_to_record` wrote. ``ValueError`` for a record that is none."""
    return _ALERT.validate_python(record)
