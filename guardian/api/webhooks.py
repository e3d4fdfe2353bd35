"""Where others deliver their alerts: an address for each sender, and bounds on what it may send."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect

from guardian.api.access import ALERTS, ANYBODY, VIEWER_OF_ALL
from guardian.api.given import problem
from guardian.core.alerts import AlertsView, Deliveries, NotExpected, NotSigned, Receipt, Unreadable
from guardian.core.words import alerts as words

LARGEST_DELIVERY = 512 * 1024
"""Bytes: several hundred alerts. Alertmanager groups them, and sends fewer by `max_alerts`."""
ADDRESSES = "/v1/alerts"
SIGNED = f"{ADDRESSES}/sentry"
"""Sentry shows no token: it signs what it sends."""

_PROBLEMS: dict[int | str, dict[str, Any]] = {
    401: problem("Not signed by who may send this, or without a token"),
    403: problem("The token is not one for alerts"),
    404: problem("No such sender in guardian.yaml"),
    408: problem("The delivery did not come in in time"),
    413: problem("The delivery is too large"),
    422: problem("The delivery cannot be understood"),
    429: problem("Too many deliveries; `retry-after` says when to go on"),
    503: problem("Heard, and not kept: send it again"),
}

router = APIRouter(prefix=ADDRESSES, responses=_PROBLEMS)


class Nobody:
    """The :class:`Deliveries` of a guardian that listens to nobody."""

    def known(self) -> AlertsView:
        """Nothing."""
        return AlertsView((), ())

    async def deliver(self, sender: str, headers: Mapping[str, str], body: bytes) -> Receipt:  # noqa: ARG002  it hears nobody
        """As the protocol says."""
        raise NotExpected(words.not_expected(sender, ()))


class TooSlow(Exception):
    """A delivery that did not come in in time. Arises while a request is read."""


def receive(app: FastAPI, deliveries: Deliveries) -> None:
    """Have ``app`` hand on what is delivered."""
    app.state.deliveries = deliveries
    app.include_router(router, max_body_size=LARGEST_DELIVERY)
    for condition, status in ((NotSigned, 401), (NotExpected, 404), (TooSlow, 408), (Unreadable, 422)):
        app.add_exception_handler(condition, _Answer(status))


def _deliveries(request: Request) -> Deliveries:
    deliveries: Deliveries = request.app.state.deliveries
    return deliveries


TheDeliveries = Annotated[Deliveries, Depends(_deliveries)]


@router.get("", dependencies=[VIEWER_OF_ALL], tags=["alerts"], summary="Alerts that were heard")
async def known(deliveries: TheDeliveries) -> AlertsView:
    """Who sends alerts and was last heard when, and every alert that is known; what was resolved lately is among them."""
    return deliveries.known()


@router.post("/sentry", dependencies=[ANYBODY], tags=["alerts"], summary="Deliver alerts of Sentry")
async def deliver_signed(request: Request, deliveries: TheDeliveries) -> Receipt:
    """What Sentry's integration sends; its signature takes the place of a token."""
    return await _deliver("sentry", request, deliveries)


@router.post("/{sender}", dependencies=[ALERTS], tags=["alerts"], summary="Deliver alerts")
async def deliver(sender: str, request: Request, deliveries: TheDeliveries) -> Receipt:
    """What Alertmanager, Grafana and Zabbix send; the settings for them are in deploy/. The same thing twice does no harm."""
    return await _deliver(sender, request, deliveries)


async def _deliver(sender: str, request: Request, deliveries: Deliveries) -> Receipt:
    try:
        body = await request.body()
    except ClientDisconnect:
        raise TooSlow(words.too_slow()) from None
    return await deliveries.deliver(sender, request.headers, body)


class _Answer:
    """Answers a condition with its sentence."""

    def __init__(self, status: int) -> None:
        self._status = status

    async def __call__(self, _request: Request, condition: Exception) -> JSONResponse:
        return JSONResponse({"detail": str(condition)}, self._status)
