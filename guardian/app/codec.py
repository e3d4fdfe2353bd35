"""Events and states as plain JSON values, and back without loss: how the journal keeps them."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from guardian.core.deployment import Deployment, ServiceState
from guardian.core.events import Event

_EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="kind")])
_STATE = TypeAdapter(ServiceState)
_DEPLOYMENT = TypeAdapter(Deployment)


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
