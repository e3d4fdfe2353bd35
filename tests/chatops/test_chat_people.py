"""Who may: closed forward, open for a rollback, and never for strangers."""

import asyncio
from pathlib import Path

import pytest

from guardian.chatops.people import FRESH_SECONDS, Account, Caller, NoAnswer, NotAllowed, People
from guardian.core.chat import SlackSettings, account_of, identity
from guardian.core.people import Role

TOKEN = Path("token")
SETTINGS = SlackSettings(
    TOKEN, TOKEN, "T1", roles={Role.OPERATOR: ("SOPS",), Role.APPROVER: ("SLEADS", "UALICE"), Role.ADMIN: ("UROOT",)}
)


class FakeDirectory:
    """What Slack would say."""

    def __init__(self) -> None:
        self.groups = {"SOPS": frozenset({"UBOB", "UGUEST", "UGONE"}), "SLEADS": frozenset({"UCLAIRE"})}
        self.guests, self.gone = {"UGUEST"}, {"UGONE"}
        self.silent, self.hangs = False, False
        self.asked: list[str] = []

    async def group(self, group: str, patience: float) -> frozenset[str]:
        """The members of a user group."""
        self.asked.append(group)
        await self._trouble()
        return self.groups[group]

    async def account(self, user: str, patience: float) -> Account:
        """One account."""
        await self._trouble()
        return Account("T1" if user != "USTRANGER" else "T2", user in self.guests, user in self.gone)

    async def _trouble(self) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        if self.silent:
            raise NoAnswer("ratelimited")


class Clock:
    """Time as the test says."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.time


@pytest.fixture
def directory() -> FakeDirectory:
    """Slack's directory."""
    return FakeDirectory()


@pytest.fixture
def clock() -> Clock:
    """A clock."""
    return Clock()


@pytest.fixture
def people(directory: FakeDirectory, clock: Clock) -> People:
    """Those who may."""
    return People(SETTINGS, directory, clock)


def caller(user: str, team: str = "T1") -> Caller:
    """Somebody."""
    return Caller(user, user.lower(), team)


async def may(people: People, user: str, role: Role, *, back: bool = False) -> bool:
    """Whether they may."""
    try:
        await people.check(caller(user), role, back=back)
    except NotAllowed:
        return False
    return True


async def test_each_role_covers_those_below(people: People) -> None:
    """Operators, approvers and admins by group and by name; everybody in the workspace may look."""
    assert [await may(people, "UBOB", role) for role in Role] == [True, True, False, False]
    assert [await may(people, "UCLAIRE", role) for role in Role] == [True, True, True, False]
    assert [await may(people, "UALICE", role) for role in Role] == [True, True, True, False]
    assert [await may(people, "UROOT", role) for role in Role] == [True, True, True, True]
    assert [await may(people, "UNOBODY", role) for role in Role] == [True, False, False, False]


async def test_where_viewers_are_named_nobody_else_looks(directory: FakeDirectory, clock: Clock) -> None:
    """Naming viewers closes the questions to others."""
    people = People(SlackSettings(TOKEN, TOKEN, "T1", roles={**SETTINGS.roles, Role.VIEWER: ("UVERA",)}), directory, clock)
    assert await may(people, "UVERA", Role.VIEWER)
    assert await may(people, "UBOB", Role.VIEWER)
    assert not await may(people, "UNOBODY", Role.VIEWER)


@pytest.mark.parametrize("user", ["UGUEST", "UGONE", "USTRANGER"])
async def test_guests_the_departed_and_strangers_are_refused(people: People, user: str) -> None:
    """Also where they are in a group, for everything, rollbacks included."""
    for role in Role:
        assert not await may(people, user, role, back=True)


async def test_another_workspace_is_refused_without_asking(people: People, directory: FakeDirectory) -> None:
    """What the payload says of the team is enough to refuse."""
    with pytest.raises(NotAllowed, match="own workspace"):
        await people.check(caller("UALICE", "T666"), Role.VIEWER)
    assert directory.asked == []


