"""The loop of virtual time does what tests rely on."""

import asyncio
import time

import pytest

from tests.doubles.virtual import VirtualClock, run


def test_hours_pass_at_once_and_in_order() -> None:
    """Pauses end in the order of their lengths, and the clock shows what has passed."""
    seen = []

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(seconds)
        seen.append((seconds, VirtualClock().now() - VirtualClock.EPOCH))

    async def main() -> None:
        await asyncio.gather(sleep(7200.0), sleep(60.0))

    started = time.monotonic()
    run(main())
    assert [seconds for seconds, _ in seen] == [60.0, 7200.0]
    assert [at for _, at in seen] == pytest.approx([60.0, 7200.0])
    assert time.monotonic() - started < 5.0


def test_a_wait_without_end_is_an_error() -> None:
    """A test that would hang says so at once."""

    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="nobody would ever come"):
        run(main())
