"""The HTTP API: the program's questions and orders, and nothing of its own."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from guardian import __version__
from guardian.api.access import caller
from guardian.api.models import (
    Alive,
    DrillOrder,
    HistoryQuery,
    NewsQuery,
    PlainOrder,
    Problem,
    Ready,
    ReloadOrder,
    RollbackOrder,
    SwitchOrder,
    UnlatchOrder,
)
from guardian.api.news import Audience, NewsResponse
from guardian.app.gauges import Gauges
from guardian.app.orders import Order, Orders
from guardian.app.views import DeploymentDetail, DeploymentView, Explanation, NewsView, RulesView, ServiceView
from guardian.core.model import Environment
from guardian.core.ports import StoreError
from guardian.core.switch import Refused, Unknown
from guardian.core.words import shell

LARGEST_BODY = 65_536
"""Bytes; no order needs that much."""

_PROBLEMS: dict[int | str, dict[str, Any]] = {
    404: {"model": Problem, "description": "No such service or deployment"},
    409: {"model": Problem, "description": "Refused: nothing has changed"},
    422: {"model": Problem, "description": "The request cannot be understood"},
    503: {"model": Problem, "description": "The record cannot be read, or too many follow already"},
}
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"model": NewsView, "description": "One announcement on each line"},
    # What is not JSON by itself has no other way to say that its problems are.
    **{
        status: {
            "description": _PROBLEMS[status]["description"],
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in (422, 503)
    },
}


def _orders(request: Request) -> Orders:
    orders: Orders = request.app.state.orders
    return orders


TheOrders = Annotated[Orders, Depends(_orders)]
By = Annotated[str, Depends(caller)]

v1 = APIRouter(prefix="/v1", responses=_PROBLEMS)
root = APIRouter()


def application(orders: Orders, gauges: Gauges) -> FastAPI:
    """The API on ``orders``, to be served by :func:`guardian.api.serve.serve`."""
    app = FastAPI(
        title="guardian",
        version=__version__,
        summary="Moves traffic between blue and green, and takes it back",
        description=shell.api_description(),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        max_body_size=LARGEST_BODY,
    )
    app.state.orders, app.state.gauges, app.state.audience = orders, gauges, Audience(orders)
    for router in (v1, root):
        app.include_router(router)
    app.add_exception_handler(RequestValidationError, _unfit)
    app.add_exception_handler(404, _nowhere)
    for condition, status in ((Unknown, 404), (Refused, 409), (StoreError, 503)):
        app.add_exception_handler(condition, _Problems(status))
    app.openapi()  # builds routes and models now: at the first request that would keep the event loop from watching for 0.15 s
    return app


# Questions.


@v1.get("/services", tags=["questions"], summary="All services")
async def services(orders: TheOrders) -> list[ServiceView]:
    """Every service by name: where its traffic is, what is being done, how it is judged, whether a rollback would work."""
    return orders.services()


@v1.get("/services/{service}", tags=["questions"], summary="One service")
async def service(service: str, orders: TheOrders) -> ServiceView:
    """Where its traffic is, what is being done, how it is judged, whether a rollback would work."""
    return orders.service(service)


@v1.get("/rules", tags=["questions"], summary="The rules in force")
async def rules(orders: TheOrders) -> RulesView:
    """What the next watch of each service begins with, and why the files as they are now are not used, if they are not."""
    return orders.rules()


@v1.get("/deployments", tags=["questions"], summary="Deployments, newest first")
async def deployments(query: Annotated[HistoryQuery, Query()], orders: TheOrders) -> list[DeploymentView]:
    """What was moved, by whom, why, and what became of it."""
    return await orders.history(query.service, query.limit)


@v1.get("/deployments/{deployment}", tags=["questions"], summary="One deployment with its journal")
async def deployment(deployment: str, orders: TheOrders) -> DeploymentDetail:
    """Everything that happened to a deployment, in order."""
    return await orders.deployment(deployment)


@v1.get("/deployments/{deployment}/explanation", tags=["questions"], summary="Why a deployment was judged as it was")
async def explanation(deployment: str, orders: TheOrders, rule: str | None = None) -> Explanation:
    """The verdict of every rule, or of one: as it was recorded, and as it comes out of the recorded evidence now."""
    return await orders.explain(deployment, rule)


@v1.get("/deployments/{deployment}/evidence", tags=["questions"], summary="All evidence of a deployment")
async def evidence(deployment: str, orders: TheOrders) -> dict[str, Any]:
    """Rules, trial, readings and verdicts with a digest: what `guardian explain FILE` computes again on any machine."""
    return await orders.evidence(deployment)


@root.get(
    "/v1/events",
    tags=["questions"],
    summary="Announcements as they come",
    status_code=200,
    response_class=NewsResponse,
    responses=_STREAM,
)
async def events(query: Annotated[NewsQuery, Query()], request: Request) -> NewsResponse:
    """Everything that is told, one JSON object a line.

    An empty line says that all announcements of the past have been sent; later ones are a heartbeat, every 10 s. Numbers start
    again at 1 whenever guardian does.
    """
    return NewsResponse(request.app.state.audience, query.after)


# Orders.


@v1.post("/services/{service}/switch", tags=["orders"], summary="Move traffic")
async def switch(
    service: str, by: By, orders: TheOrders, order: Annotated[SwitchOrder, Body(default_factory=SwitchOrder)]
) -> ServiceView:
    """Begin a deployment. The answer comes when it is recorded, before the traffic has moved; follow ``/v1/events``."""
    to = Environment(order.to) if order.to else None
    return await orders.switch(service, Order(by, order.reason), to, order.share)


@v1.post("/services/{service}/rollback", tags=["orders"], summary="Take the traffic back")
async def rollback(
    service: str, by: By, orders: TheOrders, order: Annotated[RollbackOrder, Body(default_factory=RollbackOrder)]
) -> ServiceView:
    """Send the traffic back to where it was before the latest deployment. Only an unhealthy target stops it, unless forced."""
    return await orders.rollback(service, Order(by, order.reason), force=order.force)


@v1.post("/services/{service}/promote", tags=["orders"], summary="Make what is live the safe side")
async def promote(
    service: str, by: By, orders: TheOrders, order: Annotated[PlainOrder, Body(default_factory=PlainOrder)]
) -> ServiceView:
    """Vouch for a release that no watch has verified: from now on a restart of the balancer comes up with it."""
    return await orders.promote(service, Order(by, order.reason))


@v1.post("/services/{service}/unlatch", tags=["orders"], summary="Let a service move forward again")
async def unlatch(service: str, by: By, orders: TheOrders, order: UnlatchOrder) -> ServiceView:
    """After an automatic rollback nothing moves forward until a person has said why it may."""
    return await orders.unlatch(service, Order(by, order.reason))


@v1.post("/services/{service}/drill", tags=["orders"], summary="Rehearse a rollback")
async def drill(
    service: str, by: By, orders: TheOrders, order: Annotated[DrillOrder, Body(default_factory=DrillOrder)]
) -> ServiceView:
    """Send a tiny share to the idle side and back on the live balancer. The answer comes when it is done, with the times."""
    return await orders.drill(service, Order(by, order.reason), order.share)


@v1.post("/rules/reload", tags=["orders"], summary="Read the rule files again")
async def reload(by: By, orders: TheOrders, order: Annotated[ReloadOrder, Body(default_factory=ReloadOrder)]) -> RulesView:
    """All or nothing: where any file has a fault, the rules in force stay so. A running watch keeps the rules it began with."""
    return await orders.reload_rules(Order(by, order.reason), order.rejudge)


# Probes.


@root.get("/metrics", tags=["probes"], summary="Measured values and verdicts for Prometheus", response_class=Response)
async def metrics(request: Request) -> Response:
    """All metrics in Prometheus' text format."""
    return Response(request.app.state.gauges.text(), media_type=CONTENT_TYPE_LATEST)


