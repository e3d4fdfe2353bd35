"""Tokens: what is kept of them opens nothing, and only the right text opens anything."""

import hmac
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.core.people import Role, Scope
from guardian.core.signatures import ReplayWindow, signature, signed
from guardian.core.tokens import RANDOM_BYTES, Token, identified, mint, opens

RANDOM = bytes(range(RANDOM_BYTES))
MADE = mint(RANDOM)
TOKEN = Token(MADE.id, "ci", Role.OPERATOR, Scope.API, ("web",), MADE.digest, 100.0, "rina", 200.0)


def test_only_its_own_text_opens_a_token() -> None:
    """Another secret, another id, something before or after: none of them does."""
    other = mint(RANDOM[::-1])
    assert opens(MADE.text, TOKEN)
    assert identified(MADE.text) == TOKEN.id
    for text in ("", MADE.id, MADE.digest, MADE.text[:-1], MADE.text + "A", f" {MADE.text}", MADE.text.upper(), other.text):
        assert not opens(text, TOKEN), text
    assert not opens(MADE.text, None)
    assert not opens(MADE.text, replace(TOKEN, digest=other.digest))


@given(st.text(max_size=100))
def test_no_text_at_all_opens_a_token_or_breaks_it(text: str) -> None:
    """Whatever is sent in place of a token."""
    assert not opens(text, TOKEN)
    assert identified(text) in ("", text[4:16])


def test_the_text_cannot_be_told_from_what_is_kept() -> None:
    """Only the hash of the secret is kept, and the id, which is no secret."""
    assert MADE.text.split("_", 2)[2] not in repr(TOKEN)
    assert len(MADE.text) == len("gdn_") + 12 + 1 + 43
    assert mint(RANDOM) == MADE


def test_a_token_ends() -> None:
    """At its time, or when it is revoked."""
    assert TOKEN.valid(199.9)
    assert not TOKEN.valid(200.0)
    assert not replace(TOKEN, revoked_at=150.0).valid(160.0)


def test_who_shows_a_token_is_told_from_users_of_the_host() -> None:
    """No user name has a blank in it."""
    person = TOKEN.person
    assert (person.name, person.role, person.services) == ("token ci", Role.OPERATOR, frozenset({"web"}))


@given(st.binary(min_size=1, max_size=64), st.binary(max_size=200), st.binary(max_size=200))
def test_a_signature_is_that_of_one_body_and_one_secret(secret: bytes, body: bytes, other: bytes) -> None:
    """The right one is taken, and none that was made for something else."""
    assert signature(secret, body) == hmac.new(secret, body, sha256).hexdigest()
    assert signed(secret, body, signature(secret, body))
    assert signed(secret, other, signature(secret, body)) is (body == other)
    assert not signed(secret + b"x", body, signature(secret, body))


@pytest.mark.parametrize("given_", ["", "0" * 64, "é" * 64, "sha256=", "\ud800"])
def test_what_is_no_signature_signs_nothing(given_: str) -> None:
    """Whatever stands in the header; and an empty secret, which a missing file could give, signs nothing at all."""
    assert not signed(b"secret", b"body", given_)
    assert not signed(b"", b"body", signature(b"", b"body"))


def test_a_message_is_admitted_once() -> None:
    """Again is too often, also much later while its time would still fit."""
    window = ReplayWindow(seconds=300)
    assert window.admit("a", sent_at=1000.0, now=1010.0)
    assert not window.admit("a", sent_at=1000.0, now=1011.0)
    assert not window.admit("a", sent_at=1000.0, now=1300.0)
    assert window.admit("b", sent_at=1011.0, now=1011.0)


@pytest.mark.parametrize("sent_at", [699.0, 1301.0, float("nan"), float("inf")])
def test_a_message_from_another_time_is_not_admitted(sent_at: float) -> None:
    """Old ones may have been taken from a log, future ones would be good for longer than the window remembers."""
    assert not ReplayWindow(seconds=300).admit("a", sent_at, now=1000.0)


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(-400, 400), st.floats(0, 200)), max_size=60))
def test_nothing_is_admitted_twice_whatever_the_times(messages: list[tuple[int, float, float]]) -> None:
    """Marks are forgotten only when their messages would be too old anyway."""
    window, now, taken = ReplayWindow(seconds=300), 1000.0, set()
    first: dict[int, float] = {}
    for mark, offset, step in messages:
        now += step
        sent_at = first.setdefault(mark, now + offset)  # a replay has the time of the original
        if window.admit(str(mark), sent_at, now):
            assert mark not in taken
            taken.add(mark)


def test_a_flood_is_bounded_and_gets_no_replay_through() -> None:
    """When too many marks are young, new messages wait; what was seen stays seen."""
    window = ReplayWindow(seconds=300, most=3)
    assert [window.admit(mark, 1000.0, 1000.0) for mark in "abcd"] == [True, True, True, False]
    assert not window.admit("a", 1000.0, 1000.0)
    assert window.admit("d", 1700.0, 1700.0)
