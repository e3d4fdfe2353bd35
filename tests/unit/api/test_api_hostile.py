"""Requests that nobody should send: one clear sentence each, and nothing has changed."""

from collections.abc import AsyncIterator

import httpx

from guardian.api.server import LARGEST_BODY
from tests.doubles.house import House

SWITCH = "/v1/services/web/switch"
JSON = {"content-type": "application/json"}
A_SHARE = "write a whole number of basis points from 1 to 10,000, such as 500 for 5 %"
A_REASON = "write text of up to 500 characters that says why"
AN_OBJECT = "write a JSON object, sent with `content-type: application/json`"
FIELDS = [
    ({"share": 0}, "share", f"`share`: `0` does not fit; {A_SHARE}"),
    ({"share": 10_001}, "share", f"`share`: `10001` does not fit; {A_SHARE}"),
    ({"share": True}, "share", f"`share`: `True` does not fit; {A_SHARE}"),
    ({"share": "500"}, "share", f"`share`: `500` does not fit; {A_SHARE}"),
    ({"share": 5.0}, "share", f"`share`: `5.0` does not fit; {A_SHARE}"),
    ({"share": None}, "share", f"`share`: `None` does not fit; {A_SHARE}"),
    ({"share": [500]}, "share", f"`share`: this does not fit; {A_SHARE}"),
    (
        {"to": "red"},
        "to",
        "`to`: `red` does not fit; write `blue` or `green`; without it, the environment that is not the safe side",
    ),
    ({"reason": None}, "reason", f"`reason`: `None` does not fit; {A_REASON}"),
    ({"reason": {"why": "so"}}, "reason", f"`reason`: this does not fit; {A_REASON}"),
    ({"reason": "x" * 501}, "reason", f"`reason`: `{'x' * 47}…` does not fit; {A_REASON}"),
    ({"sahre": 500}, "sahre", "`sahre` is not known here; remove it, or see /openapi.json for what is"),
    ([{"share": 500}], "body", f"`body`: this does not fit; {AN_OBJECT}"),
    ("500", "body", f"`body`: `500` does not fit; {AN_OBJECT}"),
]
BYTES = [
    (b'{"share": 500', 422),
    (b'{"share": NaN}', 422),
    (b'{"reason": "\\ud800"}', 422),
    (b'{"a":' * 900 + b"1" + b"}" * 900, 422),
    (b"\xff\xfe{", 400),
    (b"[" * 60_000, 400),
    (b'{"share": ' + b"9" * 5000 + b"}", 400),
    (b" " * (LARGEST_BODY + 1), 413),
]
QUERIES = [
    "/v1/deployments?limit=0",
    "/v1/deployments?limit=1001",
    "/v1/deployments?limit=many",
    "/v1/deployments?limt=5",
    "/v1/events?after=-1",
    f"/v1/events?after={'9' * 5000}",
    "/v1/events?since=1",
]


async def test_a_field_that_does_not_fit_is_told_in_one_sentence(house: House, client: httpx.AsyncClient) -> None:
    """422 with what was sent and what to write instead, also by field for programs."""
    for body, field, sentence in FIELDS:
        answer = await client.post(SWITCH, json=body)
        assert answer.status_code == 422, body
        assert answer.json() == {"detail": sentence, "fields": {field: sentence}}
        assert house.state.deployment is None, body


async def test_all_fields_that_do_not_fit_are_told_at_once(client: httpx.AsyncClient) -> None:
    """One sentence for each of them."""
    problem = (await client.post(SWITCH, json={"share": 0, "to": 1, "why": 2})).json()
    assert sorted(problem["fields"]) == ["share", "to", "why"]
    assert problem["detail"] == "; ".join(problem["fields"].values())


async def test_bytes_that_are_no_order_are_refused(house: House, client: httpx.AsyncClient) -> None:
    """Broken JSON, wrong encodings, deep nesting, huge numbers and huge bodies end in a refusal, never in a fault."""
    for body, status in BYTES:
        answer = await client.post(SWITCH, content=body, headers=JSON)
        assert answer.status_code == status, body[:50]
        assert house.state.deployment is None, body[:50]


async def test_a_body_without_a_length_is_bounded_too(house: House, client: httpx.AsyncClient) -> None:
    """Chunks are counted while they come."""

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(LARGEST_BODY // 1024 + 1):
            yield b" " * 1024

    assert (await client.post(SWITCH, content=chunks(), headers=JSON)).status_code == 413
    assert house.state.deployment is None


async def test_a_form_is_told_what_to_send(house: House, client: httpx.AsyncClient) -> None:
    """``curl -d`` says that it sends a form; the sentence names the header to set."""
    answer = await client.post(SWITCH, content=b'{"share": 500}', headers={"content-type": "application/x-www-form-urlencoded"})
    assert (answer.status_code, answer.json()["detail"]) == (422, f"`body`: this does not fit; {AN_OBJECT}")
    assert house.state.deployment is None


async def test_a_query_that_does_not_fit_is_refused(client: httpx.AsyncClient) -> None:
    """Unknown and impossible parameters are told, never passed over."""
    for query in QUERIES:
        answer = await client.get(query)
        assert answer.status_code == 422, query[:50]
        assert len(answer.json()["fields"]) == 1, query[:50]


async def test_a_path_that_leads_nowhere_is_told(client: httpx.AsyncClient) -> None:
    """404 with a sentence, also for what only looks like a path of the API."""
    for path in ("/", "/v2/services", "/v1/services/web/swich", "/v1/services/web%2fswitch%1b/"):
        answer = await client.get(path)
        assert answer.status_code == 404
        assert answer.json()["detail"].startswith("there is nothing at `/")
        assert answer.json()["detail"].isprintable()
