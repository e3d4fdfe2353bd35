"""What the pictures of the benchmarks have in common."""

from matplotlib.lines import Line2D

from tests.bench.picture import by_load, legend, png, sheet


def test_loads_stand_side_by_side_and_names_from_the_top() -> None:
    """One chart for each load, all with the names at the same heights; without a load there is an empty one."""
    figure = sheet("a race", 6.0, 3.0)
    panels = by_load(figure, (20.0, 1000.0), ("first", "second"))
    assert [panel.get_title(loc="left") for panel in panels] == ["20 requests/s", "1,000 requests/s"]
    assert [label.get_text() for label in panels[0].get_yticklabels()] == ["first", "second"]
    bottom, top = panels[0].get_ylim()
    assert top < 0
    assert bottom > 1
    assert panels[1].get_ylim() == (bottom, top)
    assert len(by_load(sheet("nothing yet", 6.0, 3.0), (), ("first",))) == 1


def test_a_picture_is_a_file_with_its_legend() -> None:
    """A PNG, twice the same from the same marks."""

    def drawn() -> bytes:
        figure = sheet("marks", 4.0, 2.0)
        by_load(figure, (20.0,), ("first",))
        legend(figure, [Line2D([], [], marker="o", label="one")], columns=1)
        return png(figure)

    assert drawn().startswith(b"\x89PNG")
    assert drawn() == drawn()
