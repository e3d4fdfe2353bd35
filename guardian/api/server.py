"""The HTTP API: the program's questions and orders, and nothing of its own."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from prometheus_client import CONTENT_TYPE_LATEST

from guardian import __version__
from guardian.api import webhooks
from guardian.api.access import (
    ADMIN,
    ANYBODY,
    EVERY_SERVICE,
    OPERATOR,
    VIEWER,
    VIEWER_OF_ALL,
    Admission,
    Needs,
    may_break_glass,
    named,
)
from guardian.api.gate import Gate
from guardian.api.given import PROBLEMS, THE_MODEL, By, Named, TheOrders, Who
from guardian.api.models import (
    Alive,
    DrillOrder,
    HistoryQuery,
    Me,
    NewsQuery,
    NewTokenOrder,
    PlainOrder,
    Ready,
    ReloadOrder,
    RollbackOrder,
    SwitchOrder,
    UnlatchOrder,
)
from guardian.api.news import Audience, NewsResponse, ServerSentEvents, resumed
from guardian.api.releases import releases
from guardian.app.deployment_views import DeploymentView
from guardian.app.gauges import Gauges
from guardian.app.notes import NoteView
from guardian.app.orders import Order, Orders
from guardian.app.tokens import NewToken, Tokens, TokenView, Wish
from guardian.app.views import DeploymentDetail, Explanation, NewsView, ParityView, RulesView, ServiceView
from guardian.core.alerts import Deliveries
from guardian.core.model import Environment
from guardian.core.people import Person
from guardian.core.ports import StoreError
from guardian.core.switch import Refused, Unknown
from guardian.core.words import access, shell

LARGEST_BODY = 65_536
"""Bytes; no order needs that much."""

_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"model": NewsView, "description": "One announcement on each line; as server-sent events where these are accepted"},
    **{status: PROBLEMS[status] for status in (401, 403, 422, 429, 503)},
}


v1 = APIRouter(prefix="/v1", responses=PROBLEMS)
root = APIRouter()


class Unguarded(Exception):
    """An endpoint does not say what it takes. Arises in :func:`application`: such a program does not start."""


def application(
    orders: Orders,
    gauges: Gauges,
    admission: Admission = Admission(),  # noqa: B008  frozen
    tokens: Tokens | None = None,
    deliveries: Deliveries | None = None,
) -> FastAPI:
    """The API on ``orders``, to be served by :func:`guardian.api.serve.serve`.

    Without ``tokens`` none can be made, and without ``deliveries`` no alert is taken.
    """
    app = FastAPI(
        title="guardian",
        version=__version__,
        summary="Moves traffic between blue and green, and takes it back",
        description=shell.api_description(),
        openapi_url=None,  # served below, as everything else
        redirect_slashes=False,
        max_body_size=LARGEST_BODY,
        routes=[route for router in (v1, releases, root) for route in router.routes],  # included, each would be held twice
    )
    app.state.orders, app.state.gauges, app.state.audience, app.state.tokens = orders, gauges, Audience(orders), tokens
    webhooks.receive(app, deliveries or webhooks.Nobody())
    app.add_middleware(Gate, admission=admission)
    if unguarded := [route.path for route in endpoints(app) if needs(route) is None]:
        raise Unguarded(f"{unguarded} say nothing of who may use them")
    app.add_exception_handler(RequestValidationError, _unfit)
    app.add_exception_handler(404, _nowhere)
    for condition, status in ((Unknown, 404), (Refused, 409), (StoreError, 503)):
        app.add_exception_handler(condition, _Problems(status))
    app.openapi()  # builds it now: at the first request that would keep the event loop from watching
    return app


def endpoints(app: FastAPI) -> Iterator[APIRoute]:
    """Everything that ``app`` answers."""
    waiting: list[Any] = list(app.routes)
    while waiting:
        route = waiting.pop()
        if isinstance(route, APIRoute):
            yield route
        else:
            waiting += route.original_router.routes  # AttributeError for what is neither: nothing is served past the gate


def needs(route: APIRoute) -> Needs | None:
    """What an endpoint takes."""
    found = [each.dependency for each in route.dependencies if isinstance(each.dependency, Needs)]
    return found[0] if found else None


# Questions.


@v1.get("/services", dependencies=[VIEWER], tags=["questions"], summary="All services", responses=THE_MODEL)
async def services(orders: TheOrders, who: Who) -> list[ServiceView]:
    """Every service by name: where its traffic is, what is being done, how it is judged, whether a rollback would work."""
    return [view for view in orders.services() if who.sees(view.service)]


@v1.get("/services/{service}", dependencies=[VIEWER], tags=["questions"], summary="One service")
async def service(service: str, orders: TheOrders) -> ServiceView:
    """Where its traffic is, what is being done, how it is judged, whether a rollback would work."""
    return orders.service(service)


@v1.get("/rules", dependencies=[VIEWER], tags=["questions"], summary="The rules in force")
async def rules(orders: TheOrders, who: Who) -> RulesView:
    """What the next watch of each service begins with, and why the files as they are now are not used, if they are not."""
    view = orders.rules()
    return replace(view, services=tuple(each for each in view.services if who.sees(each.service)))


@v1.get("/deployments", dependencies=[VIEWER], tags=["questions"], summary="Deployments, newest first")
async def deployments(query: Annotated[HistoryQuery, Query()], orders: TheOrders, who: Who) -> list[DeploymentView]:
    """What was moved, by whom, why, and what became of it."""
    return await orders.history(query.service, query.limit, who.services)


@v1.get("/deployments/{deployment}", dependencies=[VIEWER], tags=["questions"], summary="One deployment with its journal")
async def deployment(deployment: str, orders: TheOrders) -> DeploymentDetail:
    """Everything that happened to a deployment, in order."""
    return await orders.deployment(deployment)


@v1.get(
    "/deployments/{deployment}/explanation",
    dependencies=[VIEWER],
    tags=["questions"],
    summary="Why a deployment was judged as it was",
)
async def explanation(deployment: str, orders: TheOrders, rule: str | None = None) -> Explanation:
    """The verdict of every rule, or of one: as it was recorded, and as it comes out of the recorded evidence now."""
    return await orders.explain(deployment, rule)


@v1.get("/deployments/{deployment}/evidence", dependencies=[VIEWER], tags=["questions"], summary="All evidence of a deployment")
async def evidence(deployment: str, orders: TheOrders) -> dict[str, Any]:
    """Rules, trial, readings and verdicts with a digest: what `guardian explain FILE` computes again on any machine."""
    return await orders.evidence(deployment)


@v1.get("/notes", dependencies=[VIEWER], tags=["questions"], summary="Notes of deployments, newest first")
async def notes(query: Annotated[HistoryQuery, Query()], orders: TheOrders, who: Who) -> list[NoteView]:
    """Where the notes are, without their text."""
    return await orders.notes.notes(query.service, query.limit, who.services)


@v1.get("/deployments/{deployment}/note", dependencies=[VIEWER], tags=["questions"], summary="The note of a deployment")
async def note(deployment: str, orders: TheOrders, *, preview: bool = False) -> NoteView:
    """As it stands, with what people wrote into it; with `preview`, or where it is not written, as the records have it now."""
    return await (orders.notes.preview(deployment) if preview else orders.notes.note(deployment))


@root.get(
    "/v1/events",
    dependencies=[VIEWER],
    tags=["questions"],
    summary="Announcements as they come",
    status_code=200,
    response_class=NewsResponse,
    responses=_STREAM,
)
async def events(query: Annotated[NewsQuery, Query()], request: Request, who: Who) -> NewsResponse:
    """Everything that is told, one JSON object a line.

    An empty line says that all announcements of the past have been sent; later ones are a heartbeat, every 10 s. Numbers start
    again at 1 whenever guardian does. With ``accept: text/event-stream`` the same comes as server-sent events, and
    ``last-event-id`` goes on where a connection broke off.
    """
    audience = request.app.state.audience
    if "text/event-stream" in request.headers.get("accept", ""):
        return ServerSentEvents(audience, query.after or resumed(request.headers.get("last-event-id")), who.sees)
    return NewsResponse(audience, query.after, who.sees)


# Orders.


@v1.post("/services/{service}/switch", dependencies=[OPERATOR], tags=["orders"], summary="Move traffic")
async def switch(
    service: str, who: Named, orders: TheOrders, order: Annotated[SwitchOrder, Body(default_factory=SwitchOrder)]
) -> ServiceView:
    """Begin a deployment. The answer comes when it is recorded, before the traffic has moved; follow ``/v1/events``."""
    may_break_glass(who, wanted=order.break_glass)
    to = Environment(order.to) if order.to else None
    share = order.share if "share" in order.model_fields_set else None
    return await orders.switch(service, Order(who.name, order.reason, order.break_glass), to, share, now=order.now)


@v1.post("/services/{service}/rollback", dependencies=[OPERATOR], tags=["orders"], summary="Take the traffic back")
async def rollback(
    service: str, by: By, orders: TheOrders, order: Annotated[RollbackOrder, Body(default_factory=RollbackOrder)]
) -> ServiceView:
    """Send the traffic back to where it was before the latest deployment. Only an unhealthy target stops it, unless forced."""
    return await orders.rollback(service, Order(by, order.reason), force=order.force, redeploy=order.redeploy)


@v1.post("/services/{service}/promote", dependencies=[OPERATOR], tags=["orders"], summary="Make what is live the safe side")
async def promote(
    service: str, by: By, orders: TheOrders, order: Annotated[PlainOrder, Body(default_factory=PlainOrder)]
) -> ServiceView:
    """Vouch for a release that no watch has verified: from now on a restart of the balancer comes up with it."""
    return await orders.promote(service, Order(by, order.reason))


@v1.post("/services/{service}/parity", dependencies=[OPERATOR], tags=["orders"], summary="Compare the environments")
async def parity(service: str, orders: TheOrders) -> ParityView:
    """All facts of both, differences first. It runs the program that tells them, so it is an order, though nothing changes."""
    return await orders.parity(service)


@v1.post("/services/{service}/unlatch", dependencies=[OPERATOR], tags=["orders"], summary="Let a service move forward again")
async def unlatch(service: str, by: By, orders: TheOrders, order: UnlatchOrder) -> ServiceView:
    """After an automatic rollback nothing moves forward until a person has said why it may."""
    return await orders.unlatch(service, Order(by, order.reason))


@v1.post("/services/{service}/drill", dependencies=[OPERATOR], tags=["orders"], summary="Rehearse a rollback")
async def drill(
    service: str, by: By, orders: TheOrders, order: Annotated[DrillOrder, Body(default_factory=DrillOrder)]
) -> ServiceView:
    """Send a tiny share to the idle side and back on the live balancer. The answer comes when it is done, with the times."""
    return await orders.drill(service, Order(by, order.reason), order.share)


@v1.post("/deployments/{deployment}/note", dependencies=[OPERATOR], tags=["orders"], summary="Write the note again")
async def write_note(deployment: str, orders: TheOrders) -> NoteView:
    """From the records as they are now; what people wrote into its part of theirs is kept."""
    return await orders.notes.render(deployment)


@v1.post("/rules/reload", dependencies=[EVERY_SERVICE], tags=["orders"], summary="Read the rule files again")
async def reload(by: By, orders: TheOrders, order: Annotated[ReloadOrder, Body(default_factory=ReloadOrder)]) -> RulesView:
    """All or nothing: where any file has a fault, the rules in force stay so. A running watch keeps the rules it began with."""
    return await orders.reload_rules(Order(by, order.reason), order.rejudge)


# Access.


@v1.get("/tokens", dependencies=[ADMIN], tags=["access"], summary="All tokens")
async def tokens(request: Request) -> list[TokenView]:
    """Every token that was ever made, without what would open anything."""
    return _tokens(request).views()


@v1.post("/tokens", dependencies=[ADMIN], tags=["access"], summary="Make a token")
async def create_token(request: Request, by: By, order: NewTokenOrder) -> NewToken:
    """A token by which a program shows itself over TCP. It is in this answer and nowhere else."""
    return await _tokens(request).create(Wish(order.name, order.role, order.scope, order.services, order.days), by)


@v1.post("/tokens/{token}/revoke", dependencies=[ADMIN], tags=["access"], summary="Revoke a token")
async def revoke_token(request: Request, token: str, by: By) -> TokenView:
    """From now on it opens nothing. It may be named by its name or by its id."""
    return await _tokens(request).revoke(token, by)


@v1.get("/me", dependencies=[VIEWER], tags=["access"], summary="Who asks, and what they may do")
async def me(who: Annotated[Person, Depends(named)]) -> Me:
    """What guardian knows of who sends this."""
    return Me(who.name, who.role, tuple(sorted(who.services)))


def _tokens(request: Request) -> Tokens:
    tokens: Tokens | None = request.app.state.tokens
    if tokens is None:
        raise Unknown(access.no_tokens_here())
    return tokens


# Probes.


@root.get("/openapi.json", dependencies=[VIEWER], tags=["probes"], summary="This description")
async def description(request: Request) -> JSONResponse:
    """The OpenAPI document of this API."""
    return JSONResponse(request.app.openapi())


@root.get(
    "/metrics",
    dependencies=[VIEWER_OF_ALL],
    tags=["probes"],
    summary="Measured values and verdicts for Prometheus",
    response_class=Response,
)
async def metrics(request: Request) -> Response:
    """All metrics in Prometheus' text format."""
    return Response(await request.app.state.gauges.latest(), media_type=CONTENT_TYPE_LATEST)


@root.get("/healthz", dependencies=[ANYBODY], tags=["probes"], summary="Whether guardian runs")
async def healthz() -> Alive:
    """Always 200: guardian ends as soon as any of its parts does."""
    return Alive(__version__)


@root.get(
    "/readyz",
    dependencies=[VIEWER],
    tags=["probes"],
    summary="Whether every rollback would work",
    responses={503: {"model": Ready}},
)
async def readyz(orders: TheOrders, response: Response, who: Who) -> Ready:
    """200 when a rollback of every service would work right now; otherwise 503 and why not."""
    faults = {view.service: found for view in orders.services() if who.sees(view.service) and (found := _unready(view))}
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
