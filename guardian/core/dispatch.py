"""Where each kind of event finds what it makes of a service: the parts of the state machine register themselves here."""

from functools import singledispatch

from guardian.core.deployment import Deployment, ServiceState
from guardian.core.plan import Step


class Refused(Exception):
    """A person's order cannot be followed; the message says why and what to do instead. Nothing has changed."""


class Unknown(Refused):
    """The order or question names a service or deployment that does not exist."""


@singledispatch
def on(event: object, state: ServiceState) -> Step:
    """What ``event`` makes of ``state``. :class:`Refused` for an order that cannot be followed, ``TypeError`` for what is none."""
    message = f"no such event: {event!r} for {state.service}"
    raise TypeError(message)


def on_trial(state: ServiceState, identifier: str) -> Deployment | None:
    """The deployment that judges and watches speak of by ``identifier``, while its candidate has traffic; else ``None``."""
    deployment = state.deployment
    return deployment if deployment and deployment.id == identifier and deployment.exposed else None
