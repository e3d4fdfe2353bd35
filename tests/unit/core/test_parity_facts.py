"""Facts of both environments, side by side."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.core.parity import compare, numbered, read_facts

FACTS = st.dictionaries(st.text(min_size=1, max_size=5), st.text(max_size=5), max_size=8)


def test_differences_come_first_and_exceptions_are_named() -> None:
    """What may not differ is told first, then what may, then what is the same."""
    found = compare({"a": "1", "b": "1", "file:/etc/x": "1"}, {"a": "1", "b": "2", "file:/etc/x": "2", "c": "3"}, ("file:*",))
    assert [(row.name, row.blue, row.green, row.same, row.allowed) for row in found.rows] == [
        ("b", "1", "2", False, False),
        ("c", None, "3", False, False),
        ("file:/etc/x", "1", "2", False, True),
        ("a", "1", "1", True, False),
    ]
    assert not found.alike


@given(FACTS)
def test_an_environment_is_like_itself(facts: dict[str, str]) -> None:
    """Nothing differs from itself."""
    assert compare(facts, facts, ()).alike


@given(FACTS, FACTS)
def test_comparing_has_no_favourite(blue: dict[str, str], green: dict[str, str]) -> None:
    """The same differences whichever side is called blue."""
    there, back = compare(blue, green, ()), compare(green, blue, ())
    assert {row.name for row in there.differences} == {row.name for row in back.differences}
    assert there.alike is (blue == green)


def test_what_is_not_known_is_not_alike() -> None:
    """A fact that could not be found out is trouble, and never a sameness."""
    assert not compare({"a": "1"}, {"a": "1"}, (), ["the facts of green are not known"]).alike


def test_lines_of_a_configuration_become_facts_by_their_first_words() -> None:
    """Two values of one option stand side by side, and one that is written twice is two facts."""
    assert numbered(
        ["balance roundrobin", "option httpchk GET /", "timeout server 3s", "acl a", "acl b", "option redispatch"], "cfg"
    ) == {
        "cfg balance": "roundrobin",
        "cfg option httpchk": "GET /",
        "cfg timeout server": "3s",
        "cfg acl": "a",
        "cfg acl (2)": "b",
        "cfg option redispatch": "set",
    }


def test_facts_are_read_a_line_each() -> None:
    """A name, a blank, a value; a name alone has an empty value."""
    assert read_facts(["package:curl 7.88.1-10", "", "  file:/etc/app.conf  a1b2 c3  ", "flag"]) == {
        "package:curl": "7.88.1-10",
        "file:/etc/app.conf": "a1b2 c3",
        "flag": "",
    }


def test_a_fact_that_is_given_twice_is_refused() -> None:
    """Nobody knows which of the two is meant."""
    with pytest.raises(ValueError, match="line 2 gives `a` a second time"):
        read_facts(["a 1", "a 2"])
