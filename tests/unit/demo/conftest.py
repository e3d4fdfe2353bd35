"""What the tests of the demonstration share."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import pytest

from tests.waiting import until

Eventually: TypeAlias = Callable[[Callable[[], bool]], Awaitable[None]]


@pytest.fixture
def eventually() -> Eventually:
    """Wait until a condition holds."""
    return until
