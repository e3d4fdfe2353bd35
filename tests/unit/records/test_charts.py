"""Charts: what stands on them, for eyes and for ears."""

import struct
import zlib
from io import BytesIO

import pytest
from matplotlib.image import imread

from guardian.core.model import Environment
from guardian.core.rules import Direction, Unit
from guardian.records.charts import Chart, Line, Moment, drawn, render

BLUE = Line(Environment.BLUE, tuple((float(at), 0.002) for at in range(-60, 5, 5)))
GREEN = Line(Environment.GREEN, tuple((float(at), 0.2 if at >= 20 else 0.004) for at in range(0, 65, 5)))
CHART = Chart(
    title="web: server-errors",
    subtitle="web-41",
    candidate=Environment.GREEN,
    lines=(BLUE, GREEN),
    unit=Unit.SHARE,
    limit=0.05,
    moments=(Moment(22.0, "first breach"), Moment(22.5, "rollback")),
)


def chunks(png: bytes) -> dict[bytes, bytes]:
    """The parts of a PNG by kind, each held against its checksum."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    found, at = {}, 8
    while at < len(png):
        size, kind = struct.unpack(">I4s", png[at : at + 8])
        body = png[at + 8 : at + 8 + size]
        assert struct.unpack(">I", png[at + 8 + size : at + 12 + size])[0] == zlib.crc32(kind + body)
        found[kind] = found.get(kind, b"") + body
        at += 12 + size
    return found


def colours(png: bytes) -> set[tuple[int, int, int]]:
    """Every colour of the picture that stands there unmixed."""
    pixels = (imread(BytesIO(png))[:, :, :3] * 255).round().astype(int)
    return {tuple(pixel) for pixel in pixels.reshape(-1, 3).tolist()}


def test_a_chart_is_a_png_of_one_size_that_holds_its_text() -> None:
    """1,200 by 648 pixels, with the alternative text inside."""
    parts = chunks(render(CHART))
    assert struct.unpack(">II", parts[b"IHDR"][:8]) == (1200, 648)
    assert CHART.alt.encode() in parts[b"tEXt"]


def test_both_environments_the_limit_and_the_moments_are_drawn() -> None:
    """Blue, green, the limit's and the moments' vermilion and the cutover's ink are there; without lines two of them are not."""
    blue, green, vermilion, ink = (0, 114, 178), (0, 158, 115), (213, 94, 0), (26, 26, 26)
    assert {blue, green, vermilion, ink} <= colours(render(CHART))
    empty = Chart("web: idle", "", Environment.GREEN, ())
    assert not {blue, green, vermilion} & colours(render(empty))


def test_the_chart_is_told_in_words() -> None:
    """Highest values before and after the cutover, limit and moments."""
    assert CHART.alt == (
        "web: server-errors. blue: before the cutover at most 0.20 % and after it at most 0.20 %; green (on trial): after it "
        "at most 20 %; limit 5 %; first breach 22 s after the cutover; rollback 22 s after the cutover."
    )
    assert "blue: nothing was measured" in Chart("t", "", Environment.GREEN, (Line(Environment.BLUE, ()),)).alt


@pytest.mark.parametrize("values", [(), (0.0,), (-5.0, -1.0), (1e12, 3e12), (1e-9,), (5.0, 5.0)])
@pytest.mark.parametrize("limit", [None, 0.0, 5.0, -1.0])
def test_any_values_can_be_drawn(values: tuple[float, ...], limit: float | None) -> None:
    """None, one, negative, tiny, huge and equal ones, above and below the limit, with foreign text in the title."""
    line = Line(Environment.BLUE, tuple((float(at), value) for at, value in enumerate(values)))
    many = tuple(Moment(float(at), f"moment {at}") for at in range(6))
    chart = Chart("$x_1^2$ \x00 <b>" * 20, "\u202e", Environment.BLUE, (line,), limit=limit, bad=Direction.BELOW, moments=many)
    assert struct.unpack(">II", chunks(render(chart))[b"IHDR"][:8]) == (1200, 648)


async def test_another_process_draws_the_same() -> None:
    """The program that watches releases never loads Matplotlib."""
    assert await drawn(CHART, 60.0) == render(CHART)


async def test_a_chart_that_takes_too_long_is_given_up() -> None:
    """The deadline holds, and the process is gone."""
    with pytest.raises(TimeoutError):
        await drawn(CHART, 0.01)
