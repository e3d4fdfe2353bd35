"""What tests of stages share: lines of progress, and the variables of a job."""

from collections.abc import Mapping

import pytest

HOSTILE = 'v1\'; $(touch /tmp/owned) `id` {{ 7*7 }} {% raw %} !!python/object &a *b: ["$service"] | \\ é #x'
"""A version full of shell, YAML and templates."""


class Heard(list[str]):
    """Every line of progress."""

    def __call__(self, line: str) -> None:
        """One more."""
        self.append(line)


@pytest.fixture
def heard() -> Heard:
    """Takes what a stage tells while it runs."""
    return Heard()


@pytest.fixture
def values() -> Mapping[str, str]:
    """The variables of a job, with a version that means harm."""
    return {
        "service": "web",
        "environment": "green",
        "backend": "web_green",
        "version": HOSTILE,
        "deployment": "web-7",
        "by": "ann",
    }
