"""Requests that reached no server at the first attempt: each once, at once, from what HAProxy counts of attempts."""

import asyncio
import random
import re
from contextlib import aclosing
from pathlib import Path

import httpx
from hypothesis import given
from hypothesis import strategies as st

from guardian.app.observe import Observer
from guardian.balancers.haproxy.balancer import Endpoints, HAProxy
from guardian.balancers.haproxy.refusals import MEMORY, WAIT, Refusals
from guardian.config.faults import Findings
from guardian.config.rulefiles import read_rule_file
from guardian.core.judges import judge_for
from guardian.core.judges.trial import Trial
from guardian.core.model import Environment, Service, Split
from guardian.core.readings import Counters, History, Look
from guardian.core.verdicts import Finding
from guardian.demo.application import Application, Fault
from guardian.demo.haproxy import HAProxyProcess, Site
from tests.waiting import eventually

GREEN = Environment.GREEN
REQUESTS = 40
STARTER = Path(__file__).parents[2] / "rules" / "web.yaml"


class PatientSite(Site):
    """A site without health checks, whose HAProxy gives a request up after three waits of a second, as it does by default."""

    def _text(self, endpoints: Endpoints, port: int, marked: str) -> str:
        text = super()._text(endpoints, port, marked).replace("    retries 1\n", "    retries 3\n", 1)
        return re.sub(" check inter .*", "", text)


async def test_a_dead_environment_is_found_before_haproxy_gives_a_request_up(
    binary: Path, service: Service, tmp_path: Path
) -> None:
    """The starter rule breaches while no request has failed yet; when all have, after four attempts each, each was counted once."""
    found = read_rule_file(STARTER, Findings())
    assert found
    rule = next(one for one in found.rules if one.name == "unreachable")
    async with Application(Environment.BLUE, "v1") as blue, Application(GREEN, "v2") as green:
        green.fault = Fault(refuse=True)
        site = PatientSite(tmp_path, service, [f"127.0.0.1:{blue.port}"], [f"127.0.0.1:{green.port}"])
        async with (
            HAProxyProcess(binary, site) as haproxy,
            httpx.AsyncClient(trust_env=False, timeout=60.0) as client,
            aclosing(HAProxy(haproxy.endpoints, [service])) as balancer,
        ):
            await balancer.route("web", Split.all_on(GREEN))
            judge = judge_for(rule, Trial(GREEN, 0.0, 600.0, 0.05, shared=False, history=History()))
            observer, seen = Observer(service), Counters()

            async def look() -> bool:
                nonlocal seen
                snapshot = await balancer.snapshot(observer.backends)
                seen = snapshot.backends["web_green"]
                if told := observer.observe(snapshot):
                    seconds, tallies = told
                    judge.look(Look(snapshot.taken, seconds, tallies[GREEN], tallies[Environment.BLUE]))
                return judge.finding is Finding.BREACHED

            await look()
            asked = [asyncio.create_task(_ask(client, haproxy.port, number / 100)) for number in range(REQUESTS)]
            await eventually(look)
            assert (seen.connection_errors, seen.responses_5xx, seen.requests) == (0, 0, 0)
            assert 0 < seen.unreached <= seen.sessions

            async def over() -> bool:
                await look()
                return seen.connection_errors == REQUESTS

            await eventually(over, 60.0)
            assert {answer.status_code for answer in await asyncio.gather(*asked)} == {503}
            assert seen.retries == 3 * REQUESTS
            assert seen.unreached == seen.sessions == REQUESTS


async def _ask(client: httpx.AsyncClient, port: int, after: float) -> httpx.Response:
    await asyncio.sleep(after)
    return await client.get(f"http://127.0.0.1:{port}/")


def test_every_refusal_of_an_outage_counts_at_once_and_its_repetitions_do_not() -> None:
    """Two hundred a second, looked at every 50 ms: all before the first can have been tried again, and each once in the end."""
    refusals, at = Refusals(), 0.0
    for number in range(9):
        refusals.add(at, at + 0.05, 10, 0)
        at = (number + 1) * 0.05
    assert refusals.requests == 90
    refusals.add(1.0, 1.05, 90, 0)
    refusals.add(2.05, 2.1, 0, 90)
    assert refusals.requests == 90


def test_a_look_that_took_long_may_hold_several_attempts_of_one_request() -> None:
    """Then only so many requests count as there must have been."""
    refusals = Refusals()
    refusals.add(0.0, 2 * WAIT, 9, 0)
    assert refusals.requests == 3


def test_errors_without_a_retry_before_them_count_each() -> None:
    """With ``retries 0``, or where no server is up at all."""
    refusals = Refusals()
    refusals.add(0.0, 0.05, 0, 7)
    refusals.add(5.0, 5.05, 0, 7)
    assert refusals.requests == 14


def test_a_new_worker_knows_nothing_of_the_requests_of_the_one_before() -> None:
    """What it refuses is new, and so is what it refuses long after."""
    refusals = Refusals()
    refusals.add(0.0, 0.05, 5, 0)
    refusals.forget()
    refusals.add(1.0, 1.05, 5, 0)
    assert refusals.requests == 10
    refusals.add(2.0 + MEMORY, 2.05 + MEMORY, 5, 0)
    assert refusals.requests == 15


@given(st.randoms(use_true_random=False), st.sampled_from([0.02, 0.05, 0.3, 1.2]))
def test_never_more_than_there_were_and_never_less_than_failed(shuffled: random.Random, pause: float) -> None:
    """Whatever requests are refused how often, and however HAProxy is looked at: each counts once at the most."""
    events = sorted(_attempts(shuffled))
    refusals, at, seen = Refusals(), 0.0, 0
    begun: set[int] = set()
    failed = 0
    while seen < len(events):
        since, at, retries, errors = at, at + shuffled.uniform(0.5, 1.5) * pause, 0, 0
        while seen < len(events) and events[seen][0] <= at:
            _, request, last = events[seen]
            begun.add(request)
            retries, errors, seen = retries + (not last), errors + last, seen + 1
        failed += errors
        refusals.add(since, at, retries, errors)
        assert failed <= refusals.requests <= len(begun)


def _attempts(shuffled: random.Random) -> list[tuple[float, int, bool]]:
    """When attempts of some requests were refused, by the number of the request, and whether HAProxy gave it up then."""
    found, most, wait = [], shuffled.randint(1, 4), shuffled.uniform(WAIT, 5.0)
    for request in range(shuffled.randint(1, 60)):
        at, refused, given_up = shuffled.uniform(0.0, 10.0), shuffled.randint(1, most), shuffled.random() < 0.5
        for attempt in range(refused):
            found.append((at, request, given_up and attempt == refused - 1))
            at += wait + shuffled.uniform(0.0, 0.1)
    return found
