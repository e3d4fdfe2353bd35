"""What every endpoint is given: the orders, who asks, and how it says that something was not done."""

from typing import Annotated, Any

from fastapi import Depends, Request

from guardian.api.access import caller, named, person_of
from guardian.api.models import Problem
from guardian.app.orders import Orders
from guardian.core.people import Person

_PROBLEM = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def problem(description: str) -> dict[str, Any]:
    """An answer of the model `Problem`, which :data:`THE_MODEL` brings into the description.

    As the model of each answer it would have a validator and a serializer for each, hundreds, and none of them ever used.
    """
    return {"description": description, "content": _PROBLEM}


PROBLEMS: dict[int | str, dict[str, Any]] = {
    401: problem("Over TCP: no valid token"),
    403: problem("Whoever asks may not"),
    404: problem("No such service or deployment"),
    409: problem("Refused: nothing has changed"),
    422: problem("The request cannot be understood"),
    429: problem("Too many requests; `retry-after` says when to try again"),
    503: problem("The record cannot be read, or too many follow already"),
}
THE_MODEL: dict[int | str, dict[str, Any]] = {401: {"model": Problem, "description": PROBLEMS[401]["description"]}}
"""For one endpoint; the others refer to it."""


def _orders(request: Request) -> Orders:
    orders: Orders = request.app.state.orders
    return orders


TheOrders = Annotated[Orders, Depends(_orders)]
By = Annotated[str, Depends(caller)]
Named = Annotated[Person, Depends(named)]
Who = Annotated[Person, Depends(person_of)]
"""Who asks; on the unix socket without a name, which only those need who write it down (:data:`By`)."""
