"""What machines ask: probes, metrics, and the description of the API."""

import httpx
from fastapi.routing import APIRoute

from guardian import __version__
from guardian.api.server import application, endpoints
from tests.doubles.house import House


async def test_healthz_says_that_guardian_runs(client: httpx.AsyncClient) -> None:
    """Whoever answers lives."""
    answer = await client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"version": __version__})


async def test_readyz_says_whether_a_rollback_would_work(house: House, client: httpx.AsyncClient) -> None:
    """503 before the first probe and while a rollback would fail, with the reason; 200 when it would work."""
    asked = await client.get("/readyz")
    assert asked.status_code == 503
    assert "has not been asked yet" in asked.json()["faults"]["web"][0]

    house.balancer.disk["web"] = house.state.safe
    await house.prober.probe()
    ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()) == (200, {"ready": True, "faults": {}})

    house.balancer.servers_up["web_blue"] = 0
    await house.prober.probe()
    unready = await client.get("/readyz")
    assert (unready.status_code, unready.json()["ready"]) == (503, False)
    assert "web_blue has no healthy server" in unready.json()["faults"]["web"][0]


async def test_metrics_are_in_prometheus_text_format(client: httpx.AsyncClient) -> None:
    """The split is there under its name, in the type that Prometheus asks for."""
    answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert 'guardian_split_ratio{environment="blue",service="web"} 1.0' in answer.text


async def test_the_description_is_complete(client: httpx.AsyncClient) -> None:
    """Every route has its summary, its description and its answers; every problem has the one model."""
    described = (await client.get("/openapi.json")).json()
    routes = {(method, path): route for path, methods in described["paths"].items() for method, route in methods.items()}
    assert len(routes) >= 22
    for (method, path), route in routes.items():
        assert route["summary"], path
        assert route["description"], path
        assert route["tags"], path
        problems = {
            answer
            for status, answer in route["responses"].items()
            if path.startswith("/v1") and int(status) >= 400
            for answer in [status]
        }
        assert {"422", "503"} <= problems or not path.startswith("/v1"), path
        for status in problems:
            content = route["responses"][status]["content"]
            assert content == {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}, (method, path)
    assert "200" in routes["get", "/v1/events"]["responses"]
    assert list(routes["get", "/v1/events"]["responses"]["200"]["content"]) == ["application/x-ndjson"]
    assert "HTTPValidationError" not in described["components"]["schemas"]


async def test_endpoints_are_built_once(house: House) -> None:
    """Included, each would be held a second time; and its problems, as models, seven times more."""
    app = application(house.orders, house.gauges)
    apart = [route for route in app.routes if not isinstance(route, APIRoute)]
    assert len(apart) == 1, "the addresses for alerts, with a bound of their own"
    assert sum(len(route.response_fields) for route in endpoints(app)) == 3


async def test_every_field_of_an_order_is_described(client: httpx.AsyncClient) -> None:
    """The description says what to write, and that nothing else is accepted."""
    schemas = (await client.get("/openapi.json")).json()["components"]["schemas"]
    for name in ("SwitchOrder", "RollbackOrder", "UnlatchOrder", "PlainOrder"):
        assert schemas[name]["additionalProperties"] is False
        assert all(field["description"] for field in schemas[name]["properties"].values())
