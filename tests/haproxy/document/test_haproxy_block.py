"""The block by itself."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.balancers.haproxy.block import Diversion, block
from guardian.core.model import NAME, Environment, Service
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