async def test_an_answer_is_believed_for_five_minutes(people: People, directory: FakeDirectory, clock: Clock) -> None:
    """Who leaves a group keeps the role for five minutes at most, or until Slack says that the group has changed."""
    assert await may(people, "UBOB", Role.OPERATOR)
    directory.groups["SOPS"] = frozenset()
    clock.time += FRESH_SECONDS - 1
    assert await may(people, "UBOB", Role.OPERATOR)
    clock.time += 1
    assert not await may(people, "UBOB", Role.OPERATOR)
    directory.groups["SOPS"] = frozenset({"UBOB"})
    assert not await may(people, "UBOB", Role.OPERATOR)
    people.forget()
    assert await may(people, "UBOB", Role.OPERATOR)


async def test_silence_closes_the_way_forward_and_not_the_way_back(
    people: People, directory: FakeDirectory, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """While Slack says nothing, nothing moves forward; operators of old, and before any answer everybody, may roll back, loudly."""
    directory.silent = True
    assert not await may(people, "UBOB", Role.OPERATOR)
    assert await may(people, "UBOB", Role.OPERATOR, back=True)
    assert "ubob (Slack UBOB) takes traffic back though Slack does not say who may (ratelimited)" in caplog.text
    directory.silent = False
    assert await may(people, "UBOB", Role.OPERATOR)
    assert not await may(people, "UNOBODY", Role.OPERATOR)
    clock.time += 100_000
    directory.silent = True
    people.forget()
    assert await may(people, "UBOB", Role.OPERATOR, back=True)
    assert await may(people, "UALICE", Role.OPERATOR, back=True)


async def test_a_known_outsider_stays_one_while_slack_is_silent(people: People, directory: FakeDirectory) -> None:
    """Once every group is known, silence opens nothing to those who were in none."""
    assert not await may(people, "UNOBODY", Role.OPERATOR, back=True)
    assert not await may(people, "UGUEST", Role.OPERATOR, back=True)
    directory.silent = True
    people.forget()
    assert not await may(people, "UNOBODY", Role.OPERATOR, back=True)


async def test_an_endless_answer_is_none(people: People, directory: FakeDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A black hole is silence."""
    monkeypatch.setattr("guardian.chatops.people.BACK_PATIENCE", 0.05)
    directory.hangs = True
    assert await may(people, "UBOB", Role.OPERATOR, back=True)


async def test_who_agreed_is_asked_for_again(people: People, directory: FakeDirectory, clock: Clock) -> None:
    """An approval of somebody who left the group, or of whom Slack says nothing for long, lapses; others are left alone."""
    by = identity("claire", "UCLAIRE")
    assert not people.approves(by)
    await people.refresh()
    assert people.approves(by)
    clock.time += FRESH_SECONDS - 1
    assert people.approves(by)
    await people.refresh()
    clock.time += FRESH_SECONDS - 1
    assert people.approves(by)
    directory.groups["SLEADS"] = frozenset()
    await people.refresh()
    assert not people.approves(by)
    directory.groups["SLEADS"] = frozenset({"UCLAIRE"})
    directory.silent = True
    people.forget()
    await people.refresh()
    assert not people.approves(by)
    assert people.approves("root")
    assert people.approves(identity("alice", "UALICE"))


async def test_who_is_named_and_leaves_approves_no_more(people: People, directory: FakeDirectory) -> None:
    """A name in guardian.yaml does not outlive the account, once Slack has said that it is gone."""
    directory.gone.add("UALICE")
    assert not await may(people, "UALICE", Role.APPROVER)
    assert not people.approves(identity("alice", "UALICE"))


@pytest.mark.parametrize("name", ["alice", "al(ice) (Slack UROOT)", "x\ny", "", "é" * 300, "a\u202eb"])
def test_an_identity_cannot_be_forged_by_a_name(name: str) -> None:
    """Whatever somebody calls themselves, the account is theirs, and the name is one short line."""
    by = identity(name, "UALICE")
    assert account_of(by) == "UALICE"
    assert by.isprintable()
    assert len(by) < 90
    assert account_of("root") is None
