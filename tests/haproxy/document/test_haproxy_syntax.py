"""How a line is read, against HAProxy itself."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guardian.balancers.haproxy.document import SECTIONS
from guardian.balancers.haproxy.syntax import keyword, words
from guardian.demo.haproxy import wheel_binary

PIECES = st.sampled_from(
    [
        *" \t\v\f\r\"'#\\$!{}|,%aéx",
        "\\ ",
        "\\#",
        '\\"',
        "\\'",
        "\\\\",
        "\\x41",
        "\\n",
        "\\t",
        "\\$",
        "web",
        "if",
        "frontend",
        "'a b'",
        '"c d"',
    ]
)
LINES = st.lists(st.lists(PIECES, max_size=14).map("".join), min_size=1, max_size=200)


def dump(lines: list[str], path: Path) -> list[str]:
    """The words that HAProxy reads in ``lines``, as it prints them: a tab before all but sections, a blank after each word."""
    path.write_bytes("".join(f"{line}\n" for line in lines).encode())
    run = subprocess.run(
        [wheel_binary(), "-dC", "-c", "-f", path], capture_output=True, timeout=20, check=False, stdin=subprocess.DEVNULL
    )
    assert b"ALERT" not in run.stderr, run.stderr.decode()
    return run.stdout.decode().split("\n")[: len(lines)]


def fit(line: str) -> bool:
    """Whether the dump tells all about ``line``: it does not show empty words, nor where control characters in words came from."""
    read = words(line)
    simple = all(word.value and not set(word.value) & set("\n\t\r") for word in read)
    refused = not read and set(line) & set("\"'\\")
    return simple and not refused and "''" not in line and '""' not in line and not line.lstrip().startswith("[")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=LINES)
def test_words_are_those_that_haproxy_reads(lines: list[str], tmp_path: Path) -> None:
    """Quotes, escapes, blanks, comments, carriage returns are read as HAProxy reads them; sections begin where it begins them."""
    fitting = [line for line in lines if fit(line)]
    read = [[word.value or "" for word in words(line)] for line in fitting]
    expected = [("" if one and one[0] in SECTIONS else "\t") + "".join(f"{word} " for word in one) for one in read]
    assert dump(fitting, tmp_path / "lines.cfg") == expected
    assert [keyword(line) for line in fitting] == [one[0] if one else "" for one in read]


@pytest.mark.parametrize("line", ["a 'b", 'a "b', "a 'b\r'", '"', "a b'c\"d' \"", 'a "b\\"', "a \\xA", 'a "\\xg"'])
def test_a_line_that_haproxy_refuses_has_no_words(line: str, tmp_path: Path) -> None:
    """HAProxy refuses a line with an unmatched quote or an incomplete escape, and guardian reads nothing in it."""
    with pytest.raises(AssertionError, match=r"unmatched quote|invalid hexadecimal"):
        dump([line], tmp_path / "lines.cfg")
    assert words(line) == ()


@pytest.mark.parametrize("line", ['use_backend "$X"', 'use_backend "a${X}b"', 'use_backend "${X-a "b}"', 'use_backend a"\\\\$X"'])
def test_an_environment_variable_leaves_the_value_open(line: str) -> None:
    """A word that depends on the environment has no value, and still its text."""
    word = words(line)[1]
    assert word.value is None
    assert f"use_backend {word.raw}" == line


@pytest.mark.parametrize(
    ("raw", "value"), [("$X", "$X"), ("'$X'", "$X"), ('"\\$X"', "$X"), ("${X}", "${X}"), ('"a\\\\\\$X"', "a\\$X")]
)
def test_a_dollar_that_haproxy_does_not_expand_is_a_dollar(raw: str, value: str) -> None:
    """Variables are expanded between double quotes only, and not after a backslash."""
    assert words(f"use_backend {raw}")[1].value == value


@pytest.mark.parametrize("line", ["a b '' c", 'a b "" c', "a b \"\"'' c"])
def test_an_empty_word_ends_the_words(line: str) -> None:
    """HAProxy takes an empty word for the end of the line."""
    assert [word.value for word in words(line)] == ["a", "b"]


def test_sections_begin_with_the_words_that_haproxy_knows(tmp_path: Path) -> None:
    """Every section of HAProxy 2.8 is known as one; the others that guardian knows came later, or stand in files of their own."""
    dumped = dump([f"{word} x" for word in sorted(SECTIONS)], tmp_path / "lines.cfg")
    begun = {line.split()[0] for line in dumped if not line.startswith("\t")}
    later = {
        "crt-store",
        "log-profile",
        "traces",
        "acme",
        "healthcheck",
        "spoe-agent",
        "spoe-group",
        "spoe-message",
        "namespace_list",
    }
    assert begun | later == SECTIONS


def test_a_hostile_line_is_read_in_its_own_time() -> None:
    """No line takes more than a look at each of its characters: this one has a million ways to be split."""
    assert words('a "' + "${A}" * 100_000) == ()
    assert words("a " + "\\" * 100_000 + '"') == ()
