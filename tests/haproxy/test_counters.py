"""``show stat`` as readings: from any table that HAProxy may print, and from any garbage."""

import random
import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.balancers.haproxy.balancer import HAProxy
from guardian.balancers.haproxy.counters import COLUMNS, FEW, Table, questions
from guardian.core.ports import BalancerError, BalancerGone, BalancerUnfit
from guardian.core.readings import Counters
from guardian.demo.haproxy import HAProxyProcess
from tests.waiting import eventually

HEADER = ["pxname", "svname", "status", "act", "bck", "weight", "last_chk", "mode", *COLUMNS.values()]
VALUES = {"pxname": "web_blue", "svname": "BACKEND", "status": "UP", "act": "2", "bck": "1", "mode": "http"}
VALUES |= {column: str(100 + number) for number, column in enumerate(COLUMNS.values())}
EXPECTED = Counters(**{name: 100 + number for number, name in enumerate(COLUMNS)}, servers_up=3)


def table(values: dict[str, str], header: list[str] = HEADER) -> str:
    """What HAProxy prints for one row."""
    return f"# {','.join(header)},\n{','.join(values.get(column, '') for column in header)},\n"


def read(*texts: str) -> Counters:
    """The counters of web_blue in ``texts``."""
    return Table().counters(["web_blue"], texts)["web_blue"]


@given(st.randoms(use_true_random=False))
def test_columns_are_found_by_name(shuffled: random.Random) -> None:
    """Wherever a version of HAProxy puts a column, its value goes where it belongs."""
    header = ["pxname", *shuffled.sample(HEADER[1:], len(HEADER) - 1)]
    assert read(table(VALUES, header)) == EXPECTED


def test_another_header_is_noticed() -> None:
    """After a HAProxy of another version has taken over, the columns are found anew."""
    reader = Table()
    for header in (HEADER, [HEADER[0], *reversed(HEADER[1:])], HEADER):
        assert reader.counters(["web_blue"], [table(VALUES, header)]) == {"web_blue": EXPECTED}


def test_a_comma_in_quotes_separates_nothing() -> None:
    """The text of a health check may hold commas and quotes; the columns after it keep their places."""
    assert read(table(VALUES | {"last_chk": '"connect, then ""refused"""'})) == EXPECTED


def test_empty_fields_count_nothing() -> None:
    """A TCP backend has no HTTP counters: they are 0."""
    assert read(table({name: value for name, value in VALUES.items() if name not in COLUMNS.values()})) == Counters(servers_up=3)


@pytest.mark.parametrize(("status", "up"), [("UP", 3), ("DOWN", 0)])
def test_a_backend_that_is_down_has_no_server_up(status: str, up: int) -> None:
    """HAProxy's own word for the backend decides, whatever it counts beside it."""
    assert read(table(VALUES | {"status": status})).servers_up == up


def test_rows_of_servers_and_of_others_are_not_the_backend() -> None:
    """Only the backend's own row is read, and only for the name that was asked for."""
    others = [table(VALUES | {"svname": "blue1"}), table(VALUES | {"pxname": "web_green"}), table(VALUES | {"svname": "FRONTEND"})]
    assert read(*others, table(VALUES)) == EXPECTED
    with pytest.raises(BalancerUnfit, match="web_blue"):
        read(*others)


@pytest.mark.parametrize("column", ["svname", "status", "act", *COLUMNS.values()])
def test_a_missing_column_is_named(column: str) -> None:
    """A HAProxy without a column that guardian needs is unfit, not all zeros."""
    with pytest.raises(BalancerUnfit, match=f" {column}:"):
        read(table(VALUES, [name for name in HEADER if name != column]))


@pytest.mark.parametrize("value", ["-1", "1.5", "x", "1e3", "9" * 5_000, " 1"])
def test_a_count_that_is_none_is_garbage(value: str) -> None:
    """A field that is no whole number makes the whole answer unusable."""
    with pytest.raises(BalancerGone, match="show stat"):
        read(table(VALUES | {"req_tot": value}))


@given(st.one_of(st.text(), st.text().map(lambda text: table(VALUES) + text), st.text().map(lambda text: f"# {text}\n{text}")))
def test_garbage_is_a_balancer_error(text: str) -> None:
    """No text whatever brings the reader to anything but a reading or one of the port's errors."""
    with suppress(BalancerError):
        read(text)
    with suppress(BalancerError):
        Table().health("web_blue", text)


@given(st.integers(0, len(table(VALUES))), st.integers(0, len(table(VALUES))), st.binary(max_size=6))
def test_a_damaged_answer_is_read_or_refused(start: int, length: int, damage: bytes) -> None:
    """An answer with a piece missing or replaced gives a reading or one of the port's errors."""
    whole = table(VALUES)
    with suppress(BalancerError):
        read(whole[:start] + damage.decode("ascii", "replace") + whole[start + length :])


def test_refused_requests_are_counted_from_one_look_to_the_next() -> None:
    """From nothing at the first look; a row that did not change brings none, and one that began anew none either."""
    reader = Table()

    def unreached(at: float, retries: int, errors: int) -> int:
        text = table(VALUES | {"wretr": str(retries), "econ": str(errors)})
        return reader.looked(["web_blue"], [text], at)["web_blue"].unreached

    assert [unreached(0.00, 900, 70), unreached(0.05, 904, 70), unreached(0.10, 904, 70), unreached(0.15, 904, 80)] == [0, 4, 4, 10]
    assert [unreached(0.20, 0, 0), unreached(0.25, 3, 0)] == [10, 13]


async def test_many_backends_are_asked_for_in_one_command(balancer: HAProxy) -> None:
    """Beyond a few names one command for all gives the same readings."""
    few, many = ["web_blue", "web_green"], ["web_blue", "web_green"] * FEW
    assert (len(questions(few)), len(questions(many))) == (2, 1)
    assert (await balancer.snapshot(many)).backends == (await balancer.snapshot(few)).backends


@pytest.mark.parametrize(
    ("order", "state"),
    [
        ("disable server web_green/green1", "MAINT"),
        ("set server web_green/green1 state drain", "DRAIN"),
        ("set weight web_green/green1 0", ".* with weight 0"),
        ("disable health web_green/green1;set server web_green/green1 health down", "DOWN"),
    ],
)
async def test_a_server_that_gets_no_traffic_is_not_up(haproxy: HAProxyProcess, balancer: HAProxy, order: str, state: str) -> None:
    """A server that somebody took out in any way does not make its environment able, and its state is told."""
    await balancer._runtime.ask(*order.split(";"))

    async def unable() -> bool:
        return not (await balancer.health("web_green")).able

    await eventually(unable)
    assert re.search(f"green1 {state}", (await balancer.health("web_green")).reason)


async def test_a_server_without_health_checks_counts_as_up(haproxy: HAProxyProcess, balancer: HAProxy) -> None:
    """HAProxy sends it traffic, so the environment is able."""
    configuration = haproxy.configuration.read_text()
    haproxy.configuration.write_text(configuration.replace(" check inter 200ms fall 2 rise 1", ""))
    await haproxy.reload()
    assert (await balancer.health("web_green")).servers_up == 1
    assert (await balancer.snapshot(["web_green"])).backends["web_green"].servers_up == 1
