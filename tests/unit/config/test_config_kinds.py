"""The edges of what single values may be."""

from pathlib import Path

import pytest

from guardian.config import kinds
from guardian.config.fields import Kind, Misfit
from guardian.config.rule import CONFIRMATIONS

TIME = kinds.duration("10ms", "1h", "1s")
SHARE = kinds.share("1%")
TIMES = kinds.multiple("1x", "100x", "2x")
CHANCE = kinds.number("1e-9", "0.1", "0.001")
WHOLE = kinds.whole("0", "1000", "300")
SOCKET = kinds.socket(Path("/"), "a.sock")


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (TIME, "10ms", 0.01),
        (TIME, "60m", 3600.0),
        (TIME, "0.5 m", 30.0),
        (kinds.duration("1s", "7d", "10m"), "7d", 604_800.0),
        (SHARE, "0.7%", 0.007),
        (SHARE, "99.9 %", 0.999),
        (TIMES, "1x", 1.0),
        (TIMES, "100 x", 100.0),
        (CHANCE, "1e-9", 1e-9),
        (CHANCE, "0.1", 0.1),
        (WHOLE, "0", 0),
        (WHOLE, "1000", 1000),
        (CONFIRMATIONS, "1", (1, 1)),
        (CONFIRMATIONS, "1000 of 1000", (1000, 1000)),
        (kinds.SENTENCE, "x" * 200, "x" * 200),
        (kinds.GROUP, "_ssh", "_ssh"),
        (SOCKET, "s" * 106, Path("/" + "s" * 106)),
    ],
)
def test_the_last_value_that_fits_is_taken(kind: Kind[object], text: str, value: object) -> None:
    """The ends of a range belong to it, and units are converted exactly."""
    assert kind.read(text) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (TIME, "9.99ms"),
        (TIME, "3600.1s"),
        (TIME, "1S"),
        (TIME, "1 s s"),
        (TIME, "1e3s"),
        (SHARE, "0%"),
        (SHARE, "100%"),
        (SHARE, "1%%"),
        (TIMES, "0.99x"),
        (TIMES, "100.1x"),
        (CHANCE, "0.9e-9"),
        (CHANCE, "0.11"),
        (CHANCE, "nan"),
        (CHANCE, "1e999"),
        (WHOLE, "1001"),
        (WHOLE, "1_000"),
        (CONFIRMATIONS, "0"),
        (CONFIRMATIONS, "1001"),
        (CONFIRMATIONS, "3 of 2"),
        (kinds.SENTENCE, "  \n "),
        (kinds.SENTENCE, "x" * 201),
        (kinds.GROUP, "0660"),
        (SOCKET, "s" * 107),
        (SOCKET, "ü" * 54),
    ],
)
def test_the_first_value_that_does_not_fit_is_refused(kind: Kind[object], text: str) -> None:
    """Just beyond a range, or nearly of its form, is a misfit."""
    with pytest.raises(Misfit):
        kind.read(text)
