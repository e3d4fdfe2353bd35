"""How numbers are written for people."""

import re

_FIGURE = re.compile(r"[0-9]+(?:[.,:]? ?[0-9]+)*")


def percent(rate: float) -> str:
    """A rate as a percentage with two or three figures: ``5.2 %``, ``0.30 %``, ``100 %``."""
    value = round(rate * 100, 9)  # 0.07 * 100 is a little more than 7
    if value == 0:
        return "0 %"
    if value >= 99.95 or value == int(value):
        return f"{value:.0f} %"
    return f"{value:.1f} %" if value >= 1 else f"{value:.2f} %" if value >= 0.01 else f"{value:.1g} %"


def seconds(duration: float) -> str:
    """A duration in the unit that people would say: ``43 ms``, ``0.21 s``, ``12 s``, ``5 min 20 s``, ``2 h 5 min``, ``3 d 4 h``."""
    if duration < 0.1:
        return f"{duration * 1000:.0f} ms"
    if duration < 10:
        return f"{duration:.2f} s"
    whole = round(duration)
    for size, name, small, small_name in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            large, rest = divmod(whole, size)
            return f"{large} {name} {rest // small} {small_name}" if rest // small else f"{large} {name}"
    return f"{whole} s"


def count(number: float) -> str:
    """A whole number with thousands separated: ``1,024``."""
    return f"{number:,.0f}"


def share(basis_points: int) -> str:
    """A share in basis points as a percentage: ``5 %``, ``0.25 %``."""
    return f"{basis_points / 100:g} %"


def one_in(probability: float) -> str:
    """A small probability as people say it: ``1 of 1,000``."""
    return f"1 of {count(round(1 / probability))}"


def without_figures(sentence: str) -> str:
    """``sentence`` as it is whatever numbers stand in it: two that differ in nothing else are no two reasons."""
    return _FIGURE.sub("#", sentence)
