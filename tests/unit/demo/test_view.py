"""What the demonstration shows."""

import io

import pytest
from rich.console import Console

from guardian.core.model import Environment, Split
from guardian.demo.frame import Frame, Lane, Moment, Tone
from guardian.demo.picture import Picture, bars, milliseconds, percent
from guardian.demo.view import LiveView, PlainView, view_for

BLUE = Lane(Environment.BLUE, "v1", "serving", 285.2, 0.0, 0.0021, 0.0046, (300.0,) * 90, (0.0,) * 90)
GREEN = Lane(Environment.GREEN, "v2", "on trial", 15.4, 0.0591, 0.0021, None, (15.0,) * 90, (0.0,) * 89 + (1.0,))
TIMELINE = (
    Moment(0.0, "Traffic is on blue."),
    Moment(61.25, "Green [bold]v2[/bold] fails 5.9 % of its requests.", Tone.BAD),
    Moment(61.3, "Rolled back to blue.", Tone.GOOD),
)


def frame(elapsed: float = 62.9, green: int = 500, timeline: tuple[Moment, ...] = TIMELINE) -> Frame:
    """A frame in the middle of a rollback."""
    return Frame(elapsed, "Act 2 of 2", "rolling back", "Traffic goes back.", Split(green), BLUE, GREEN, 3, timeline, Tone.BAD)


def drawn(shown: Frame, width: int, height: int) -> list[str]:
    """The frame as text without colours."""
    console = Console(width=width, height=height, file=io.StringIO(), color_system=None)
    return ["".join(part.text for part in line) for line in console.render_lines(Picture(shown))]


@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 30), (200, 60)])
def test_fits_the_terminal_and_leaves_a_line_for_the_prompt(width: int, height: int) -> None:
    """From 80 by 24 upwards everything has its place, and no line is wider or lower than the terminal."""
    lines = drawn(frame(), width, height)
    assert len(lines) == height - 1
    assert all(len(line.rstrip()) <= width for line in lines)
    text = "\n".join(lines)
    for word in (
        "1:02",
        "ROLLING BACK",
        "BLUE  95 %",
        "5 %  GREEN",
        "285 requests/s",
        "5.9 % errors",
        "p50 2.1 ms",
        "p99 -",
        "failed connections 3",
    ):
        assert word in text


def test_a_tiny_terminal_is_survived() -> None:
    """Less than 80 by 24 shows less, and breaks nothing."""
    assert any("ROLLING" in line for line in drawn(frame(), 40, 10))
    assert drawn(frame(), 10, 3)


def test_the_first_picture_has_no_past() -> None:
    """Before any traffic there are no graphs and no figures, and everything else has its place."""
    silent = [Lane(environment, "v1", "serving", 0.0, None, None, None) for environment in Environment]
    text = "\n".join(drawn(Frame(0.0, "Act 1", "steady", "", Split(0), *silent, 0), 80, 24))
    assert text.count("0 requests/s   - errors") == 2
    assert text.count("p50 -   p99 -") == 2


def test_nothing_is_said_by_colour_alone() -> None:
    """Without colours the two sides of the bar differ by texture, and good and bad events by their mark."""
    lines = drawn(frame(green=5000), 100, 30)
    assert any("█" * 49 + "▒" * 49 in line for line in lines)
    assert any("✗ Green [bold]v2[/bold] fails" in line for line in lines)
    assert any("✓ Rolled back" in line for line in lines)


@pytest.mark.parametrize(("green", "blue_columns", "green_columns"), [(0, 79, 0), (1, 78, 1), (9_999, 1, 78), (10_000, 0, 79)])
def test_a_small_share_is_seen(green: int, blue_columns: int, green_columns: int) -> None:
    """An environment with any traffic has at least one column of the bar, and one without has none."""
    bar = next(line for line in drawn(frame(green=green), 80, 24) if "██" in line or "▒▒" in line)
    assert (bar.count("█"), bar.count("▒")) == (blue_columns, green_columns)


def test_the_timeline_keeps_the_newest_moments_whole() -> None:
    """When there are more moments than lines the oldest go, and a sentence that needs several lines has them all."""
    long = "word " * 30 + "end."
    moments = (*(Moment(number, f"Event {number}.") for number in range(50)), Moment(50.0, long))
    lines = drawn(frame(timeline=moments), 80, 24)
    text = " ".join(line.strip("│ ") for line in lines)
    assert "Event 49." in text
    assert "Event 0." not in text
    assert " ".join(text.split()).count("word") == 30
    assert "end." in text


def test_bars_show_the_newest_values() -> None:
    """The newest value is rightmost, the highest fills its column, a small one still shows, and nothing is blank."""
    assert bars([9.0, 0.0, 0.001, 1.0, 2.0], 2.0, 4, 2) == ["   █", " ▁██"]
    assert bars([1.0], 2.0, 3, 1) == ["  ▄"]


def test_figures_are_written_for_people() -> None:
    """Shares and latencies have a unit, and what is not known is a dash."""
    assert [percent(None), percent(0.0), percent(0.0004), percent(0.059)] == ["-", "0.0 %", "< 0.1 %", "5.9 %"]
    assert [milliseconds(None), milliseconds(0.00214), milliseconds(1.5)] == ["-", "2.1 ms", "1,500.0 ms"]


def test_lines_tell_every_moment_once_and_numbers_each_second() -> None:
    """For a pipe, a moment is one line, and within one second the numbers come once."""
    file = io.StringIO()
    with PlainView(Console(file=file, width=40)) as view:
        view.show(frame(61.26, timeline=TIMELINE[:2]))
        view.show(frame(61.9))
        view.show(frame(62.0))
    lines = file.getvalue().splitlines()
    assert len(lines) == 5
    assert sum("Rolled back" in line for line in lines) == 1
    assert sum("rolling back | blue v1: 285 requests/s, 0.0 % errors" in line for line in lines) == 2
    assert "[bold]v2[/bold]" in file.getvalue()


def test_the_last_picture_stays() -> None:
    """When the live view ends, the terminal is given back with the last picture on it."""
    file = io.StringIO()
    with LiveView(Console(file=file, width=100, height=30, force_terminal=True, _environ={"TERM": "xterm"})) as view:
        view.show(frame())
    screen, after = file.getvalue().split("\x1b[?1049l")
    assert "\x1b[?1049h" in screen
    assert "Rolled back to blue." in after


@pytest.mark.parametrize(
    ("terminal", "kind", "plain", "expected"),
    [
        (True, "xterm", False, LiveView),
        (True, "xterm", True, PlainView),
        (True, "dumb", False, PlainView),
        (False, "xterm", False, PlainView),
    ],
)
def test_a_terminal_has_the_picture_unless_lines_are_asked_for(terminal: bool, kind: str, plain: bool, expected: type) -> None:  # noqa: FBT001  parameters of the table above
    """A pipe, a terminal that cannot be drawn on, and ``--plain`` have lines."""
    console = Console(file=io.StringIO(), force_terminal=terminal, _environ={"TERM": kind})
    assert isinstance(view_for(console, plain=plain), expected)
