"""The block by itself."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.balancers.haproxy.block import Diversion, Written, belongs, block, declaration
from guardian.core.model import NAME, Environment, Holding, Routing, Service, Split, Sticky, Way
from guardian.core.ports import BalancerUnfit

MAP = Path("/var/lib/guardian/haproxy.map")
NAMES = st.from_regex(NAME, fullmatch=True) | st.text("ab_.:-2e", min_size=1, max_size=8).filter(NAME.fullmatch)


def variables(name: str) -> set[str]:
    """The variables in the block of the service ``name``."""
    text = block(Service(name, "blue", "green"), MAP, Diversion(condition=(("a",), ("b",))))
    return set(re.findall(r"\((txn\.[^)]*)\)", text))


@given(NAMES, NAMES)
def test_no_service_uses_anothers_variables(one: str, other: str) -> None:
    """Two services in one frontend never share a variable, and names hold only what HAProxy allows in a variable."""
    assert all(re.fullmatch(r"[A-Za-z0-9_.]+", name) for name in variables(one))
    assert len(variables(one)) == 2
    assert one == other or not variables(one) & variables(other)


def test_the_plainest_block() -> None:
    """What a frontend needs that sends everything to blue."""
    share = "txn.guardian_share_web"
    assert block(Service("web", "web_blue", "web_green"), MAP) == (
        "    # >>> guardian web  (managed: change guardian.yaml, then `guardian haproxy adopt`)\n"
        f"    use_backend web_green if {{ str(web),map_str_int(/var/lib/guardian/haproxy.map,0),set-var({share}) -m found }} "
        f"{{ rand(10000),sub({share}) lt 0 }}\n"
        "    # <<< guardian web"
    )


@pytest.mark.parametrize(
    "service", [Service("a b", "blue", "green"), Service("web", "blue", "g{n}"), Service("web\nx", "blue", "green")], ids=repr
)
def test_unsafe_names_never_get_into_a_block(service: Service) -> None:
    """Whatever could be read as something else is refused."""
    with pytest.raises(BalancerUnfit, match="cannot be a name in HAProxy"):
        block(service, MAP)


def test_the_block_sends_to_the_side_that_the_rule_does_not() -> None:
    """Where the rule names green, blue's share goes to blue."""
    text = block(Service("web", "web_blue", "web_green"), MAP, Diversion(Environment.GREEN))
    assert "use_backend web_blue if" in text
    assert text.count("ge 0 }") == 1


def web(routing: Routing) -> Service:
    """The service ``web``, routed so."""
    return Service("web", "web_blue", "web_green", routing=routing)


def test_a_written_out_split_stands_where_the_look_up_did() -> None:
    """The block of a service that is routed by reload is the same, with a variable of the process in the place of the map."""
    looked_up, written = block(web(Routing()), MAP), block(web(Routing(Way.RELOAD)), MAP)
    assert written == looked_up.replace(f"str(web),map_str_int({MAP},0)", "var(proc.guardian_share_web)")


def test_the_variable_is_set_where_the_split_is_declared() -> None:
    """With the number of the writing, by which a worker tells which file it has read."""
    assert declaration(web(Routing(Way.RELOAD)), Written(Split(500), 17)).splitlines()[1:-1] == [
        "    set-var proc.guardian_share_web int(500)",
        "    set-var proc.guardian_gen_web int(17)",
    ]


@pytest.mark.parametrize(
    ("sticky", "key"),
    [
        (Sticky(Holding.COOKIE, "__Host-uid"), "req.cook(__Host-uid)"),
        (Sticky(Holding.HEADER, "X-User"), "req.hdr(X-User,1)"),
        (Sticky(Holding.SOURCE), "src"),
    ],
)
def test_visitors_are_hashed_by_what_they_are_known_by(sticky: Sticky, key: str) -> None:
    """Each service hashes with a seed of its own, so that the first visitors of one are not the first of all."""
    one, other = block(web(Routing(sticky=sticky)), MAP), block(Service("shop", "a", "b", routing=Routing(sticky=sticky)), MAP)
    seeds = [re.findall(rf"{re.escape(key)},xxh32\((\d+)\),mod\(10000\)", text) for text in (one, other)]
    assert all(len(found) == 1 for found in seeds)
    assert seeds[0] != seeds[1]


def test_a_block_with_fallback_never_names_the_backend_of_the_rule() -> None:
    """A listen must not send to itself: HAProxy would refuse to start."""
    text = block(web(Routing(fallback=True)), MAP)
    assert "use_backend web_green if { nbsrv(web_blue) eq 0 } { nbsrv(web_green) gt 0 }\n" in text
    assert "use_backend web_blue" not in text


@pytest.mark.parametrize("fallback", [False, True])
@pytest.mark.parametrize("sticky", [None, Sticky(Holding.SOURCE)])
def test_every_line_of_a_block_is_known_for_guardians_own(*, fallback: bool, sticky: Sticky | None) -> None:
    """What stands between the marks otherwise is somebody else's."""
    diversion = Diversion(condition=(("a",), ("b", "!c")))
    lines = block(web(Routing(sticky=sticky, fallback=fallback)), MAP, diversion).splitlines()[1:-1]
    assert all(map(belongs, lines))
    assert all(map(belongs, declaration(web(Routing(Way.RELOAD)), Written(Split(0))).splitlines()[1:-1]))
    assert not belongs("    use_backend web_green if { nbsrv(web_blue) eq 0 }")
    assert not belongs("    use_backend web_green if is_tester")


@pytest.mark.parametrize(("by", "name"), [("cookie", ""), ("cookie", "a)b"), ("header", "X User"), ("source", "x")])
def test_a_name_that_could_break_out_of_a_block_is_no_name(by: str, name: str) -> None:
    """Nothing that HAProxy could read otherwise becomes a visitor's mark."""
    with pytest.raises(ValueError, match="cannot go with the name"):
        Sticky(Holding(by), name)
