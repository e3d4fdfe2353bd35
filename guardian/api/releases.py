"""The API's part about releases: deploy, answer, steer, freeze, mute; and nothing of its own."""

from typing import Annotated

from fastapi import APIRouter, Body

from guardian.api.access import APPROVER, OPERATOR, VIEWER, may_break_glass
from guardian.api.given import PROBLEMS, By, Named, TheOrders
from guardian.api.models import AbortOrder, AnswerOrder, DeployOrder, FreezeOrder, MuteOrder, PlainOrder, UnmuteOrder
from guardian.app.deployment_views import DeploymentView
from guardian.app.orders import Order
from guardian.app.views import ServiceView

releases = APIRouter(prefix="/v1", responses=PROBLEMS)

Plain = Annotated[PlainOrder, Body(default_factory=PlainOrder)]
Answer = Annotated[AnswerOrder, Body(default_factory=AnswerOrder)]


@releases.post("/services/{service}/deploy", dependencies=[OPERATOR], tags=["releases"], summary="Deploy a version")
async def deploy(service: str, who: Named, orders: TheOrders, order: DeployOrder) -> DeploymentView:
    """Bring a version onto the idle environment, verify it, and give it the traffic step by step.

    The answer comes when it is recorded; follow ``/v1/events``. Asked again with the same key, nothing is done again, and the
    answer is the deployment that there is. Its phase is ``queued`` where it waits for its turn.
    """
    may_break_glass(who, wanted=order.break_glass)
    asked = Order(who.name, order.reason, order.break_glass)
    return await orders.deploy(service, order.version, asked, key=order.key, again=order.again)


@releases.get("/services/{service}/queue", dependencies=[VIEWER], tags=["releases"], summary="Deployments that wait")
async def queue(service: str, orders: TheOrders) -> list[DeploymentView]:
    """Those that wait for their turn, in order."""
    return orders.queue(service)


@releases.post("/deployments/{deployment}/approve", dependencies=[APPROVER], tags=["releases"], summary="Agree")
async def approve(deployment: str, by: By, orders: TheOrders, order: Answer) -> ServiceView:
    """Let a deployment go on. Whoever asked for it cannot, unless the glass is broken: with a reason, and everybody is told."""
    return await orders.approve(deployment, Order(by, order.reason, order.break_glass), order.generation)


@releases.post("/deployments/{deployment}/reject", dependencies=[OPERATOR], tags=["releases"], summary="Do not agree")
async def reject(deployment: str, by: By, orders: TheOrders, order: Answer) -> ServiceView:
    """End a deployment that asks; what traffic it has is taken back."""
    return await orders.reject(deployment, Order(by, order.reason), order.generation)


@releases.post("/services/{service}/pause", dependencies=[OPERATOR], tags=["releases"], summary="Let nothing new begin")
async def pause(service: str, by: By, orders: TheOrders, order: Plain) -> ServiceView:
    """What is under way goes on, rules go on judging, and a rollback is not held back."""
    return await orders.pause(service, Order(by, order.reason))


@releases.post("/services/{service}/resume", dependencies=[OPERATOR], tags=["releases"], summary="Let a paused deployment go on")
async def resume(service: str, by: By, orders: TheOrders, order: Plain) -> ServiceView:
    """Whether a person or a rule paused it."""
    return await orders.resume(service, Order(by, order.reason))


@releases.post("/services/{service}/abort", dependencies=[OPERATOR], tags=["releases"], summary="End a deployment")
async def abort(
    service: str, by: By, orders: TheOrders, order: Annotated[AbortOrder, Body(default_factory=AbortOrder)]
) -> ServiceView:
    """What traffic it has is taken back. One that waits for its turn is taken out of the queue, if it is named."""
    return await orders.abort(service, Order(by, order.reason), order.deployment)


@releases.post("/services/{service}/freeze", dependencies=[OPERATOR], tags=["releases"], summary="Let nothing move forward")
async def freeze(service: str, by: By, orders: TheOrders, order: FreezeOrder) -> ServiceView:
    """For a while, and with a reason. A rollback is not held back."""
    return await orders.freeze(service, Order(by, order.reason), order.seconds)


@releases.post("/services/{service}/unfreeze", dependencies=[OPERATOR], tags=["releases"], summary="End a freeze")
async def unfreeze(service: str, by: By, orders: TheOrders, order: Plain) -> ServiceView:
    """Before its time."""
    return await orders.unfreeze(service, Order(by, order.reason))


@releases.post("/services/{service}/mute", dependencies=[OPERATOR], tags=["releases"], summary="Let a rule have no consequence")
async def mute(service: str, by: By, orders: TheOrders, order: MuteOrder) -> ServiceView:
    """For up to 24 hours, and with a reason. The rule is judged and told; other rules and people take traffic back as ever."""
    return await orders.mute(service, order.rule, Order(by, order.reason), order.seconds)


@releases.post("/services/{service}/unmute", dependencies=[OPERATOR], tags=["releases"], summary="End a mute")
async def unmute(service: str, by: By, orders: TheOrders, order: UnmuteOrder) -> ServiceView:
    """Before its time. The rule begins anew: what it saw meanwhile does not count."""
    return await orders.unmute(service, order.rule, Order(by, order.reason))
