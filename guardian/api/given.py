"""What every endpoint is given: the orders, who asks, and how it says that something was not done."""

from typing import Annotated, Any

from fastapi import Depends, Request

from guardian.api.access import caller, person_of
from guardian.api.models import Problem
from guardian.app.orders import Orders
from guardian.core.people import Person

PROBLEMS: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "Over TCP: no valid token"},
    403: {"model": Problem, "description": "Whoever asks may not"},
    404: {"model": Problem, "description": "No such service or deployment"},
    409: {"model": Problem, "description": "Refused: nothing has changed"},
    422: {"model": Problem, "description": "The request cannot be understood"},
    429: {"model": Problem, "description": "Too many requests; `retry-after` says when to try again"},
    503: {"model": Problem, "description": "The record cannot be read, or too many follow already"},
}


def _orders(request: Request) -> Orders:
    orders: Orders = request.app.state.orders
    return orders


TheOrders = Annotated[Orders, Depends(_orders)]
By = Annotated[str, Depends(caller)]
Who = Annotated[Person, Depends(person_of)]
"""Who asks; on the unix socket without a name, which only those need who write it down (:data:`By`)."""
