"""Roles are a ladder, and a person's services and scope narrow it."""

import pytest

from guardian.core.people import Person, Role, Scope

ROLES = tuple(Role)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("needed", ROLES)
def test_a_role_covers_itself_and_those_below(role: Role, needed: Role) -> None:
    """Viewer, operator, approver, admin: each may do all that the one before may."""
    assert role.covers(needed) is (ROLES.index(role) >= ROLES.index(needed))
    assert Person("rina", role).may(needed) is role.covers(needed)


@pytest.mark.parametrize("needed", ROLES)
def test_nobody_without_a_role_may_do_anything(needed: Role) -> None:
    """No role answers no question."""
    assert not Person("rina").may(needed)
    assert not Person("rina").may(needed, "web")


def test_services_narrow_what_a_person_may_do() -> None:
    """Whoever was given two services sees and steers these; without a list it is all of them."""
    few = Person("ci", Role.OPERATOR, frozenset({"web", "shop"}))
    assert few.may(Role.OPERATOR, "web")
    assert few.may(Role.VIEWER)
    assert not few.may(Role.VIEWER, "api")
    assert not few.sees("api")
    assert Person("ci", Role.OPERATOR).may(Role.OPERATOR, "api")


@pytest.mark.parametrize("needed", ROLES)
def test_the_scope_of_alerts_opens_nothing_else(needed: Role) -> None:
    """A token for alerts answers no question and takes no order, whatever role it was given."""
    assert not Person("alertmanager", Role.ADMIN, scope=Scope.ALERTS).may(needed)
