"""A guardian with its API on a real unix socket, and a client of it."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.doubles.house import House, client_of


@pytest.fixture
def socket(tmp_path: Path) -> Path:
    """Where the API is."""
    return tmp_path / "api.sock"


@pytest.fixture
async def house(socket: Path) -> AsyncIterator[House]:
    """The guardian."""
    async with House().open(socket) as house:
        yield house


@pytest.fixture
async def client(socket: Path, house: House) -> AsyncIterator[httpx.AsyncClient]:
    """The client."""
    async with client_of(socket) as client:
        yield client
