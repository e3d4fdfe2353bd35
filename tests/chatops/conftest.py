"""A Slack workspace on loopback with people in it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.doubles.slack.office import Office
from tests.doubles.slack.person import Person
from tests.doubles.slack.standin import Slack

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slack's client honours proxies even for loopback."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    """A workspace: alice and bob work here, carol is a guest, mallory comes from elsewhere; #deploys and #quiet are there."""
    async with Slack() as slack:
        for identifier, name in (("UALICE", "alice"), ("UBOB", "bob"), ("UDAVE", "dave")):
            slack.workspace.member(identifier, name)
        slack.workspace.member("UCAROL", "carol", guest=True)
        slack.workspace.member("UMALLORY", "mallory", team="T666")
        deploys = slack.workspace.channel("C1", "deploys")
        deploys.members |= slack.workspace.members.keys()
        slack.workspace.channel("C2", "quiet", members=set())
        slack.workspace.groups = {"SOPS": ["UALICE", "UBOB", "UDAVE"], "SAPPROVERS": ["UALICE", "UBOB"]}
        yield slack


@pytest.fixture
def alice(slack: Slack) -> Person:
    """An operator and approver."""
    return Person(slack, "UALICE")


@pytest.fixture
def bob(slack: Slack) -> Person:
    """An operator and approver."""
    return Person(slack, "UBOB")


@pytest.fixture
async def office(slack: Slack, tmp_path: Path) -> AsyncIterator[Office]:
    """Guardian in #deploys, connected."""
    async with Office(slack, tmp_path).open() as office:
        yield office