@root.get("/healthz", tags=["probes"], summary="Whether guardian runs")
async def healthz() -> Alive:
    """Always 200: guardian ends as soon as any of its parts does."""
    return Alive(__version__)


@root.get("/readyz", tags=["probes"], summary="Whether every rollback would work", responses={503: {"model": Ready}})
async def readyz(orders: TheOrders, response: Response) -> Ready:
    """200 when a rollback of every service would work right now; otherwise 503 and why not."""
    faults = {view.service: found for view in orders.services() if (found := _unready(view))}
    response.status_code = 503 if faults else 200
    return Ready(not faults, faults)


def _unready(view: ServiceView) -> tuple[str, ...]:
    return view.rollback.faults if view.rollback else (shell.not_probed(view.service),)


# What does not fit.


class _Problems:
    """Answers a condition that the program raised with its sentence."""

    def __init__(self, status: int) -> None:
        self._status = status

    async def __call__(self, _request: Request, condition: Exception) -> JSONResponse:
        return JSONResponse({"detail": str(condition)}, self._status)


async def _nowhere(request: Request, _error: Exception) -> JSONResponse:
    return JSONResponse({"detail": shell.no_route(request.url.path)}, 404)


async def _unfit(_request: Request, error: Exception) -> JSONResponse:
    """One sentence for each field, without repeating much of what was sent."""
    assert isinstance(error, RequestValidationError)  # noqa: S101  it is registered for no other
    fields: dict[str, str] = {}
    for fault in error.errors():
        name = "body" if fault["type"] == "json_invalid" else ".".join(map(str, fault["loc"][1:])) or "body"
        fields.setdefault(name, shell.unfit(name, fault["type"], fault["input"]))
    return JSONResponse({"detail": "; ".join(fields.values()), "fields": fields}, 422)
