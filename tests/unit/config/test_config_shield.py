"""What `shield` in guardian.yaml means."""

from pathlib import Path

import pytest

from guardian.config.faults import ConfigFaults
from guardian.config.settings import load_settings
from guardian.core.shield import Further, Shield
from tests.unit.config.test_config_settings import written


def shield(tmp_path: Path, text: str) -> Shield | None:
    """The shield of a service with these keys."""
    path = written(tmp_path)
    path.write_text(path.read_text().replace("green: web_green}", f"green: web_green{text}}}"))
    return load_settings(path).services["web"].shield


@pytest.mark.parametrize("text", ["", ", shield: on", ", shield: {}"])
def test_what_may_be_sent_twice_is_saved_by_default(tmp_path: Path, text: str) -> None:
    """Methods that change nothing, and failures that show before the first byte."""
    assert shield(tmp_path, text) == Shield()


@pytest.mark.parametrize("text", [", shield: off", ", routing: {way: runtime}, shield: off"])
def test_it_is_off_by_a_word(tmp_path: Path, text: str) -> None:
    """Nothing is saved then."""
    assert shield(tmp_path, text) is None


def test_every_key_arrives(tmp_path: Path) -> None:
    """As it was written."""
    some = "methods: [GET], also: [POST /search, PUT /x with Idempotency-Key], never: [/report/], failures: ['503', empty-response]"
    also = Further("POST", "/search"), Further("PUT", "/x", "Idempotency-Key")
    expected = Shield(("GET",), also, ("/report/",), ("503", "empty-response"), 0.5, 200)
    assert shield(tmp_path, f", shield: {{{some}, patience: 500ms, budget: 200/s}}") == expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("maybe", "`maybe` does not fit; write `off`, `on`"),
        ("{methods: [POST]}", "a method whose requests change nothing"),
        ("{also: [POST]}", "a method and how the path begins"),
        ("{also: [post /x]}", "a method and how the path begins"),
        ("{also: [POST /x with]}", "a method and how the path begins"),
        ("{also: ['POST /x with a b']}", "a method and how the path begins"),
        ("{also: ['POST /x with x) }']}", "a method and how the path begins"),
        ("{never: [reports]}", "how a path begins"),
        ("{never: ['/a b']}", "how a path begins"),
        ("{failures: ['200']}", "`200` does not fit"),
        ("{patience: 2}", "has no unit"),
        ("{budget: 200}", "how many requests a second"),
        ("{budgets: 200/s}", "budget"),
    ],
)
def test_what_does_not_fit_is_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    """It says what to write instead."""
    with pytest.raises(ConfigFaults, match=sentence):
        shield(tmp_path, f", shield: {text}")


def test_it_does_not_go_with_reloads(tmp_path: Path) -> None:
    """Unless nobody asked for it."""
    with pytest.raises(ConfigFaults, match="cannot go with `way: reload`"):
        shield(tmp_path, ", routing: {way: reload}, shield: on")
