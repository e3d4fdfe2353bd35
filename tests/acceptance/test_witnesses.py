"""The witnesses say so when something is not as promised, and only then."""

import socket
import time

import pytest

from guardian.core.model import Environment
from tests.doubles.recorder import ON_ITS_WAY, Entry, Witnesses
from tests.waiting import eventually

BLUE, GREEN = Environment.BLUE, Environment.GREEN
NOWHERE = 9
"""A port that is not asked: these witnesses are told what they saw."""


def saw(clients: Witnesses, answered: Environment | None, blamed: Environment | None = None, sent: float | None = None) -> None:
    """Let a client have seen an answer, or a failure, to what it sent just now."""
    clients.record.entries.append(Entry("told", time.monotonic() if sent is None else sent, answered, 1, blamed))


def test_who_asked_nothing_holds_up_nothing() -> None:
    """No requests are no proof."""
    with pytest.raises(AssertionError, match="nobody asked"):
        Witnesses(NOWHERE).hold()


@pytest.mark.parametrize(("answered", "blamed"), [(BLUE, None), (None, BLUE)])
def test_an_abandoned_side_may_neither_answer_nor_fail_anybody(answered: Environment | None, blamed: Environment | None) -> None:
    """From the acknowledgement on, even where its failures were excused before."""
    clients = Witnesses(NOWHERE)
    clients.fails(BLUE)
    saw(clients, answered, blamed)
    clients.hold()
    clients.abandoned(BLUE)
    saw(clients, GREEN)
    clients.hold()
    saw(clients, answered, blamed)
    with pytest.raises(AssertionError):
        clients.hold()


def test_once_it_may_return_it_may_answer_again() -> None:
    """But what it answered before is not forgiven."""
    clients = Witnesses(NOWHERE)
    clients.abandoned(BLUE)
    clients.may_return()
    saw(clients, BLUE)
    clients.hold()
    clients.abandoned(BLUE)
    saw(clients, BLUE)
    clients.may_return()
    with pytest.raises(AssertionError):
        clients.hold()


def test_only_the_side_that_is_told_may_fail() -> None:
    """Neither the other one, nor requests that nobody answered."""
    for blamed in (BLUE, None):
        clients = Witnesses(NOWHERE)
        clients.fails(GREEN)
        saw(clients, None, GREEN)
        clients.hold()
        saw(clients, None, blamed)
        with pytest.raises(AssertionError):
            clients.hold()


def test_a_failure_is_excused_from_the_fault_to_its_mending() -> None:
    """A request that was on its way then is of the fault, one from well before or after it is not."""
    clients = Witnesses(NOWHERE)
    clients.fails(None)
    began = time.monotonic()
    saw(clients, None, sent=began - ON_ITS_WAY / 2)
    clients.mended()
    clients.hold()
    for sent in (began - 2 * ON_ITS_WAY, time.monotonic()):
        saw(clients, None, sent=sent)
        with pytest.raises(AssertionError):
            clients.hold()
        clients.record.entries.pop()
    clients.hold()


async def test_they_ask_all_the_time_and_judge_at_the_end() -> None:
    """Where nobody listens every request of both kinds fails: an error, unless that was told."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # and does not listen
        port = held.getsockname()[1]
        with pytest.raises(AssertionError):
            async with Witnesses(port) as clients:
                await both_failed(clients)
        async with Witnesses(port) as clients:
            clients.fails(None)
            await both_failed(clients)
            await clients.seen(4, 10.0)


async def both_failed(clients: Witnesses) -> None:
    """Wait until clients of both kinds have asked."""

    async def asked() -> bool:
        return {entry.client for entry in clients.record.failed} == {"KeptAlive", "Http2"}

    await eventually(asked)


async def test_a_failure_of_the_test_itself_comes_first() -> None:
    """What the witnesses saw does not hide it."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        with pytest.raises(ZeroDivisionError):
            async with Witnesses(held.getsockname()[1]):
                raise ZeroDivisionError
